// The columns of each kind of row. One list makes the header, the cells and the
// order.
//
//	id      of the column in the address; mostly the field of the document
//	title   in the header
//	kind    how the cell is drawn: name, text, rate, size, count, trend, …
//	value   what rows are sorted by; a text is sorted as text
//	group   "rates", "totals" or "machine": what the switch of that name hides; "minor"
//	        is hidden where there is little room; it may be several

import { count, moment, none, parseTime, speed } from "./format.js";

const field = (id) => (row) => row[id];
const total = (row) => row.rx_rate + row.tx_rate;

export function text(id, title, more = {}) {
	return { id, title, kind: "text", value: field(id), ...more };
}

export const name = (id, title = id, more = {}) => ({ ...text(id, title), kind: "name", ...more });
export const state = { id: "state", title: "state", kind: "state", value: field("state"), narrow: true };

export const figure = (kind, id, title, group) => ({ id, title, kind, value: field(id), group });
// written is a figure with words of its own for it.
export const written = (id, title, write, more) => ({ ...figure("figure", id, title), write, ...more });

export const trend = { id: "rate", title: "rate", kind: "trend", value: total, group: "trend", hint: "received and sent together; the line is the last minute" };
export const both = { ...trend, kind: "rate", hint: "received and sent together" };
export const rates = [figure("rate", "rx_rate", "rx rate", "rates"), figure("rate", "tx_rate", "tx rate", "rates")];
export const totals = [figure("size", "rx_bytes", "rx total", "totals"), figure("size", "tx_bytes", "tx total", "totals")];
export const conns = { ...figure("count", "connections", "conns", "minor"), hint: "open connections" };
export const procs = { ...figure("count", "processes", "procs", "minor"), hint: "processes with open connections" };

export const uses = [
	figure("rate", "disk_read_rate", "disk read", "machine"), figure("rate", "disk_write_rate", "disk write", "machine"),
	figure("size", "disk_read_bytes", "read total", ["machine", "minor"]), figure("size", "disk_write_bytes", "write total", ["machine", "minor"]),
	written("cpu_percent", "CPU", (row, units) => units.metric("cpu_percent", row.cpu_percent), { group: "machine", hint: "100 % is one processor" }),
	{ ...figure("size", "memory_bytes", "memory", "machine"), hint: "resident; shared pages count for each" },
];

export const app = [
	name("app"),
	trend, ...rates, ...totals, ...uses, procs, conns,
];

const where = (row) => row.container || row.unit;

export const command = [
	name("command", "command", { mono: true }),
	text("user", "user", { group: "minor", narrow: true }),
	text("where", "container, unit", { value: where, group: "minor" }),
	text("pids", "pids", { value: (row) => pidsOf(row.pids), group: "minor", narrow: true, order: (row) => row.pids?.[0] ?? 0 }),
	both, ...rates, ...totals, ...uses, conns,
];

function pidsOf(pids) {
	if (!pids?.length) return "";
	return pids.length > 3 ? `${pids.slice(0, 3).join(" ")} +${pids.length - 3}` : pids.join(" ");
}

export const flow = [
	name("remote", "remote", { mono: true }),
	text("local", "local", { mono: true, group: "minor" }),
	text("proto", "proto", { narrow: true, group: "minor" }),
	text("scope", "scope", { narrow: true, group: "minor" }),
	text("state", "state", { value: (row) => (row.ended ? "ended" : "open"), narrow: true, group: "minor" }),
	text("pid", "pid", { value: (row) => String(row.pid || ""), order: (row) => row.pid ?? 0, narrow: true, group: "minor" }),
	both, ...rates, ...totals,
];

export const hostLabel = (row) => (row.name && row.host ? `${row.name}  ${row.host}` : row.name || row.host);

export const host = [
	name("host", "host", { value: hostLabel }),
	trend, ...rates, ...totals, conns,
];

export const iface = [
	name("name", "interface"),
	trend, ...rates, ...totals,
	figure("count", "rx_packets", "rx packets", "minor"), figure("count", "tx_packets", "tx packets", "minor"),
	written("speed_bits", "speed", (row) => speed(row.speed_bits), { value: (row) => row.speed_bits ?? 0, group: "minor" }),
	text("balanced", "in balance", { value: (row) => (row.balanced ? "yes" : "no"), narrow: true, group: "minor" }),
];

export const remote = host;

export const pipe = [
	name("pipe"),
	trend, ...rates, ...totals, conns,
];

// seriesID is how a series of the machine is called everywhere.
export const seriesID = ({ kind, name }) => (name ? `${kind}:${name}` : kind);

const mains = ["utilization_percent", "used_percent", "some_percent", "load1", "temperature_celsius", "up", "listening"];

// mainOf is the metric that says most of a series.
export const mainOf = ({ metrics }) => mains.find((name) => name in metrics) ?? Object.keys(metrics)[0] ?? "";

const valueOf = (row, name, units) => units.metric(name, row.metrics[name]);

function ofMetric(id, title, group) {
	return written(id, title, (row, units) => valueOf(row, id, units), { value: (row) => row.metrics[id] ?? -Infinity, group });
}

export const disk = [
	name("name", "disk"),
	ofMetric("utilization_percent", "busy"),
	ofMetric("read_bytes_per_s", "read rate", "rates"), ofMetric("write_bytes_per_s", "write rate", "rates"),
	ofMetric("read_bytes", "read total", "totals"), ofMetric("write_bytes", "write total", "totals"),
	ofMetric("reads_per_s", "reads", "minor"), ofMetric("writes_per_s", "writes", "minor"),
	ofMetric("read_await_ms", "read takes", "minor"), ofMetric("write_await_ms", "write takes", "minor"), ofMetric("queue_size", "queue", "minor"),
];

export const series = [
	name("series", "series", { value: seriesID }),
	written("value", "figure", (row, units) => valueOf(row, mainOf(row), units), { value: (row) => row.metrics[mainOf(row)] ?? -Infinity }),
	text("main", "of", { value: mainOf }),
	text("detail", "trouble", { wraps: true }),
];

export const metric = [
	name("name", "metric"),
	written("value", "now", (row, units) => units.metric(row.name, row.value)),
];

// What an alert is about is a metric, bytes per second, or bytes where it is of a quota.
const measured = (id) => (row, units) => (row.metric ? units.metric(row.metric, row[id]) : row.condition === "quota" ? units.size(row[id]) : units.rate(row[id]));
const since = (row) => parseTime(row.at ?? row.since);

export const alert = [
	name("rule"),
	state,
	text("subject", "subject", { note: (row) => row.kind.replaceAll("_", " ") }),
	written("value", "measured", measured("value")),
	text("condition", "what", { value: (row) => `${row.metric || row.direction} ${row.condition}`, group: "minor" }),
	written("threshold", "agreed", measured("threshold"), { group: "minor" }),
	text("since", "since", { value: (row) => (since(row) ? moment(since(row)) : none), order: since, narrow: true }),
];

export const rule = [
	name("rule"),
	text("text", "agreed", { wraps: true }),
	text("kind", "of", { narrow: true, group: "minor" }),
	text("match", "matching", { mono: true, group: "minor" }),
];

export const monitor = [
	name("name", "monitor"),
	state,
	written("lost", "lost", (row) => count(row.lost), { narrow: true }),
	text("kind", "kind", { narrow: true, group: "minor" }),
	text("detail", "detail", { wraps: true }),
];

export const balance = [
	name("name", "book"),
	written("rx", "rx", (row, units) => units.signed(row.rx)),
	written("tx", "tx", (row, units) => units.signed(row.tx)),
	text("share", "share", { group: "minor" }),
	text("note", "", { group: "minor", wraps: true }),
];
