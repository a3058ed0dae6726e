// The roll call in the strip: how many hosts report, and who does not.

import { el, setAttribute, setText } from "../dom.js";
import { span } from "../format.js";
import { hashOf } from "../place.js";
import { isWell, reason } from "./members.js";

const mostNamed = 3;

export class Roll {
	#report = el("span");
	#unit = el("span", { class: "unit" });
	#link = el("a", { href: hashOf({ view: "hosts", q: "!state:reporting", sort: "-silent_s" }) });
	#names = el("p", { class: "soft missing" });

	// The tile is that of interfaces, of which a fleet has none.
	constructor(tile) {
		for (const node of tile.children) node.hidden = true;
		this.tile = tile;
		tile.classList.add("roll");
		tile.append(el("h2", {}, "Hosts"), el("p", { class: "big" }, el("span", {}, this.#report, " ", this.#unit), this.#link), this.#names);
	}

	draw(hosts) {
		const missing = hosts.filter((h) => !isWell(h)).sort((a, b) => b.silent_s - a.silent_s);
		setText(this.#report, String(hosts.length - missing.length));
		setText(this.#unit, `of ${hosts.length} report`);
		const count = (state) => missing.filter((h) => h.state === state).length;
		const parts = ["silent", "refused"].filter(count).map((state) => `${count(state)} ${state}`);
		setText(this.#link, parts.join(", "));
		this.#link.hidden = parts.length === 0;
		setAttribute(this.tile, "data-state", missing.length ? "missing" : "ok");
		const named = missing.slice(0, mostNamed).map((h) => `${h.host}: ${h.state} for ${span(h.silent_s)}${reason(h)}`);
		if (missing.length > mostNamed) named.push(`and ${missing.length - mostNamed} more`);
		setText(this.#names, named.join("\n"));
	}
}
