// What the page of a receiver has beside that of a host: the members of the fleet, and of
// each app the members that run it. The page of one member leads back to the fleet, and
// says when it is silent. It extends what the other modules have, and is loaded before
// they begin.

import { byId, setText } from "../dom.js";
import { fields } from "../filter.js";
import { span } from "../format.js";
import { fallbacks, inside } from "../place.js";
import { kinds } from "../store.js";
import { views } from "../views.js";
import { appScene, isWell, membersScene, reason } from "./members.js";
import { Roll } from "./roll.js";

const { part } = document.body.dataset;
const isFleet = part === "fleet";

Object.assign(fields, { apps: "count", alerts: "count", silent: "count", clock: "count", waiting: "count", unbooked: "amount" });

const shown = isFleet ? ["apps", "machine", "alerts", "monitors"] : views.map((v) => v.name).filter((name) => name !== "remote");
views.splice(0, Infinity, ...views.filter((v) => shown.includes(v.name)));
if (isFleet) {
	views.unshift({ name: "hosts", title: "Hosts", count: (now) => now.hosts?.length });
	fallbacks.view = "hosts";
	kinds.push(["host", (now) => now.hosts, (row) => row.host]);
	setText(document.querySelector(".tile h2"), "All hosts carry");
}
const roll = isFleet ? new Roll(byId("meters").parentElement) : null;

// extend changes a scene as a fleet has it.
export function extend(scene, place) {
	if (!isFleet) {
		ofMember(scene, place);
		return;
	}
	if (place.view === "hosts") Object.assign(scene, membersScene());
	else if (place.view === "apps" && place.app) Object.assign(scene, appScene(place));
	// All commands of all apps, and the series of all hosts, are most of a snapshot.
	scene.asks = `?commands=${place.view === "apps" ? encodeURIComponent(place.app) : ""}&series=${Number(place.view === "machine")}`;
}

// The page of a member has no single connections: hosts do not publish them.
function ofMember(scene, place) {
	const host = memberName();
	scene.crumbs = [{ text: "All hosts", place: "../../" }, ...scene.crumbs];
	if (scene.title) scene.crumbs.splice(1, 0, { text: host, place: inside(place, {}) });
	else scene.title = host;
	if (scene.asks) scene.tables = [{ ...scene.tables[0], empty: "Single connections are not published: that host’s own page has them." }];
	delete scene.asks;
}

// memberName is how the fleet calls the host whose page this is.
function memberName() {
	const [, name] = /\/hosts\/([^/]*)\/$/.exec(location.pathname) ?? [, ""];
	try {
		return decodeURIComponent(name);
	} catch {
		return name;
	}
}

// draw is called after the head of the page was drawn.
export function draw(now) {
	if (isFleet) {
		roll.draw(now.hosts ?? []);
		return;
	}
	const [member] = now.hosts ?? [];
	const isSilent = Boolean(member) && !isWell(member);
	document.body.classList.toggle("silent", isSilent);
	if (!isSilent) return;
	const box = byId("trouble");
	const words = `This host is ${member.state}: it reported last ${span(member.silent_s)} ago${reason(member)}. These are its figures of then.`;
	setText(box, box.hidden ? words : `${words}\n${box.textContent}`);
	box.hidden = false;
}
