// The stream of snapshots. It is read with fetch, because EventSource cannot show a
// token. What breaks is tried again, ever more slowly.

import { EventParser } from "./events.js";

const quiet = 45e3; // the server says every 15 s that it is there
const firstPause = 500;
const longestPause = 15e3;

export class Stream {
	#api;
	#on;
	#stop = null; // aborts what runs
	#wake = () => {};
	#flows = null;

	// on has snapshot(document, flows) and phase(name, detail): "live", or "waiting"
	// with {error, until}.
	constructor(api, on) {
		this.#api = api;
		this.#on = on;
		addEventListener("online", () => this.#wake());
		document.addEventListener("visibilitychange", () => document.hidden || this.#wake());
	}

	// follow reads the stream, with the connections or without. It does nothing where
	// that is read already.
	follow(flows) {
		if (flows === this.#flows) return;
		this.#flows = flows;
		this.#stop?.abort();
		this.#stop = new AbortController();
		this.#run(flows, this.#stop.signal);
	}

	async #run(flows, signal) {
		let tries = 0;
		while (!signal.aborted) {
			let error = null;
			try {
				await this.#read(flows, signal, () => (tries = 0));
			} catch (e) {
				error = e;
			}
			if (signal.aborted) return;
			const pause = pauseAfter(tries++);
			this.#on.phase("waiting", { error, until: Date.now() + pause });
			await this.#pause(pause, signal);
		}
	}

	// read returns when the server ended the stream, and fails when it broke.
	async #read(flows, signal, isGood) {
		const watch = new Watch(quiet, signal);
		watch.rest();
		try {
			const answer = await this.#api.get(flows ? "api/v1/stream?flows=1" : "api/v1/stream", watch.signal);
			this.#on.phase("live", {});
			const reader = answer.body.getReader();
			const decoder = new TextDecoder();
			const parser = new EventParser();
			for (;;) {
				const { value, done } = await reader.read();
				if (done) return;
				watch.rest();
				for (const event of parser.push(decoder.decode(value, { stream: true }))) {
					if (event.name === "end") return;
					if (event.name !== "message" || signal.aborted) continue;
					isGood();
					this.#on.snapshot(JSON.parse(event.data), flows);
				}
			}
		} finally {
			watch.end();
		}
	}

	// pause ends early when there is reason to hope.
	#pause(length, signal) {
		return new Promise((resolve) => {
			const end = () => {
				clearTimeout(timer);
				this.#wake = () => {};
				resolve();
			};
			const timer = setTimeout(end, length);
			this.#wake = end;
			signal.addEventListener("abort", end, { once: true });
		});
	}
}

// pauseAfter doubles, and differs from page to page, so that not all of them come at
// once.
function pauseAfter(tries) {
	return Math.min(longestPause, firstPause * 2 ** tries) * (0.75 + Math.random() / 2);
}

// Watch ends a connection on which nothing is heard.
class Watch {
	#control = new AbortController();
	#timer = 0;
	#length;

	constructor(length, outer) {
		this.#length = length;
		this.signal = AbortSignal.any([outer, this.#control.signal]);
	}

	rest() {
		clearTimeout(this.#timer);
		this.#timer = setTimeout(() => this.#control.abort(new Error("nothing was heard any more")), this.#length);
	}

	// end takes the connection down, too.
	end() {
		clearTimeout(this.#timer);
		this.#control.abort(new Error("over"));
	}
}
