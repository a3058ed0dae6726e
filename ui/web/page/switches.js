// The switches of the page, which it remembers: theme, units, which figures.

import { byId, setAttribute } from "./dom.js";
import { Units } from "./format.js";

const buttonsOf = (id) => [...byId(id).querySelectorAll("button")];

// choice is a row of buttons of which one is pressed: chosen is told its value.
export function choice(id, chosen) {
	for (const b of buttonsOf(id)) b.addEventListener("click", () => chosen(b.value));
}

export function press(id, value) {
	for (const b of buttonsOf(id)) setAttribute(b, "aria-pressed", String(b.value === value));
}

export class Switches {
	#prefs;
	#changed;

	// changed is called when something was chosen.
	constructor(prefs, changed) {
		this.#prefs = prefs;
		this.#changed = changed;
		this.nextTheme = this.#keep("theme", "system", (name) => {
			if (name === "system") delete document.documentElement.dataset.theme;
			else document.documentElement.dataset.theme = name;
		});
		this.nextUnits = this.#keep("units", "iec", (name) => (this.units = new Units(name)));
		this.nextFigures = this.#keep("figures-of", "both", (name) => (document.body.dataset.figures = name));
	}

	// keep remembers what is chosen. It returns a function that chooses the next.
	#keep(id, fallback, apply) {
		const values = buttonsOf(id).map((b) => b.value);
		let now = this.#prefs.get(id, values, fallback);
		const show = (value) => {
			now = value;
			press(id, value);
			apply(value);
		};
		const choose = (value) => {
			show(value);
			this.#prefs.set(id, value);
			this.#changed();
		};
		choice(id, choose);
		show(now);
		return () => choose(values[(values.indexOf(now) + 1) % values.length]);
	}
}
