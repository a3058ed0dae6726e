// Package socket is the monitor that counts at the socket: BPF programs on
// cgroup hooks see every packet that a socket below a cgroup sends or receives,
// in every network namespace, and who made the socket, in the context of the
// process that did. A process that lives for a millisecond is known, and every
// byte is counted.
//
// kernel.go loads and attaches the programs (bpf/), read.go takes out what they
// noted, book.go keeps the flows, owners.go makes owners of processes, and
// monitor.go says what changed.
package socket
