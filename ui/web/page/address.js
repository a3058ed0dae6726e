// IP addresses and networks, as far as a filter compares them.

// parseAddress reads an address into {bits, size}; an IPv4 address in IPv6 is that
// IPv4 address. null for what is none.
export function parseAddress(text) {
	const bare = text.split("%", 1)[0];
	return bare.includes(":") ? parseSix(bare) : parseFour(bare);
}

function parseFour(text) {
	const parts = text.split(".");
	if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)) return null;
	return { bits: parts.reduce((bits, part) => (bits << 8n) | BigInt(part), 0n), size: 32 };
}

// parseSix leaves the reading to the browser, which writes all of one kind alike.
function parseSix(text) {
	if (!/^[0-9a-f:.]+$/i.test(text) || !URL.canParse(`ws://[${text}]`)) return null;
	const halves = new URL(`ws://[${text}]`).hostname.slice(1, -1).split("::");
	const [head, tail = []] = halves.map((half) => half.split(":").filter(Boolean));
	const groups = [...head, ...Array(8 - head.length - tail.length).fill("0"), ...tail];
	const bits = groups.reduce((all, group) => (all << 16n) | BigInt("0x" + group), 0n);
	return bits >> 32n === 0xffffn ? { bits: bits & 0xffffffffn, size: 32 } : { bits, size: 128 };
}

// splitPort divides "192.0.2.1:80" and "[2001:db8::1]:80" into address and port; the
// port is 0 where there is none.
export function splitPort(text) {
	const [, six, four, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(text) ?? [];
	return { host: six ?? four ?? text, port: Number(port ?? 0) };
}

// parseNetwork reads an address, with its port or without, or a network such as
// 10.0.0.0/8, into {bits, size, length, port}. null for what is none of these.
export function parseNetwork(text) {
	const [before, length, more] = text.split("/");
	if (length === undefined) {
		const { host, port } = splitPort(text);
		const address = parseAddress(host);
		return address && { ...address, length: address.size, port };
	}
	const address = parseAddress(before);
	if (!address || more !== undefined || !/^\d{1,3}$/.test(length)) return null;
	const n = Number(length);
	return n <= address.size ? { ...address, length: n, port: 0 } : null;
}

// holds reports whether the network has that address in it.
export function holds(network, address, port) {
	if (network.size !== address.size || (network.port && network.port !== port)) return false;
	const rest = BigInt(network.size - network.length);
	return network.bits >> rest === address.bits >> rest;
}
