// The columns of each kind of row. One list makes the header, the cells and the
// order.
//
//	id      of the column in the address; mostly the field of the document
//	title   in the header
//	kind    how the cell is drawn: name, text, rate, size, count, trend, …
//	value   what rows are sorted by; a text is sorted as text
//	group   "rates" or "totals": what the switch of that name hides; "minor" is
//	        hidden where there is little room

import { count, moment, none, parseTime, speed } from "./format.js";

const field = (id) => (row) => row[id];
const total = (row) => row.rx_rate + row.tx_rate;

function text(id, title, more = {}) {
	return { id, title, kind: "text", value: field(id), ...more };
}

const figure = (kind, id, title, group) => ({ id, title, kind, value: field(id), group });

const trend = { id: "rate", title: "rate", kind: "trend", value: total, group: "trend", hint: "received and sent together; the line is the last minute" };
const both = { id: "rate", title: "rate", kind: "rate", value: total, group: "trend", hint: "received and sent together" };
const rates = [figure("rate", "rx_rate", "rx rate", "rates"), figure("rate", "tx_rate", "tx rate", "rates")];
const totals = [figure("size", "rx_bytes", "rx total", "totals"), figure("size", "tx_bytes", "tx total", "totals")];
const conns = { ...figure("count", "connections", "conns", "minor"), hint: "open connections" };
const procs = { ...figure("count", "processes", "procs", "minor"), hint: "processes with open connections" };

export const apps = [
	{ id: "app", title: "app", kind: "name", value: field("app") },
	trend, ...rates, ...totals, procs, conns,
];

const where = (row) => row.container || row.unit;

export const commands = [
	{ id: "command", title: "command", kind: "name", value: field("command"), mono: true },
	text("user", "user", { group: "minor", narrow: true }),
	{ id: "where", title: "container, unit", kind: "text", value: where, group: "minor" },
	{ id: "pids", title: "pids", kind: "text", value: (row) => pidsOf(row.pids), group: "minor", narrow: true, order: (row) => row.pids?.[0] ?? 0 },
	both, ...rates, ...totals, conns,
];

function pidsOf(pids) {
	if (!pids?.length) return "";
	return pids.length > 3 ? `${pids.slice(0, 3).join(" ")} +${pids.length - 3}` : pids.join(" ");
}

export const flows = [
	{ id: "remote", title: "remote", kind: "name", value: field("remote"), mono: true },
	text("local", "local", { mono: true, group: "minor" }),
	text("proto", "proto", { narrow: true, group: "minor" }),
	text("scope", "scope", { narrow: true, group: "minor" }),
	{ id: "state", title: "state", kind: "text", value: (row) => (row.ended ? "ended" : "open"), narrow: true, group: "minor" },
	{ id: "pid", title: "pid", kind: "text", value: (row) => (row.pid ? String(row.pid) : ""), order: (row) => row.pid ?? 0, narrow: true, group: "minor" },
	both, ...rates, ...totals,
];

export const hostLabel = (row) => (row.name && row.host ? `${row.name}  ${row.host}` : row.name || row.host);

export const hosts = [
	{ id: "host", title: "host", kind: "name", value: hostLabel },
	trend, ...rates, ...totals, conns,
];

export const interfaces = [
	{ id: "name", title: "interface", kind: "name", value: field("name") },
	trend, ...rates, ...totals,
	figure("count", "rx_packets", "rx packets", "minor"), figure("count", "tx_packets", "tx packets", "minor"),
	{ id: "speed_bits", title: "speed", kind: "figure", value: (row) => row.speed_bits ?? 0, write: (row) => speed(row.speed_bits), group: "minor" },
	{ id: "balanced", title: "in balance", kind: "text", value: (row) => (row.balanced ? "yes" : "no"), narrow: true, group: "minor" },
];

export const pipes = [
	{ id: "pipe", title: "pipe", kind: "name", value: field("pipe") },
	trend, ...rates, ...totals, conns,
];

// What an alert is about is bytes per second, or bytes where it is of a quota.
const measured = (id) => (row, units) => (row.condition === "quota" ? units.size(row[id]) : units.rate(row[id]));
const since = (row) => parseTime(row.at ?? row.since);

export const alerts = [
	{ id: "rule", title: "rule", kind: "name", value: field("rule") },
	{ id: "state", title: "state", kind: "state", value: field("state"), narrow: true },
	{ id: "subject", title: "subject", kind: "text", value: field("subject"), note: (row) => row.kind.replaceAll("_", " ") },
	{ id: "value", title: "measured", kind: "figure", value: field("value"), write: measured("value") },
	{ id: "condition", title: "what", kind: "text", value: (row) => `${row.direction} ${row.condition}`, narrow: true, group: "minor" },
	{ id: "threshold", title: "agreed", kind: "figure", value: field("threshold"), write: measured("threshold"), group: "minor" },
	{ id: "since", title: "since", kind: "text", value: (row) => (since(row) ? moment(since(row)) : none), order: since, narrow: true },
];

export const rules = [
	{ id: "rule", title: "rule", kind: "name", value: field("rule") },
	text("text", "agreed", { wraps: true }),
	text("kind", "of", { narrow: true, group: "minor" }),
	text("match", "matching", { mono: true, group: "minor" }),
];

export const monitors = [
	{ id: "name", title: "monitor", kind: "name", value: field("name") },
	{ id: "state", title: "state", kind: "state", value: field("state"), narrow: true },
	{ id: "lost", title: "lost", kind: "figure", value: field("lost"), write: (row) => count(row.lost), narrow: true },
	text("kind", "kind", { narrow: true, group: "minor" }),
	text("detail", "detail", { wraps: true }),
];

export const balance = [
	{ id: "name", title: "book", kind: "name", value: field("name") },
	{ id: "rx", title: "rx", kind: "figure", value: field("rx"), write: (row, units) => units.signed(row.rx) },
	{ id: "tx", title: "tx", kind: "figure", value: field("tx"), write: (row, units) => units.signed(row.tx) },
	text("share", "share", { group: "minor" }),
	text("note", "", { group: "minor", wraps: true }),
];
