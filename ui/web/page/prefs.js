// What a reader chose on this machine. Where storage is off, it lasts as long as the
// page.

const prefix = "bwmon.";

export class Prefs {
	#held = new Map();

	// get is the value of that name; fallback where there is none of those allowed.
	get(name, allowed, fallback) {
		let value = this.#held.get(name);
		if (value === undefined) {
			try {
				value = localStorage.getItem(prefix + name);
			} catch {
				value = null;
			}
		}
		return allowed.includes(value) ? value : fallback;
	}

	set(name, value) {
		this.#held.set(name, value);
		try {
			localStorage.setItem(prefix + name, value);
		} catch {
			// It is held for now.
		}
	}
}
