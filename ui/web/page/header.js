// The strip at the top: what the interfaces carry, whether the books balance, what
// fires.

import { Amount, arrange, byId, el, setAttribute, setAttributes, setText, shape } from "./dom.js";
import { joined, percent, span, speed } from "./format.js";
import { hashOf, inside } from "./place.js";
import { firing, unhealthy } from "./views.js";

const mostMeters = 4;

export class Header {
	#meters = new Map(); // interface → its nodes and the most it carried

	draw(now, { units, place }) {
		setText(byId("host"), now.host || "bwmon");
		this.#drawRates(now, units);
		this.#drawBalance(now.balance, units);
		this.#drawAlerts(now, place);
		this.#drawMeters(now.interfaces ?? [], units);
		this.#drawTrouble(now);
		const alarm = firing(now).length;
		document.title = `${alarm ? `(${alarm}!) ` : ""}${now.host || "bwmon"} – bwmon`;
	}

	#drawRates(now, units) {
		const list = now.hosts ?? (now.interfaces ?? []).filter((i) => i.balanced);
		figure("rate-rx", units.rate(list.reduce((sum, i) => sum + i.rx_rate, 0)));
		figure("rate-tx", units.rate(list.reduce((sum, i) => sum + i.tx_rate, 0)));
		const b = now.balance ?? {};
		setText(byId("carried"), `rx ${units.sizeText(b.interface_rx)}, tx ${units.sizeText(b.interface_tx)} in ${span(now.elapsed_s)}`);
	}

	// As in the full-screen view, errors of opposite sign in rx and tx do not cancel
	// out.
	#drawBalance(b, units) {
		if (!b) return;
		const whole = b.interface_rx + b.interface_tx;
		const nobody = b.unattributed_rx + b.unattributed_tx;
		const residual = Math.abs(b.residual_rx) + Math.abs(b.residual_tx);
		const share = percent(Math.max(0, whole - nobody - residual), whole);
		figure("attributed", share.endsWith(" %") ? [share.slice(0, -2), "%"] : [share, ""]);
		setText(byId("unattributed"), percent(nobody, whole));
		setText(byId("residual"), percent(residual, whole));
		byId("residual").title = `rx ${joined(units.signed(b.residual_rx))}, tx ${joined(units.signed(b.residual_tx))}`;
		setAttribute(byId("balance-bar"), "width", whole > 0 ? (100 * Math.max(0, whole - nobody - residual)) / whole : 0);
	}

	#drawAlerts(now, place) {
		const list = firing(now);
		const pending = (now.alerts ?? []).length - list.length;
		figure("firing", [String(list.length), list.length === 1 ? "alert fires" : "alerts fire"]);
		byId("tile-alerts").dataset.state = list.length ? "firing" : pending ? "pending" : "ok";
		const names = list.slice(0, 2).map((a) => `${a.rule}: ${a.subject}`);
		if (list.length > 2) names.push(`and ${list.length - 2} more`);
		const calm = (now.rules ?? []).length ? `${now.rules.length} agreed, all kept` : "nothing is agreed";
		setText(byId("firing-names"), names.join("\n") || (pending ? `${pending} pending` : calm));
		setAttribute(byId("alerts-link"), "href", hashOf(inside(place, { view: "alerts" })));
	}

	#drawMeters(interfaces, units) {
		const used = interfaces.filter((i) => i.rx_bytes + i.tx_bytes > 0 || i.balanced);
		used.sort((a, b) => Number(b.balanced) - Number(a.balanced));
		const shown = used.slice(0, mostMeters);
		this.#meters = new Map(shown.map((i) => [i.name, this.#meters.get(i.name) ?? new Meter(i.name)]));
		arrange(byId("meters"), [...this.#meters.values()].map((meter) => meter.node));
		for (const i of shown) this.#meters.get(i.name).draw(i, units);
		const more = used.length - shown.length;
		setText(byId("more-meters"), more > 0 ? `and ${more} more` : "");
	}

	#drawTrouble(now) {
		const list = unhealthy(now).map((m) => `${m.name} ${m.state}${m.detail ? ": " + m.detail : ""}`);
		const box = byId("trouble");
		box.hidden = list.length === 0;
		setText(box, list.join("\n"));
	}
}

function figure(id, [number, unit]) {
	setText(byId(id), number);
	setText(byId(id + "-unit"), unit);
}

// Meter shows what an interface carries, of its speed, or of the most it carried
// since the page was opened.
class Meter {
	#most = 1;

	constructor(name) {
		this.rx = new Way("rx");
		this.tx = new Way("tx");
		this.name = el("span", { class: "iface", title: name }, name);
		this.node = el("li", {}, this.name, ...this.rx.nodes, ...this.tx.nodes);
	}

	draw(i, units) {
		this.#most = Math.max(this.#most, i.rx_rate, i.tx_rate);
		const full = i.speed_bits > 0 ? i.speed_bits / 8 : this.#most;
		const of = i.speed_bits > 0 ? joined(speed(i.speed_bits)) : `${units.rateText(full)}, the most so far`;
		this.rx.draw(i.rx_rate, full, units, `${i.name} receives`, of);
		this.tx.draw(i.tx_rate, full, units, `${i.name} sends`, of);
		this.node.classList.toggle("unrated", !(i.speed_bits > 0));
	}
}

class Way {
	constructor(kind) {
		this.fill = shape("rect", { height: 6, width: 0 });
		const drawing = shape("svg", { viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" }, this.fill);
		this.bar = el("span", { class: `bar ${kind}`, role: "meter", "aria-valuemin": 0, "aria-valuemax": 100 }, drawing);
		this.amount = new Amount("span", "figure");
		this.nodes = [el("span", { class: "way" }, kind), this.bar, this.amount.node];
	}

	draw(rate, full, units, label, of) {
		const part = Math.min(100, (100 * rate) / full) || 0;
		this.amount.write(units.rate(rate));
		const title = `${percent(rate, full)} of ${of}`;
		setAttribute(this.fill, "width", part.toFixed(1));
		setAttributes(this.bar, { title, "aria-label": label, "aria-valuenow": Math.round(part), "aria-valuetext": `${units.rateText(rate)}, ${title}` });
	}
}
