// Alerts, told once to those who do not look: what fires and what is over.

import { setText } from "./dom.js";

export class Herald {
	#node;
	#fires = new Map(); // what fired at the last tick, by rule and subject
	#run = ""; // which run of bwmon that was

	constructor(node) {
		this.#node = node;
	}

	hear(now) {
		const fires = new Map();
		for (const a of now.alerts ?? []) {
			if (a.state === "firing") fires.set(`${a.rule}\n${a.kind}\n${a.subject}`, `${a.rule}: ${a.subject}`);
		}
		const words = [];
		for (const [key, text] of fires) if (!this.#fires.has(key)) words.push(`Alert: ${text}`);
		// Who began anew has not measured yet what may go on.
		if (now.run === this.#run) for (const [key, text] of this.#fires) if (!fires.has(key)) words.push(`Over: ${text}`);
		this.#fires = fires;
		this.#run = now.run;
		if (words.length > 5) words.splice(5, Infinity, `and ${words.length - 5} more`);
		if (words.length) setText(this.#node, words.join(". "));
	}
}
