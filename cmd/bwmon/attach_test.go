package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bwmon/lab"
	"bwmon/traffic"
)

// busy keeps a connection going on a host, and can be told from others.
func busy(here, there *lab.Host) {
	server := there.Serve(lab.Server{Proto: "tcp", Listen: netip.MustParseAddrPort("198.18.1.2:7000")})
	here.Start(lab.Client{
		Args: []string{"/usr/bin/restic", "backup"}, Proto: "tcp", Target: server.Addr,
		Send: 20 << 20, Chunk: 64 << 10, Spread: true, Life: time.Minute, KeepOpen: true,
	})
}

// TestAttach: an ordinary user of the control socket's group sees what the daemon
// counts, single connections too, and goes on seeing it when the daemon was killed and
// started again.
func TestAttach(t *testing.T) {
	if _, err := exec.LookPath("setpriv"); err != nil {
		t.Skip("setpriv is not installed")
	}
	here, there := pair(t)
	group := here.Cgroup()
	busy(here, there)
	d := startDaemon(t, here, "", "--cgroup", group)
	d.until("the client", func(s *traffic.Snapshot) bool { _, tx := appOf(s, "restic"); return tx > 0 })
	x := newTerminal(t, here)
	x.press("-l", fmt.Sprintf("setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=/nonexistent %s -c %s; echo exit=$?", d.bin, d.config))
	x.press("Enter")
	x.shows("attached to", "restic")
	x.press("Enter", "Enter")
	x.shows("198.18.1.2:7000")
	x.press("BSpace") // twice, as Escape and a key in one go are Alt and that key
	x.press("BSpace")
	d.cmd.Process.Kill()
	d.cmd.Wait()
	x.shows("CONNECTION LOST")
	d.start()
	x.await(func(screen string) string {
		if strings.Contains(screen, "CONNECTION LOST") || !strings.Contains(screen, "restic") {
			return "the daemon is not back"
		}
		return ""
	})
	x.press("q")
	x.shows("exit=0")
	x.isClean()
	d.stop()
}

// TestAttachIsRefused: who is not in the group is told so, and what to do.
func TestAttachIsRefused(t *testing.T) {
	if _, err := exec.LookPath("setpriv"); err != nil {
		t.Skip("setpriv is not installed")
	}
	here, _ := pair(t)
	d := startDaemon(t, here, "", "--cgroup", here.Cgroup())
	x := newTerminal(t, here)
	x.press("-l", fmt.Sprintf("setpriv --reuid=65533 --regid=65533 --clear-groups %s -c %s; echo exit=$?", d.bin, d.config))
	x.press("Enter")
	x.shows("its control socket is not for this user", "exit=1")
	d.stop()
}

// TestConnect: a daemon elsewhere is attached to over TLS, with its token, and by
// nobody without it.
func TestConnect(t *testing.T) {
	here, there := pair(t)
	group := here.Cgroup()
	busy(here, there)
	dir := t.TempDir()
	cert, key := selfSigned(t, dir, "198.18.1.1")
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte("0123456789abcdef0123\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := startDaemon(t, here, fmt.Sprintf("[http]\nlisten = \"198.18.1.1:8443\"\ntls_cert = %q\ntls_key = %q\ntoken = \"file:%s\"\n", cert, key, token),
		"--cgroup", group)
	x := newTerminal(t, there)
	at := " --connect https://198.18.1.1:8443 --ca-file " + cert
	x.press("-l", d.bin+at+" --token-file "+token+"; echo exit=$?")
	x.press("Enter")
	x.shows("attached to 198.18.1", "restic")
	x.press("k")
	x.shows("another machine")
	x.press("q")
	x.shows("exit=0")
	x.press("-l", "clear; "+d.bin+at+"; echo again=$?")
	x.press("Enter")
	x.shows("token")
	x.press("q")
	x.shows("again=0")
	d.stop()
}

// selfSigned writes a certificate for an address and its key.
func selfSigned(t *testing.T, dir, addr string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "bwmon test"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), IPAddresses: []net.IP{net.ParseIP(addr)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	os.Chmod(dir, 0o755)
	return cert, key
}

func TestEachEvent(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     []string
		err      string
	}{
		{"events", "id: 1\ndata: {}\n\ndata:a\ndata: b\n\n", []string{"{}\n", "a\nb\n"}, "has ended the stream"},
		{"comments and CR LF", ": here\r\n\r\nretry: 5\r\nevent: x\r\ndata: a\r\n\r\n", []string{"xa\n"}, "has ended the stream"},
		{"names", "event: x\n\ndata: a\n\nevent: end\ndata: b\n\n", []string{"a\n", "endb\n"}, "has ended the stream"},
		{"cut", "data: a\n\ndata: b", []string{"a\n"}, "has ended the stream"},
		{"a long line", "data: " + strings.Repeat("x", 200) + "\n\n", nil, "longer than"},
		{"many lines", strings.Repeat("data: xxxxxxxxxxxxxxx\n", 20), nil, "longer than"},
	} {
		var got []string
		err := eachEvent(strings.NewReader(tt.in), 100, func(name string, data []byte) error {
			got = append(got, name+string(data))
			return nil
		})
		if fmt.Sprint(got) != fmt.Sprint(tt.want) || err == nil || !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %q, %v", tt.name, got, err)
		}
	}
}

func FuzzEachEvent(f *testing.F) {
	f.Add([]byte("data: {}\n\n: x\ndata:a\r\n\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		err := eachEvent(bytes.NewReader(in), 64, func(_ string, data []byte) error {
			if len(data) == 0 || len(data) > 128 {
				t.Errorf("an event of %d bytes", len(data))
			}
			return nil
		})
		if err == nil {
			t.Error("the end of a stream is no error")
		}
	})
}

// TestAttachmentOfAStrangeServer: what is no snapshot, or never ends, is a connection
// that is lost, and is tried again.
func TestAttachmentOfAStrangeServer(t *testing.T) {
	answers := make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case text := <-answers:
			fmt.Fprint(w, text)
		default:
			http.Error(w, "full", http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	for _, text := range []string{"data: {\n\n", "data: {\"schema\":7}\n\n", "<html>", "data: {\"schema\":1,\"host\":\"\\u001b[2J\"}\n\n"} {
		answers <- text
	}
	d, err := daemonAt(remoteFlags{connect: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	a := newAttachment(d)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		a.run(ctx)
	}()
	if l := <-a.links; !l.Lost || l.Detail == "" {
		t.Errorf("link %+v", l)
	}
	if s := <-a.snapshots; s.Host != `\x1b[2J` {
		t.Errorf("host %q", s.Host)
	}
	poll(t, "it is lost again", func() bool {
		select {
		case l := <-a.links:
			return l.Lost && strings.Contains(l.Detail, "503")
		default:
			return false
		}
	})
	stop()
	<-ended
	if err := d.ask(t.Context(), http.MethodGet, "/x", nil, nil); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("asked: %v", err)
	}
}

// TestSilentDaemon: one that takes connections and says nothing is lost, not waited for
// for ever; and so is one that falls silent in the midst of a stream.
func TestSilentDaemon(t *testing.T) {
	for _, first := range []string{"", "data: {\"schema\":1}\n\n"} {
		hold := make(chan struct{})
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if first != "" {
				fmt.Fprint(w, first)
				w.(http.Flusher).Flush()
			}
			select {
			case <-hold:
			case <-r.Context().Done():
			}
		}))
		d, err := daemonAt(remoteFlags{connect: server.URL})
		if err != nil {
			t.Fatal(err)
		}
		a := newAttachment(d)
		a.patience = 200 * time.Millisecond
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			a.run(ctx)
		}()
		poll(t, "it is lost", func() bool {
			select {
			case l := <-a.links:
				return l.Lost && strings.Contains(l.Detail, "no word for")
			default:
				return false
			}
		})
		stop()
		<-ended
		d.close()
		close(hold)
		server.Close()
	}
}

// TestSlowStream: what comes slowly, but comes, is no silence.
func TestSlowStream(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, b := range []byte("data: {\"schema\":1,\"host\":\"slow\"}\n\nevent: end\ndata: bye\n\n") {
			w.Write([]byte{b})
			w.(http.Flusher).Flush()
			time.Sleep(20 * time.Millisecond)
		}
	}))
	defer server.Close()
	d, err := daemonAt(remoteFlags{connect: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	a := newAttachment(d)
	a.patience = 500 * time.Millisecond
	var got []string
	err = a.stream(t.Context(), func(s *traffic.Snapshot) { got = append(got, s.Host) })
	if len(got) != 1 || got[0] != "slow" || err == nil || err.Error() != "the daemon is ending" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestRedirectIsRefused: the token goes to nobody else.
func TestRedirectIsRefused(t *testing.T) {
	asked := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer other.Close()
	server := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusFound))
	defer server.Close()
	d, err := daemonAt(remoteFlags{connect: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	if err := d.ask(t.Context(), http.MethodGet, "/x", nil, nil); err == nil || !strings.Contains(err.Error(), "sends us on to http://127.0.0.1") || asked {
		t.Errorf("asked elsewhere: %v, %v", asked, err)
	}
}

// TestReportOfAStrangeDaemon: what makes no sense is an error, not a panic.
func TestReportOfAStrangeDaemon(t *testing.T) {
	answer := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, answer) }))
	defer server.Close()
	d, err := daemonAt(remoteFlags{connect: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	for _, answer = range []string{
		`{"schema":2}`, `{"schema":1,"times":["2026-01-01T00:00:00Z"],"rows":[{"name":"x"}]}`, `{"schema":1,"rows":[{"rx_bytes":-1}]}`, `[]`,
	} {
		if r, err := d.history(t.Context(), traffic.Query{By: traffic.ByApp}); err == nil {
			t.Errorf("%s was taken: %+v", answer, r)
		}
	}
}
