// The chart with all that belongs to it: what time it is of, which series, what is
// read from it.

import { Chart } from "./chart.js";
import { byId, setAttributes, setText } from "./dom.js";
import { joined, period } from "./format.js";
import { Legend } from "./legend.js";
import { directions, rangeNames } from "./place.js";
import { Pointing } from "./pointing.js";
import { bytesOf, Chooser, thin } from "./series.js";
import { Source, windowAt } from "./source.js";
import { choice, press } from "./switches.js";

export class Timeline {
	#store;
	#source;
	#on;
	#frame = byId("chart-frame");
	#chooser = {}; // of the chart of that title
	#hidden = new Set();
	#shown = null; // what was drawn
	#isDirty = true;
	#key = "";
	#drawn = -Infinity;

	// on has go(place), which opens a place, and changed(), which has draw called.
	constructor(api, store, on) {
		this.#store = store;
		this.#on = on;
		this.#source = new Source(api, store, () => this.redraw());
		this.chart = new Chart(this.#frame);
		this.legend = new Legend(byId("legend"), { toggle: (name) => this.#toggle(name) });
		const reset = () => this.#on.go({ ...this.place, from: "", to: "" });
		this.pointing = new Pointing(this.chart, this.#frame, {
			read: (i) => this.#read(i),
			zoom: (from, to) => this.#zoom(from, to),
			reset,
		});
		choice("ranges", rangeNames, (range) => this.#on.go({ ...this.place, range, from: "", to: "" }));
		choice("directions", directions, (dir) => this.#on.go({ ...this.place, dir }));
		byId("zoom-reset").addEventListener("click", reset);
		new ResizeObserver(() => this.redraw()).observe(this.#frame);
	}

	// redraw has all drawn anew, not only what moves.
	redraw() {
		this.#isDirty = true;
		this.#on.changed();
	}

	#toggle(name) {
		if (!this.#hidden.delete(name)) this.#hidden.add(name);
		this.redraw();
	}

	#zoom(from, to) {
		const last = this.chart.pieces?.at(-1) ?? { from: 0, to: 1e3 };
		const least = (this.#shown?.window.isLive ? 5 : 2) * Math.max(1e3, last.to - last.from);
		if (to - from < least) {
			const middle = (from + to) / 2;
			[from, to] = [middle - least / 2, middle + least / 2];
		}
		to = Math.min(to, this.#store.hostTime);
		this.#on.go({ ...this.place, from: String(Math.floor(Math.min(from, to - least) / 1e3)), to: String(Math.ceil(to / 1e3)) });
	}

	// draw is called each tick and when something was chosen. A chart of the history
	// does not move with the tick.
	draw({ place, chart, units, selected }) {
		const key = JSON.stringify([place.from, place.to, place.range, place.dir, chart, units.name, selected]);
		const window = windowAt(place, this.#store);
		if (this.chart.measure() || this.#key !== key) this.#isDirty = true;
		this.place = place;
		this.#drawSwitches(place, chart, window);
		const age = performance.now() - this.#drawn;
		if (!window.isLive && !this.#isDirty && age < 20e3) return;
		this.#key = key;
		this.#isDirty = false;
		this.#drawn = performance.now();
		this.#drawData(place, chart, chart.metric ? units.of(chart.metric) : units, selected, window);
	}

	#drawSwitches(place, chart, window) {
		press("ranges", window.isZoom ? "" : place.range);
		press("directions", place.dir);
		byId("zoom-reset").hidden = !window.isZoom;
		byId("directions").hidden = chart.by === "metric";
		setText(byId("chart-title"), chart.title);
		setText(byId("chart-period"), window.isZoom ? period(window.from, window.to) : `last ${rangeNames[place.range]}`);
	}

	#drawData(place, chart, units, selected, window) {
		const found = this.#source.data(chart, window);
		const isMetric = chart.by === "metric";
		if (this.#chooser.title !== chart.title) this.#chooser = { title: chart.title, of: new Chooser() };
		const { pieces, series } = isMetric ? only(chart.metric, thin(found)) : this.#chooser.of.choose(thin(found));
		for (const s of series) {
			s.values = isMetric || place.dir === "rx" ? s.rx : place.dir === "tx" ? s.tx : s.rx.map((v, i) => v + s.tx[i]);
			s.label = s.slot < 0 ? "others" : this.#store.labels.get(s.name);
			s.isHidden = this.#hidden.has(s.name);
		}
		this.#shown = { window, pieces, series, units, place, isMetric };
		const visible = series.filter((s) => !s.isHidden);
		// The first in the legend is the uppermost area.
		const stack = [...visible].reverse();
		const waits = window.isLive && pieces.length === 0 ? "Waiting for the first figures." : "";
		this.chart.draw({ ...window, pieces, series: stack, units, lit: visible.find((s) => s.name === selected)?.slot, note: found.note || waits });
		setText(byId("chart-note"), found.detail ?? "");
		byId("chart-note").hidden = !found.detail;
		this.pointing.follow();
		if (this.pointing.index < 0) this.#read(-1);
	}

	// read writes the figures of a piece; -1 stands for now, or for all of the time.
	#read(i) {
		if (!this.#shown) return;
		const { window, pieces, series, units, place, isMetric } = this.#shown;
		const isMoment = i >= 0;
		const now = isMoment ? i : pieces.length - 1;
		const seconds = pieces.reduce((sum, p) => sum + (p.to - p.from), 0) / 1e3;
		const isMean = !isMoment && !window.isLive;
		const title = isMoment ? period(pieces[i].from, pieces[i].to) : isMean ? "on average" : "now";
		const all = window.isZoom ? "in all" : `in ${rangeNames[place.range]}`;
		const heads = isMetric ? ["metric", "", "least", "most"] : ["series", "rx", "tx", isMoment ? "rx + tx" : all];
		const figuresOf = ({ rx, tx, bytes }) => [units.rate(rx), units.rate(tx), isMoment ? units.rate(rx + tx) : units.size(bytes)];
		const sum = { rx: 0, tx: 0, bytes: 0 };
		const rows = series.map((s) => {
			const { rx, tx } = bytesOf(s, pieces);
			const rate = (way, bytes) => (isMean ? (seconds > 0 ? bytes / seconds : 0) : (s[way][now] ?? 0));
			const row = { ...s, rx: rate("rx", rx), tx: rate("tx", tx), bytes: rx + tx };
			if (!s.isHidden) for (const key in sum) sum[key] += row[key];
			row.figures = isMetric ? [row.rx, Math.min(...s.rx), Math.max(...s.rx)].map((v) => units.rate(v)) : figuresOf(row);
			return row;
		});
		this.legend.draw(rows, { title, heads, sum: isMetric ? null : figuresOf(sum) });
		this.#say(title, rows, sum, units, now, pieces.length);
	}

	// say tells those who do not see the chart what is read.
	#say(title, rows, sum, units, index, length) {
		const shown = rows.filter((r) => !r.isHidden);
		const top = shown.sort((a, b) => b.rx + b.tx - a.rx - a.tx).slice(0, 3);
		const parts = [title, `all ${joined(units.rate(sum.rx + sum.tx))}`, ...top.map((r) => `${r.label ?? r.name} ${joined(units.rate(r.rx + r.tx))}`)];
		setAttributes(this.#frame, { "aria-valuemax": Math.max(0, length - 1), "aria-valuenow": Math.max(0, index), "aria-valuetext": parts.join(", ") });
	}
}

// only is the one series that a chart of a metric has, which may have been 0 all along.
function only(name, { pieces, series }) {
	const zeros = new Float64Array(pieces.length);
	return { pieces, series: pieces.length ? [{ name, rx: zeros, tx: zeros, ...series.find((s) => s.name === name), slot: 0 }] : [] };
}
