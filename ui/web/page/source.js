// Where the chart's data comes from: the last minutes out of memory, all else out of
// the history, which is asked anew when it has more.

import { before, ofReport, ofRing } from "./series.js";
import { ranges } from "./place.js";

const minuteOf = 60e3;
const dayOf = 86400e3;
const empty = { pieces: [], series: [] };

// windowAt is the time that a place is about, in milliseconds: {from, to, isLive,
// isZoom}.
export function windowAt(place, store) {
	if (place.from) return { from: place.from * 1e3, to: place.to * 1e3, isLive: false, isZoom: true };
	const length = ranges[place.range] * 1e3;
	const to = length <= 10 * minuteOf && store.at ? store.at : store.hostTime;
	return { from: to - length, to, isLive: length <= 10 * minuteOf, isZoom: false };
}

// stepFor is the finest step that a history still has of that time, and that is not
// too fine to be drawn.
export function stepFor(from, to, now) {
	const length = to - from;
	const age = now - from;
	if (length <= 1.05 * dayOf && age <= 25 * 60 * minuteOf) return ["minute", minuteOf];
	if (length <= 32 * dayOf && age <= 32 * dayOf) return ["hour", 60 * minuteOf];
	return length <= 3 * 366 * dayOf ? ["day", dayOf] : ["month", 30 * dayOf];
}

export class Source {
	#api;
	#store;
	#changed;
	#isNone = false; // no history is kept
	#asked = { key: "", at: 0, report: null, error: null, stop: null };

	constructor(api, store, changed) {
		this.#api = api;
		this.#store = store;
		this.#changed = changed;
	}

	// data is what there is of a window now: {pieces, series, note, detail}; what is
	// missing is asked for.
	data(chart, window) {
		if (chart.metric === "") return empty;
		const ring = this.#store.ring(chart);
		const live = () => ofRing(ring, window.from, window.to, this.#store.interval);
		const isCovered = ring.length > 0 && ring.first - this.#store.interval <= window.from;
		if (isCovered && window.to <= ring.last + 2 * this.#store.interval) return live();
		if (window.isLive && this.#isNone) return live();
		const asked = this.#ask(chart, window);
		const old = asked.report ? ofReport(asked.report, window.from, window.to) : empty;
		if (window.isLive) return { ...before(old, live()), note: "" };
		if (asked.error) return { ...empty, note: asked.error.message };
		if (!asked.report) return { ...empty, note: "Asking the history…" };
		const note = old.pieces.length ? "" : "The history has nothing of this time.";
		return { ...old, note, detail: asked.report.detail };
	}

	// due reports whether the history should be asked again.
	#ask(chart, window) {
		const [step, length] = stepFor(window.from, window.to, this.#store.hostTime);
		const fixed = window.isZoom ? `${window.from}-${window.to}` : String(window.to - window.from);
		const key = JSON.stringify([chart, step, fixed]);
		const age = Date.now() - this.#asked.at;
		const patience = window.isLive ? minuteOf : Math.min(5 * minuteOf, Math.max(20e3, length / 4));
		const isOld = age > (this.#asked.error ? 15e3 : window.isZoom ? Infinity : patience);
		if (key === this.#asked.key && !isOld) return this.#asked;
		const { report, error } = key === this.#asked.key ? this.#asked : { report: null, error: null };
		this.#asked.stop?.abort();
		this.#asked = { key, at: Date.now(), report, error, stop: new AbortController() };
		this.#fetch(this.#asked, chart, window, step, length);
		return this.#asked;
	}

	async #fetch(asked, chart, window, step, length) {
		const { by, app, metric } = chart;
		// Others than those on top are summed by the server. More than are drawn are
		// asked for, so that those on screen can stay.
		const what = metric ? { series: app, metric } : { by: chart.asks ?? by, top: window.isLive ? "50" : "8", ...(app !== undefined && { app }) };
		const given = new URLSearchParams({ ...what, step });
		given.set("from", stamp(Math.floor(window.from / length) * length));
		if (window.isZoom || window.isLive) given.set("to", stamp(Math.ceil(window.to / length) * length));
		try {
			asked.report = await this.#api.json(`api/v1/${metric ? "trend" : "history"}?${given}`, asked.stop.signal);
			asked.error = null;
		} catch (error) {
			if (asked.stop.signal.aborted) return;
			asked.error = error;
			this.#isNone = error.status === 501;
		}
		if (asked === this.#asked) this.#changed();
	}
}

const stamp = (ms) => new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
