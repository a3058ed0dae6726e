// Runs before the first paint, and is no module for that reason: what the page looks
// like is settled before it is seen.
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
