package notify

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
)

// Secret is a text that is never shown: a password, a token, an address that
// holds one. It may be kept in a file or in the environment, and is then read
// each time it is used, so that it can be changed while bwmon runs.
type Secret struct {
	// A pointer, since package fmt prints unexported fields of others' structs
	// without asking our methods, but never follows a pointer to a string.
	text      *string
	file, env string
}

// maxSecret bounds what is read from a file.
const maxSecret = 64 << 10

// SecretText is a secret that stands in the configuration itself.
func SecretText(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{text: &text}
}

// SecretFile is a secret in a file; line ends after it are not part of it.
func SecretFile(path string) Secret { return Secret{file: path} }

// SecretEnv is a secret in an environment variable.
func SecretEnv(name string) Secret { return Secret{env: name} }

// IsZero reports whether there is none.
func (s Secret) IsZero() bool { return s == Secret{} }

// Equal reports whether two secrets are the same or kept in the same place.
func (s Secret) Equal(t Secret) bool {
	if s.text != nil && t.text != nil {
		return *s.text == *t.text
	}
	return s == t
}

// Read returns the secret itself. Its errors name the file or the variable.
func (s Secret) Read() (string, error) {
	switch {
	case s.file != "":
		return readSecretFile(s.file)
	case s.env != "":
		text, ok := os.LookupEnv(s.env)
		if !ok || text == "" {
			return "", fmt.Errorf("read secret: environment variable %s is not set", s.env)
		}
		return text, nil
	}
	if s.text == nil {
		return "", nil
	}
	return *s.text, nil
}

func readSecretFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	if len(data) > maxSecret {
		return "", fmt.Errorf("read secret: %s is longer than %d bytes", path, maxSecret)
	}
	text := strings.TrimRight(string(data), "\r\n")
	if text == "" {
		return "", fmt.Errorf("read secret: %s is empty", path)
	}
	return text, nil
}

// oneLine is Read for secrets that go into a header or a command of a protocol
// of lines.
func (s Secret) oneLine() (string, error) {
	text, err := s.Read()
	if err != nil {
		return "", err
	}
	if strings.ContainsAny(text, "\r\n\x00") {
		return "", errors.New("read secret: it has line breaks in it")
	}
	return text, nil
}

// String says where the secret is kept and never what it is; so do all other
// ways to print one.
func (s Secret) String() string {
	switch {
	case s.file != "":
		return "(secret in " + s.file + ")"
	case s.env != "":
		return "(secret in $" + s.env + ")"
	case s.text != nil:
		return "(secret)"
	}
	return "(none)"
}

// Format implements fmt.Formatter, since %d and %#v would not ask String.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

// MarshalText implements encoding.TextMarshaler.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
