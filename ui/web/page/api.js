// What the page asks the server. A token is asked for when the server says so.

export class Problem extends Error {
	constructor(status, detail) {
		super(detail);
		this.status = status;
	}
}

export class API {
	#token;

	// token has value and ask(again, signal), which waits until there is another.
	constructor(token) {
		this.#token = token;
	}

	// get waits for an answer that is good; others are a Problem.
	async get(path, signal) {
		for (let again = false; ; again = true) {
			const token = this.#token.value;
			const headers = token ? { Authorization: `Bearer ${token}` } : {};
			const answer = await fetch(path, { headers, signal, redirect: "error" });
			if (answer.ok) return answer;
			if (answer.status !== 401) throw new Problem(answer.status, await detailOf(answer));
			answer.body?.cancel();
			await this.#token.ask(again || token !== "", token, signal);
		}
	}

	async json(path, signal) {
		return (await this.get(path, signal)).json();
	}
}

// detailOf reads problem details (RFC 9457).
async function detailOf(answer) {
	try {
		const { detail } = await answer.json();
		if (typeof detail === "string" && detail) return detail;
	} catch {
		// It is none: somebody between us and the server answered.
	}
	return `the server answered ${answer.status}`;
}
