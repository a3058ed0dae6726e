// The switches of the page, which it remembers: theme, units, which figures.

import { byId, el, setAttribute } from "./dom.js";
import { Units } from "./format.js";

// choice fills a group with buttons, {value: text}, of which one is pressed: chosen is
// told its value.
export function choice(id, texts, chosen) {
	for (const value in texts) {
		const button = el("button", { value }, texts[value]);
		button.addEventListener("click", () => chosen(value));
		byId(id).append(button);
	}
}

export function press(id, value) {
	for (const b of byId(id).children) setAttribute(b, "aria-pressed", String(b.value === value));
}

const units = { iec: "MiB", si: "MB", bits: "Mbit" };
const uses = { network: "network", machine: "machine" };

export class Switches {
	#prefs;
	#changed;

	// changed is called when something was chosen.
	constructor(prefs, changed) {
		this.#prefs = prefs;
		this.#changed = changed;
		this.nextTheme = this.#keep("theme", { system: "auto", light: "light", dark: "dark" }, (name) => {
			if (name === "system") delete document.documentElement.dataset.theme;
			else document.documentElement.dataset.theme = name;
		});
		this.nextUnits = this.#keep("units", units, (name) => (this.units = new Units(name)));
		this.nextUses = this.#keep("uses", uses, (name) => (this.uses = document.body.dataset.uses = name));
		this.nextFigures = this.#keep("figures-of", { both: "both", rates: "rates", totals: "totals" }, (name) => (document.body.dataset.figures = name));
	}

	// keep remembers what is chosen, at first the first. It returns a function that
	// chooses the next.
	#keep(id, texts, apply) {
		const values = Object.keys(texts);
		let now = this.#prefs.get(id, values, values[0]);
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
		choice(id, texts, choose);
		show(now);
		return () => choose(values[(values.indexOf(now) + 1) % values.length]);
	}
}
