package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// The ways to keep a mail private on its way to the server.
const (
	MailStartTLS = "starttls" // port 587; the default
	MailTLS      = "tls"      // port 465
	MailNoTLS    = "none"     // port 25
)

// maxDigest is how many alerts one mail holds.
const maxDigest = 500

// MailOptions says whom to write to, by which server. Zero values stand for the
// defaults given. CheckMail tells what is wrong with them.
type MailOptions struct {
	Name     string // of the delivery, for the log
	Host     string
	Port     int    // that of TLS
	TLS      string // MailStartTLS
	CAFile   string // certificates to trust in place of the system's
	User     string // "": without authentication
	Password Secret
	Auth     string // "": what the server offers; or plain, login, cram-md5, scram-sha-256
	From     string
	To       []string
	Hello    string        // what we call ourselves to the server; this host's name
	Gather   time.Duration // 5 min; how long alerts wait for others to go with them
	Timeout  time.Duration // 1 min; for a whole mail
	Log      *slog.Logger
}

// Mail is a Sender that gathers alerts into digests.
type Mail struct {
	o   MailOptions
	tls *tls.Config
}

// NewMail returns an error where CheckMail does.
func NewMail(o MailOptions) (*Mail, error) {
	if err := CheckMail(o); err != nil {
		return nil, err
	}
	if o.TLS == "" {
		o.TLS = MailStartTLS
	}
	if o.Port == 0 {
		o.Port = map[string]int{MailStartTLS: 587, MailTLS: 465, MailNoTLS: 25}[o.TLS]
	}
	if o.Gather <= 0 {
		o.Gather = 5 * time.Minute
	}
	if o.Timeout <= 0 {
		o.Timeout = time.Minute
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	config, err := tlsConfig(o.CAFile)
	if err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	config.ServerName = o.Host
	return &Mail{o: o, tls: config}, nil
}

// Pace implements Pacer.
func (m *Mail) Pace() Pace { return Pace{Batch: maxDigest, Gather: m.o.Gather} }

// Send implements Sender: one mail with all the events. A server that refuses
// some of several recipients for good still gets it for the others; the refused
// are logged.
func (m *Mail) Send(ctx context.Context, events []Event) error {
	if len(events) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, m.o.Timeout)
	defer cancel()
	d := newDigest(events)
	err := m.sendTo(ctx, d, m.o.To)
	if len(m.o.To) > 1 && refused(err) {
		err = m.sendEach(ctx, d)
	}
	if err != nil {
		err = fmt.Errorf("send mail: %w", err)
		if refused(err) {
			err = Permanent(err)
		}
	}
	return err
}

// sendEach sends to one recipient after the other. Once one has it, the others
// are only logged: to try again would send it to the first once more.
func (m *Mail) sendEach(ctx context.Context, d digest) error {
	var first error
	reached := 0
	for _, to := range m.o.To {
		err := m.sendTo(ctx, d, []string{to})
		if err == nil {
			reached++
			continue
		}
		if first == nil || !refused(err) {
			first = err // one that may pass is worth trying again
		}
		m.o.Log.Error("a recipient was refused", "notify", m.o.Name, "to", to, "error", clean(err))
	}
	if reached > 0 {
		return nil
	}
	return first
}

// refused reports whether the server will not take the mail or a recipient,
// however often it is asked.
func refused(err error) bool {
	var e *gomail.SendError
	if !errors.As(err, &e) || e.ErrorCode() < 500 {
		return false
	}
	return e.Reason == gomail.ErrSMTPRcptTo || e.Reason == gomail.ErrSMTPDataClose
}

// sendTo delivers one mail over a connection of its own.
func (m *Mail) sendTo(ctx context.Context, d digest, to []string) error {
	msg, err := d.message(m.o.From, to)
	if err != nil {
		return Permanent(err)
	}
	line := mailLine{tls: m.tls, direct: m.o.TLS == MailTLS}
	defer line.close()                         // go-mail leaves it open where it fails early
	defer context.AfterFunc(ctx, line.close)() // and heeds ctx only until it is made
	client, err := m.client(&line)
	if err != nil {
		return err
	}
	err = client.DialAndSendWithContext(ctx, msg)
	if msg.IsDelivered() {
		return nil // what fails after that does not undo it
	}
	if err != nil && ctx.Err() != nil {
		return errors.New("the server did not answer in time")
	}
	return err
}

func (m *Mail) client(line *mailLine) (*gomail.Client, error) {
	options := []gomail.Option{
		gomail.WithPort(m.o.Port), gomail.WithTLSConfig(m.tls.Clone()), gomail.WithTimeout(m.o.Timeout),
		gomail.WithDialContextFunc(line.dial), gomail.WithoutNoop(), gomail.WithoutRset(),
	}
	policy := map[string]gomail.TLSPolicy{
		MailStartTLS: gomail.TLSMandatory,
		MailTLS:      gomail.TLSOpportunistic, // it finds that there is TLS already
		MailNoTLS:    gomail.NoTLS,
	}[m.o.TLS]
	options = append(options, gomail.WithTLSPolicy(policy))
	if m.o.Hello != "" {
		options = append(options, gomail.WithHELO(m.o.Hello))
	}
	if m.o.User != "" {
		password, err := m.o.Password.oneLine()
		if err != nil {
			return nil, err
		}
		options = append(options, gomail.WithSMTPAuth(mailAuth(m.o.Auth)),
			gomail.WithUsername(m.o.User), gomail.WithPassword(password))
	}
	return gomail.NewClient(m.o.Host, options...)
}

// mailAuth is go-mail's name for ours. Of what a server offers SCRAM is preferred.
func mailAuth(name string) gomail.SMTPAuthType {
	return map[string]gomail.SMTPAuthType{
		"": gomail.SMTPAuthAutoDiscover, "plain": gomail.SMTPAuthPlain, "login": gomail.SMTPAuthLogin,
		"cram-md5": gomail.SMTPAuthCramMD5, "scram-sha-256": gomail.SMTPAuthSCRAMSHA256,
	}[name]
}

// mailLine is the connection to the server. It ends when it is closed, whatever
// the other side does or leaves.
type mailLine struct {
	tls    *tls.Config
	direct bool // TLS from the first byte

	mu     sync.Mutex // protects the fields below
	conn   net.Conn
	closed bool
}

func (l *mailLine) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if l.direct {
		secured := tls.Client(conn, l.tls.Clone())
		if err := secured.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, err
		}
		conn = secured
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		conn.Close()
		return nil, net.ErrClosed
	}
	l.conn = conn
	return conn, nil
}

func (l *mailLine) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.conn != nil {
		l.conn.Close()
	}
}
