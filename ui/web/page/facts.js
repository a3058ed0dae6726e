// What a filter finds in each kind of row, by the names of its fields: lists of texts,
// of addresses (with their ports or without), of numbers; [bytes, rate]; or how many.

import { splitPort } from "./address.js";
import { seriesID } from "./columns.js";

export const usage = {
	rx: (row) => [row.rx_bytes, row.rx_rate],
	tx: (row) => [row.tx_bytes, row.tx_rate],
	total: (row) => [row.rx_bytes + row.tx_bytes, row.rx_rate + row.tx_rate],
};
export const uses = {
	read: (row) => [row.disk_read_bytes, row.disk_read_rate],
	write: (row) => [row.disk_write_bytes, row.disk_write_rate],
	memory: (row) => [row.memory_bytes, 0],
	cpu: (row) => row.cpu_percent,
};
export const conns = { conns: (row) => row.connections };
export const procs = { procs: (row) => row.processes };

// owners are fields of commands, of which a row may have several.
const owners = (commandsOf) => ({
	...Object.fromEntries(["command", "user", "container", "unit"].map((field) => [field, (row) => commandsOf(row).map((c) => c[field])])),
	pid: (row) => commandsOf(row).flatMap((c) => c.pids ?? []),
});

const texts = (fields) => Object.fromEntries(Object.entries(fields).map(([field, key]) => [field, (row) => [row[key] ?? ""]]));
const ports = (row) => [splitPort(row.local).port, splitPort(row.remote).port].filter((p) => p > 0);

export const app = { ...texts({ app: "app" }), ...owners((row) => row.commands ?? []), ...usage, ...uses, ...conns, ...procs };
export const command = { ...owners((row) => [row]), ...usage, ...uses, ...conns, ...procs };
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
export const disk = {
	...texts({ disk: "name", detail: "detail" }),
	read: ({ metrics }) => [metrics.read_bytes, metrics.read_bytes_per_s],
	write: ({ metrics }) => [metrics.write_bytes, metrics.write_bytes_per_s],
};
export const series = { series: (row) => [seriesID(row)], ...texts({ kind: "kind", detail: "detail" }) };
export const metric = texts({ metric: "name" });
export const alert = texts({ rule: "rule", state: "state", subject: "subject", metric: "metric", app: "app", command: "command", user: "user", container: "container", unit: "unit" });
export const monitor = texts({ monitor: "name", state: "state", kind: "kind", detail: "detail" });
