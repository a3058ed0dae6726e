// What is known now, and what was measured in the last minutes.

import { parseTime } from "./format.js";
import { Ring } from "./ring.js";
import { disksOf, flows, hostKey, metricsOf } from "./views.js";

const ticks = 620; // ten minutes, and some

export const kinds = [
	["app", (now) => now.apps, (row) => row.app],
	["lan-host", (now) => now.lan_hosts, hostKey],
	["remote-host", (now) => now.remote_hosts, hostKey],
	["interface", (now) => now.interfaces, (row) => row.name],
	["pipe", (now) => now.pipes, (row) => row.pipe],
	["disk", disksOf, (row) => row.name],
];

// What is kept of one thing alone, the one that is looked at.
const scoped = {
	command: [(now, app) => now.apps?.find((a) => a.app === app)?.commands, (row) => row.command],
	metric: [metricsOf, (row) => row.name],
};

export class Store {
	now = null; // the newest snapshot
	at = 0; // when it was measured, by the clock of that host, in ms
	arrived = 0; // when it came, by ours
	asked = ""; // what it has that others have not
	interval = 1000; // between snapshots, as it should be, in ms
	labels = new Map(); // names of hosts by address
	#rings = new Map(kinds.map(([by]) => [by, new Ring(ticks)]));
	#scope = { by: "", of: "" };

	take(now, query) {
		const at = parseTime(now.at);
		if (now.interval_s > 0) this.interval = now.interval_s * 1e3;
		// A clock that was set back begins anew.
		if (at < this.at - 5000) for (const [by] of this.#rings) this.#rings.set(by, new Ring(ticks));
		this.now = now;
		this.at = at;
		this.arrived = Date.now();
		this.asked = query;
		for (const [by, rowsOf, nameOf] of kinds) {
			const rows = rowsOf(now);
			if (rows && (by !== "remote-host" || query === flows)) this.#rings.get(by).take(at, rows, nameOf);
		}
		this.#takeScoped();
		for (const { host, name } of [...(now.lan_hosts ?? []), ...(now.remote_hosts ?? [])]) if (name && host) this.labels.set(host, name);
		if (this.labels.size > 5000) this.labels.clear();
	}

	#takeScoped() {
		const { by, of } = this.#scope;
		const [rowsOf, nameOf] = scoped[by] ?? [];
		if (rowsOf && this.now) this.#rings.get(by).take(this.at, rowsOf(this.now, of) ?? [], nameOf);
	}

	ring({ by, app }) {
		if (scoped[by] && (by !== this.#scope.by || app !== this.#scope.of)) {
			this.#scope = { by, of: app };
			this.#rings.set(by, new Ring(ticks));
			this.#takeScoped();
		}
		return this.#rings.get(by);
	}

	// hostTime is the time of that host now, as far as it told.
	get hostTime() {
		return this.at ? this.at + Math.max(0, Date.now() - this.arrived) : Date.now();
	}
}
