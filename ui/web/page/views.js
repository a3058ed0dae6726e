// The views: what each shows, in which tables, and what the chart above is of.

import * as columns from "./columns.js";
import * as facts from "./facts.js";
import { percent } from "./format.js";
import { inside } from "./place.js";

export const views = [
	{ name: "apps", title: "Apps", count: (now) => now.apps?.length },
	{ name: "lan", title: "LAN hosts", count: (now) => now.lan_hosts?.length },
	{ name: "remote", title: "Remote hosts" },
	{ name: "interfaces", title: "Interfaces", count: (now) => now.interfaces?.length },
	{ name: "pipes", title: "Pipes", count: (now) => now.pipes?.length },
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
//
// The first table of a scene is the one that is sorted and filtered from the address.

const ofKind = (kind) => (a) => (a.kind === kind ? a.subject : "");

// named is a table of rows that have a name of their own.
function named(id, caption, name, more) {
	return { id, caption, key: name, series: name, sort: "-rate", alerted: { subject: ofKind(id), names: (row) => [name(row)] }, ...more };
}

const appsTable = named("app", "Applications", (row) => row.app, {
	columns: columns.apps, facts: facts.app,
	rows: (now) => now.apps,
	open: (row) => ({ view: "apps", app: row.app }),
	alerted: { subject: (a) => a.app || ofKind("app")(a), names: (row) => [row.app] },
	empty: "No application has sent or received anything yet.",
});

const identity = ({ command, user, container, unit }) => ({ command, user, container, unit });
const commandKey = (row) => JSON.stringify(Object.values(identity(row)));

const commandsTable = (app) => named("command", `Commands of ${app}`, (row) => row.command, {
	columns: columns.commands, facts: facts.command,
	key: commandKey,
	rows: (now) => now.apps?.find((a) => a.app === app)?.commands,
	open: (row) => ({ view: "apps", app, ...identity(row), isCommand: true }),
	alerted: { subject: (a) => a.command || ofKind("command")(a), names: (row) => [row.command] },
	empty: "This app has no commands now.",
});

// flowsTables are the connections of one row, and what is over and not listed.
function flowsTables(rowOf) {
	const flows = {
		id: "flows", caption: "Connections", sort: "-rate", columns: columns.flows, facts: facts.flow,
		key: (row) => `${row.proto} ${row.local} ${row.remote} ${row.pid ?? ""}`,
		rows: (now) => rowOf(now)?.flows,
		isDim: (row) => row.ended,
		empty: "No connections are open.",
	};
	const closed = (now, units) => {
		const c = rowOf(now)?.closed;
		return c ? `and ${c.connections} that ended: rx ${units.sizeText(c.rx_bytes)}, tx ${units.sizeText(c.tx_bytes)}` : "";
	};
	return [flows, { id: "closed", text: closed }];
}

export const hostKey = (row) => row.host || row.name;

const lanTable = named("lan_host", "LAN hosts", hostKey, {
	columns: columns.hosts, facts: facts.host,
	rows: (now) => now.lan_hosts,
	open: (row) => row.host && { view: "lan", host: row.host },
	alerted: { subject: ofKind("lan_host"), names: (row) => [row.host, row.name] },
	empty: "Nothing is forwarded for hosts behind this one.",
});

const remoteTable = named("remote_host", "Remote hosts", hostKey, {
	columns: columns.hosts, facts: facts.remote,
	rows: (now) => now.remote_hosts,
	empty: "Nothing was exchanged with other hosts yet.",
});

const interfacesTable = named("interface", "Interfaces", (row) => row.name, {
	columns: columns.interfaces, facts: facts.iface,
	rows: (now) => now.interfaces,
	empty: "No interface has been read.",
});

const balanceTable = {
	id: "books", caption: "Balance", columns: columns.balance, sort: "", isFixed: true,
	key: (row) => row.name, rows: (now) => now.balance && booksOf(now.balance), isSum: (row) => row.isSum,
};

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

const pipesTable = named("pipe", "Pipes", (row) => row.pipe, {
	columns: columns.pipes, facts: facts.pipe,
	rows: (now) => now.pipes,
	empty: "No pipe or relay has a name: “bwmon pipe” and “bwmon forward” make some.",
});

const alertKey = (row) => JSON.stringify([row.rule, row.kind, row.subject, row.user, row.container, row.id, row.at, row.state]);

const alertsTables = [{
	id: "alerts", caption: "Alerts", sort: "state", columns: columns.alerts, facts: facts.alert, key: alertKey,
	rows: (now) => now.alerts,
	empty: "All keep to what was agreed.",
}, {
	id: "rules", caption: "Agreed", sort: "", columns: columns.rules,
	key: (row) => row.rule + "\n" + row.kind, rows: (now) => now.rules,
	empty: "No rules are configured: see [[rule]] in bwmon.toml.",
}, {
	id: "past", caption: "Told lately", sort: "-since", columns: columns.alerts, key: alertKey,
	rows: (_, past) => past,
	isDim: (row) => row.state === "resolved", isOptional: true,
}];

const monitorsTable = {
	id: "monitors", caption: "Monitors", sort: "name", columns: columns.monitors, facts: facts.monitor,
	key: (row) => row.name, rows: (now) => now.monitors,
	empty: "No monitor runs.",
};

// sceneAt is what is shown at a place: tables, chart, the crumbs that lead back, and
// whether flows are needed.
export function sceneAt(place) {
	const { app, host } = place;
	const scene = (by, ...tables) => ({ chart: { by }, tables, crumbs: [] });
	switch (place.view) {
	case "lan": {
		if (!host) return scene("lan-host", lanTable);
		const tables = flowsTables((now) => now.lan_hosts?.find((h) => h.host === host));
		return { title: host, crumbs: [crumb(place, "LAN hosts", { view: "lan" })], flows: true, chart: { by: "lan-host" }, tables };
	}
	case "remote": return { ...scene("remote-host", remoteTable), flows: true };
	case "interfaces": return scene("interface", interfacesTable, balanceTable);
	case "pipes": return scene("pipe", pipesTable);
	case "alerts": return { ...scene("app", ...alertsTables), asksAlerts: true };
	case "monitors": return scene("app", monitorsTable);
	}
	if (!app) return scene("app", appsTable);
	const commands = commandsTable(app);
	const top = crumb(place, "Apps", { view: "apps" });
	const chart = { by: "command", app };
	if (!place.isCommand) return { title: app, crumbs: [top], chart, tables: [commands] };
	const tables = flowsTables((now) => commands.rows(now)?.find((c) => commandKey(c) === commandKey(place)));
	return { title: place.command || "(no command)", crumbs: [top, crumb(place, app, { view: "apps", app })], flows: true, chart, tables };
}

const crumb = (place, text, there) => ({ text, place: inside(place, there) });

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
