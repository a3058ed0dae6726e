// The switches of the page, which it remembers: theme, units, which figures.

import { byId, setAttribute } from "./dom.js";
import { Units } from "./format.js";

const themes = ["system", "light", "dark"];
const unitNames = ["iec", "si", "bits"];
const figureNames = ["both", "rates", "totals"];

export class Switches {
	#prefs;

	// changed is called when something was chosen.
	constructor(prefs, changed) {
		this.#prefs = prefs;
		this.theme = this.#radio("theme", themes, "system", (name) => {
			if (name === "system") delete document.documentElement.dataset.theme;
			else document.documentElement.dataset.theme = name;
		}, changed);
		this.units = this.#radio("units", unitNames, "iec", (name) => (this.chosen = new Units(name)), changed);
		this.figures = this.#radio("figures-of", figureNames, "both", (name) => (document.body.dataset.figures = name), changed);
	}

	// radio is a row of buttons of which one is pressed. It returns a function that
	// presses the next.
	#radio(name, allowed, fallback, apply, changed) {
		const buttons = [...byId(name).querySelectorAll("button")];
		const choose = (value, isNew) => {
			for (const b of buttons) setAttribute(b, "aria-pressed", String(b.value === value));
			apply(value);
			if (!isNew) return;
			this.#prefs.set(name, value);
			changed();
		};
		for (const b of buttons) b.addEventListener("click", () => choose(b.value, true));
		choose(this.#prefs.get(name, allowed, fallback), false);
		return () => {
			const now = buttons.findIndex((b) => b.getAttribute("aria-pressed") === "true");
			choose(buttons[(now + 1) % buttons.length].value, true);
		};
	}
}
