package notify

import (
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"
)

func sendMail(t *testing.T, o MailOptions, events ...Event) error {
	t.Helper()
	m, err := NewMail(o)
	if err != nil {
		t.Fatal(err)
	}
	return m.Send(t.Context(), events)
}

// parts takes a mail apart into its headers, its text and its HTML.
func parts(t *testing.T, text string) (*mail.Message, string, string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("content type %s, %v", kind, err)
	}
	r := multipart.NewReader(m.Body, params["boundary"])
	bodies := make(map[string]string)
	for {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return m, bodies["text/plain"], bodies["text/html"]
		}
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
		body, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		bodies[kind] = string(body)
	}
}

func TestMailArrives(t *testing.T) {
	for _, c := range []struct {
		tls, auth, used string
	}{
		{MailStartTLS, "", "PLAIN"}, {MailStartTLS, "plain", "PLAIN"}, {MailStartTLS, "login", "LOGIN"},
		{MailTLS, "", "PLAIN"}, {MailNoTLS, "plain", "PLAIN"},
	} {
		t.Run(c.tls+" "+c.auth, func(t *testing.T) {
			s := newMailServer(t, c.tls == MailTLS, c.tls == MailNoTLS)
			o := s.options(t)
			o.TLS, o.Auth = c.tls, c.auth
			second := testAlert("b", StateResolved)
			second.Rule = "a rule that sorts first"
			if err := sendMail(t, o, Event{Alert: second}, Event{Alert: testAlert("a", StateFiring)}); err != nil {
				t.Fatal(err)
			}
			mails, rcpts := s.received()
			if len(mails) != 1 || !slices.Equal(rcpts[0], []string{"ops@example.org", "boss@example.org"}) {
				t.Fatalf("%d mails to %v", len(mails), rcpts)
			}
			if !slices.Equal(s.auths, []string{c.used}) {
				t.Errorf("authenticated by %v", s.auths)
			}
			m, text, page := parts(t, mails[0])
			if got := m.Header.Get("Subject"); got != "bwmon on gw: 1 firing, 1 resolved" {
				t.Errorf("subject %q", got)
			}
			for _, body := range []string{text, page} {
				fires, ends := strings.Index(body, "backup cap"), strings.Index(body, "a rule that sorts first")
				if fires < 0 || ends < fires {
					t.Errorf("order: %d, %d in\n%s", fires, ends, body)
				}
				if !strings.Contains(body, "tx 6 MiB/s, above 5 MiB/s over 1m0s") {
					t.Errorf("no figures in\n%s", body)
				}
			}
		})
	}
}

func TestMailHostileNames(t *testing.T) {
	s := newMailServer(t, false, false)
	for _, a := range hostileAlerts() {
		if err := sendMail(t, s.options(t), Event{Alert: a}); err != nil {
			t.Fatalf("%.60q: %v", a.Rule, err)
		}
	}
	var events []Event
	for _, a := range hostileAlerts() {
		events = append(events, Event{Alert: a})
	}
	if err := sendMail(t, s.options(t), events...); err != nil {
		t.Fatal(err)
	}
	mails, rcpts := s.received()
	for i, text := range mails {
		if len(text) > 200<<10 {
			t.Errorf("a mail of %d bytes", len(text))
		}
		m, plain, page := parts(t, text)
		if m.Header.Get("Bcc") != "" || len(rcpts[i]) != 2 {
			t.Errorf("a name added a recipient: %v", m.Header)
		}
		subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
		if err != nil || strings.ContainsAny(subject, "\r\n\x00\x1b") || len(subject) > maxSubject {
			t.Errorf("subject %q, %v", subject, err)
		}
		if strings.ContainsAny(plain, "\x00\x1b\u202e") {
			t.Errorf("control characters in %q", plain)
		}
		if strings.Count(page, "<") != strings.Count(page, ">") || strings.Contains(page, "<script") {
			t.Errorf("a name is markup in\n%s", page)
		}
	}
}

func TestMailRefusedRecipients(t *testing.T) {
	for _, c := range []struct {
		name      string
		refuse    map[string]int
		mails     int
		fails     bool
		permanent bool
	}{
		{"one for good", map[string]int{"ops@example.org": 550}, 1, false, false},
		{"all for good", map[string]int{"ops@example.org": 550, "boss@example.org": 553}, 0, true, true},
		{"one for now", map[string]int{"boss@example.org": 450}, 0, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newMailServer(t, false, false)
			s.refuse = c.refuse
			err := sendMail(t, s.options(t), Event{Alert: testAlert("a", StateFiring)})
			if (err != nil) != c.fails || IsPermanent(err) != c.permanent {
				t.Errorf("%v (permanent: %v)", err, IsPermanent(err))
			}
			if mails, _ := s.received(); len(mails) != c.mails {
				t.Errorf("%d mails, want %d", len(mails), c.mails)
			}
		})
	}
}

func TestMailThatCannotBeSentIsTriedAgain(t *testing.T) {
	s := newMailServer(t, false, false)
	plain := newMailServer(t, false, true)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for name, change := range map[string]func(*MailOptions){
		"wrong password":      func(o *MailOptions) { o.Password = SecretText("wrong") },
		"unknown certificate": func(o *MailOptions) { o.CAFile = "" },
		"no STARTTLS":         func(o *MailOptions) { o.Port = plain.options(t).Port },
		"silent server":       func(o *MailOptions) { o.Port = silent.Addr().(*net.TCPAddr).Port; o.Timeout = 200 * time.Millisecond },
		"silent server of TLS": func(o *MailOptions) {
			o.Port = silent.Addr().(*net.TCPAddr).Port
			o.TLS = MailTLS
			o.Timeout = 200 * time.Millisecond
		},
		"nobody": func(o *MailOptions) { o.Port = 1 },
	} {
		o := s.options(t)
		change(&o)
		err := sendMail(t, o, Event{Alert: testAlert("a", StateFiring)})
		if err == nil || IsPermanent(err) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v (permanent: %v)", name, err, IsPermanent(err))
		}
	}
	if mails, _ := plain.received(); len(mails) != 0 {
		t.Error("sent without TLS")
	}
}

func TestMailEndsWithItsContext(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	o := (&mailServer{addr: silent.Addr().String()}).options(t)
	m, err := NewMail(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := m.Send(ctx, []Event{{Alert: testAlert("a", StateFiring)}}); err == nil || time.Since(began) > 2*time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
}

func TestMailDigestThroughOutbox(t *testing.T) {
	s := newMailServer(t, false, false)
	o := s.options(t)
	o.Gather = 200 * time.Millisecond
	m, err := NewMail(o)
	if err != nil {
		t.Fatal(err)
	}
	box := runOutbox(t, m, OutboxOptions{Name: "mail", Dir: t.TempDir()})
	for _, id := range []string{"a", "b", "c"} {
		box.Put(Event{Alert: testAlert(id, StateFiring)})
	}
	eventually(t, "the digest", func() bool { return box.Stats().Delivered == 3 })
	if mails, _ := s.received(); len(mails) != 1 {
		t.Errorf("%d mails, want 1", len(mails))
	}
}

func TestCheckMail(t *testing.T) {
	good := (&mailServer{addr: "127.0.0.1:25"}).options(t)
	if err := CheckMail(good); err != nil {
		t.Errorf("a good one: %v", err)
	}
	for want, change := range map[string]func(*MailOptions){
		"mail: the server's host is missing":                                         func(o *MailOptions) { o.Host = "" },
		`mail: "smtp://x" is no host name`:                                           func(o *MailOptions) { o.Host = "smtp://x" },
		"mail: 70000 is no port":                                                     func(o *MailOptions) { o.Port = 70000 },
		`mail: tls: want starttls, tls or none, got "ssl"`:                           func(o *MailOptions) { o.TLS = "ssl" },
		`mail: auth: want plain, login, cram-md5 or scram-sha-256, got "x"`:          func(o *MailOptions) { o.Auth = "x" },
		"mail: password: it is missing for the user":                                 func(o *MailOptions) { o.Password = Secret{} },
		"mail: user: a name is missing that belongs to the password":                 func(o *MailOptions) { o.User = "" },
		"mail: auth: plain without TLS would send the password in the clear":         func(o *MailOptions) { o.Host = "mx"; o.TLS = MailNoTLS; o.Auth = "plain" },
		"mail: from: an address is missing":                                          func(o *MailOptions) { o.From = "" },
		`mail: from: "nobody" is no mail address`:                                    func(o *MailOptions) { o.From = "nobody" },
		"mail: to: an address is missing":                                            func(o *MailOptions) { o.To = nil },
		`mail: to: "a@b\r\nBcc: c@d" is no mail address`:                             func(o *MailOptions) { o.To = []string{"a@b\r\nBcc: c@d"} },
		"mail: read certificates: open /no/such/file: no such file or directory":     func(o *MailOptions) { o.CAFile = "/no/such/file" },
		"mail: password: read secret: open /no/such/file: no such file or directory": func(o *MailOptions) { o.Password = SecretFile("/no/such/file") },
	} {
		o := good
		change(&o)
		if err := CheckMail(o); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
