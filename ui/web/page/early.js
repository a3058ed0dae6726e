// Runs before the first paint, as modules do not: how the page looks is settled then.
(() => {
	const root = document.documentElement;
	root.classList.add("scripted");
	try {
		const theme = localStorage.getItem("bwmon.theme");
		if (theme === "light" || theme === "dark") root.dataset.theme = theme;
	} catch {
		// Storage is off: the system's theme it is.
	}
})();
