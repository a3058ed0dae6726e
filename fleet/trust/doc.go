// Package trust decides who may say what to a receiver: certificates of a small
// authority of its own, tokens, and who is on the same machine.
//
// # The receiver's side
//
// An Authority is a directory: the CA's key and certificate, the receiver's own
// certificate, and the register of hosts. The command line and a receiver that runs may
// change the register at the same time; what the one wrote holds for the other with the
// next request. A copy of the directory without the CA's key verifies hosts and
// cannot admit any.
//
// A host is admitted by an invitation: a secret that is good once and for a limited
// time, and the fingerprint of the CA, so that the host knows whom it talks to. Its
// certificate carries its name and the generation of its admission. Who is revoked, or
// admitted anew, has no use of certificates of former generations.
//
// # The host's side
//
// An Identity is a directory with one file: key, certificate, CA and where the receiver
// is. It is renewed after two thirds of its life, by Run.
package trust
