// Package pipe counts what goes through pipes and relays, and moves it as fast as
// the kernel can: with splice(2), so that bytes are not copied to user space. A
// relay copies what comes in pieces of less than a page, because that is quicker.
//
// A Filter stands between two programs, from its standard input to its standard
// output. A Command runs a program with its standard input and output counted. A
// Forwarder relays TCP connections and is a traffic.Monitor.
//
// What is counted is payload, and it is counted when the receiving side has taken
// it: bytes that were read and could not be delivered are not carried.
package pipe
