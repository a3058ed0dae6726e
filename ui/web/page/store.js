// What is known now, and what was measured in the last minutes.

import { parseTime } from "./format.js";
import { Ring } from "./ring.js";
import { hostKey } from "./views.js";

const ticks = 620; // ten minutes, and some

const kinds = [
	["app", (now) => now.apps, (row) => row.app],
	["lan-host", (now) => now.lan_hosts, hostKey],
	["remote-host", (now) => now.remote_hosts, hostKey],
	["interface", (now) => now.interfaces, (row) => row.name],
	["pipe", (now) => now.pipes, (row) => row.pipe],
];

export class Store {
	now = null; // the newest snapshot
	at = 0; // when it was measured, by the clock of that host, in ms
	arrived = 0; // when it came, by ours
	hasFlows = false;
	interval = 1000; // between snapshots, as it should be, in ms
	labels = new Map(); // names of hosts by address
	#rings = new Map(kinds.map(([by]) => [by, new Ring(ticks)]));
	#commandsOf = "";

	take(now, hasFlows) {
		const at = parseTime(now.at);
		if (now.interval_s > 0) this.interval = now.interval_s * 1e3;
		// A clock that was set back begins anew.
		if (at < this.at - 5000) for (const [by] of this.#rings) this.#rings.set(by, new Ring(ticks));
		this.now = now;
		this.at = at;
		this.arrived = Date.now();
		this.hasFlows = hasFlows;
		for (const [by, rowsOf, nameOf] of kinds) {
			const rows = rowsOf(now);
			if (rows && (by !== "remote-host" || hasFlows)) this.#rings.get(by).take(at, rows, nameOf);
		}
		this.#takeCommands();
		for (const host of now.lan_hosts ?? []) if (host.name && host.host) this.labels.set(host.host, host.name);
		for (const host of now.remote_hosts ?? []) if (host.name && host.host) this.labels.set(host.host, host.name);
		if (this.labels.size > 5000) this.labels.clear();
	}

	// Commands are kept of one app: the one that is looked at.
	#takeCommands() {
		const app = this.now?.apps?.find((a) => a.app === this.#commandsOf);
		if (app) this.#rings.get("command").take(this.at, app.commands ?? [], (row) => row.command);
	}

	ring(by, app) {
		if (by === "command" && app !== this.#commandsOf) {
			this.#commandsOf = app;
			this.#rings.set("command", new Ring(ticks));
			this.#takeCommands();
		}
		return this.#rings.get(by);
	}

	// hostTime is the time of that host now, as far as it told.
	get hostTime() {
		return this.at ? this.at + Math.max(0, Date.now() - this.arrived) : Date.now();
	}
}
