package traffic

import (
	"regexp"
	"strings"
)

// Masked stands in place of a secret.
const Masked = "***"

// Mask hides secrets in command lines. The nil Mask hides nothing. It is safe for
// concurrent use.
type Mask struct {
	secrets []*regexp.Regexp
	hinted  bool // none of them matches a text without a hint
}

// NewMask makes a Mask of regexes: of what matches, the groups are hidden, or all
// of it where the regex has none. standard adds those of SecretPatterns. Words of a
// command line are divided by NUL or by spaces: [\x00\s].
func NewMask(standard bool, patterns ...*regexp.Regexp) *Mask {
	m := &Mask{hinted: len(patterns) == 0}
	if standard {
		for _, p := range SecretPatterns() {
			m.secrets = append(m.secrets, regexp.MustCompile(p))
		}
	}
	m.secrets = append(m.secrets, patterns...)
	return m
}

// SecretPatterns are the secrets that command lines hold most often.
func SecretPatterns() []string {
	const name = `[\w.-]*(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?)`
	return []string{
		// --password=x, --password x, DB_PASSWORD=x, password: x, ?token=x
		`(?i)` + name + `(?:=|:[\x00\s]*)("[^"]*"|'[^']*'|[^\x00\s&]+)`,
		`(?i)(?:^|[\x00\s])--?` + name + `[\x00\s]+([^\x00\s-][^\x00\s]*)`,
		// scheme://user:x@host, user:x@host
		`://[^\x00\s/:@]*:([^\x00\s/@]+)@`,
		`(?:^|[\x00\s=])[^\x00\s/:@=]+:([^\x00\s/@]+)@`,
		// Authorization: Bearer x
		`(?i)authorization:[\x00\s]*(?:(?:basic|bearer|digest|token)[\x00\s]+)?([^\x00\s"']+)`,
		`(?i)\bbearer[\x00\s]+([^\x00\s"']+)`,
		// curl -u user:x, wget and others alike
		`(?:^|[\x00\s])(?:-u|--user|--proxy-user)[\x00\s=]?[^\x00\s:]+:([^\x00\s]+)`,
		// mysql -px, sshpass -p x
		`(?:^|[\x00\s/])(?:mysql|mysqldump|mysqladmin|mariadb|mariadb-dump)(?s:[\x00\s].*?)?[\x00\s]-p([^\x00\s]+)`,
		`(?:^|[\x00\s/])sshpass[\x00\s]+-p[\x00\s]?([^\x00\s]+)`,
	}
}

// Patterns lists the regexes that hide.
func (m *Mask) Patterns() []string {
	if m == nil {
		return nil
	}
	list := make([]string, len(m.secrets))
	for i, re := range m.secrets {
		list[i] = re.String()
	}
	return list
}

// hints are parts of every text that a standard pattern matches, in lower case: most
// command lines hold none, and cost no regex.
var hints = [...]string{"pass", "secret", "token", "key", "credential", "@", "authorization", "bearer", "-u", "--user", "--proxy-user", "mysql", "mariadb"}

// Hide returns s with the secrets in it replaced by Masked.
func (m *Mask) Hide(s string) string {
	if m == nil || len(m.secrets) == 0 {
		return s
	}
	if m.hinted && !hinted(s) {
		return s
	}
	for _, re := range m.secrets {
		s = hide(re, s)
	}
	return s
}

func hinted(s string) bool {
	s = strings.ToLower(s)
	for _, h := range hints {
		if strings.Contains(s, h) {
			return true
		}
	}
	return false
}

// hide replaces what re finds.
func hide(re *regexp.Regexp, s string) string {
	found := re.FindAllStringSubmatchIndex(s, -1)
	if found == nil {
		return s
	}
	var b strings.Builder
	at := 0
	for _, f := range found {
		if len(f) > 2 { // the groups alone
			f = f[2:]
		}
		for i := 0; i+1 < len(f); i += 2 {
			if f[i] < at || f[i] == f[i+1] { // not there, or within the last one
				continue
			}
			b.WriteString(s[at:f[i]])
			b.WriteString(Masked)
			at = f[i+1]
		}
	}
	b.WriteString(s[at:])
	return b.String()
}
