package main

import (
	"net"
	"path/filepath"
	"strconv"
	"strings"

	"bwmon/notify"
	"bwmon/traffic"
)

// rawHTTP is [http].
type rawHTTP struct {
	Listen     string   `toml:"listen"`
	Insecure   bool     `toml:"insecure"`
	Token      string   `toml:"token"`
	TLSCert    string   `toml:"tls_cert"`
	TLSKey     string   `toml:"tls_key"`
	ClientCA   string   `toml:"client_ca"`
	Hosts      []string `toml:"hosts"`
	MaxStreams int      `toml:"max_streams"`
	MetricApps int      `toml:"metric_apps"`
}

// httpConfig is the web page and API of a daemon.
type httpConfig struct {
	Listen          string // host:port; "": none
	Asked           bool   // somebody asked for more than the default: that it cannot be served is an error
	Insecure        bool
	Token           notify.Secret
	TLSCert, TLSKey string // paths
	ClientCA        string // path; whose certificates may come in
	Hosts           []string
	MaxStreams      int
	MetricApps      int
}

func defaultHTTP() httpConfig {
	return httpConfig{Listen: "127.0.0.1:8000", Hosts: []string{}, MaxStreams: 2000, MetricApps: 200}
}

func defaultRawHTTP() rawHTTP {
	d := defaultHTTP()
	return rawHTTP{Listen: d.Listen, Hosts: []string{}, MaxStreams: d.MaxStreams, MetricApps: d.MetricApps}
}

func (c *configReader) http(r rawHTTP) httpConfig {
	at := place("http")
	out := httpConfig{
		Listen: r.Listen, Insecure: r.Insecure, Token: c.secret(r.Token, at.key("token")), TLSCert: r.TLSCert, TLSKey: r.TLSKey,
		ClientCA: r.ClientCA, Hosts: r.Hosts, MaxStreams: r.MaxStreams, MetricApps: r.MetricApps, Asked: r.Listen != defaultHTTP().Listen || r.Token != "" || r.TLSCert != "",
	}
	host, port, err := net.SplitHostPort(r.Listen)
	if n, wrong := strconv.ParseUint(port, 10, 16); r.Listen != "" && (err != nil || wrong != nil || n == 0) {
		c.problem(at.key("listen"), at.key("listen"), `want an address and a port such as "127.0.0.1:8000", or "" for none, got %s`, quoted(r.Listen))
		return out
	}
	switch {
	case (r.TLSCert == "") != (r.TLSKey == ""):
		c.problem(at.key("tls_cert"), at.key("listen"), "tls_cert and tls_key go together: write both, or neither")
	case r.ClientCA != "" && r.TLSCert == "":
		c.problem(at.key("client_ca"), at.key("client_ca"), "certificates of clients need TLS: write tls_cert and tls_key, too")
	case r.Listen == "" || isLoopback(host):
	case r.TLSCert == "" && !r.Insecure:
		c.problem(at.key("listen"), at, `%s can be reached from elsewhere: add tls_cert and tls_key, or insecure = true if something in front of it encrypts`, quoted(r.Listen))
	case r.Token == "" && r.ClientCA == "":
		c.problem(at.key("token"), at.key("listen"), `%s can be reached from elsewhere: add token = "file:/etc/bwmon/token", or client_ca`, quoted(r.Listen))
	}
	for key, path := range map[string]string{"tls_cert": r.TLSCert, "tls_key": r.TLSKey, "client_ca": r.ClientCA} {
		if path != "" && !filepath.IsAbs(path) {
			c.problem(at.key(key), at.key(key), "want a path that begins with /, got %s", quoted(path))
		}
	}
	for i, name := range r.Hosts {
		if name == "" || strings.ContainsAny(name, "/:@ ") || traffic.CleanText(name, traffic.MaxWord) != name {
			c.problem(at.key("hosts").index(i), at.key("hosts"), "want the name of a host, without a port, got %s", quoted(name))
		}
	}
	for key, n := range map[string]int{"max_streams": r.MaxStreams, "metric_apps": r.MetricApps} {
		if n < 1 || n > 100_000 {
			c.problem(at.key(key), at.key(key), "want a number from 1 to 100000, got %d", n)
		}
	}
	return out
}
