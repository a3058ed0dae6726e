// The order of rows.

// sorter makes a comparison of "column" or "-column", largest first. Rows that are
// equal in it are in the order of their names, so that they do not change places.
export function sorter(columns, sort) {
	const descends = sort.startsWith("-");
	const column = columns.find((c) => c.id === (descends ? sort.slice(1) : sort));
	if (!column) return null;
	const value = column.order ?? column.value;
	const name = columns[0].value;
	const sign = descends ? -1 : 1;
	return (a, b) => sign * compare(value(a), value(b)) || compare(name(a), name(b));
}

function compare(a, b) {
	return a < b ? -1 : a > b ? 1 : 0;
}

// nextSort is how a column is sorted when it is chosen: figures from the largest,
// texts from A; and chosen again, the other way.
export function nextSort(column, sort) {
	const [first, second] = isFigure(column) ? ["-" + column.id, column.id] : [column.id, "-" + column.id];
	return sort === first ? second : first;
}

export const isFigure = (column) => !["name", "text", "state"].includes(column.kind);

// staying finds which of the places can stay where they are when all others are
// moved: a longest rising part. Places that are below zero are new.
export function staying(places) {
	const ends = []; // index of the last of a rising part, by its length
	const before = new Array(places.length).fill(-1);
	for (let i = 0; i < places.length; i++) {
		if (places[i] < 0) continue;
		let low = 0;
		let high = ends.length;
		while (low < high) {
			const middle = (low + high) >> 1;
			if (places[ends[middle]] < places[i]) low = middle + 1;
			else high = middle;
		}
		if (low > 0) before[i] = ends[low - 1];
		ends[low] = i;
	}
	const stays = new Array(places.length).fill(false);
	for (let i = ends.length ? ends[ends.length - 1] : -1; i >= 0; i = before[i]) stays[i] = true;
	return stays;
}
