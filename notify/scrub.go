package notify

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"bwmon/traffic"
)

// scrub takes out of an error what is secret in a request, however the error came
// by it: net/http quotes the address, and a receiver may repeat what it was sent.
// The host stays, since without it nobody could tell what is wrong.
func scrub(err error, r *http.Request) error {
	if err == nil {
		return nil
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	if errors.Is(err, context.DeadlineExceeded) || os.IsTimeout(err) {
		err = errors.New("no answer in time")
	}
	text := err.Error()
	for _, secret := range secretsOf(r) {
		text = strings.ReplaceAll(text, secret, "(secret)")
	}
	if text == err.Error() && len(text) <= shownAnswer {
		return err
	}
	clean := errors.New(traffic.CleanText(text, shownAnswer)) // not before: half a secret is one, too
	if IsPermanent(err) {
		return Permanent(clean)
	}
	if after := askedPause(err); after > 0 {
		return &laterError{clean, after}
	}
	return clean
}

// secretsOf lists what of a request may be secret, longest first: of the address
// all but the host, whole and in parts, and the values of headers that are not
// ours. Parts that are too short to be a secret are left, or texts would be
// nothing but holes.
func secretsOf(r *http.Request) []string {
	const shortest = 6
	var list []string
	add := func(texts ...string) {
		for _, t := range texts {
			if len(t) >= shortest {
				list = append(list, t)
			}
		}
	}
	add(r.URL.String(), r.URL.RequestURI(), r.URL.Path, r.URL.RawQuery)
	add(strings.Split(r.URL.EscapedPath(), "/")...)
	add(strings.Split(r.URL.Path, "/")...)
	for name, values := range r.URL.Query() {
		add(name)
		add(values...)
		for _, v := range values {
			add(url.QueryEscape(v))
		}
	}
	if r.URL.User != nil {
		password, _ := r.URL.User.Password()
		list = append(list, r.URL.User.String(), r.URL.User.Username(), password)
	}
	for name, values := range r.Header {
		if name == "Content-Type" || name == "User-Agent" {
			continue
		}
		for _, v := range values {
			add(v)
			add(strings.Fields(v)...) // "Bearer TOKEN"
		}
	}
	list = slices.DeleteFunc(list, func(s string) bool { return s == "" || s == "Bearer" })
	slices.SortFunc(list, func(a, b string) int { return len(b) - len(a) })
	return list
}
