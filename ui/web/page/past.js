// The alerts of the past, asked for while somebody looks.

export class Past {
	#api;
	#changed;
	#asked = 0;
	#seen = "";
	list = [];

	constructor(api, changed) {
		this.#api = api;
		this.#changed = changed;
	}

	// look asks when there may be something new.
	async look(now) {
		const seen = JSON.stringify((now.alerts ?? []).map((a) => [a.rule, a.subject, a.state]));
		if (seen === this.#seen && Date.now() - this.#asked < 30e3) return;
		this.#seen = seen;
		this.#asked = Date.now();
		try {
			this.list = (await this.#api.json("api/v1/alerts")).past ?? [];
			this.#changed();
		} catch {
			// What fires now is in the snapshot; the past is asked for again.
		}
	}
}
