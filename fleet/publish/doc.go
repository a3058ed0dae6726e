// Package publish is a host's side of a fleet: it makes batches of the engine's
// snapshots, keeps them in a queue on disk and sends them to a receiver.
//
// # What is lost, and what is not
//
// A batch counts as queued when its file has been synced. It stays until the receiver
// says that it has kept it; the newest stays even then, since it tells the next process
// where this one's run ended. So whatever is killed, and however often, the totals on
// both sides become the same; only what was carried after the last batch that was queued is
// lost to both.
//
// Where the disk cannot be written batches wait in memory, and are written when it can.
// Where the queue reaches its bounds neighbours of one run are joined, the oldest first:
// first those of one minute, then those of five, of an hour, of a day, of a run. Only
// what then is still too much, leftovers of many runs, is dropped, and counted.
package publish
