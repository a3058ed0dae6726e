package trust

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// IsHere reports whether a request comes from a program on this machine: both ends of the
// connection have loopback addresses, and no proxy or browser has sent it.
func IsHere(r *http.Request) bool { return isLoopback(r) && sentBy(r) == "" }

// isLoopback reports whether both ends of a connection have loopback addresses.
func isLoopback(r *http.Request) bool {
	remote, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	at, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if at == nil {
		return false
	}
	local, err := netip.ParseAddrPort(at.String())
	return err == nil && remote.Addr().Unmap().IsLoopback() && local.Addr().Unmap().IsLoopback()
}

// senders begin the headers that proxies, tunnels and browsers add.
var senders = [...]string{
	"Forwarded", "Via", "X-Forwarded", "X-Real-", "X-Client-", "True-Client-", "X-Cluster-Client-", "X-Original-",
	"X-Envoy-", "X-Amz", "X-Azure-", "Cf-", "Cdn-", "Fastly-", "Fly-", "Tailscale-",
	"Origin", "Sec-",
}

// sentBy is the header that says that a request was passed on by a proxy, or made by a
// browser, perhaps for a page of somebody else; "": there is none. Who leaves such headers
// out is not trusted more than without this; who has them is on another machine, or not
// asked for what they do.
func sentBy(r *http.Request) string {
	first := "" // the same one each time
	for h := range r.Header {
		is := slices.ContainsFunc(senders[:], func(s string) bool { return strings.HasPrefix(h, s) })
		if is && (first == "" || h < first) {
			first = h
		}
	}
	return first
}
