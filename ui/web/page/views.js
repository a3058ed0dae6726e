// The views: what each shows, in which tables, and what the chart above it is of.
// open is the place behind a row; key tells a row from all others for as long as it
// lives.

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

// sceneAt is what is shown at a place: {title, crumbs, flows, chart, tables}.
export function sceneAt(place) {
	switch (place.view) {
	case "lan": return place.host ? hostScene(place) : lanScene(place);
	case "remote": return remoteScene(place);
	case "interfaces": return interfacesScene(place);
	case "pipes": return pipesScene(place);
	case "alerts": return alertsScene(place);
	case "monitors": return monitorsScene(place);
	}
	if (place.isCommand && place.app) return flowsScene(place);
	return place.app ? commandsScene(place) : appsScene(place);
}

const busiest = "-rate";

function appsScene(place) {
	const table = {
		id: "apps", caption: "Applications", columns: columns.apps, ...facts.app, sort: busiest,
		key: (row) => row.app,
		rows: (now) => now.apps ?? [],
		open: (row) => inside(place, { app: row.app }),
		trendName: (row) => row.app,
		alerted: { subject: (a) => a.app || ofKind("app")(a), names: (row) => [row.app] },
		empty: "No application has sent or received anything yet.",
	};
	return { title: "Apps", crumbs: [], chart: { by: "app" }, tables: [table] };
}

function commandsScene(place) {
	const crumbs = [{ text: "Apps", place: inside(place, {}) }];
	const table = {
		id: "commands", caption: `Commands of ${place.app}`, columns: columns.commands, ...facts.command, sort: busiest,
		key: commandKey,
		rows: (now) => appAt(now, place)?.commands ?? [],
		open: (row) => inside(place, { app: place.app, ...identity(row), isCommand: true }),
		alerted: { subject: (a) => a.command || ofKind("command")(a), names: (row) => [row.command] },
		empty: "This app has no commands now.",
	};
	return { title: place.app, crumbs, chart: { by: "command", app: place.app }, tables: [table] };
}

function flowsScene(place) {
	const app = inside(place, { app: place.app });
	const command = (now) => appAt(now, place)?.commands?.find((c) => commandKey(c) === commandKey(place));
	return {
		title: place.command || "(no command)",
		crumbs: [{ text: "Apps", place: inside(place, {}) }, { text: place.app, place: app }],
		flows: true, chart: { by: "command", app: place.app },
		tables: [flowsTable((now) => command(now)), ...closedTable(command)],
	};
}

const identity = ({ command, user, container, unit }) => ({ command, user, container, unit });
const commandKey = (row) => JSON.stringify([row.command, row.user, row.container, row.unit]);
const appAt = (now, place) => now.apps?.find((a) => a.app === place.app);

function flowsTable(rowOf) {
	return {
		id: "flows", caption: "Connections", columns: columns.flows, ...facts.flow, sort: busiest,
		key: (row) => `${row.proto} ${row.local} ${row.remote} ${row.pid ?? ""}`,
		rows: (now) => rowOf(now)?.flows ?? [],
		isDim: (row) => row.ended,
		empty: "No connections are open.",
	};
}

// closedTable is a line below the connections: what is over and no longer listed.
function closedTable(rowOf) {
	return [{
		id: "closed", note: true,
		text(now, units) {
			const closed = rowOf(now)?.closed;
			if (!closed) return "";
			return `and ${closed.connections} that ended: rx ${units.sizeText(closed.rx_bytes)}, tx ${units.sizeText(closed.tx_bytes)}`;
		},
	}];
}

function lanScene(place) {
	const table = {
		id: "lan", caption: "LAN hosts", columns: columns.hosts, ...facts.host, sort: busiest,
		key: hostKey,
		rows: (now) => now.lan_hosts ?? [],
		open: (row) => (row.host ? inside(place, { host: row.host }) : null),
		trendName: hostKey,
		alerted: { subject: ofKind("lan_host"), names: (row) => [row.host, row.name] },
		empty: "Nothing is forwarded for hosts behind this one.",
	};
	return { title: "LAN hosts", crumbs: [], chart: { by: "lan-host" }, tables: [table] };
}

export const hostKey = (row) => row.host || row.name;

function hostScene(place) {
	const host = (now) => now.lan_hosts?.find((h) => h.host === place.host);
	return {
		title: place.host, crumbs: [{ text: "LAN hosts", place: inside(place, {}) }],
		flows: true, chart: { by: "lan-host" },
		tables: [flowsTable(host), ...closedTable(host)],
	};
}

function remoteScene() {
	const table = {
		id: "remote", caption: "Remote hosts", columns: columns.hosts, ...facts.remote, sort: busiest,
		key: hostKey,
		trendName: hostKey,
		rows: (now) => now.remote_hosts ?? [],
		empty: "Nothing was exchanged with other hosts yet.",
	};
	return { title: "Remote hosts", crumbs: [], flows: true, chart: { by: "remote-host" }, tables: [table] };
}

function interfacesScene() {
	const table = {
		id: "interfaces", caption: "Interfaces", columns: columns.interfaces, ...facts.iface, sort: busiest,
		key: (row) => row.name,
		rows: (now) => now.interfaces ?? [],
		trendName: (row) => row.name,
		alerted: { subject: ofKind("interface"), names: (row) => [row.name] },
		empty: "No interface has been read.",
	};
	const books = {
		id: "balance", caption: "Balance", columns: columns.balance, sort: "", isFixed: true,
		key: (row) => row.name, rows: (now) => booksOf(now.balance), isSum: (row) => row.isSum,
	};
	return { title: "Interfaces", crumbs: [], chart: { by: "interface" }, tables: [table, books] };
}

// booksOf lists the balance as it adds up.
function booksOf(b) {
	if (!b) return [];
	const row = (name, rx, tx, note, isSum) => ({
		name, rx, tx, note, isSum,
		share: percent(Math.abs(rx) + Math.abs(tx), b.interface_rx + b.interface_tx),
	});
	return [
		row("interfaces", b.interface_rx, b.interface_tx, "what they carried, without loopback", true),
		row("local", b.local_rx, b.local_tx, "booked to apps of this host"),
		row("forwarded", b.forwarded_rx, b.forwarded_tx, "booked to LAN hosts; in and out, so each byte twice"),
		row("unattributed", b.unattributed_rx, b.unattributed_tx, "seen, but nobody is known to own it"),
		row("residual", b.residual_rx, b.residual_tx, "what remains; below zero: more is booked than was carried", true),
	];
}

function pipesScene() {
	const table = {
		id: "pipes", caption: "Pipes", columns: columns.pipes, ...facts.pipe, sort: busiest,
		key: (row) => row.pipe,
		trendName: (row) => row.pipe,
		alerted: { subject: ofKind("pipe"), names: (row) => [row.pipe] },
		rows: (now) => now.pipes ?? [],
		empty: "No pipe or relay has a name: “bwmon pipe” and “bwmon forward” make some.",
	};
	return { title: "Pipes", crumbs: [], chart: { by: "pipe" }, tables: [table] };
}

function alertsScene() {
	const table = {
		id: "alerts", caption: "Alerts", columns: columns.alerts, ...facts.alert, sort: "state",
		key: (row) => JSON.stringify([row.rule, row.kind, row.subject, row.app, row.command, row.user, row.container]),
		rows: (now) => now.alerts ?? [],
		empty: "All keep to what was agreed.",
	};
	const rules = {
		id: "rules", caption: "Agreed", columns: columns.rules, sort: "",
		key: (row) => row.rule + "\n" + row.kind, rows: (now) => now.rules ?? [],
		empty: "No rules are configured: see [[rule]] in bwmon.toml.",
	};
	const silences = {
		id: "silences", caption: "Silenced", columns: columns.silences, sort: "until", isOptional: true,
		key: (row) => JSON.stringify([row.rule, row.subject]), rows: (_, past) => past.silences,
	};
	const past = {
		id: "past", caption: "Told lately", columns: columns.alerts, sort: "-since", isOptional: true,
		key: (row) => JSON.stringify([row.rule, row.kind, row.subject, row.id, row.at, row.state]), rows: (_, past) => past.past,
		isDim: (row) => row.state === "resolved",
	};
	return { title: "Alerts", crumbs: [], chart: { by: "app" }, asksAlerts: true, tables: [table, rules, silences, past] };
}

function monitorsScene() {
	const table = {
		id: "monitors", caption: "Monitors", columns: columns.monitors, ...facts.monitor, sort: "name",
		key: (row) => row.name, rows: (now) => now.monitors ?? [],
		empty: "No monitor runs.",
	};
	return { title: "Monitors", crumbs: [], chart: { by: "app" }, tables: [table] };
}

// alertsBy finds, of an alert's subject, the worst that is said of it: state and all
// of its words.
export function alertsBy(now, subjectOf) {
	const by = new Map();
	for (const a of now.alerts ?? []) {
		const subject = subjectOf(a);
		if (!subject) continue;
		const words = `${a.rule}: ${a.state}`;
		const said = by.get(subject);
		if (!said) by.set(subject, { state: a.state, hint: words });
		else {
			said.hint += "\n" + words;
			if (a.state === "firing") said.state = a.state;
		}
	}
	return by;
}

const ofKind = (kind) => (a) => (a.kind === kind ? a.subject : "");
