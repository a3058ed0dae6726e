// The stream of snapshots. It is read with fetch, because EventSource cannot show a
// token. What breaks is tried again, ever more slowly.

import { EventParser } from "./events.js";

const quiet = 45e3; // the server says every 15 s that it is there

export class Stream {
	#api;
	#on;
	#stop = null; // aborts what runs
	#wake = () => {};
	#query = null;

	// on has snapshot(document, query) and phase(name, detail): "live", or "waiting"
	// with {error, until}.
	constructor(api, on) {
		this.#api = api;
		this.#on = on;
		addEventListener("online", () => this.#wake());
		document.addEventListener("visibilitychange", () => document.hidden || this.#wake());
	}

	// follow reads the stream that a query asks for. It does nothing where that is read
	// already.
	follow(query) {
		if (query === this.#query) return;
		this.#query = query;
		this.#stop?.abort();
		this.#stop = new AbortController();
		this.#run(query, this.#stop.signal);
	}

	async #run(query, signal) {
		let tries = 0;
		while (!signal.aborted) {
			let error = null;
			try {
				await this.#read(query, signal, () => (tries = 0));
			} catch (e) {
				error = e;
			}
			if (signal.aborted) return;
			const pause = pauseAfter(tries++);
			this.#on.phase("waiting", { error, until: Date.now() + pause });
			await this.#pause(pause, signal);
		}
	}

	// read returns when the server ended the stream, and fails when it broke, or nothing
	// is heard.
	async #read(query, signal, isGood) {
		const control = new AbortController();
		let timer = 0;
		const rest = () => {
			clearTimeout(timer);
			timer = setTimeout(() => control.abort(new Error("nothing was heard any more")), quiet);
		};
		rest();
		try {
			const answer = await this.#api.get("api/v1/stream" + query, AbortSignal.any([signal, control.signal]));
			this.#on.phase("live", {});
			const reader = answer.body.getReader();
			const decoder = new TextDecoder();
			const parser = new EventParser();
			for (;;) {
				const { value, done } = await reader.read();
				if (done) return;
				rest();
				for (const event of parser.push(decoder.decode(value, { stream: true }))) {
					if (event.name === "end") return;
					if (event.name !== "message" || signal.aborted) continue;
					isGood();
					this.#on.snapshot(JSON.parse(event.data), query);
				}
			}
		} finally {
			clearTimeout(timer);
			control.abort(); // takes the connection down, too
		}
	}

	// pause ends early when there is reason to hope.
	#pause(length, signal) {
		return new Promise((resolve) => {
			this.#wake = resolve;
			setTimeout(resolve, length);
			signal.addEventListener("abort", resolve);
		});
	}
}

// pauseAfter doubles up to 15 s, and differs from page to page: not all come at once.
function pauseAfter(tries) {
	return Math.min(15e3, 500 * 2 ** tries) * (0.75 + Math.random() / 2);
}
