// The token that the API may want. It is kept as long as the tab, and asked for once,
// however many requests wait for it.

const place = "bwmon.token";

export class Token {
	#dialog;
	#input;
	#note;
	#waiting = null; // {promise, resolve}

	constructor(dialog) {
		this.#dialog = dialog;
		this.#input = dialog.querySelector("input");
		this.#note = dialog.querySelector(".note");
		this.value = stored();
		dialog.querySelector("form").addEventListener("submit", (event) => {
			event.preventDefault();
			this.#given(this.#input.value.trim());
		});
		// There is nothing to see without it.
		dialog.addEventListener("close", () => this.#waiting && dialog.showModal());
	}

	// ask waits for a token other than the one that was refused. wrong: it was none
	// of ours.
	async ask(wrong, refused, signal) {
		if (this.value !== refused) return; // somebody was given another meanwhile
		if (!this.#waiting) {
			this.#waiting = Promise.withResolvers();
			this.#note.textContent = wrong ? "This token was not accepted." : "";
			this.#input.value = "";
			if (!this.#dialog.open) this.#dialog.showModal();
			this.#input.focus();
		}
		signal?.throwIfAborted();
		const aborted = new Promise((_, reject) => {
			signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
		});
		await Promise.race([this.#waiting.promise, aborted]);
	}

	#given(token) {
		// Headers hold nothing else.
		if (!/^[\x21-\x7e]+$/.test(token)) {
			this.#note.textContent = "A token is printable ASCII, without spaces.";
			return;
		}
		this.value = token;
		try {
			sessionStorage.setItem(place, token);
		} catch {
			// It lasts as long as the page.
		}
		this.#waiting?.resolve();
		this.#waiting = null;
		this.#dialog.close();
	}
}

function stored() {
	try {
		return sessionStorage.getItem(place) ?? "";
	} catch {
		return "";
	}
}
