// The tables of a fleet: its members, and those that run an app.

import { both, conns, figure, name, procs, rates, state, text, totals, trend, uses as used, written } from "../columns.js";
import * as facts from "../facts.js";
import { none, span } from "../format.js";
import { named, ofKind, crumb } from "../views.js";

export const isWell = (member) => member.state === "reporting";

// reason is why a member is refused; that it is silent needs none.
export const reason = ({ state, detail }) => (detail && state !== "silent" ? ", " + detail : "");

// pageOf is the address of a member's own page.
export const pageOf = (host) => `hosts/${encodeURIComponent(host)}/`;

const heard = (member) => `${span(member.silent_s)} ago${reason(member)}`;

const columns = [
	name("host"),
	{ ...state, id: "state" },
	text("silent_s", "last heard", { value: heard, group: "heard", hint: "how long ago it reported last, and what is wrong with it", order: (row) => row.silent_s }),
	trend, ...rates, ...totals,
	{ ...figure("count", "apps", "apps", "minor"), hint: "applications" },
	conns,
	{ ...figure("count", "alerts", "alerts", "alerts"), hint: "alerts that fire at that host" },
	{ ...figure("size", "unbooked", "unbooked", "minor"), hint: "bytes that its interfaces carried and nobody is known to own" },
	written("clock_s", "clock", clock, { group: ["minor", "late"], narrow: true, hint: "how far its clock is ahead of the receiver’s, in seconds; below zero: behind" }),
	{ ...figure("count", "waiting", "waiting", ["minor", "late"]), hint: "batches that it has yet to send" },
];

// clock leaves out what is no more than the way takes.
function clock({ clock_s: ahead }) {
	if (!(Math.abs(ahead) >= 0.5)) return [none, ""];
	return [`${ahead < 0 ? "−" : "+"}${Math.abs(ahead) < 1000 ? Math.abs(ahead).toFixed(Math.abs(ahead) < 10 ? 1 : 0) : ">999"}`, "s"];
}

const membersFacts = {
	host: (row) => [row.host], state: (row) => [row.state], detail: (row) => [row.detail ?? ""], ...facts.usage, ...facts.conns,
	apps: (row) => row.apps, alerts: (row) => row.alerts, silent: (row) => row.silent_s, clock: (row) => Math.abs(row.clock_s),
	waiting: (row) => row.waiting, unbooked: (row) => [row.unbooked, 0],
};

const seriesOf = (alert) => (alert.metric && alert.subject.startsWith("host:") ? alert.subject.slice("host:".length) : "");

const membersTable = named("", "member", "Hosts", (row) => row.host, {
	columns, facts: membersFacts,
	most: 200,
	rows: (now) => now.hosts,
	open: (row) => pageOf(row.host),
	alerted: { subject: (alert) => ofKind("host")(alert) || seriesOf(alert), names: (row) => [row.host] },
	empty: "No host has reported yet.",
});

export const membersScene = () => ({ chart: { by: "host", title: membersTable.caption }, tables: [membersTable], crumbs: [], title: undefined });

const runsColumns = [name("host"), both, ...rates, ...totals, ...used, procs, conns];
const runsFacts = { host: (row) => [row.host], ...facts.usage, ...facts.uses, ...facts.conns, ...facts.procs };

// appScene is one app of the fleet: the members that run it. Who looks at one of them
// comes to the app there.
export function appScene(place) {
	const { app } = place;
	const title = `${app} on each host`;
	const table = named("", "runs", title, (row) => row.host, {
		columns: runsColumns, facts: runsFacts,
		most: 200,
		rows: (now) => now.apps?.find((a) => a.app === app)?.commands,
		open: (row) => `${pageOf(row.host)}#${new URLSearchParams({ view: "apps", app })}`,
		alerted: undefined,
		empty: "No host runs it now.",
	});
	return { title: app, crumbs: [crumb(place, "Apps", { view: "apps" })], chart: { by: "command", asks: "host", app, title }, tables: [table] };
}
