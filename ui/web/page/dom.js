// Elements are made of names, attributes and text. Nothing here reads markup: what
// comes from the network cannot become any.

const svgSpace = "http://www.w3.org/2000/svg";

// el makes an element. Attributes that are false or undefined are left out; children
// are nodes or text.
export function el(tag, attributes = {}, ...children) {
	return dress(document.createElement(tag), attributes, children);
}

// shape is el for SVG.
export function shape(tag, attributes = {}, ...children) {
	return dress(document.createElementNS(svgSpace, tag), attributes, children);
}

function dress(node, attributes, children) {
	setAttributes(node, attributes);
	node.append(...children);
	return node;
}

export function setAttributes(node, attributes) {
	for (const name in attributes) setAttribute(node, name, attributes[name]);
}

// setAttribute takes it away where value is false or undefined.
export function setAttribute(node, name, value) {
	if (value === false || value === undefined || value === null) {
		node.removeAttribute(name);
		return;
	}
	const text = value === true ? "" : String(value);
	if (node.getAttribute(name) !== text) node.setAttribute(name, text);
}

// arrange makes nodes the children, where they are not yet. The focus stays.
export function arrange(parent, nodes) {
	if (nodes.length === parent.children.length && nodes.every((node, i) => node === parent.children[i])) return;
	const focused = document.activeElement;
	parent.replaceChildren(...nodes);
	if (parent.contains(focused)) focused.focus({ preventScroll: true });
}

// setText writes only what changed, so that nothing is laid out for nothing.
export function setText(node, text) {
	const only = node.firstChild;
	if (only && only === node.lastChild && only.nodeType === Node.TEXT_NODE) {
		if (only.data !== text) only.data = text;
		return;
	}
	node.textContent = text;
}

// Amount is an element with a number and its unit.
export class Amount {
	#number = document.createTextNode("");
	#unit = document.createTextNode("");

	constructor(tag, name) {
		this.node = el(tag, { class: name }, this.#number, el("span", { class: "unit" }, this.#unit));
	}

	// write reports whether the number is another.
	write([number, unit]) {
		if (this.#unit.data !== unit) this.#unit.data = unit;
		if (this.#number.data === number) return false;
		this.#number.data = number;
		return true;
	}
}

// byId finds what index.html has.
export function byId(id) {
	const node = document.getElementById(id);
	if (!node) throw new Error(`the page has no #${id}`);
	return node;
}
