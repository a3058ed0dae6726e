// The table beside the chart: it names the series, and reads them at a moment. A
// series that is pressed away is not drawn.

import { fillOf } from "./chart.js";
import { Amount, el, setAttribute, setText, shape } from "./dom.js";

export class Legend {
	#rows = new Map(); // name → {tr, button, cells}
	#on;

	// on has toggle(name).
	constructor(root, on) {
		this.#on = on;
		this.head = el("caption");
		this.body = el("tbody");
		this.sum = figures();
		this.heads = ["series", "rx", "tx", ""].map((text, i) => el("th", { scope: "col", class: i ? "figure" : "text" }, text));
		root.append(el("table", { class: "legend" }, this.head, el("thead", {}, el("tr", {}, ...this.heads)), this.body, el("tfoot", {}, this.sum.tr)));
		this.sum.name.append("all shown");
	}

	// draw shows rows {name, slot, label, isHidden, rx, tx, bytes}: of a moment, or of
	// all of the time.
	draw(rows, { title, all, units, isMoment }) {
		setText(this.head, title);
		setText(this.heads[3], isMoment ? "rx + tx" : all);
		const names = new Set(rows.map((r) => r.name));
		for (const [name, row] of this.#rows) {
			if (names.has(name)) continue;
			row.tr.remove();
			this.#rows.delete(name);
		}
		let before = null;
		const sum = { rx: 0, tx: 0, bytes: 0 };
		for (const r of rows) {
			const row = this.#rows.get(r.name) ?? this.#make(r.name);
			this.#drawRow(row, r, units, isMoment);
			const next = before ? before.nextSibling : this.body.firstChild;
			if (row.tr !== next) this.body.insertBefore(row.tr, next);
			before = row.tr;
			if (r.isHidden) continue;
			sum.rx += r.rx;
			sum.tx += r.tx;
			sum.bytes += r.bytes;
		}
		write(this.sum, sum, units, isMoment);
	}

	#make(name) {
		const row = figures();
		row.swatch = shape("rect", { width: 16, height: 12 });
		row.label = el("span");
		row.button = el("button", { type: "button", class: "series" }, shape("svg", { class: "swatch", "aria-hidden": "true" }, row.swatch), row.label);
		row.button.addEventListener("click", () => this.#on.toggle(name));
		row.name.append(row.button);
		this.#rows.set(name, row);
		return row;
	}

	#drawRow(row, r, units, isMoment) {
		const label = r.label ?? r.name;
		setText(row.label, label);
		setAttribute(row.button, "title", label);
		setAttribute(row.button, "aria-pressed", String(!r.isHidden));
		setAttribute(row.swatch, "fill", fillOf(r.slot));
		write(row, r, units, isMoment);
	}
}

function figures() {
	const cells = [0, 1, 2].map(() => new Amount("td", "figure"));
	const name = el("th", { scope: "row", class: "text" });
	return { name, cells, tr: el("tr", {}, name, ...cells.map((c) => c.node)) };
}

function write({ cells }, { rx, tx, bytes }, units, isMoment) {
	const list = [units.rate(rx), units.rate(tx), isMoment ? units.rate(rx + tx) : units.size(bytes)];
	list.forEach((figure, i) => cells[i].write(figure));
}
