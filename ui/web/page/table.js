// A table that is drawn anew each tick, and of which only what changed is touched:
// rows are known by their keys, cells keep what they show. The row that has the focus
// keeps it wherever it goes.

import { classesOf, makeCell } from "./cell.js";
import { el, setAttribute, setText, shape } from "./dom.js";
import { isFigure, nextSort, sorter, staying } from "./order.js";
import { alertsBy } from "./views.js";

const mostRows = 500; // at a time; the foot says how many more there are
const mostMoves = 100;
const all = { from: 0, to: Infinity };
const holdTime = 4000;
const minute = 60; // ticks of a trend

export class Table {
	#on;
	#rows = new Map(); // key → {key, tr, cells, handle, data, place}
	#order = [];
	#heads = new Map();
	#limit;
	#heldUntil = 0;
	#isLoose = false; // rows out of sight are in no order
	#trend = new Float32Array(minute);
	#selected = "";

	// on has sort(id), select(key), redraw(), and link(place), the address of one, which
	// is another when epoch() is.
	constructor(spec, on) {
		this.spec = spec;
		this.#limit = spec.most ?? mostRows;
		this.#on = on;
		this.body = el("tbody");
		this.foot = el("p", { class: "foot" });
		this.more = el("button", { class: "plain", hidden: true });
		this.caption = el("caption", {}, spec.caption);
		const heads = spec.columns.map((c) => this.#head(c));
		const cols = spec.columns.map((c) => el("col", { class: classesOf(c, "kind-" + c.kind) }));
		const table = el("table", { class: "figures " + spec.id }, this.caption, el("colgroup", {}, ...cols), el("thead", {}, el("tr", {}, ...heads)), this.body);
		this.node = el("section", { class: "block", id: "table-" + spec.id }, table, this.foot, this.more);
		this.#listen();
	}

	get selected() {
		return this.#selected;
	}

	#head(column) {
		const th = el("th", { scope: "col", class: classesOf(column, isFigure(column) ? "figure" : "text") });
		if (this.spec.isFixed) {
			th.append(column.title);
			return th;
		}
		const button = el("button", { title: column.hint ?? false }, column.title, shape("svg", { class: "arrow", viewBox: "0 0 8 8", "aria-hidden": "true" }, shape("path", { d: "M4 1 L7.5 7 H0.5 Z" })));
		button.addEventListener("click", () => this.#on.sort(nextSort(column, this.sort)));
		th.append(button);
		this.#heads.set(column.id, th);
		return th;
	}

	#listen() {
		this.more.addEventListener("click", () => {
			this.#limit += mostRows;
			this.#on.redraw();
		});
		this.body.addEventListener("keydown", (event) => this.#key(event));
		this.body.addEventListener("focusin", (event) => this.#pick(this.#rowOf(event.target)));
		this.body.addEventListener("click", (event) => {
			const row = this.#rowOf(event.target);
			if (row && !event.target.closest("a")) row.handle.focus({ preventScroll: true });
		});
		// Rows keep their places while somebody is about to click one.
		const hold = (event) => event.pointerType === "mouse" && (this.#heldUntil = event.timeStamp + holdTime);
		this.body.addEventListener("pointermove", hold);
		this.body.addEventListener("pointerleave", () => (this.#heldUntil = 0));
	}

	#rowOf(node) {
		return this.#rows.get(node.closest("tr")?.rowKey);
	}

	#pick(row) {
		if (row && row.key !== this.#selected) this.select(row.key);
	}

	// select marks a row; "" none.
	select(key) {
		this.#rows.get(this.#selected)?.tr.removeAttribute("aria-current");
		this.#selected = key;
		this.#rows.get(key)?.tr.setAttribute("aria-current", "true");
		this.#rove();
		this.#on.select?.(key, this.#rows.get(key)?.data);
	}

	// rove leaves one row in the order of the Tab key.
	#rove() {
		const one = this.#rows.get(this.#selected) ?? this.#order[0];
		if (this.roving === one?.handle) return;
		this.roving?.setAttribute("tabindex", "-1");
		this.roving = one?.handle;
		this.roving?.setAttribute("tabindex", "0");
	}

	#key(event) {
		if (event.ctrlKey || event.altKey || event.metaKey) return;
		const at = this.#order.indexOf(this.#rowOf(event.target));
		const last = this.#order.length - 1;
		const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: last, PageUp: at - 20, PageDown: at + 20 }[event.key];
		if (to === undefined) return;
		event.preventDefault();
		if (this.#isLoose) this.#place(this.#order, all);
		this.#order[Math.max(0, Math.min(last, to))]?.handle.focus();
	}

	// isLong: rows out of sight are not drawn.
	get isLong() {
		return this.#order.length > mostMoves;
	}

	// draw shows these rows. how: {now, filter, sort, units, ring, waits, isPrinted}.
	draw(rows, how) {
		const kept = how.filter && !how.filter.isEmpty ? rows.filter((row) => how.filter.matches(row)) : rows.slice();
		const held = performance.now() < this.#heldUntil && this.sort === how.sort;
		this.sort = how.sort;
		this.#sortKept(kept, held);
		const total = kept.length;
		kept.length = Math.min(total, this.#limit);
		const order = this.#take(kept);
		// Before anything is changed: it asks for the layout.
		const seen = how.isPrinted ? all : this.#visible();
		const said = this.spec.alerted && alertsBy(how.now, this.spec.alerted.subject);
		const epoch = this.#on.epoch();
		order.forEach((row, i) => {
			const isSeen = i >= seen.from && i < seen.to;
			if (isSeen || !row.handle) this.#drawRow(row, how, said, epoch);
		});
		this.#place(order, seen);
		this.#mark(how.sort);
		this.#drawFoot(rows.length, total, order.length, how);
	}

	#sortKept(kept, held) {
		const compare = sorter(this.spec.columns, this.sort);
		if (compare) kept.sort(compare);
		if (!held) return;
		const place = (row) => this.#rows.get(this.spec.key(row))?.place ?? Infinity;
		kept.sort((a, b) => place(a) - place(b) || 0);
	}

	// take finds or makes the row of each datum. Two of one key are told apart by
	// their order.
	#take(kept) {
		const order = [];
		const used = new Set();
		for (const data of kept) {
			let key = this.spec.key(data);
			for (let n = 2; used.has(key); n++) key = this.spec.key(data) + "\n" + n;
			used.add(key);
			let row = this.#rows.get(key);
			if (!row) this.#rows.set(key, (row = this.#makeRow(key)));
			row.data = data;
			order.push(row);
		}
		for (const [key, row] of this.#rows) {
			if (used.has(key)) continue;
			row.tr.remove();
			this.#rows.delete(key);
		}
		return order;
	}

	#makeRow(key) {
		const cells = this.spec.columns.map(makeCell);
		const tr = el("tr", {}, ...cells.map((c) => c.node));
		tr.rowKey = key;
		return { key, tr, cells, place: -1 };
	}

	// drawRow is for rows that are on screen, or new: the others are drawn when they
	// come there. epoch tells when their links lead elsewhere.
	#drawRow(row, how, said, epoch) {
		const { data } = row;
		if (row.epoch !== epoch) {
			row.epoch = epoch;
			const opens = this.spec.open?.(data);
			row.link = opens ? this.#on.link(opens) : "";
		}
		const context = { units: how.units, link: row.link, said: null };
		if (said?.size) for (const name of this.spec.alerted.names(data)) context.said ??= said.get(name);
		for (const cell of row.cells) {
			cell.draw(data, context);
			if (cell.drawTrend) {
				how.ring.totals(this.spec.series(data), this.#trend);
				cell.drawTrend(this.#trend, 1024);
			}
		}
		row.handle = row.cells[0].handle;
		if (this.spec.isDim) row.tr.classList.toggle("dim", Boolean(this.spec.isDim(data)));
		if (this.spec.isSum) row.tr.classList.toggle("sum", Boolean(this.spec.isSum(data)));
	}

	// visible is which rows are on screen, and some more.
	#visible() {
		if (!this.isLong) return all;
		const box = this.body.getBoundingClientRect();
		const height = box.height / this.#order.length;
		const from = Math.floor(-box.top / height) - 15;
		return { from, to: from + Math.ceil(innerHeight / height) + 30 };
	}

	// place puts the rows in order, moving as few as it can. Where very many would
	// have to move, those out of sight wait.
	#place(order, seen) {
		const focused = document.activeElement;
		let list = order;
		let stays = staying(list.map((row) => row.place));
		this.#isLoose = stays.filter((s) => !s).length > mostMoves;
		if (this.#isLoose) {
			list = loosely(order, seen);
			stays = staying(list.map((row) => row.place));
		}
		let next = null;
		for (let i = list.length - 1; i >= 0; i--) {
			const { tr } = list[i];
			if (!stays[i]) this.body.insertBefore(tr, next);
			next = tr;
		}
		list.forEach((row, i) => (row.place = i));
		this.#order = order;
		const selected = this.#rows.get(this.#selected);
		if (selected) setAttribute(selected.tr, "aria-current", "true");
		if (focused !== document.activeElement && this.body.contains(focused)) focused.focus({ preventScroll: true });
		this.#rove();
	}

	#mark(sort) {
		const id = sort.replace(/^-/, "");
		for (const [column, th] of this.#heads) {
			setAttribute(th, "aria-sort", column === id && (sort.startsWith("-") ? "descending" : "ascending"));
		}
	}

	#drawFoot(known, kept, shown, how) {
		let text = "";
		if (how.waits) text = how.waits;
		else if (known === 0) text = this.spec.empty ?? "";
		else if (kept === 0) text = "Nothing matches the filter.";
		else if (kept < known) text = `${kept} of ${known} match the filter.`;
		setText(this.foot, text);
		this.foot.hidden = text === "";
		this.more.hidden = shown === kept;
		if (shown < kept) setText(this.more, `Show more: there are ${kept - shown} below these`);
		this.node.hidden = Boolean(this.spec.isOptional && known === 0);
	}
}

// loosely is the order for those seen; the others fill the places as they are.
function loosely(order, { from, to }) {
	const inSight = order.slice(Math.max(0, from), to);
	const shown = new Set(inSight);
	const rest = order.filter((row) => !shown.has(row)).sort((a, b) => a.place - b.place);
	return [...rest.slice(0, Math.max(0, from)), ...inSight, ...rest.slice(Math.max(0, from))];
}
