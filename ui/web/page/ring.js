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
			if (!(row.rx_rate > 0) && !(row.tx_rate > 0)) continue;
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

	// rates copies the last n ticks of a series, oldest first: {rx, tx}.
	rates(name, n) {
		const s = this.#series.get(name);
		const length = Math.min(n, this.length);
		const out = { rx: new Float32Array(length), tx: new Float32Array(length) };
		if (!s) return out;
		for (let i = 0; i < length; i++) {
			const slot = this.#slot(this.length - length + i);
			out.rx[i] = s.rx[slot];
			out.tx[i] = s.tx[slot];
		}
		return out;
	}

	// totals writes rx plus tx of the last ticks into out, at its end, and returns
	// how many there are.
	totals(name, out) {
		const s = this.#series.get(name);
		const length = Math.min(out.length, this.length);
		out.fill(0);
		if (!s) return length;
		for (let i = 0; i < length; i++) {
			const slot = this.#slot(this.length - length + i);
			out[out.length - length + i] = s.rx[slot] + s.tx[slot];
		}
		return length;
	}
}
