// Package receive is the receiver's side of a fleet: it takes what hosts publish, keeps
// it in the books of somebody else, and makes one snapshot of all of them.
//
// # What survives
//
// What a host sent is applied to its State and booked, in memory. From time to time the
// books are flushed, and what was booked before is kept: that is what hosts are
// told, and what they may forget. After a crash all hosts are as of the last flush, and
// send again what came after it. Nothing is written for each batch.
//
// # Who is believed
//
// Nobody. Options.Who says under which name a caller may write; everything else that
// comes is bounded, counted against the host's Limits, and refused with a reason that
// is shown beside the host.
package receive
