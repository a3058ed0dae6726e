// Package fleet is what hosts and their receivers agree on: batches of what changed
// in a host's books, how they are made, joined, written and applied.
//
// # Exactness
//
// A batch has running totals, not differences. It says which Position of the host's
// books it follows and to which it leads, so that whoever has the one gets to the other,
// a batch that comes twice changes nothing, and one that comes too early is told from
// one that is missing. Two that follow each other can be joined to one: what a queue
// that is full forgets is when bytes were carried, never how many.
//
// A receiver says what it has and what it has kept: written so that it survives a crash.
// A host forgets a batch only when it is kept. So the totals on both sides are the same
// after any crashes; what a host had not put into its queue when it was killed is lost
// to both.
//
// # Rooms
//
//	publish/  the host's side: the queue on disk, sending
//	receive/  the receiver's side: what hosts sent, limits, the fleet's snapshot, its API
//	trust/    who may say what: certificates, invitations, tokens
//	engine/   writing to and asking a Prometheus-compatible engine
//
// They import this package and traffic, and not each other.
package fleet
