package trust

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
)

// What invitations and tokens of hosts begin with: so that they are told from each
// other, and known for secrets where they turn up.
const (
	invitationPrefix = "bwmon-invitation-"
	tokenPrefix      = "bwmon-token-"
)

const (
	idSize     = 9
	secretSize = 24 // 192 bits: nobody guesses it, so a plain hash is kept
)

// secret is what an invitation and a token consist of: which it is, and the proof.
type secret struct {
	id    [idSize]byte
	proof [secretSize]byte
}

func newSecret() (s secret) {
	rand.Read(s.id[:]) // it never fails
	rand.Read(s.proof[:])
	return s
}

// key is how the register calls it.
func (s secret) key() string { return hex.EncodeToString(s.id[:]) }

// hash is what the register keeps of it.
func (s secret) hash() []byte {
	sum := sha256.Sum256(s.proof[:])
	return sum[:]
}

// matches takes the same time whatever is wrong; no hash is matched by none.
func (s secret) matches(hash []byte) bool {
	var want [sha256.Size]byte
	n := copy(want[:], hash)
	return subtle.ConstantTimeCompare(s.hash(), want[:]) == 1 && n == len(want)
}

// Invitation is what a host is given to join with.
type Invitation struct {
	secret secret
	ca     [sha256.Size]byte // fingerprint
}

var errNoInvitation = errors.New(`this is no invitation: want what "bwmon fleet invite" printed, all of it`)

// ParseInvitation reads an invitation as String writes it.
func ParseInvitation(text string) (i Invitation, err error) {
	raw, ok := unwrap(text, invitationPrefix, idSize+secretSize+sha256.Size)
	if !ok {
		return i, errNoInvitation
	}
	copy(i.secret.id[:], raw)
	copy(i.secret.proof[:], raw[idSize:])
	copy(i.ca[:], raw[idSize+secretSize:])
	return i, nil
}

// String is the invitation in one word, with its secret.
func (i Invitation) String() string {
	return wrap(invitationPrefix, i.secret.id[:], i.secret.proof[:], i.ca[:])
}

// parseToken reads the token of a host.
func parseToken(text string) (s secret, ok bool) {
	raw, ok := unwrap(text, tokenPrefix, idSize+secretSize)
	if ok {
		copy(s.id[:], raw)
		copy(s.proof[:], raw[idSize:])
	}
	return s, ok
}

func (s secret) token() string { return wrap(tokenPrefix, s.id[:], s.proof[:]) }

func wrap(prefix string, parts ...[]byte) string {
	var raw []byte
	for _, p := range parts {
		raw = append(raw, p...)
	}
	return prefix + base64.RawURLEncoding.EncodeToString(raw)
}

func unwrap(text, prefix string, size int) ([]byte, bool) {
	rest, ok := strings.CutPrefix(text, prefix)
	if !ok || len(rest) != base64.RawURLEncoding.EncodedLen(size) {
		return nil, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(rest)
	return raw, err == nil && len(raw) == size
}
