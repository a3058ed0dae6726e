// The table beside the chart: it names the series, and reads them at a moment. A
// series that is pressed away is not drawn.

import { fillOf } from "./chart.js";
import { Amount, arrange, el, setAttribute, setText, shape } from "./dom.js";

export class Legend {
	#rows = new Map(); // name → {tr, button, cells}
	#on;

	// on has toggle(name).
	constructor(root, on) {
		this.#on = on;
		this.head = el("caption");
		this.body = el("tbody");
		this.sum = figures();
		this.heads = ["text", "figure", "figure", "figure"].map((name) => el("th", { scope: "col", class: name }));
		root.append(el("table", { class: "legend" }, this.head, el("thead", {}, el("tr", {}, ...this.heads)), this.body, el("tfoot", {}, this.sum.tr)));
		this.sum.name.append("all shown");
	}

	// draw shows rows {name, slot, label, isHidden, figures}, with three figures each, as
	// sum has, which may be null.
	draw(rows, { title, heads, sum }) {
		setText(this.head, title);
		heads.forEach((text, i) => setText(this.heads[i], text));
		this.#rows = new Map(rows.map(({ name }) => [name, this.#rows.get(name) ?? this.#make(name)]));
		arrange(this.body, [...this.#rows.values()].map((row) => row.tr));
		for (const r of rows) this.#drawRow(this.#rows.get(r.name), r);
		this.sum.tr.hidden = !sum;
		if (sum) write(this.sum, sum);
	}

	#make(name) {
		const row = figures();
		row.swatch = shape("rect", { width: 16, height: 12 });
		row.label = el("span");
		row.button = el("button", { class: "series" }, shape("svg", { class: "swatch", "aria-hidden": "true" }, row.swatch), row.label);
		row.button.addEventListener("click", () => this.#on.toggle(name));
		row.name.append(row.button);
		return row;
	}

	#drawRow(row, r) {
		const label = r.label ?? r.name;
		setText(row.label, label);
		setAttribute(row.button, "title", label);
		setAttribute(row.button, "aria-pressed", String(!r.isHidden));
		setAttribute(row.swatch, "fill", fillOf(r.slot));
		write(row, r.figures);
	}
}

function figures() {
	const cells = [0, 1, 2].map(() => new Amount("td", "figure"));
	const name = el("th", { scope: "row", class: "text" });
	return { name, cells, tr: el("tr", {}, name, ...cells.map((c) => c.node)) };
}

function write({ cells }, figures) {
	figures.forEach((figure, i) => cells[i].write(figure));
}
