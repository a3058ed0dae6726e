package trust

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"bwmon/fleet"
)

// The bounds of an invitation's life.
const (
	minInvited = time.Minute
	maxInvited = 30 * 24 * time.Hour
)

// Invite makes an invitation that is good for a time, once, in place of another one
// of the same host that was not used. Only its hash is kept. A host of that name that is
// there goes on until the invitation is used; then its certificate and its token are worth
// nothing.
func (a *Authority) Invite(host string, ttl time.Duration) (Invitation, error) {
	i := Invitation{secret: newSecret(), ca: fingerprint(a.ca)}
	switch err := fleet.CheckName(host); {
	case a.issuer == nil:
		return i, a.errCopy()
	case err != nil:
		return i, err
	case ttl < minInvited || ttl > maxInvited:
		return i, fmt.Errorf("invite host %q: want a time from %v to %v, got %v", host, minInvited, maxInvited, ttl)
	}
	return i, a.change(func(r *register) error {
		r.invite(host, i.secret, a.o.Now().UTC(), ttl)
		return nil
	})
}

// Token makes a token that a host may publish with, in place of the one it had. It
// cannot be had a second time: only its hash is kept.
func (a *Authority) Token(host string) (string, error) {
	if err := fleet.CheckName(host); err != nil {
		return "", err
	}
	if a.issuer == nil {
		return "", a.errCopy()
	}
	s := newSecret()
	return s.token(), a.change(func(r *register) error {
		r.giveToken(host, s, a.o.Now().UTC())
		return nil
	})
}

// Revoke ends what a host may do: its certificates, token and invitations are
// worth nothing from the next request on. Its name may be invited again. An error is
// ErrNoHost where there is none. Of a copy it holds until the register is copied again.
func (a *Authority) Revoke(host string) error {
	return a.change(func(r *register) error { return r.revoke(host, a.o.Now().UTC()) })
}

// Listing is what an authority knows.
type Listing struct {
	Receiver    string    `json:"receiver"`    // the URL that hosts are told
	Fingerprint string    `json:"fingerprint"` // of the CA: SHA-256
	CAExpires   time.Time `json:"ca_expires"`
	// Copy: the CA's key is elsewhere.
	Copy bool `json:"copy"`

	ServerNames   []string  `json:"server_names"`
	ServerExpires time.Time `json:"server_expires"`

	Hosts       []Host    `json:"hosts"`
	Invitations []Invited `json:"invitations"` // that are open
}

// Host is one that joined, has a token, or was revoked.
type Host struct {
	Name    string    `json:"name"`
	Joined  time.Time `json:"joined,omitzero"`
	Renewed time.Time `json:"renewed,omitzero"`
	Expires time.Time `json:"expires,omitzero"` // its certificate
	Revoked time.Time `json:"revoked,omitzero"`
	Token   time.Time `json:"token,omitzero"` // when its token was made
}

// Invited is an invitation that nobody used yet.
type Invited struct {
	Host    string    `json:"host"`
	Made    time.Time `json:"made"`
	Expires time.Time `json:"expires"`
}

// List tells what there is, hosts by name.
func (a *Authority) List() (Listing, error) {
	r, err := a.read()
	if err != nil {
		return Listing{}, err
	}
	pair, err := a.server.get(a)
	if err != nil {
		return Listing{}, err
	}
	l := Listing{
		Receiver: r.Receiver, Fingerprint: a.Fingerprint(), CAExpires: a.ca.NotAfter, Copy: a.issuer == nil,
		ServerNames: namesOf(pair.Leaf), ServerExpires: pair.Leaf.NotAfter,
		Hosts: []Host{}, Invitations: []Invited{},
	}
	for name, m := range r.Hosts {
		h := Host{Name: name, Joined: m.Joined, Renewed: m.Renewed, Expires: m.Expires, Revoked: m.Revoked}
		if m.Token != nil && m.Revoked.IsZero() {
			h.Token = m.Token.Made
		}
		l.Hosts = append(l.Hosts, h)
	}
	for _, i := range r.Invitations {
		if i.Used.IsZero() && a.o.Now().Before(i.Expires) {
			l.Invitations = append(l.Invitations, Invited{i.Host, i.Made, i.Expires})
		}
	}
	slices.SortFunc(l.Hosts, func(x, y Host) int { return cmp.Compare(x.Name, y.Name) })
	slices.SortFunc(l.Invitations, func(x, y Invited) int { return cmp.Compare(x.Host, y.Host) })
	return l, nil
}
