// Server-sent events (WHATWG HTML, 9.2.6) with lines that end as our server ends
// them, read from text as it arrives. Of a line that is not complete yet the pieces
// are kept, and put together once.

export class EventParser {
	#pieces = [];
	#data = [];
	#name = "";

	// push takes a piece of the stream and returns the events that are complete:
	// {name, data}.
	push(text) {
		const events = [];
		const lines = text.split("\n");
		const rest = lines.pop();
		for (const end of lines) {
			this.#line(this.#pieces.length ? this.#pieces.join("") + end : end, events);
			this.#pieces.length = 0;
		}
		if (rest) this.#pieces.push(rest);
		return events;
	}

	#line(line, events) {
		if (line === "") {
			if (this.#data.length > 0) events.push({ name: this.#name || "message", data: this.#data.join("\n") });
			this.#data = [];
			this.#name = "";
			return;
		}
		const [, field, value] = /^([^:]*):? ?([^]*)$/.exec(line);
		if (field === "data") this.#data.push(value);
		else if (field === "event") this.#name = value;
	}
}
