// What a filter finds in a row: per field the texts in lower case, the addresses, the
// numbers. Each kind of row says which fields it has.

import { parseAddress, splitPort } from "./address.js";

const lower = (list) => ({ texts: list.filter((text) => text !== "").map((text) => text.toLowerCase()) });
const exact = (list) => ({ texts: list.map((text) => text.toLowerCase()) });

// usage are the figures that every row has.
function usage(row) {
	return {
		rx: [row.rx_bytes, row.rx_rate],
		tx: [row.tx_bytes, row.tx_rate],
		total: [row.rx_bytes + row.tx_bytes, row.rx_rate + row.tx_rate],
		conns: row.connections,
		procs: row.processes,
	};
}
const usageFields = ["rx", "tx", "total"];

// hosts makes texts and addresses of names, addresses, and addresses with ports.
function hosts(...list) {
	const texts = [];
	const addresses = [];
	for (const text of list) {
		if (!text) continue;
		const { host, port } = splitPort(text);
		const address = parseAddress(host);
		texts.push((address ? host : text).toLowerCase());
		if (address) addresses.push({ address, port });
	}
	return { texts, addresses };
}

function ofCommands(commands) {
	const all = (pick) => exact([...new Set(commands.map(pick))]);
	return {
		command: all((c) => c.command),
		user: all((c) => c.user),
		container: all((c) => c.container),
		unit: all((c) => c.unit),
		pid: commands.flatMap((c) => c.pids ?? []),
	};
}
const commandFields = ["command", "user", "container", "unit", "pid"];

export const app = {
	fields: ["app", ...commandFields, ...usageFields, "conns", "procs"],
	facts(row) {
		const commands = row.commands ?? [];
		return {
			...usage(row),
			...ofCommands(commands),
			app: exact([row.app]),
			any: lower([row.app, ...commands.flatMap((c) => [c.command, c.user, c.container, c.unit])]),
		};
	},
};

export const command = {
	fields: [...commandFields, ...usageFields, "conns", "procs"],
	facts(row) {
		return {
			...usage(row),
			...ofCommands([row]),
			any: lower([row.command, row.user, row.container, row.unit, ...(row.pids ?? []).map(String)]),
		};
	},
};

export const flow = {
	fields: ["host", "local", "remote", "port", "proto", "scope", "state", "pid", ...usageFields],
	facts(row) {
		const ports = [splitPort(row.local).port, splitPort(row.remote).port];
		return {
			...usage(row),
			host: hosts(row.local, row.remote),
			local: hosts(row.local),
			remote: hosts(row.remote),
			port: ports.filter((p) => p > 0),
			proto: exact([row.proto]),
			scope: exact([row.scope]),
			state: exact([row.ended ? "ended" : "open"]),
			pid: row.pid ? [row.pid] : [],
			any: lower([row.proto, row.local, row.remote, row.scope, row.ended ? "ended" : "open", String(row.pid ?? "")]),
		};
	},
};

export const host = {
	fields: ["host", ...usageFields, "conns"],
	facts: (row) => ({ ...usage(row), host: hosts(row.host, row.name), any: lower([row.host, row.name]) }),
};

export const remote = {
	fields: ["host", "remote", ...usageFields, "conns"],
	facts: (row) => ({ ...host.facts(row), remote: hosts(row.host, row.name) }),
};

export const iface = {
	fields: ["iface", ...usageFields],
	facts: (row) => ({ ...usage(row), iface: exact([row.name]), any: lower([row.name]) }),
};

export const pipe = {
	fields: ["pipe", ...usageFields, "conns"],
	facts: (row) => ({ ...usage(row), pipe: exact([row.pipe]), any: lower([row.pipe]) }),
};

export const alert = {
	fields: ["rule", "state", "app", "command", "user", "container", "unit"],
	facts(row) {
		const { rule, state, app, command, user, container, unit, kind, subject } = row;
		const one = (text) => exact([text ?? ""]);
		return {
			rule: one(rule), state: one(state), app: one(app), command: one(command),
			user: one(user), container: one(container), unit: one(unit),
			any: lower([rule, state, kind, subject, app ?? "", command ?? "", user ?? "", container ?? "", unit ?? ""]),
		};
	},
};

export const monitor = {
	fields: ["monitor", "state"],
	facts: (row) => ({
		monitor: exact([row.name]), state: exact([row.state]),
		any: lower([row.name, row.kind, row.state, row.detail]),
	}),
};
