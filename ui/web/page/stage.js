// The tables of the scene that is shown.

import { byId, el, setText } from "./dom.js";
import { Filter, FilterError } from "./filter.js";
import { hashOf, inside } from "./place.js";
import { Table } from "./table.js";

export class Stage {
	#on;
	#tables = []; // {spec, table or node}
	#key = "";
	#epoch = "";
	#sorts = new Map(); // of the tables below the first

	// on has go(place, quietly), redraw() and select(name).
	constructor(on) {
		this.#on = on;
	}

	get first() {
		return this.#tables[0]?.table;
	}

	// show makes the tables of a scene; the same scene keeps its own.
	show(scene, place) {
		this.place = place;
		this.#epoch = hashOf(inside(place, {}));
		const key = hashOf({ ...place, q: "", sort: "", range: "", from: "", to: "", dir: "" });
		if (key === this.#key) return;
		this.#key = key;
		this.#tables = scene.tables.map((spec, i) => (spec.text ? { spec, node: el("p", { class: "foot" }) } : { spec, table: this.#make(spec, i === 0) }));
		byId("tables").replaceChildren(...this.#tables.map((t) => t.node ?? t.table.node));
	}

	#make(spec, isFirst) {
		return new Table(spec, {
			sort: (sort) => {
				if (isFirst) this.#on.go({ ...this.place, sort }, true);
				else this.#sorts.set(spec.id, sort);
				this.#on.redraw();
			},
			link: (place) => hashOf(inside(this.place, place)),
			redraw: () => this.#on.redraw(),
			epoch: () => this.#epoch,
			select: (key, row) => isFirst && this.#on.select(row && spec.series?.(row)),
		});
	}

	// draw shows what is known now. how: {now, past, units, uses, ring, waits}.
	draw(how) {
		const filter = this.#filter();
		const isOfMachine = how.uses === "machine" || /\b(read|write|memory|cpu)[<>=!]/.test(this.place.q);
		byId("uses").hidden = !this.#tables[0].spec.isQuiet;
		for (const [i, { spec, table, node }] of this.#tables.entries()) {
			if (node) {
				setText(node, how.waits ? "" : spec.text(how.now, how.units));
				node.hidden = node.textContent === "";
				continue;
			}
			const sort = i === 0 ? this.place.sort || spec.sort : (this.#sorts.get(spec.id) ?? spec.sort);
			let rows = (how.waits && i === 0 ? null : spec.rows(how.now, how.past)) ?? [];
			if (spec.isQuiet && !isOfMachine) rows = rows.filter((row) => !spec.isQuiet(row));
			table.draw(rows, { ...how, sort, waits: i === 0 ? how.waits : "", filter: i === 0 ? filter : null });
		}
	}

	// filter reads the one of this place. One that is wrong hides nothing, and says
	// what is wrong.
	#filter() {
		const { spec } = this.#tables[0];
		const input = byId("filter");
		let error = "";
		let filter = null;
		try {
			filter = spec.facts && new Filter(this.place.q, spec.facts);
		} catch (e) {
			if (!(e instanceof FilterError)) throw e;
			error = e.message;
		}
		input.setAttribute("aria-invalid", String(error !== ""));
		setText(byId("filter-error"), error);
		return filter;
	}
}
