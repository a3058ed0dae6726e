// What a reader chose on this machine. Where storage is off, it lasts as long as the
// page.

const prefix = "bwmon.";

export class Prefs {
	// get is the value of that name; fallback where there is none of those allowed.
	get(name, allowed, fallback) {
		try {
			const value = localStorage.getItem(prefix + name);
			if (allowed.includes(value)) return value;
		} catch {
			// Nothing is kept.
		}
		return fallback;
	}

	set(name, value) {
		try {
			localStorage.setItem(prefix + name, value);
		} catch {
			// It is not kept.
		}
	}
}
