// Where in the page one is. It stands in the address behind "#", so that it can be
// shared, and that the browser's back leads back.

export const ranges = { "1m": 60, "10m": 600, "1h": 3600, "24h": 86400, "7d": 7 * 86400, "30d": 30 * 86400, "1y": 365 * 86400 };
export const rangeNames = { "1m": "1 min", "10m": "10 min", "1h": "1 h", "24h": "24 h", "7d": "7 d", "30d": "30 d", "1y": "1 y" };
export const directions = { total: "rx + tx", rx: "rx", tx: "tx" };

// The keys in the address; each is a text, "" where nothing was chosen.
//
//	view           one of views.js
//	app, command, user, container, unit   the app, and of it the command, that is open
//	host, series   the LAN host that is open, or the series of the machine
//	q, sort        filter; column, "-" before it for the largest first
//	range, from, to   of the chart; from and to are seconds since 1970
//	dir            rx, tx or total
const keys = ["view", "app", "command", "user", "container", "unit", "host", "series", "q", "sort", "range", "from", "to", "dir"];
export const fallbacks = { view: "apps", range: "1m", dir: "total" };

export function readPlace(hash) {
	const given = new URLSearchParams(hash.replace(/^#/, ""));
	const place = {};
	for (const key of keys) place[key] = given.get(key) ?? fallbacks[key] ?? "";
	place.isCommand = given.has("command"); // which may be ""
	if (!Object.hasOwn(ranges, place.range)) place.range = fallbacks.range;
	if (!Object.hasOwn(directions, place.dir)) place.dir = fallbacks.dir;
	if (!(Number(place.from) > 0 && Number(place.to) > Number(place.from))) place.from = place.to = "";
	return place;
}

// hashOf is what readPlace reads. A place that is a text is the address of another page.
export function hashOf(place) {
	if (typeof place === "string") return place;
	const given = new URLSearchParams();
	for (const key of keys) {
		const value = place[key] ?? "";
		if (key === "command" ? place.isCommand : value !== "" && value !== fallbacks[key]) given.set(key, value);
	}
	const text = given.toString();
	return text ? "#" + text : "#";
}

// inside is a place further in, or beside: of the one that is left, what is chosen of
// the chart is taken along.
export function inside(place, there) {
	if (typeof there === "string") return there;
	const { range, from, to, dir } = place;
	return { view: place.view, range, from, to, dir, ...there };
}
