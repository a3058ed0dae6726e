// IP addresses and networks, as far as a filter compares them.

// parseAddress reads an address into {bits, size}; an IPv4 address in IPv6 is that
// IPv4 address. null for what is none.
export function parseAddress(text) {
	const bare = text.split("%", 1)[0];
	return bare.includes(":") ? parseSix(bare) : parseFour(bare);
}

function parseFour(text) {
	const parts = text.split(".");
	if (parts.length !== 4) return null;
	let bits = 0n;
	for (const part of parts) {
		if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return null;
		bits = (bits << 8n) | BigInt(part);
	}
	return { bits, size: 32 };
}

function parseSix(text) {
	const halves = text.split("::");
	if (halves.length > 2) return null;
	const head = groupsOf(halves[0]);
	const tail = halves.length === 2 ? groupsOf(halves[1]) : [];
	if (!head || !tail) return null;
	const missing = 8 - head.length - tail.length;
	if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
	let bits = 0n;
	for (const group of [...head, ...Array(missing).fill(0n), ...tail]) bits = (bits << 16n) | group;
	return bits >> 32n === 0xffffn ? { bits: bits & 0xffffffffn, size: 32 } : { bits, size: 128 };
}

// groupsOf reads groups of 16 bits, of which the last two may be an IPv4 address.
function groupsOf(text) {
	if (text === "") return [];
	const groups = [];
	const parts = text.split(":");
	for (const [i, part] of parts.entries()) {
		const four = i === parts.length - 1 ? parseFour(part) : null;
		if (four) groups.push(four.bits >> 16n, four.bits & 0xffffn);
		else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(BigInt("0x" + part));
		else return null;
	}
	return groups;
}

// splitPort divides "192.0.2.1:80" and "[2001:db8::1]:80" into address and port; the
// port is 0 where there is none.
export function splitPort(text) {
	const six = /^\[([^\]]*)\](?::(\d{1,5}))?$/.exec(text);
	if (six) return { host: six[1], port: Number(six[2] ?? 0) };
	const four = /^([^:]*):(\d{1,5})$/.exec(text);
	if (four) return { host: four[1], port: Number(four[2]) };
	return { host: text, port: 0 };
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
