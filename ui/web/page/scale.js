// Round numbers along the axes.

const minuteOf = 60e3;
const hourOf = 60 * minuteOf;
const dayOf = 24 * hourOf;

// valueTicks divides 0 to most into about n steps that are round in the base's
// units. It returns {top, ticks}, top being the last of them.
export function valueTicks(most, n, base) {
	if (!(most > 0)) most = base;
	const least = most / n;
	const unit = base ** Math.max(0, Math.floor(Math.log(least) / Math.log(base) + 1e-9));
	const step = unit * roundUp(least / unit, base);
	const ticks = [];
	const count = Math.max(1, Math.ceil(most / step - 1e-9));
	for (let i = 0; i <= count; i++) ticks.push(i * step);
	return { top: count * step, ticks };
}

function roundUp(v, base) {
	const rounds = [1, 2, 5, 10, 20, 50, 100, 200, 500, base];
	return rounds.find((r) => v <= r * (1 + 1e-9)) ?? base;
}

const steps = [
	...[1e3, minuteOf].flatMap((unit) => [1, 2, 5, 10, 15, 30].map((n) => n * unit)),
	...[1, 2, 3, 6, 12].map((h) => h * hourOf),
	...[1, 2, 7, 14].map((d) => d * dayOf),
];

// timeTicks are at most n local times between from and to, in milliseconds, that are
// round to people: {step, ticks}.
export function timeTicks(from, to, n) {
	const step = steps.find((s) => (to - from) / s <= n);
	if (step === undefined) return monthTicks(from, to, n);
	const ticks = [];
	const d = new Date(from);
	d.setHours(0, 0, 0, 0);
	if (step >= dayOf) {
		// From the first of a year on, so that they stay where they are.
		const days = step / dayOf;
		const first = new Date(d.getFullYear(), 0, 1);
		const passed = Math.round((d - first) / dayOf);
		d.setDate(d.getDate() - (passed % days));
		for (; d <= to; d.setDate(d.getDate() + days)) if (d >= from) ticks.push(d.getTime());
		return { step, ticks };
	}
	// Hours are counted from midnight of each day: not all days have 24.
	while (d <= to) {
		const midnight = d.getTime();
		d.setDate(d.getDate() + 1);
		for (let at = midnight; at < d.getTime() && at <= to; at += step) if (at >= from) ticks.push(at);
	}
	return { step, ticks };
}

function monthTicks(from, to, n) {
	const most = (to - from) / (30 * dayOf);
	const months = [1, 2, 3, 6, 12, 24, 60].find((m) => most / m <= n) ?? 120;
	const d = new Date(from);
	const first = new Date(d.getFullYear(), d.getMonth() - (d.getMonth() % Math.min(months, 12)), 1);
	const ticks = [];
	for (; first <= to; first.setMonth(first.getMonth() + months)) if (first >= from) ticks.push(first.getTime());
	return { step: months * 30 * dayOf, ticks };
}
