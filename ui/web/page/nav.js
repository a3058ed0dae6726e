// Where one is, and where one can go: the views, and the way back from what is open.

import { byId, el, setAttribute, setText } from "./dom.js";
import { hashOf } from "./place.js";
import { views } from "./views.js";

export class Nav {
	#links = new Map(); // view → {link, count}
	#crumbs = "";

	constructor() {
		for (const view of views) {
			const count = el("span", { class: "count" });
			const link = el("a", {}, view.title, count);
			byId("views").append(el("li", {}, link));
			this.#links.set(view, { link, count });
		}
	}

	draw({ place, scene, now }) {
		for (const [view, { link, count }] of this.#links) {
			const { range, dir } = place;
			setAttribute(link, "href", hashOf({ view: view.name, range, dir }));
			setAttribute(link, "aria-current", view.name === place.view && "page");
			const n = now ? view.count?.(now) : undefined;
			setText(count, n ? String(n) : "");
			count.classList.toggle("alarm", Boolean(view.isAlarm && n));
		}
		this.#drawCrumbs(place, scene);
	}

	#drawCrumbs(place, scene) {
		const key = JSON.stringify([scene.crumbs, scene.title]);
		if (key === this.#crumbs) return;
		this.#crumbs = key;
		const items = scene.crumbs.map((c) => el("li", {}, el("a", { href: hashOf(c.place) }, c.text)));
		if (items.length) items.push(el("li", { "aria-current": "location" }, scene.title));
		byId("crumbs").replaceChildren(...items);
		byId("crumbs-nav").hidden = items.length === 0;
	}
}
