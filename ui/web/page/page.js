// The page as a whole: what is chosen, what is known, and when it is drawn.

import { byId } from "./dom.js";
import { Header } from "./header.js";
import { Herald } from "./herald.js";
import { Keys } from "./keys.js";
import { Nav } from "./nav.js";
import { Past } from "./past.js";
import { hashOf, inside, readPlace } from "./place.js";
import { Stage } from "./stage.js";
import { Switches } from "./switches.js";
import { Timeline } from "./timeline.js";
import { chartOf, sceneAt, views } from "./views.js";

export class Page {
	#store;
	#stream;
	#header = new Header();
	#herald = new Herald(byId("herald"));
	#nav = new Nav();
	#selected; // the series of the row that is selected
	#frame = 0;

	constructor({ store, stream, api, prefs, fleet }) {
		this.fleet = fleet;
		this.#store = store;
		this.#stream = stream;
		const redraw = () => this.redraw();
		const go = (place, quietly) => this.go(place, quietly);
		this.switches = new Switches(prefs, redraw);
		this.past = new Past(api, redraw);
		this.stage = new Stage({ go, redraw, select: (name) => this.#select(name) });
		this.timeline = new Timeline(api, store, { go, changed: redraw });
		this.keys = new Keys(prefs, this.#bindings());
		this.#listen();
		this.#read();
	}

	#bindings() {
		const on = {
			"/": () => byId("filter").focus(),
			u: () => this.switches.nextUnits(),
			m: () => this.switches.nextUses(),
			f: () => this.switches.nextFigures(),
			t: () => this.switches.nextTheme(),
			Backspace: () => this.#up(),
			Escape: () => this.#leave(),
		};
		views.forEach(({ name }, n) => (on[n + 1] = () => this.go(inside(this.place, { view: name }))));
		return on;
	}

	#listen() {
		addEventListener("hashchange", () => this.#read());
		document.addEventListener("visibilitychange", () => this.redraw());
		document.addEventListener("scroll", () => this.stage.first?.isLong && this.redraw(), { passive: true });
		addEventListener("beforeprint", () => this.#draw(true));
		const filter = byId("filter");
		filter.addEventListener("input", () => this.go({ ...this.place, q: filter.value }, true));
		filter.addEventListener("keydown", (event) => {
			if (event.key === "Escape" && filter.value === "") filter.blur();
			if (event.key === "Enter" || event.key === "ArrowDown") {
				this.#draw(); // what was typed last may not be filtered by yet
				this.stage.first?.roving?.focus();
				event.preventDefault();
			}
		});
		// The address has another use for "#main".
		byId("skip").addEventListener("click", (event) => {
			event.preventDefault();
			byId("figures").focus();
		});
	}

	// go shows a place. Quietly: no step to come back from.
	go(place, quietly = false) {
		const hash = hashOf(place);
		if (hash[0] !== "#") return location.assign(hash);
		if (quietly) history.replaceState(null, "", hash);
		else if (hash !== location.hash) history.pushState(null, "", hash);
		this.#read();
	}

	#read() {
		const before = this.place;
		this.place = readPlace(location.hash);
		this.scene = sceneAt(this.place);
		this.fleet?.extend(this.scene, this.place);
		if (before && ["view", "app", "series"].some((key) => before[key] !== this.place[key])) this.#selected = undefined;
		if (byId("filter").value !== this.place.q) byId("filter").value = this.place.q;
		byId("filter-box").hidden = !this.scene.tables[0].facts;
		this.stage.show(this.scene, this.place);
		this.#stream.follow(this.scene.asks ?? "");
		this.redraw();
	}

	#select(name) {
		if (name === this.#selected) return;
		this.#selected = name;
		this.redraw();
	}

	#up() {
		const above = this.scene.crumbs.at(-1);
		if (!above) return true;
		this.go(above.place);
	}

	#leave() {
		if (this.stage.first?.selected) this.stage.first.select("");
		else return this.#up();
	}

	// take is given each snapshot.
	take(now, query) {
		this.#store.take(now, query);
		this.#herald.hear(now);
		this.redraw();
	}

	// redraw draws once, however often it is called before the next frame; and not
	// while nobody sees it.
	redraw() {
		if (this.#frame || document.hidden) return;
		this.#frame = requestAnimationFrame(() => {
			this.#frame = 0;
			if (!document.hidden) this.#draw();
		});
	}

	#draw(isPrinted = false) {
		const { now } = this.#store;
		const units = this.switches.units;
		const { place, scene } = this;
		const chart = chartOf(scene, now, this.#selected);
		this.#nav.draw({ place, scene, now });
		if (now) {
			this.#header.draw(now, { units, place });
			this.fleet?.draw(now);
			if (scene.asksAlerts) this.past.look(now);
			this.#drawTables(now, units, this.#store.ring(chart), isPrinted);
		}
		this.timeline.draw({ place, chart, units, selected: this.#selected });
	}

	#drawTables(now, units, ring, isPrinted) {
		const start = performance.now();
		document.getElementById("served")?.remove();
		const { scene } = this;
		const waits = scene.asks && scene.asks !== this.#store.asked ? "Asking for them…" : "";
		this.stage.draw({ now, past: this.past.list, units, uses: this.switches.uses, ring, waits, isPrinted });
		// How long it took is left where tools find it.
		performance.clearMeasures("tables");
		performance.measure("tables", { start });
	}
}
