// The chart with all that belongs to it: what time it is of, which series, what is
// read from it.

import { Chart } from "./chart.js";
import { byId, setAttributes, setText } from "./dom.js";
import { joined, period } from "./format.js";
import { Legend } from "./legend.js";
import { rangeNames } from "./place.js";
import { Pointing } from "./pointing.js";
import { bytesOf, Chooser, thin } from "./series.js";
import { Source, windowAt } from "./source.js";
import { choice, press } from "./switches.js";

const titles = {
	app: "Apps", command: "Commands", "lan-host": "LAN hosts", "remote-host": "Remote hosts", interface: "Interfaces", pipe: "Pipes",
};

export class Timeline {
	#store;
	#source;
	#on;
	#frame = byId("chart-frame");
	#choosers = new Map();
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
		choice("ranges", (range) => this.#on.go({ ...this.place, range, from: "", to: "" }));
		choice("directions", (dir) => this.#on.go({ ...this.place, dir }));
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
		const least = (this.#shown?.window.isLive ? 5 : 2) * Math.max(1e3, this.#pieceLength());
		if (to - from < least) {
			const middle = (from + to) / 2;
			[from, to] = [middle - least / 2, middle + least / 2];
		}
		to = Math.min(to, this.#store.hostTime);
		this.#on.go({ ...this.place, from: String(Math.floor(Math.min(from, to - least) / 1e3)), to: String(Math.ceil(to / 1e3)) });
	}

	#pieceLength() {
		const last = this.chart.pieces?.at(-1);
		return last ? last.to - last.from : 1e3;
	}

	// draw is called each tick and when something was chosen. A chart of the history
	// does not move with the tick.
	draw({ place, scene, units, selected }) {
		const key = JSON.stringify([place.from, place.to, place.range, place.dir, scene.chart, units.name, selected]);
		const window = windowAt(place, this.#store);
		if (this.chart.measure() || this.#key !== key) this.#isDirty = true;
		this.place = place;
		this.#drawSwitches(place, scene, window);
		const age = performance.now() - this.#drawn;
		if (!window.isLive && !this.#isDirty && age < 20e3) return;
		this.#key = key;
		this.#isDirty = false;
		this.#drawn = performance.now();
		this.#drawData(place, scene, units, selected, window);
	}

	#drawSwitches(place, { chart }, window) {
		press("ranges", window.isZoom ? "" : place.range);
		press("directions", place.dir);
		byId("zoom-reset").hidden = !window.isZoom;
		setText(byId("chart-title"), chart.app === undefined ? titles[chart.by] : `Commands of ${chart.app}`);
		setText(byId("chart-period"), window.isZoom ? period(window.from, window.to) : `last ${rangeNames[place.range]}`);
	}

	#drawData(place, { chart }, units, selected, window) {
		const found = this.#source.data(chart, window);
		const by = chart.by + "\n" + (chart.app ?? "");
		if (this.#choosers.size > 20) this.#choosers.clear();
		if (!this.#choosers.has(by)) this.#choosers.set(by, new Chooser());
		const { pieces, series } = this.#choosers.get(by).choose(thin(found));
		for (const s of series) {
			s.values = place.dir === "rx" ? s.rx : place.dir === "tx" ? s.tx : s.rx.map((v, i) => v + s.tx[i]);
			s.label = s.slot < 0 ? "others" : this.#store.labels.get(s.name);
			s.isHidden = this.#hidden.has(s.name);
		}
		this.#shown = { window, pieces, series, units, place };
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
		const { window, pieces, series, units, place } = this.#shown;
		const isMoment = i >= 0;
		const now = isMoment ? i : pieces.length - 1;
		const seconds = pieces.reduce((sum, p) => sum + (p.to - p.from), 0) / 1e3;
		const isMean = !isMoment && !window.isLive;
		const rows = series.map((s) => {
			const bytes = bytesOf(s, pieces);
			const rate = (way) => (isMean ? (seconds > 0 ? bytes[way] / seconds : 0) : (s[way][now] ?? 0));
			return { ...s, rx: rate("rx"), tx: rate("tx"), bytes: bytes.rx + bytes.tx };
		});
		const title = isMoment ? period(pieces[i].from, pieces[i].to) : isMean ? "on average" : "now";
		this.legend.draw(rows, { title, all: window.isZoom ? "in all" : `in ${rangeNames[place.range]}`, units, isMoment });
		this.#say(title, rows, units, now, pieces.length);
	}

	// say tells those who do not see the chart what is read.
	#say(title, rows, units, index, length) {
		const shown = rows.filter((r) => !r.isHidden);
		const sum = shown.reduce((s, r) => s + r.rx + r.tx, 0);
		const top = [...shown].sort((a, b) => b.rx + b.tx - a.rx - a.tx).slice(0, 3);
		const parts = [title, `all ${joined(units.rate(sum))}`, ...top.map((r) => `${r.label ?? r.name} ${joined(units.rate(r.rx + r.tx))}`)];
		setAttributes(this.#frame, { "aria-valuemax": Math.max(0, length - 1), "aria-valuenow": Math.max(0, index), "aria-valuetext": parts.join(", ") });
	}
}
