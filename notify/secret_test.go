package notify

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSecretIsNeverShown(t *testing.T) {
	s := SecretText("hunter2")
	type holder struct {
		S Secret
		s Secret
		p *Secret
	}
	h := holder{s, s, &s}
	var b strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		fmt.Fprintf(&b, verb+verb, s, h)
	}
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "s", s, "h", h)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "s", s, "h", h)
	if text, err := json.Marshal(h); err != nil {
		t.Error(err)
	} else {
		b.Write(text)
	}
	if text := b.String(); strings.Contains(text, "hunter2") || strings.Contains(text, "68756e746572") {
		t.Errorf("shown: %s", text)
	}
}

func TestSecretIsReadWhenUsed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "password")
	s := SecretFile(path)
	if _, err := s.Read(); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("missing file: %v", err)
	}
	for content, want := range map[string]string{"one\n": "one", "two\r\n": "two", "  three": "  three"} {
		os.WriteFile(path, []byte(content), 0o600)
		if got, err := s.Read(); err != nil || got != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
	os.WriteFile(path, make([]byte, maxSecret+1), 0o600)
	if _, err := s.Read(); err == nil {
		t.Error("a huge file was read")
	}
	if !SecretText("a").Equal(SecretText("a")) || SecretText("a").Equal(SecretText("b")) || s.Equal(SecretText("a")) {
		t.Error("Equal")
	}
	if !(Secret{}).IsZero() || s.IsZero() {
		t.Error("IsZero")
	}
}
