// Server-sent events (WHATWG HTML, 9.2.6), read from text as it arrives. Of a line
// that is not complete yet the pieces are kept, and put together once.

export class EventParser {
	#pieces = [];
	#data = [];
	#name = "";
	#afterReturn = false;

	// push takes a piece of the stream and returns the events that are complete:
	// {name, data}.
	push(text) {
		const events = [];
		let from = 0;
		if (this.#afterReturn && text.length > 0) {
			this.#afterReturn = false;
			if (text[0] === "\n") from = 1;
		}
		for (;;) {
			const end = lineEnd(text, from);
			if (end < 0) break;
			this.#pieces.push(text.slice(from, end));
			this.#line(this.#pieces.length === 1 ? this.#pieces[0] : this.#pieces.join(""), events);
			this.#pieces.length = 0;
			from = end + 1;
			if (text[end] === "\r") {
				if (from === text.length) this.#afterReturn = true;
				else if (text[from] === "\n") from++;
			}
		}
		if (from < text.length) this.#pieces.push(text.slice(from));
		return events;
	}

	#line(line, events) {
		if (line === "") {
			if (this.#data.length > 0) events.push({ name: this.#name || "message", data: this.#data.join("\n") });
			this.#data = [];
			this.#name = "";
			return;
		}
		const colon = line.indexOf(":");
		if (colon === 0) return; // a comment
		const field = colon < 0 ? line : line.slice(0, colon);
		const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
		if (field === "data") this.#data.push(value);
		else if (field === "event") this.#name = value;
	}
}

function lineEnd(text, from) {
	const feed = text.indexOf("\n", from);
	const back = text.indexOf("\r", from);
	if (back < 0) return feed;
	return feed < 0 ? back : Math.min(feed, back);
}
