// The cells of a table. Each writes what changed and nothing else.

import { Amount, el, setAttribute, setText, shape } from "./dom.js";
import { count, none } from "./format.js";

// makeCell returns {node, draw(row, context)} for a column. context has units and,
// for the name, link and said: see table.js.
export function makeCell(column) {
	switch (column.kind) {
	case "name": return new NameCell(column);
	case "state": return new StateCell(column);
	case "text": return new TextCell(column);
	case "trend": return new TrendCell(column);
	}
	return new FigureCell(column);
}

export function classesOf({ group, narrow, wraps }, base) {
	const groups = [group ?? []].flat().map((g) => "of-" + g);
	return [base, ...groups, narrow && "narrow", wraps && "wraps"].filter(Boolean).join(" ");
}

class TextCell {
	#column;
	#text = document.createTextNode("");
	#shown = "";

	constructor(column) {
		this.#column = column;
		this.node = el("td", { class: classesOf(column, column.mono ? "mono" : "text") }, this.#text);
		if (column.note) {
			this.note = el("span", { class: "note" });
			this.node.append(" ", this.note);
		}
	}

	draw(row) {
		const text = this.#column.value(row) ?? "";
		if (text !== this.#shown) {
			this.#shown = this.#text.data = text;
			if (!this.#column.narrow) this.node.title = text;
		}
		if (this.note) setText(this.note, this.#column.note(row));
	}
}

class StateCell {
	#text = document.createTextNode("");

	constructor(column) {
		this.column = column;
		this.node = el("td", { class: classesOf(column, "text") }, (this.mark = el("span", { class: "state" }, this.#text)));
	}

	draw(row) {
		const text = this.column.value(row);
		if (text === this.#text.data) return;
		this.#text.data = text;
		this.mark.dataset.state = text;
	}
}

// NameCell heads a row: a link where there is more behind it.
class NameCell {
	#column;
	#shown = null;
	#badge = null;

	constructor(column) {
		this.#column = column;
		this.node = el("th", { scope: "row", class: classesOf(column, column.mono ? "mono" : "name") });
	}

	draw(row, { link, said }) {
		const text = this.#column.value(row) ?? "";
		if (!this.handle || (link !== "") !== (this.handle.tagName === "A")) this.#makeHandle(link !== "");
		if (text !== this.#shown) {
			this.#shown = text;
			this.handle.textContent = text || none;
			this.handle.title = text;
			this.handle.classList.toggle("made-up", /^\(.*\)$/.test(text));
		}
		if (link) setAttribute(this.handle, "href", link);
		this.#drawBadge(said);
	}

	#makeHandle(isLink) {
		const old = this.handle;
		this.handle = el(isLink ? "a" : "span", { class: "handle", tabindex: "-1" });
		this.#shown = null;
		if (old) old.replaceWith(this.handle);
		else this.node.prepend(this.handle);
	}

	#drawBadge(said) {
		if (!said) {
			this.#badge?.remove();
			this.#badge = null;
			return;
		}
		if (!this.#badge) {
			this.#badge = el("span", { class: "state" });
			this.node.append(this.#badge);
		}
		setText(this.#badge, said.state);
		this.#badge.dataset.state = said.state;
		this.#badge.title = said.hint;
	}
}

class FigureCell {
	#amount;
	#write;

	constructor(column) {
		this.#write = writerOf(column);
		this.#amount = new Amount("td", classesOf(column, column.kind === "count" ? "figure number" : "figure"));
		this.node = this.#amount.node;
	}

	draw(row, { units }) {
		const figure = this.#write(row, units);
		if (this.#amount.write(figure)) this.node.classList.toggle("zero", figure[0] === none);
	}
}

function writerOf({ kind, value, write }) {
	switch (kind) {
	case "rate": return (row, units) => units.rate(value(row));
	case "size": return (row, units) => units.size(value(row));
	case "count": return (row) => count(value(row));
	}
	return write;
}

const trendWidth = 60;
const trendHeight = 16;

// TrendCell is a rate with an area of what it was in the last minute.
class TrendCell extends FigureCell {
	#path = shape("path", {});
	#shown = "";

	constructor(column) {
		super({ ...column, kind: "rate" });
		this.node.classList.add("trend");
		this.node.prepend(shape("svg", {
			class: "spark", viewBox: `0 0 ${trendWidth} ${trendHeight}`, preserveAspectRatio: "none", "aria-hidden": "true",
		}, this.#path));
	}

	// drawTrend draws the values, of which the last is now. peak is the least that counts
	// as high.
	drawTrend(values, peak) {
		const text = areaPath(values, peak);
		if (text !== this.#shown) this.#path.setAttribute("d", (this.#shown = text));
	}
}

function areaPath(values, peak) {
	let most = peak;
	for (const v of values) most = Math.max(most, v);
	if (!(most > 0)) return "";
	const step = trendWidth / (values.length - 1);
	let path = `M0 ${trendHeight}`;
	for (let i = 0; i < values.length; i++) path += `L${Math.round(i * step)} ${(trendHeight * (1 - values[i] / most)).toFixed(1)}`;
	return path + `V${trendHeight}Z`;
}
