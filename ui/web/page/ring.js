// The last ticks of one kind of row, by name. A series that has not moved for as
// long as the ring holds is let go, so memory is that of what was busy.

const maxSeries = 1500;

export class Ring {
	#series = new Map(); // name → {rx, tx, last}
	#at;
	#ticks = 0; // taken since the beginning

	constructor(ticks) {
		this.ticks = ticks;
		this.#at = new Float64Array(ticks);
	}

	get length() {
		return Math.min(this.#ticks, this.ticks);
	}

	// first and last are the times of the oldest and the newest tick; 0 without.
	get first() {
		return this.length ? this.time(0) : 0;
	}

	get last() {
		return this.length ? this.time(this.length - 1) : 0;
	}

	// time is that of tick i, counted from the oldest.
	time(i) {
		return this.#at[this.#slot(i)];
	}

	#slot(i) {
		return (this.#ticks - this.length + i) % this.ticks;
	}

	// take adds a tick. Rows of one name are summed; what is too much to be kept by
	// name is left out.
	take(at, rows, nameOf) {
		if (at <= this.last) return;
		const slot = this.#ticks % this.ticks;
		this.#at[slot] = at;
		for (const [name, s] of this.#series) {
			s.rx[slot] = s.tx[slot] = 0;
			if (this.#ticks - s.last >= this.ticks) this.#series.delete(name);
		}
		for (const row of rows) {
			if (!row.rx_rate && !row.tx_rate) continue;
			const name = nameOf(row);
			let s = this.#series.get(name);
			if (!s) {
				if (this.#series.size >= maxSeries) continue;
				s = { rx: new Float32Array(this.ticks), tx: new Float32Array(this.ticks), last: 0 };
				this.#series.set(name, s);
			}
			s.rx[slot] += row.rx_rate;
			s.tx[slot] += row.tx_rate;
			s.last = this.#ticks;
		}
		this.#ticks++;
	}

	// names are those that moved.
	names() {
		return this.#series.keys();
	}

	// rates copies n ticks of a series from the first on: {name, rx, tx}. It returns
	// null where it did not move.
	rates(name, first, n) {
		const s = this.#series.get(name);
		const out = { name, rx: new Float64Array(n), tx: new Float64Array(n) };
		let moved = false;
		for (let i = 0; i < n; i++) {
			const slot = this.#slot(first + i);
			out.rx[i] = s.rx[slot];
			out.tx[i] = s.tx[slot];
			moved ||= s.rx[slot] !== 0 || s.tx[slot] !== 0;
		}
		return moved ? out : null;
	}

	// totals writes rx plus tx of the last ticks into out, at its end.
	totals(name, out) {
		const s = this.#series.get(name);
		out.fill(0);
		if (!s) return;
		for (let i = 1; i <= Math.min(out.length, this.length); i++) {
			const slot = this.#slot(this.length - i);
			out[out.length - i] = s.rx[slot] + s.tx[slot];
		}
	}
}
