// Figures and times as text. A figure is a number and its unit, apart, so that
// columns line up. Above 2^53 JavaScript rounds totals: less than three digits show.

export const none = "–";
const nothing = [none, ""];

const iec = { base: 1024, names: ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] };
const si = { base: 1000, names: ["B", "kB", "MB", "GB", "TB", "PB", "EB"] };
const bit = { base: 1000, names: ["bit", "kbit", "Mbit", "Gbit", "Tbit", "Pbit", "Ebit"] };

// Units is how figures are written: of "iec", "si" and "bits". Totals are bytes
// whatever rates are in.
export class Units {
	constructor(name) {
		this.name = name;
		this.ofRates = name === "bits" ? bit : name === "si" ? si : iec;
		this.ofTotals = name === "si" ? si : iec;
		// What a rate is multiplied with before it is written.
		this.factor = name === "bits" ? 8 : 1;
		this.rateNames = this.ofRates.names.map((n) => n + "/s");
	}

	// rate is of bytes per second.
	rate(bytes) {
		if (!(bytes > 0)) return nothing;
		const [number, step] = scale(bytes * this.factor, this.ofRates.base);
		return [number, this.rateNames[step]];
	}

	size(bytes) {
		if (!(bytes > 0)) return nothing;
		const [number, step] = scale(bytes, this.ofTotals.base);
		return [number, this.ofTotals.names[step]];
	}

	// signed is a size that may be below zero.
	signed(bytes) {
		if (bytes >= 0) return this.size(bytes);
		const [number, unit] = this.size(-bytes);
		return ["−" + number, unit];
	}

	// metric is a figure in the unit that the end of its name says, as traffic.UnitOf
	// has it.
	metric(name, value) {
		if (value === undefined) return nothing;
		const [, end] = /(?:^|_)(bytes_per_s|per_s|bytes|ms|percent|celsius|s)(?:_total)?$/.exec(name) ?? [];
		if (end === "bytes_per_s") return this.rate(value);
		if (end === "bytes") return this.signed(value);
		return [plain(value), { per_s: "/s", percent: "%", celsius: "°C" }[end] ?? end ?? ""];
	}

	// of is what a metric is drawn in, in place of rates.
	of(name) {
		if (name.endsWith("bytes_per_s")) return this;
		const ofRates = /(^|_)bytes(_total)?$/.test(name) ? this.ofTotals : si;
		return { name: this.name, factor: 1, ofRates, rate: (value) => this.metric(name, value) };
	}

	rateText(bytes) {
		return joined(this.rate(bytes));
	}

	sizeText(bytes) {
		return joined(this.size(bytes));
	}
}

export function joined([number, unit]) {
	return unit ? number + " " + unit : number;
}

// plain is any number: with its fraction, where it has one, to three digits.
function plain(v) {
	const size = Math.abs(v);
	if (Number.isInteger(v) && size < 1e6) return String(v);
	if (size < 1e5) return v.toFixed(size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2);
	const [number, step] = scale(size, 1000);
	return (v < 0 ? "−" : "") + number + " kMGTPE"[step];
}

// count is how many there are of something.
export function count(n) {
	return n > 0 ? [plain(n), ""] : nothing;
}

// speed is of a link, in bits by convention.
export function speed(bits) {
	return new Units("bits").rate(bits / 8);
}

// scale divides v until it has at most four characters, and says how often. It
// decides on the rounded value: 1023.7 bytes are 1.00 KiB.
export function scale(v, base) {
	let step = 0;
	while (v >= base - 0.5 && step < 6) {
		v /= base;
		step++;
	}
	if (step === 0 && v < 1) return ["<1", 0];
	if (step === 0 || v >= 99.95) return [v.toFixed(0), step];
	return [v.toFixed(v >= 9.995 ? 1 : 2), step];
}

// percent is part of whole: one decimal, two below one percent and near a hundred.
export function percent(part, whole) {
	if (!(whole > 0)) return part ? "?" : none;
	const p = (100 * part) / whole;
	const size = Math.abs(p);
	if (size === 0) return "0 %";
	if (size < 0.005) return "<0.01 %";
	if (size >= 9999.5) return ">9999 %";
	const isFine = size < 0.995 || (size >= 99.95 && size < 99.995);
	return p.toFixed(isFine ? 2 : size < 99.95 ? 1 : 0) + " %";
}

// span is a length of time in seconds, with its two largest units.
export function span(seconds) {
	const s = Math.max(0, Math.floor(seconds));
	if (s < 60) return `${s} s`;
	if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
	if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
	return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

const two = (n) => (n < 10 ? "0" : "") + n;

export const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

// clock is the local time of a Date or of milliseconds.
export function clock(at) {
	const d = new Date(at);
	return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

export const hourMinute = (at) => clock(at).slice(0, 5);

export function day(at) {
	const d = new Date(at);
	return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
}

// moment is a date and time; today the time alone.
export function moment(at, now = Date.now()) {
	return day(at) === day(now) ? clock(at) : `${day(at)} ${clock(at)}`;
}

// period is what lies between two times, as short as it is clear.
export function period(from, to) {
	const length = to - from;
	if (length >= 86400e3 * 0.9) {
		const last = to - 1;
		return day(from) === day(last) ? day(from) : `${day(from)} – ${day(last)}`;
	}
	const write = length < 60e3 ? clock : hourMinute;
	const date = day(from) === day(Date.now()) ? "" : day(from) + " ";
	return `${date}${write(from)} – ${write(to)}`;
}

// parseTime reads RFC 3339 into milliseconds; 0 for what is none. Date keeps
// milliseconds, which is enough here.
export function parseTime(text) {
	const at = Date.parse(text);
	return Number.isFinite(at) && at > 0 ? at : 0;
}
