// What a pointer and the keyboard do with the chart: read a moment, and choose a time
// to look at more closely.

const leastDrag = 6; // pixels

export class Pointing {
	#chart;
	#frame;
	#on;
	#index = -1; // of the piece that is read
	#begin = null; // time where a selection begins
	#end = null;
	#drag = null;
	#pointer = null; // where it was last

	// on has read(i), zoom(from, to) and reset(); read(-1) is of nothing.
	constructor(chart, frame, on) {
		this.#chart = chart;
		this.#frame = frame;
		this.#on = on;
		frame.addEventListener("pointerdown", (e) => this.#down(e));
		frame.addEventListener("pointermove", (e) => this.#move(e));
		frame.addEventListener("pointerup", (e) => this.#up(e));
		frame.addEventListener("pointercancel", () => this.#forget());
		frame.addEventListener("pointerleave", () => this.#drag || this.#begin || this.#forget());
		frame.addEventListener("dblclick", (e) => this.#near(this.#timeOf(e)));
		frame.addEventListener("keydown", (e) => this.#key(e));
		frame.addEventListener("blur", () => this.#forget());
	}

	get index() {
		return this.#index;
	}

	// follow reads anew when the data has changed: what is under the pointer, or the
	// same time.
	follow() {
		if (this.#index >= 0) this.#readTime(this.#pointer ? this.#timeOf(this.#pointer) : this.time);
	}

	#timeOf({ clientX }) {
		const box = this.#frame.getBoundingClientRect();
		return this.#chart.timeAt(((clientX - box.left) / box.width) * this.#chart.width);
	}

	#down(event) {
		if (event.button !== 0 || event.pointerType === "touch") return;
		this.#drag = { x: event.clientX, time: this.#timeOf(event) };
		this.#frame.setPointerCapture(event.pointerId);
	}

	#move(event) {
		const time = this.#timeOf(event);
		this.#pointer = { clientX: event.clientX };
		this.#readTime(time);
		if (this.#drag && Math.abs(event.clientX - this.#drag.x) >= leastDrag) this.#chart.select(this.#drag.time, time);
	}

	#up(event) {
		const drag = this.#drag;
		this.#drag = null;
		this.#chart.select();
		if (!drag || Math.abs(event.clientX - drag.x) < leastDrag) return;
		this.#zoom(drag.time, this.#timeOf(event));
	}

	#zoom(a, b) {
		this.#forget();
		this.#on.zoom(Math.min(a, b), Math.max(a, b));
	}

	// near looks at a quarter of the time, around a moment.
	#near(time) {
		const quarter = (this.#chart.to - this.#chart.from) / 8;
		this.#zoom(time - quarter, time + quarter);
	}

	#forget() {
		this.#drag = null;
		this.#begin = null;
		this.#pointer = null;
		this.#chart.select();
		this.#read(-1);
	}

	#readTime(time) {
		this.#read(this.#chart.pieces?.length ? this.#chart.pieceAt(time) : -1);
	}

	#read(i) {
		const piece = this.#chart.pieces?.[i];
		this.time = piece && (piece.from + piece.to) / 2;
		this.#index = piece ? i : -1;
		this.#chart.point(this.#index);
		this.#on.read(this.#index);
	}

	#key(event) {
		if (event.ctrlKey || event.altKey || event.metaKey) return;
		const last = (this.#chart.pieces?.length ?? 0) - 1;
		const at = this.#index < 0 ? last + (event.key === "ArrowLeft" ? 1 : 0) : this.#index;
		const to = { ArrowLeft: at - 1, ArrowRight: at + 1, PageUp: at - 10, PageDown: at + 10, Home: 0, End: last }[event.key];
		if (to !== undefined && last >= 0) {
			this.#step(at, Math.max(0, Math.min(last, to)), event.shiftKey);
		} else if (event.key === "Enter" && this.#begin !== null) {
			this.#zoom(this.#begin, this.#end);
		} else if (event.key === "+" && this.#index >= 0) {
			this.#near(this.time);
		} else if (event.key === "-" || event.key === "0") {
			this.#on.reset();
		} else if (event.key === "Escape") {
			if (this.#begin === null && this.#index < 0) this.#on.reset();
			this.#forget();
		} else {
			return;
		}
		event.preventDefault();
		event.stopPropagation();
	}

	// step reads the next piece; with Shift all between are chosen.
	#step(from, to, isChoosing) {
		this.#pointer = null;
		const { pieces } = this.#chart;
		if (isChoosing) {
			this.#begin ??= pieces[Math.max(0, Math.min(pieces.length - 1, from))].from;
			this.#end = pieces[to].to;
			this.#chart.select(this.#begin, this.#end);
		} else {
			this.#begin = null;
			this.#chart.select();
		}
		this.#read(to);
	}
}
