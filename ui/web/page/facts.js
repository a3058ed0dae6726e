// What a filter finds in each kind of row, by the names of its fields: lists of texts,
// of addresses (with their ports or without), of numbers; [bytes, rate]; or how many.

import { splitPort } from "./address.js";

const usage = {
	rx: (row) => [row.rx_bytes, row.rx_rate],
	tx: (row) => [row.tx_bytes, row.tx_rate],
	total: (row) => [row.rx_bytes + row.tx_bytes, row.rx_rate + row.tx_rate],
};
const conns = { conns: (row) => row.connections };
const procs = { procs: (row) => row.processes };

// owners are fields of commands, of which a row may have several.
const owners = (commandsOf) => ({
	command: (row) => commandsOf(row).map((c) => c.command),
	user: (row) => commandsOf(row).map((c) => c.user),
	container: (row) => commandsOf(row).map((c) => c.container),
	unit: (row) => commandsOf(row).map((c) => c.unit),
	pid: (row) => commandsOf(row).flatMap((c) => c.pids ?? []),
});

const texts = (fields) => Object.fromEntries(Object.entries(fields).map(([field, key]) => [field, (row) => [row[key] ?? ""]]));
const ports = (row) => [splitPort(row.local).port, splitPort(row.remote).port].filter((p) => p > 0);

export const app = { ...texts({ app: "app" }), ...owners((row) => row.commands ?? []), ...usage, ...conns, ...procs };
export const command = { ...owners((row) => [row]), ...usage, ...conns, ...procs };
export const flow = {
	host: (row) => [row.local, row.remote],
	...texts({ local: "local", remote: "remote", proto: "proto", scope: "scope" }),
	port: ports,
	state: (row) => [row.ended ? "ended" : "open"],
	pid: (row) => (row.pid ? [row.pid] : []),
	...usage,
};
export const host = { host: (row) => [row.host, row.name], ...usage, ...conns };
export const remote = { ...host, remote: host.host };
export const iface = { ...texts({ iface: "name" }), ...usage };
export const pipe = { ...texts({ pipe: "pipe" }), ...usage, ...conns };
export const alert = texts({ rule: "rule", state: "state", subject: "subject", app: "app", command: "command", user: "user", container: "container", unit: "unit" });
export const monitor = texts({ monitor: "name", state: "state", kind: "kind", detail: "detail" });
