// Filters, written as in the full-screen view: index.html tells how. Words that stand
// beside each other must all match; "|" separates alternatives.
//
// Regexes are left to the full-screen view: a filter stands in the page's address,
// and one that somebody else wrote must not be able to keep a browser busy.

import { holds, parseAddress, parseNetwork, splitPort } from "./address.js";
import { parseCount, parseFigure, parseRange, parseUnit } from "./figure.js";

const longest = 1024;

// The fields, and how each is written and compared.
const sorts = {
	text: "app command user container unit proto state scope iface pipe rule monitor subject kind detail disk series metric",
	host: "host local remote", number: "port pid", amount: "rx tx total read write memory", count: "conns procs cpu",
};
export const fields = Object.fromEntries(Object.entries(sorts).flatMap(([sort, list]) => list.split(" ").map((field) => [field, sort])));
const aliases = { cmd: "command", interface: "iface" };
const operators = ["!=", "<=", ">=", ":", "=", "<", ">"];

export class FilterError extends Error {}

// Filter is one that was understood.
export class Filter {
	#any;
	#facts;

	// facts is what the rows at hand have, by field: see facts.js. Terms of other
	// fields are refused.
	constructor(text, facts) {
		if (text.length > longest) throw new FilterError(`a filter has at most ${longest} characters`);
		this.#facts = facts;
		this.#any = parse(text);
		for (const { field } of this.#any.flat()) {
			if (field && !facts[field]) throw new FilterError(`rows here have no “${field}”`);
		}
	}

	get isEmpty() {
		return this.#any.length === 0;
	}

	matches(row) {
		const holds = ({ field, test, not }) => test(field ? this.#facts[field](row) : this.#all(row)) !== not;
		return this.isEmpty || this.#any.some((terms) => terms.every(holds));
	}

	// all is every text, address and number that a row is known by.
	#all(row) {
		const known = Object.keys(this.#facts).filter((f) => !["amount", "count"].includes(fields[f]));
		return known.flatMap((f) => this.#facts[f](row));
	}
}

function parse(text) {
	const any = [];
	let terms = [];
	let bar = false;
	for (const token of tokens(text)) {
		if (token !== "|") {
			terms.push(parseTerm(token));
			continue;
		}
		if (terms.length === 0) throw new FilterError("a term is missing before “|”");
		any.push(terms);
		terms = [];
		bar = true;
	}
	if (terms.length > 0) any.push(terms);
	else if (bar) throw new FilterError("a term is missing behind “|”");
	return any;
}

// tokens divides at blanks and bars that are not in quotes, and puts a unit behind
// the figure that it belongs to, as in "rx>5 MiB/s".
function tokens(text) {
	const found = text.match(/\||(?:"(?:\\["\\]|[^"])*(?:"|$)|[^\s|"])+/g) ?? [];
	const joined = [];
	for (const token of found) {
		const last = joined.at(-1);
		if (last && /^!*(rx|tx|total|read|write|memory)(!=|[<>]?=|[<>:])[0-9.]+$/i.test(last) && isUnit(token)) joined[joined.length - 1] = last + token;
		else joined.push(token);
	}
	return joined;
}

function isUnit(text) {
	try {
		return parseUnit(text).isWord;
	} catch {
		return false;
	}
}

// parseTerm makes {field, not, test}.
function parseTerm(token) {
	const [, marks, body] = /^(!*)([^]*)$/.exec(token);
	let not = marks.length % 2 === 1;
	if (body === "") throw new FilterError("a term is missing behind “!”");
	if (/^[<>]/.test(body)) throw new FilterError(`a figure is missing before “${body[0]}”: write rx${body[0]}1MiB/s`);
	const [, name, rest] = /^([a-z]*)([^]*)$/i.exec(body);
	const operator = name && operators.find((o) => rest.startsWith(o));
	const field = aliases[name.toLowerCase()] ?? name.toLowerCase();
	if (!operator || (!Object.hasOwn(fields, field) && isPlain(body, rest))) {
		return { field: "", not, test: body === '""' ? () => true : wordTest(":", unquote(body)) };
	}
	if (!Object.hasOwn(fields, field)) throw new FilterError(`no field “${name}”; for the text quote it`);
	if (operator === "!=") not = !not;
	return { field, not, test: fieldTest(field, operator, rest.slice(operator.length)) };
}

// isPlain tells text as it stands in command lines and tables.
function isPlain(body, rest) {
	return rest.startsWith("://") || parseNetwork(body) !== null;
}

const examples = {
	text: (f) => `write a word, like ${f}:word`,
	host: (f) => `write an address, a network or a name, like ${f}:10.0.0.0/8`,
	number: (f) => `write a number or a range, like ${f}:80 or ${f}:80-90`,
	amount: (f) => `write a rate like ${f}>1MiB/s or a total like ${f}>5GB`,
	count: (f) => `write a number, like ${f}>3`,
};

function fieldTest(field, operator, value) {
	const sort = fields[field];
	const wanted = () => new FilterError(examples[sort](field));
	if (value === "") throw wanted();
	const isOrdered = /[<>]/.test(operator);
	try {
		if (sort === "text" || sort === "host") {
			if (isOrdered) throw wanted();
			const network = sort === "host" && value[0] !== '"' ? networkOf(value, wanted) : null;
			return network ? networkTest(network) : wordTest(operator, unquote(value));
		}
		if (sort === "number") {
			const [low, high] = parseRange(value);
			if (isOrdered && low !== high) throw wanted();
			return (list) => list.some((n) => (isOrdered ? compare(n, operator, low) : low <= n && n <= high));
		}
		if (sort === "count") {
			const count = parseCount(value);
			return (n) => compare(n, operator, count);
		}
		if (operator === ":") throw wanted();
		const { value: figure, perSecond } = parseFigure(value);
		return ([bytes, rate]) => compare(perSecond ? rate : bytes, operator, figure);
	} catch (error) {
		throw error instanceof FilterError ? error : new FilterError(error.message);
	}
}

function networkOf(value, wanted) {
	const network = parseNetwork(value);
	if (!network && value.includes("/")) throw wanted();
	return network;
}

function networkTest(network) {
	return (list) => list.some((text) => {
		const { host, port } = splitPort(text);
		const address = parseAddress(host);
		return address !== null && holds(network, address, port);
	});
}

// wordTest looks into each text; with "=" for one that is the word.
function wordTest(operator, word) {
	const wanted = word.toLowerCase();
	const isPart = operator === ":" && wanted !== "";
	return (list) => list.some((text) => (isPart ? String(text).toLowerCase().includes(wanted) : String(text).toLowerCase() === wanted));
}

// unquote takes the quotes away, and what they hide.
function unquote(text) {
	if (text[0] !== '"') return text;
	const [whole, inside] = /^"((?:\\["\\]|[^"])*)"?/.exec(text);
	if (whole.length < text.length) throw new FilterError("a space is missing behind the quote");
	return inside.replace(/\\(["\\])/g, "$1");
}

function compare(a, operator, b) {
	if (a === b) return !/^[<>]$/.test(operator);
	return operator[0] === "<" ? a < b : operator[0] === ">" && a > b;
}
