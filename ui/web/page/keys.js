// Keys that work wherever the focus is, but in what is typed into. They can be
// switched off: not everybody means a key by each letter.

import { byId } from "./dom.js";

export class Keys {
	// on says what each key does: {"/": f, …}; what returns true was not for it.
	constructor(prefs, on) {
		const help = byId("help");
		const box = byId("keys-on");
		box.checked = prefs.get("keys", ["on", "off"], "on") === "on";
		box.addEventListener("change", () => prefs.set("keys", box.checked ? "on" : "off"));
		const toggle = () => (help.open ? help.close() : help.showModal());
		byId("help-open").addEventListener("click", toggle);
		byId("help-close").addEventListener("click", toggle);
		addEventListener("keydown", (event) => {
			if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented || !box.checked) return;
			if (event.target.closest?.("input, dialog")) return;
			if (event.key === "?") toggle();
			else if (!Object.hasOwn(on, event.key) || on[event.key]() === true) return;
			event.preventDefault();
		});
	}
}
