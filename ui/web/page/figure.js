// The figures of a filter: "1MiB/s", "5GB", "200kbit/s", "3k".

// parseFigure reads a number of bytes into {value, perSecond}; bits are turned into
// bytes. Prefixes alone are powers of 1024. It throws what is wrong, in words.
export function parseFigure(text) {
	const [, number, unit] = /^([0-9.]*)(.*)$/.exec(text);
	const value = Number(number);
	if (number === "" || !Number.isFinite(value)) throw new Error(`“${text}” is no number`);
	const { scale, perSecond } = parseUnit(unit);
	return { value: value * scale, perSecond };
}

// parseUnit reads what a figure is multiplied with: "", "k", "MiB", "MB", "Mbit/s".
export function parseUnit(unit) {
	const perSecond = unit.endsWith("/s");
	const [, prefix, binary, kind] = /^([kmgtpe]?)(i?)(bits?|b|)$/i.exec(perSecond ? unit.slice(0, -2) : unit) ?? [];
	const isBits = kind?.length > 1;
	if (prefix === undefined || (binary && (isBits || !prefix))) throw new Error(`no unit “${unit}”: write KiB, MB, Mbit, with /s for a rate`);
	if (kind === "b" && !binary) throw new Error("“b” may be bytes or bits: write B for bytes, bit for bits");
	const base = kind && !binary ? 1000 : 1024;
	const scale = base ** " kmgtpe".indexOf(prefix.toLowerCase()) / (isBits ? 8 : 1);
	return { scale, perSecond, isWord: kind !== "" || perSecond };
}

// parseCount reads how many; k and M are thousands and millions.
export function parseCount(text) {
	const [, number, prefix] = /^([0-9.]+)([kMG]?)$/.exec(text) ?? [];
	const value = Number(number);
	if (number === undefined || !Number.isFinite(value)) throw new Error(`“${text}” is no number`);
	return value * 1000 ** " kMG".indexOf(prefix || " ");
}

// parseRange reads a whole number or a range of them into [low, high].
export function parseRange(text) {
	const [, from, to] = /^(\d{1,10})(?:-(\d{1,10}))?$/.exec(text) ?? [];
	if (from === undefined) throw new Error(`“${text}” is no number`);
	const low = Number(from);
	const high = Number(to ?? from);
	if (low > high) throw new Error(`nothing is in ${text}: write ${to}-${from}`);
	return [low, high];
}
