// How the connection is, and how old the figures are.

import { byId, setText } from "./dom.js";
import { clock, moment, span } from "./format.js";

export class Status {
	#store;
	#phase = "waiting";
	#since = Date.now();
	#last = { error: null, until: 0 };

	constructor(store) {
		this.#store = store;
		this.#tick();
	}

	phase(name, detail) {
		if (name !== this.#phase) this.#since = Date.now();
		this.#phase = name;
		this.#last = detail;
		this.draw();
	}

	// The clock goes on without news, on the full second.
	#tick() {
		if (!document.hidden) this.draw();
		setTimeout(() => this.#tick(), 1005 - (Date.now() % 1000));
	}

	draw() {
		const store = this.#store;
		const now = Date.now();
		const age = store.now ? (now - store.arrived) / 1e3 : 0;
		const isLate = store.now !== null && age * 1e3 > Math.max(5000, 4 * store.interval);
		const isLive = this.#phase === "live" && !isLate;
		document.body.dataset.link = isLive ? "live" : this.#phase === "live" ? "late" : "waiting";
		document.body.classList.toggle("stale", store.now !== null && isLate);
		setText(byId("clock"), clock(now));
		setText(byId("status"), this.#words(isLive, isLate, age));
		byId("status").title = this.#hint();
	}

	#words(isLive, isLate, age) {
		if (isLive && !this.#store.now) return "connected, waiting for figures";
		if (isLive) return `live since ${moment(this.#since)}`;
		const old = this.#store.now ? ` · figures of ${moment(this.#store.arrived)}, ${span(age)} old` : "";
		if (this.#phase === "live" && isLate) return "no news" + old;
		return (this.#last.error || this.#store.now ? `reconnecting since ${moment(this.#since)}` : "connecting") + old;
	}

	#hint() {
		if (this.#phase !== "live") return this.#last.error ? String(this.#last.error.message) : "";
		const ahead = this.#store.at - this.#store.arrived;
		if (!this.#store.now || Math.abs(ahead) < 5000 + this.#store.interval) return "";
		return `measured at ${moment(this.#store.at)} by that host's clock, which is ${span(Math.abs(ahead) / 1e3)} ${ahead > 0 ? "ahead of" : "behind"} this one`;
	}
}
