// The views: what each shows, in which tables, and what the chart above is of.

import * as columns from "./columns.js";
import * as facts from "./facts.js";
import { percent } from "./format.js";
import { inside } from "./place.js";

export const views = [
	{ name: "apps", title: "Apps", count: (now) => now.apps?.filter((a) => !isQuiet(a)).length },
	{ name: "lan", title: "LAN hosts", count: (now) => now.lan_hosts?.length },
	{ name: "remote", title: "Remote hosts" },
	{ name: "interfaces", title: "Interfaces", count: (now) => now.interfaces?.length },
	{ name: "pipes", title: "Pipes", count: (now) => now.pipes?.length },
	{ name: "disks", title: "Disks", count: (now) => disksOf(now).length },
	{ name: "machine", title: "Machine" },
	{ name: "alerts", title: "Alerts", count: (now) => firing(now).length, isAlarm: true },
	{ name: "monitors", title: "Monitors", count: (now) => unhealthy(now).length, isAlarm: true },
];

export const firing = (now) => (now.alerts ?? []).filter((a) => a.state === "firing");
export const unhealthy = (now) => (now.monitors ?? []).filter((m) => m.state === "failed" || m.state === "stopped");

// A table says of its rows
//
//	rows     where they are in a snapshot
//	key      what tells one from all others for as long as it lives; mostly its name
//	open     the place behind one
//	series   its name in the chart
//	alerted  which alerts are about it: their subject, and the names it may go by
//	facts    what a filter finds in it
//	isQuiet  one that only the figures of the machine are about
//
// The first table of a scene is the one that is sorted and filtered from the address.

export const ofKind = (kind) => (a) => (a.kind === kind ? a.subject : "");

// flows asks a stream for connections and remote hosts.
export const flows = "?flows=1";

// table has the columns and the facts of one kind of rows.
const table = (kind, id, caption, more) => ({ id, caption, columns: columns[kind], facts: facts[kind], ...more });

// named is a table of rows that have a name of their own.
export function named(kind, id, caption, name, more) {
	return table(kind, id, caption, { key: name, series: name, sort: "-rate", alerted: { subject: ofKind(id), names: (row) => [name(row)] }, ...more });
}

const isQuiet = (row) => !row.rx_bytes && !row.tx_bytes && !row.connections;

const appsTable = named("app", "app", "Applications", (row) => row.app, {
	rows: (now) => now.apps,
	isQuiet,
	open: (row) => ({ view: "apps", app: row.app }),
	alerted: { subject: (a) => a.app || ofKind("app")(a), names: (row) => [row.app] },
	empty: "No application has sent or received anything yet.",
});

const identity = ({ command, user, container, unit }) => ({ command, user, container, unit });
const commandKey = (row) => JSON.stringify(Object.values(identity(row)));

const commandsTable = (app) => named("command", "command", `Commands of ${app}`, (row) => row.command, {
	key: commandKey,
	isQuiet,
	rows: (now) => now.apps?.find((a) => a.app === app)?.commands,
	open: (row) => ({ view: "apps", app, ...identity(row), isCommand: true }),
	alerted: { subject: (a) => a.command || ofKind("command")(a), names: (row) => [row.command] },
	empty: "This app has no commands now.",
});

// flowsTables are the connections of one row, and what is over and not listed.
function flowsTables(rowOf) {
	const open = table("flow", "flows", "Connections", {
		sort: "-rate",
		key: (row) => `${row.proto} ${row.local} ${row.remote} ${row.pid ?? ""}`,
		rows: (now) => rowOf(now)?.flows,
		isDim: (row) => row.ended,
		empty: "No connections are open.",
	});
	const closed = (now, units) => {
		const c = rowOf(now)?.closed;
		return c ? `and ${c.connections} that ended: rx ${units.sizeText(c.rx_bytes)}, tx ${units.sizeText(c.tx_bytes)}` : "";
	};
	return [open, { id: "closed", text: closed }];
}

export const hostKey = (row) => row.host || row.name;

const lanTable = named("host", "lan_host", "LAN hosts", hostKey, {
	rows: (now) => now.lan_hosts,
	open: (row) => row.host && { view: "lan", host: row.host },
	alerted: { subject: ofKind("lan_host"), names: (row) => [row.host, row.name] },
	empty: "Nothing is forwarded for hosts behind this one.",
});

const remoteTable = named("remote", "remote_host", "Remote hosts", hostKey, {
	rows: (now) => now.remote_hosts,
	empty: "Nothing was exchanged with other hosts yet.",
});

const interfacesTable = named("iface", "interface", "Interfaces", (row) => row.name, {
	rows: (now) => now.interfaces,
	empty: "No interface has been read.",
});

const balanceTable = table("balance", "books", "Balance", {
	sort: "", isFixed: true, key: (row) => row.name, rows: (now) => now.balance && booksOf(now.balance), isSum: (row) => row.isSum,
});

// booksOf lists the balance as it adds up.
function booksOf(b) {
	const whole = b.interface_rx + b.interface_tx;
	const book = (name, note, isSum) => {
		const [rx, tx] = [b[name + "_rx"], b[name + "_tx"]];
		return { name, rx, tx, note, isSum, share: percent(Math.abs(rx) + Math.abs(tx), whole) };
	};
	return [
		book("interface", "what the interfaces carried, without loopback", true),
		book("local", "booked to apps of this host"),
		book("forwarded", "booked to LAN hosts; in and out, so each byte twice"),
		book("unattributed", "seen, but nobody is known to own it"),
		book("residual", "what remains; below zero: more is booked than was carried", true),
	];
}

const pipesTable = named("pipe", "pipe", "Pipes", (row) => row.pipe, {
	rows: (now) => now.pipes,
	empty: "No pipe or relay has a name: “bwmon pipe” and “bwmon forward” make some.",
});

// disksOf are the series of disks, whose rates are called as those of all other rows.
export function disksOf(now) {
	const list = (now.series ?? []).filter((s) => s.kind === "disk");
	return list.map((s) => ({ ...s, rx_rate: s.metrics.read_bytes_per_s ?? 0, tx_rate: s.metrics.write_bytes_per_s ?? 0 }));
}

export const seriesOf = (now, id) => now.series?.find((s) => columns.seriesID(s) === id);

// metricsOf are the figures of a series as rows.
export function metricsOf(now, id) {
	const list = Object.entries(seriesOf(now, id)?.metrics ?? {});
	return list.map(([name, value]) => ({ name, value, rx_rate: value, tx_rate: 0 }));
}

// ofSeries is a table of series of the machine.
function ofSeries(kind, view, caption, more) {
	return table(kind, view, caption, {
		key: columns.seriesID, open: (row) => ({ view, series: columns.seriesID(row) }),
		alerted: { subject: (a) => (a.metric && !a.app ? a.subject : ""), names: (row) => [columns.seriesID(row)] },
		...more,
	});
}

const disksTable = ofSeries("disk", "disks", "Disks", {
	sort: "-utilization_percent", series: (row) => row.name, rows: disksOf, empty: "No disk is measured.",
});

const machineTable = ofSeries("series", "machine", "Machine", {
	sort: "series", series: columns.seriesID, rows: (now) => now.series, empty: "Nothing is measured.",
});

const metricsTable = (id) => table("metric", "metrics", id, {
	sort: "", key: (row) => row.name, series: (row) => row.name, rows: (now) => metricsOf(now, id), empty: "It is not measured now.",
});

const alertKey = (row) => JSON.stringify([row.rule, row.kind, row.subject, row.user, row.container, row.id, row.at, row.state]);

const alertsTables = [
	table("alert", "alerts", "Alerts", { sort: "state", key: alertKey, rows: (now) => now.alerts, empty: "All keep to what was agreed." }),
	table("rule", "rules", "Agreed", {
		sort: "", key: (row) => row.rule + "\n" + row.kind, rows: (now) => now.rules, empty: "No rules are configured: see [[rule]] in bwmon.toml.",
	}),
	table("alert", "past", "Told lately", {
		sort: "-since", key: alertKey, rows: (_, past) => past, isDim: (row) => row.state === "resolved", isOptional: true,
	}),
];

const monitorsTable = table("monitor", "monitors", "Monitors", { sort: "name", key: (row) => row.name, rows: (now) => now.monitors, empty: "No monitor runs." });

// sceneAt is what is shown at a place: tables, chart, the crumbs that lead back, and
// what has to be asked for.
export function sceneAt(place) {
	const { app, host, series } = place;
	const scene = (by, ...tables) => ({ chart: { by, title: tables[0].caption }, tables, crumbs: [] });
	const up = (view) => crumb(place, views.find((v) => v.name === view).title, { view });
	const apps = scene("app", appsTable);
	switch (place.view) {
	case "lan": {
		const lan = scene("lan-host", lanTable);
		if (!host) return lan;
		return { ...lan, title: host, crumbs: [up("lan")], asks: flows, tables: flowsTables((now) => now.lan_hosts?.find((h) => h.host === host)) };
	}
	case "remote": return { ...scene("remote-host", remoteTable), asks: flows };
	case "interfaces": return scene("interface", interfacesTable, balanceTable);
	case "pipes": return scene("pipe", pipesTable);
	case "disks":
	case "machine":
		if (!series) return place.view === "disks" ? scene("disk", disksTable) : scene("metric", machineTable);
		return { title: series, crumbs: [up(place.view)], chart: { by: "metric", app: series, title: series }, tables: [metricsTable(series)] };
	case "alerts": return { ...apps, tables: alertsTables, asksAlerts: true };
	case "monitors": return { ...apps, tables: [monitorsTable] };
	}
	if (!app) return apps;
	const commands = commandsTable(app);
	const ofApp = { title: app, crumbs: [up("apps")], chart: { by: "command", app, title: commands.caption }, tables: [commands] };
	if (!place.isCommand) return ofApp;
	const tables = flowsTables((now) => commands.rows(now)?.find((c) => commandKey(c) === commandKey(place)));
	return { ...ofApp, title: place.command || "(no command)", crumbs: [...ofApp.crumbs, crumb(place, app, { view: "apps", app })], asks: flows, tables };
}

// chartOf is what the chart of a scene is of: a metric is the one selected, or the one
// that says most of the series.
export function chartOf({ chart }, now, selected) {
	if (chart.by !== "metric") return chart;
	const wanted = chart.app ?? selected;
	const series = now && (wanted ? seriesOf(now, wanted) : now.series?.[0]);
	if (!series) return { ...chart, app: wanted ?? "", metric: "" };
	const app = columns.seriesID(series);
	const metric = (chart.app && selected) || columns.mainOf(series);
	return { ...chart, app, metric, title: `${metric} of ${app}` };
}

export const crumb = (place, text, there) => ({ text, place: inside(place, there) });

// alertsBy finds, of an alert's subject, the worst that is said of it: state and all
// of its words.
export function alertsBy(now, subjectOf) {
	const by = new Map();
	for (const a of now.alerts ?? []) {
		const subject = subjectOf(a);
		if (!subject) continue;
		const said = by.get(subject) ?? { state: a.state, hint: "" };
		said.hint += `${a.rule}: ${a.state}\n`;
		if (a.state === "firing") said.state = a.state;
		by.set(subject, said);
	}
	return by;
}
