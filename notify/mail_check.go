package notify

import (
	"errors"
	"fmt"
	"net/mail"
	"strings"
)

// CheckMail tells what is wrong with o, without calling the server. It reads the
// password and the certificates.
func CheckMail(o MailOptions) error {
	if err := checkMail(o); err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	return nil
}

func checkMail(o MailOptions) error {
	switch {
	case o.Host == "":
		return errors.New("the server's host is missing")
	case strings.ContainsAny(o.Host, " \t\r\n/@"):
		return fmt.Errorf("%q is no host name", o.Host)
	case o.Port < 0 || o.Port > 65535:
		return fmt.Errorf("%d is no port", o.Port)
	case o.TLS != "" && o.TLS != MailStartTLS && o.TLS != MailTLS && o.TLS != MailNoTLS:
		return fmt.Errorf("tls: want %s, %s or %s, got %q", MailStartTLS, MailTLS, MailNoTLS, o.TLS)
	case mailAuth(o.Auth) == "":
		return fmt.Errorf("auth: want plain, login, cram-md5 or scram-sha-256, got %q", o.Auth)
	case strings.ContainsAny(o.Hello, " \t\r\n"):
		return fmt.Errorf("%q is no host name", o.Hello)
	}
	if err := checkMailUser(o); err != nil {
		return err
	}
	if o.From == "" {
		return errors.New("from: an address is missing")
	}
	if _, err := mail.ParseAddress(o.From); err != nil {
		return fmt.Errorf("from: %q is no mail address", o.From)
	}
	if len(o.To) == 0 {
		return errors.New("to: an address is missing")
	}
	for _, to := range o.To {
		if _, err := mail.ParseAddress(to); err != nil {
			return fmt.Errorf("to: %q is no mail address", to)
		}
	}
	_, err := tlsConfig(o.CAFile)
	return err
}

// checkMailUser looks at what is needed to authenticate.
func checkMailUser(o MailOptions) error {
	if o.User == "" {
		if !o.Password.IsZero() || o.Auth != "" {
			return errors.New("user: a name is missing that belongs to the password")
		}
		return nil
	}
	if o.Password.IsZero() {
		return errors.New("password: it is missing for the user")
	}
	if _, err := o.Password.oneLine(); err != nil {
		return fmt.Errorf("password: %w", err)
	}
	if o.TLS == MailNoTLS && (o.Auth == "plain" || o.Auth == "login") && !isLoopback(o.Host) {
		return fmt.Errorf("auth: %s without TLS would send the password in the clear", o.Auth)
	}
	return nil
}

// isLoopback reports whether host is one that go-mail trusts without TLS.
func isLoopback(host string) bool {
	return host == "localhost" || host == "127.0.0.1" || host == "::1"
}
