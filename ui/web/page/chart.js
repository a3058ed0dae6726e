// The stacked areas. It draws what it is given; what to draw, and what a pointer does,
// is said by others.

import { el, setAttribute, setAttributes, setText, shape } from "./dom.js";
import { clock, hourMinute, joined, months } from "./format.js";
import { timeTicks, valueTicks } from "./scale.js";

const margin = { top: 10, bottom: 22, left: 68, right: 2 };
const slots = 8;
const wide = 24; // pixels
const dayOf = 86400e3;

export class Chart {
	#frame;
	#areas = new Map(); // slot → path
	#layers = {};
	#stacks = [];

	constructor(frame) {
		this.#frame = frame;
		const layer = (name) => (this.#layers[name] = shape("g", { class: name }));
		this.svg = shape("svg", { class: "chart", "aria-hidden": "true" }, patterns(), layer("grid"), layer("areas"), layer("names"), layer("times"), layer("over"));
		this.#layers.over.append(
			(this.selection = shape("rect", { class: "selection", visibility: "hidden" })),
			(this.cross = shape("line", { class: "cross", visibility: "hidden" })),
		);
		this.message = el("p", { class: "message", hidden: true });
		frame.append(this.svg, this.message);
	}

	// measure takes the size that there is; it reports whether that is another.
	measure() {
		const width = Math.max(200, Math.round(this.#frame.clientWidth));
		const height = Math.max(120, Math.round(this.#frame.clientHeight));
		if (width === this.width && height === this.height) return false;
		this.width = width;
		this.height = height;
		setAttribute(this.svg, "viewBox", `0 0 ${width} ${height}`);
		return true;
	}

	get #right() {
		return this.width - margin.right;
	}

	x(time) {
		return margin.left + part(time - this.from, this.to - this.from) * (this.#right - margin.left);
	}

	timeAt(x) {
		return this.from + part(x - margin.left, this.#right - margin.left) * (this.to - this.from);
	}

	#y(rate) {
		const room = this.height - margin.top - margin.bottom;
		return margin.top + room * (1 - rate / this.top);
	}

	// draw shows data between two times. series have slot, name and values, lowest
	// first; lit is the slot that others stand back for.
	draw({ from, to, pieces, series, units, lit, note }) {
		this.from = from;
		this.to = to;
		this.pieces = pieces;
		this.#stack(series);
		const { top, ticks } = valueTicks(this.most * units.factor, this.height > 200 ? 4 : 3, units.ofRates.base);
		this.top = top / units.factor;
		this.#drawGrid(ticks.map((t) => t / units.factor), units);
		this.#drawTimes();
		this.#drawAreas(series, lit);
		this.#drawNames(series);
		setText(this.message, note ?? "");
		this.message.hidden = !note;
	}

	// stack adds the series up, one on the other.
	#stack(series) {
		const n = this.pieces.length;
		let below = new Float64Array(n);
		this.#stacks = [];
		this.most = 0;
		for (const s of series) {
			const above = new Float64Array(n);
			for (let i = 0; i < n; i++) above[i] = below[i] + s.values[i];
			this.#stacks.push({ below, above });
			below = above;
		}
		this.most = Math.max(0, ...below);
	}

	#drawGrid(ticks, units) {
		const marks = [];
		for (const t of ticks) {
			const y = Math.round(this.#y(t)) + 0.5;
			marks.push(shape("line", { x1: margin.left, x2: this.#right, y1: y, y2: y, class: t === 0 ? "base" : false }));
			marks.push(shape("text", { x: margin.left - 8, y: y + 3.5 }, t > 0 ? joined(units.rate(t)).replace(/\.0+ /, " ") : "0"));
		}
		this.#layers.grid.replaceChildren(...marks);
	}

	#drawTimes() {
		const { step, ticks } = timeTicks(this.from, this.to, Math.max(2, Math.floor(this.width / 84)));
		const marks = [];
		const y = this.height - margin.bottom;
		for (const t of ticks) {
			const x = Math.round(this.x(t)) + 0.5;
			const text = timeLabel(t, step);
			if (x + text.length * 3.2 > this.width) continue;
			marks.push(shape("line", { x1: x, x2: x, y1: y, y2: y + 4 }), shape("text", { x, y: y + 17 }, text));
		}
		this.#layers.times.replaceChildren(...marks);
	}

	#drawAreas(series, lit) {
		const used = new Set();
		const parts = partsOf(this.pieces);
		series.forEach((s, n) => {
			used.add(s.slot);
			let path = this.#areas.get(s.slot);
			if (!path) {
				path = shape("path", { class: "area", fill: fillOf(s.slot) });
				this.#areas.set(s.slot, path);
				this.#layers.areas.append(path);
			}
			path.setAttribute("d", parts.map((part) => this.#areaPath(part, this.#stacks[n])).join(""));
			path.classList.toggle("away", lit !== undefined && lit !== s.slot);
		});
		for (const [slot, path] of this.#areas) if (!used.has(slot)) path.setAttribute("d", "");
	}

	// areaPath goes along the top and back along the bottom. A piece is a point in its
	// middle; a wide one is level, as averages are.
	#areaPath([first, last], { below, above }) {
		const top = [];
		const bottom = [];
		const add = (x, i) => {
			top.push(`${round(x)} ${round(this.#y(above[i]))}`);
			bottom.push(`${round(x)} ${round(this.#y(below[i]))}`);
		};
		for (let i = first; i <= last; i++) {
			const [begin, end] = [this.x(this.pieces[i].from), this.x(this.pieces[i].to)];
			const isWide = end - begin > wide;
			if (isWide || i === first) add(begin, i);
			if (!isWide) add((begin + end) / 2, i);
			if (isWide || i === last) add(end, i);
		}
		return `M${top.join("L")}L${bottom.reverse().join("L")}Z`;
	}

	// drawNames writes a name into an area at the right end, where it fits.
	#drawNames(series) {
		const marks = [];
		const last = this.pieces.length - 1;
		const right = last < 0 ? 0 : Math.min(this.#right, this.x(this.pieces[last].to)) - 8;
		series.forEach((s, n) => {
			const { below, above } = this.#stacks[n];
			const label = short(s.label ?? s.name);
			const length = label.length * 6.6 + 10;
			let low = Infinity; // the lower edge's highest and the upper edge's lowest
			let high = -Infinity;
			for (let i = last; i >= 0 && this.x(this.pieces[i].to) > right - length; i--) {
				low = Math.min(low, this.#y(below[i]));
				high = Math.max(high, this.#y(above[i]));
			}
			if (low - high < 15 || right - length < this.x(this.pieces[0].from)) return;
			marks.push(shape("text", { x: right, y: (low + high) / 2 + 4 }, label));
		});
		this.#layers.names.replaceChildren(...marks);
	}

	// pieceAt is the index of the piece of a time, the nearest where there is a hole;
	// -1 without any.
	pieceAt(time) {
		const distance = ({ from, to }) => Math.max(from - time, time - to, 0);
		let best = -1;
		this.pieces.forEach((p, i) => {
			if (best < 0 || distance(p) < distance(this.pieces[best])) best = i;
		});
		return best;
	}

	// point draws the line through a piece; -1 takes it away.
	point(i) {
		const piece = this.pieces?.[i];
		setAttribute(this.cross, "visibility", piece ? "visible" : "hidden");
		if (!piece) return;
		const x = Math.round(this.x((piece.from + piece.to) / 2)) + 0.5;
		setAttributes(this.cross, { x1: x, x2: x, y1: margin.top, y2: this.height - margin.bottom });
	}

	// select marks the time between two; without them none.
	select(a, b) {
		setAttribute(this.selection, "visibility", a === undefined ? "hidden" : "visible");
		if (a === undefined) return;
		const [left, right] = [this.x(Math.min(a, b)), this.x(Math.max(a, b))];
		setAttributes(this.selection, { x: left, width: right - left, y: margin.top, height: this.height - margin.top - margin.bottom });
	}
}

const short = (text) => (text.length > 28 ? text.slice(0, 27) + "…" : text);
const part = (a, whole) => Math.max(0, Math.min(1, a / whole));
const round = (v) => Math.round(v * 10) / 10;

// partsOf divides the pieces at holes, into [first, last].
function partsOf(pieces) {
	const parts = [];
	pieces.forEach((p, i) => {
		if (i > 0 && p.from - pieces[i - 1].to < 1) parts.at(-1)[1] = i;
		else parts.push([i, i]);
	});
	return parts;
}

function timeLabel(time, step) {
	const d = new Date(time);
	if (step < 60e3) return clock(d);
	const isMidnight = d.getHours() === 0 && d.getMinutes() === 0;
	if (step < dayOf && !isMidnight) return hourMinute(d);
	if (step < 28 * dayOf) return `${d.getDate()} ${months[d.getMonth()]}`;
	return d.getMonth() === 0 ? String(d.getFullYear()) : months[d.getMonth()];
}

// fillOf is a slot's; -1 is what is left.
export const fillOf = (slot) => `url(#fill${slot})`;

// patterns are the fills: a colour, and faint lines on it, so that areas differ to
// those who see the colours alike.
function patterns() {
	const lines = ["", "M0 8L8 0", "M0 4H8", "M0 0L8 8", "", "M2 2h1M6 6h1", "M4 0V8", "M0 8L8 0M0 0L8 8"];
	const defs = shape("defs");
	for (let slot = -1; slot < slots; slot++) {
		const ground = shape("rect", { width: 8, height: 8 });
		ground.style.fill = `var(--s${slot < 0 ? "-left" : slot})`;
		defs.append(shape("pattern", { id: `fill${slot}`, width: 8, height: 8, patternUnits: "userSpaceOnUse" }, ground, shape("path", { d: lines[slot] ?? "" })));
	}
	return defs;
}
