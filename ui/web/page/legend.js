// The table beside the chart: it names the series, and reads them at a moment. A
// series that is pressed away is not drawn.

import { colourOf } from "./chart.js";
import { el, setAttribute, setText } from "./dom.js";
import { period } from "./format.js";
import { Others } from "./series.js";

export class Legend {
	#rows = new Map(); // name → {tr, button, cells}
	#on;

	// on has toggle(name).
	constructor(root, on) {
		this.#on = on;
		this.head = el("caption");
		this.body = el("tbody");
		this.sum = figures();
		const heads = ["series", "rx", "tx", "rx + tx"].map((text, i) => el("th", { scope: "col", class: i ? "figure" : "text" }, text));
		this.heads = heads;
		root.append(el("table", { class: "legend" }, this.head, el("thead", {}, el("tr", {}, ...heads)), this.body, el("tfoot", {}, this.sum.tr)));
		this.sum.name.append("all shown");
	}

	// draw shows rows {name, slot, label, isHidden, rx, tx, bytes}, the largest on top.
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
		row.swatch = el("i", { class: "swatch" });
		row.label = el("span");
		row.button = el("button", { type: "button", class: "series" }, row.swatch, row.label);
		row.button.addEventListener("click", () => this.#on.toggle(name));
		row.name.append(row.button);
		this.#rows.set(name, row);
		return row;
	}

	#drawRow(row, r, units, isMoment) {
		const label = r.name === Others ? "others" : (r.label ?? r.name);
		setText(row.label, label);
		setAttribute(row.button, "title", label);
		setAttribute(row.button, "aria-pressed", String(!r.isHidden));
		row.swatch.style.background = colourOf(r.slot);
		write(row, r, units, isMoment);
	}
}

function figures() {
	const cells = [0, 1, 2].map(() => {
		const number = document.createTextNode("");
		const unit = document.createTextNode("");
		return { number, unit, node: el("td", { class: "figure" }, number, el("span", { class: "unit" }, unit)) };
	});
	const name = el("th", { scope: "row", class: "text" });
	return { name, cells, tr: el("tr", {}, name, ...cells.map((c) => c.node)) };
}

function write({ cells }, { rx, tx, bytes }, units, isMoment) {
	const list = [units.rate(rx), units.rate(tx), isMoment ? units.rate(rx + tx) : units.size(bytes)];
	list.forEach(([number, unit], i) => {
		if (cells[i].number.data !== number) cells[i].number.data = number;
		if (cells[i].unit.data !== unit) cells[i].unit.data = unit;
	});
}

// momentTitle names a piece of time.
export function momentTitle(piece) {
	const length = (piece.to - piece.from) / 1e3;
	return (length > 2 ? "average of " : "") + period(piece.from, piece.to);
}
