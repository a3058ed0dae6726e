// What the chart is made of: pieces of time, and for each series the rates in them.
//
//	{pieces: [{from, to}], series: [{name, rx, tx}]}   times in ms, bytes per second
//
// Series are in no order; what is not among the chosen is in Others, the last one.

export const Others = "(others)";
const mostPoints = 300;
const mostSeries = 8;

// ofRing is what a ring has of a time. Where a tick comes late, there is a hole.
export function ofRing(ring, from, to, interval) {
	const pieces = [];
	let first = 0;
	let before = 0;
	for (let i = 0; i < ring.length; i++) {
		const end = ring.time(i);
		const begin = before && end - before < 3.5 * interval ? before : end - interval;
		before = end;
		if (end <= from || begin >= to) continue;
		if (pieces.length === 0) first = i;
		pieces.push({ from: begin, to: end });
	}
	const series = [...ring.names()].map((name) => ring.rates(name, first, pieces.length)).filter(Boolean);
	return { pieces, series };
}

// ofReport is what a report of the history says, between two times, or a trend of one
// metric, which has means. The last step may have only begun.
export function ofReport(report, from = 0, to = Infinity) {
	const times = (report.times ?? []).map((t) => Date.parse(t));
	const end = Date.parse(report.to);
	const pieces = [];
	const at = [];
	const [first] = report.rows ?? [];
	times.forEach((begin, i) => {
		const piece = { from: begin, to: Math.min(times[i + 1] ?? Infinity, end) };
		if (first?.steps?.[i] === null || piece.to <= piece.from || piece.to <= from || piece.from >= to) return;
		pieces.push(piece);
		at.push(i);
	});
	const rows = pieces.length ? (report.rows ?? []) : [];
	const series = rows.map((row) => {
		if (row.steps) return { name: row.metric, rx: Float64Array.from(at, (i) => row.steps[i].mean), tx: new Float64Array(at.length) };
		const rate = (bytes) => Float64Array.from(at, (i, n) => (1e3 * (bytes?.[i] ?? 0)) / (pieces[n].to - pieces[n].from));
		return { name: row.name, rx: rate(row.rx), tx: rate(row.tx) };
	});
	return { pieces, series };
}

// before puts older data in front of newer, which is right where both have a word.
export function before(older, newer) {
	const start = newer.pieces[0]?.from ?? Infinity;
	const kept = older.pieces.filter((p) => p.from < start);
	if (kept.length === 0) return newer;
	if (kept.at(-1).to > start) kept[kept.length - 1] = { ...kept.at(-1), to: start };
	const pieces = [...kept, ...newer.pieces];
	const byName = new Map();
	const fill = ({ series }, offset, length) => {
		for (const { name, rx, tx } of series) {
			if (!byName.has(name)) byName.set(name, { name, rx: new Float64Array(pieces.length), tx: new Float64Array(pieces.length) });
			byName.get(name).rx.set(rx.subarray(0, length), offset);
			byName.get(name).tx.set(tx.subarray(0, length), offset);
		}
	};
	fill(older, 0, kept.length);
	fill(newer, kept.length);
	return { pieces, series: [...byName.values()] };
}

// thin sums neighbours until there are few enough to be drawn. Averages are by time,
// so that bytes stay what they are; holes stay holes.
export function thin(data, most = mostPoints) {
	let n = Math.ceil(data.pieces.length / most);
	if (n <= 1) return data;
	// Days are summed to weeks: these are alike.
	if (data.pieces[0].to - data.pieces[0].from > 80e6) n = 7;
	const groups = [];
	data.pieces.forEach((p, i) => {
		const group = groups.at(-1);
		if (group && group.count < n && p.from - data.pieces[i - 1].to < 1) {
			group.to = p.to;
			group.count++;
		} else {
			groups.push({ from: p.from, to: p.to, first: i, count: 1 });
		}
	});
	const mean = (rates) => Float64Array.from(groups, (g) => {
		let bytes = 0;
		let time = 0;
		for (let i = g.first; i < g.first + g.count; i++) {
			const length = data.pieces[i].to - data.pieces[i].from;
			bytes += rates[i] * length;
			time += length;
		}
		return time > 0 ? bytes / time : 0;
	});
	return {
		pieces: groups.map(({ from, to }) => ({ from, to })),
		series: data.series.map((s) => ({ name: s.name, rx: mean(s.rx), tx: mean(s.tx) })),
	};
}

// bytesOf sums a series up: {rx, tx}.
export function bytesOf(s, pieces) {
	const sum = { rx: 0, tx: 0 };
	pieces.forEach((p, i) => {
		sum.rx += (s.rx[i] * (p.to - p.from)) / 1e3;
		sum.tx += (s.tx[i] * (p.to - p.from)) / 1e3;
	});
	return sum;
}

// Chooser picks the series that are drawn by name. Who was chosen stays so until
// another has clearly more, and keeps its slot, and with it its colour.
export class Chooser {
	#slots = new Array(mostSeries).fill(null);

	// choose returns {pieces, series} with at most as many series as there are slots,
	// each with its slot, and Others with slot -1.
	choose({ pieces, series }) {
		const weights = new Map();
		for (const s of series) {
			if (s.name === Others) continue;
			const { rx, tx } = bytesOf(s, pieces);
			weights.set(s.name, (rx + tx) * (this.#slots.includes(s.name) ? 1.25 : 1));
		}
		const chosen = [...weights.keys()].sort((a, b) => weights.get(b) - weights.get(a) || (a < b ? -1 : 1)).slice(0, mostSeries);
		this.#slots = this.#slots.map((name) => (chosen.includes(name) ? name : null));
		for (const name of chosen) if (!this.#slots.includes(name)) this.#slots[this.#slots.indexOf(null)] = name;
		const named = [];
		const others = { name: Others, slot: -1, rx: new Float64Array(pieces.length), tx: new Float64Array(pieces.length) };
		let more = 0;
		for (const s of series) {
			const slot = this.#slots.indexOf(s.name);
			if (slot >= 0) {
				named.push({ ...s, slot });
				continue;
			}
			more++;
			s.rx.forEach((v, i) => (others.rx[i] += v));
			s.tx.forEach((v, i) => (others.tx[i] += v));
		}
		named.sort((a, b) => a.slot - b.slot);
		return { pieces, series: more ? [...named, others] : named };
	}
}
