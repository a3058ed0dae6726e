package trust

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"bwmon/fleet"
)

// registerSchema is the version of the register's file.
const registerSchema = 1

// register is who is known to a receiver. Once read it does not change: see
// Authority.change.
type register struct {
	Schema int `json:"schema"`
	// Receiver is the URL that hosts are told.
	Receiver string `json:"receiver"`
	// Hosts are by name, Invitations by the ID of their secret.
	Hosts       map[string]*member     `json:"hosts"`
	Invitations map[string]*invitation `json:"invitations"`

	tokens map[string]string // ID → host
}

// member is a host in the register. Times are those of the receiver's clock.
type member struct {
	// Generation counts admissions. Certificates of former ones are worth nothing.
	Generation uint64    `json:"generation"`
	Joined     time.Time `json:"joined,omitzero"`
	Renewed    time.Time `json:"renewed,omitzero"`
	Expires    time.Time `json:"expires,omitzero"` // the newest certificate
	Revoked    time.Time `json:"revoked,omitzero"`
	Token      *token    `json:"token,omitempty"` // worth nothing where Revoked is set
}

// token is one that a host may publish with.
type token struct {
	ID   string    `json:"id"`
	Hash []byte    `json:"hash"`
	Made time.Time `json:"made"`
}

// invitation is one that was made. It is remembered for a while after its end, so that
// the log can tell what is wrong with it.
type invitation struct {
	Host    string    `json:"host"`
	Hash    []byte    `json:"hash"`
	Made    time.Time `json:"made"`
	Expires time.Time `json:"expires"`
	// Used, Key and Generation say when it was used, by which key (SHA-256 of it, as in
	// its certificate), and for which admission.
	Used       time.Time `json:"used,omitzero"`
	Key        []byte    `json:"key,omitempty"`
	Generation uint64    `json:"generation,omitempty"`
}

// remembered is how long invitations stay in the register after their end.
const remembered = 30 * 24 * time.Hour

func newRegister(receiver string) *register {
	return &register{
		Schema: registerSchema, Receiver: receiver,
		Hosts: make(map[string]*member), Invitations: make(map[string]*invitation), tokens: make(map[string]string),
	}
}

// parseRegister reads a register that encode wrote. What it does not know is an error:
// whoever writes it back would lose it.
func parseRegister(text []byte) (*register, error) {
	r := &register{tokens: make(map[string]string)}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(r); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more behind its end")
	}
	if r.Schema != registerSchema {
		return nil, fmt.Errorf("its schema is %d, this bwmon knows %d", r.Schema, registerSchema)
	}
	if r.Hosts == nil || r.Invitations == nil {
		return nil, errors.New("it has no hosts or no invitations, not even an empty list")
	}
	for name, m := range r.Hosts {
		if err := fleet.CheckName(name); err != nil {
			return nil, err
		}
		if m == nil {
			return nil, fmt.Errorf("host %q has no entry", name)
		}
		if m.Token == nil {
			continue
		}
		if len(m.Token.Hash) != sha256.Size {
			return nil, fmt.Errorf("the token of host %q has no hash", name)
		}
		if other, twice := r.tokens[m.Token.ID]; twice {
			return nil, fmt.Errorf("hosts %q and %q have the same token", other, name)
		}
		r.tokens[m.Token.ID] = name
	}
	for id, i := range r.Invitations {
		if i == nil || len(i.Hash) != sha256.Size || fleet.CheckName(i.Host) != nil {
			return nil, fmt.Errorf("invitation %q is damaged", cleaned(id))
		}
	}
	return r, nil
}

func (r *register) encode() ([]byte, error) {
	text, err := json.MarshalIndent(r, "", " ")
	return append(text, '\n'), err
}

// clone is a copy that may be changed. Tokens and hashes are replaced, never changed.
func (r *register) clone() *register {
	c := newRegister(r.Receiver)
	for name, m := range r.Hosts {
		c.Hosts[name] = new(*m)
	}
	for id, i := range r.Invitations {
		c.Invitations[id] = new(*i)
	}
	return c
}

// index makes anew what is made of the rest.
func (r *register) index() {
	r.tokens = make(map[string]string)
	for name, m := range r.Hosts {
		if m.Token != nil {
			r.tokens[m.Token.ID] = name
		}
	}
}

// prune forgets invitations that ended long ago.
func (r *register) prune(now time.Time) {
	for id, i := range r.Invitations {
		if now.Sub(i.Expires) > remembered {
			delete(r.Invitations, id)
		}
	}
}

// invite makes an invitation in place of those of the host that nobody used.
func (r *register) invite(host string, s secret, now time.Time, ttl time.Duration) {
	r.withdraw(host)
	r.Invitations[s.key()] = &invitation{Host: host, Hash: s.hash(), Made: now, Expires: now.Add(ttl)}
}

func (r *register) withdraw(host string) {
	for id, i := range r.Invitations {
		if i.Host == host && i.Used.IsZero() {
			delete(r.Invitations, id)
		}
	}
}

// The reasons why an invitation is refused, for the log.
var (
	errInvitationUnknown = errors.New("no such invitation: forged, withdrawn or forgotten")
	errInvitationForged  = errors.New("wrong secret: forged")
	errInvitationExpired = errors.New("expired")
	errInvitationUsed    = errors.New("used already, by another key")
	errInvitationRevoked = errors.New("used already, and the host was revoked or admitted anew since")
)

// find is the invitation that s is the secret of, if it may be used now, by the key
// with that hash. Who used it may use it again with the same key until it expires: the
// answer may have been lost.
func (r *register) find(s secret, key []byte, now time.Time) (*invitation, error) {
	i := r.Invitations[s.key()]
	known := i != nil
	if !known {
		i = &invitation{} // no hash is compared as long as a hash
	}
	m := r.Hosts[i.Host]
	switch right := s.matches(i.Hash); {
	case !known:
		return nil, errInvitationUnknown
	case !right:
		return nil, errInvitationForged
	case !i.Used.IsZero() && !bytes.Equal(i.Key, key):
		return nil, errInvitationUsed
	case !now.Before(i.Expires):
		return nil, errInvitationExpired
	case i.Used.IsZero():
		return i, nil
	case m == nil || m.Generation != i.Generation || !m.Revoked.IsZero():
		return nil, errInvitationRevoked
	}
	return i, nil
}

// admit uses an invitation that find found, and returns the host and its generation. The
// first use ends what the name had before: certificates and token.
func (r *register) admit(i *invitation, key []byte, now, expires time.Time) (string, uint64) {
	m := r.member(i.Host)
	if i.Used.IsZero() {
		m.Generation++
		m.Joined, m.Revoked, m.Token = now, time.Time{}, nil
		i.Used, i.Key, i.Generation = now, key, m.Generation
	}
	m.Renewed, m.Expires = time.Time{}, expires
	return i.Host, m.Generation
}

func (r *register) member(host string) *member {
	m := r.Hosts[host]
	if m == nil {
		m = &member{}
		r.Hosts[host] = m
	}
	return m
}

// revoke ends all that a host may do. Its token stays, so that who comes with it is known
// and hears why it is worth nothing.
func (r *register) revoke(host string, now time.Time) error {
	m := r.Hosts[host]
	invited := len(r.Invitations)
	r.withdraw(host)
	switch {
	case m == nil && len(r.Invitations) < invited:
		return nil // it was not there yet
	case m == nil:
		return fmt.Errorf("%w named %q: \"bwmon fleet list\" lists them", ErrNoHost, cleaned(host))
	}
	if m.Revoked.IsZero() {
		m.Revoked = now
	}
	return nil
}

// giveToken lets a host publish with a token, in place of the one it had. One that was
// revoked comes back, but its certificates do not.
func (r *register) giveToken(host string, s secret, now time.Time) {
	m := r.member(host)
	if !m.Revoked.IsZero() {
		m.Generation++
		m.Revoked, m.Expires = time.Time{}, time.Time{}
	}
	m.Token = &token{ID: s.key(), Hash: s.hash(), Made: now}
}
