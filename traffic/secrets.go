package traffic

import (
	"regexp"
	"strings"
)

// What secrets are called: at the end of a longer name, and those that are words of
// their own.
const (
	longNames  = `passw(?:or)?d|passphrase|secret|token|credentials?|(?:api|access|auth|account|private|secret|shared|master|storage|encryption|license)[_-]?key`
	shortNames = `pass|pwd|pw`
)

// secrets knows what secrets look like in command lines. It works word by word: a
// word that the kernel divides from others may hold spaces.
type secrets struct {
	header   *regexp.Regexp // Authorization: Bearer x
	heading  *regexp.Regexp // the same where words are divided by spaces
	json     *regexp.Regexp // "password": "x"
	query    *regexp.Regexp // ?token=x
	pair     *regexp.Regexp // PASSWORD=x, password: x
	option   *regexp.Regexp // --password, whose next word is it
	colon    *regexp.Regexp // password:, likewise
	userinfo *regexp.Regexp // scheme://user:x@host
	port     *regexp.Regexp // scheme://host:1/path, in which an @ may stand
	bearer   *regexp.Regexp // https://x@host
	login    *regexp.Regexp // user:x@host
	bare     *regexp.Regexp // Bearer x
	ours     *regexp.Regexp // what "bwmon fleet" prints
}

func newSecrets() *secrets {
	const headers = `(?:proxy-)?authorization|(?:set-)?cookie|x-[a-z0-9-]*(?:key|token|auth|secret)[a-z0-9-]*|private-token`
	const schemes = `(?:(?:basic|bearer|digest|token|negotiate|apikey)\s+)?`
	const name = `(?:[\w.-]*(?:` + longNames + `)|(?:[\w.-]*[_.-])?(?:` + shortNames + `))`
	return &secrets{
		header:   regexp.MustCompile(`(?is)^(?:-H|--header=)?\s*(?:` + headers + `)\s*:\s*` + schemes + `(.+)$`),
		heading:  regexp.MustCompile(`(?i)\b(?:` + headers + `):\s*` + schemes + `([^\s"']+)`),
		json:     regexp.MustCompile(`(?i)"` + name + `"\s*:\s*"((?:[^"\\]|\\.)*)"`),
		query:    regexp.MustCompile(`(?i)[?&;](?:` + name + `|key|sig|signature|session|code)=([^&#\s]+)`),
		pair:     regexp.MustCompile(`(?is)(?:^|[^\w?&;.-])` + name + `["']?(?:=|:\s*|\s*=>\s*)["']?([^"'&].*)$`),
		option:   regexp.MustCompile(`(?i)^--?` + name + `$`),
		colon:    regexp.MustCompile(`(?i)^["']?` + name + `["']?:$`),
		userinfo: regexp.MustCompile(`(?s)[a-zA-Z][\w+.-]*://[^/\s@:]*:([^\s]*)@`),
		port:     regexp.MustCompile(`://[^/\s@:]*:\d{1,5}/`),
		bearer:   regexp.MustCompile(`(?i)https?://([^/\s@:]{16,})@`),
		login:    regexp.MustCompile(`(?s)^(?:[\w.-]+=)?[^\s/:@=]+:([^\s/].*)@[^@]+$`),
		bare:     regexp.MustCompile(`(?i)\bbearer\s+([^\s"']+)`),
		ours:     regexp.MustCompile(`\bbwmon-(?:invitation|token)-([\w-]+)`),
	}
}

// hinted reports whether s has a part without which nothing in it is secret but the
// options of some programs. Most words have none, and cost no more than this.
func hinted(s string) bool {
	for i := range len(s) {
		switch s[i] {
		case '@':
			return true
		case 'p', 'P':
			if begins(s[i:], "pw") || begins(s[i:], "pass") {
				return true
			}
		case 's', 'S':
			if begins(s[i:], "sig") || begins(s[i:], "secret") || begins(s[i:], "session") {
				return true
			}
		case 't', 'T':
			if begins(s[i:], "token") {
				return true
			}
		case 'k', 'K':
			if begins(s[i:], "key") {
				return true
			}
		case 'c', 'C':
			if begins(s[i:], "credential") || begins(s[i:], "cookie") || begins(s[i:], "code=") {
				return true
			}
		case 'a', 'A':
			if begins(s[i:], "authorization") {
				return true
			}
		case 'b', 'B':
			if begins(s[i:], "bearer") || begins(s[i:], "bwmon-") {
				return true
			}
		case 'x', 'X':
			if begins(s[i:], "x-auth") {
				return true
			}
		}
	}
	return false
}

// begins reports whether s begins with a word, in upper or lower case.
func begins(s, word string) bool {
	return len(s) >= len(word) && strings.EqualFold(s[:len(word)], word)
}

// hide hides what is secret in a command line.
func (k *secrets) hide(s string) string {
	divider := " "
	if strings.Contains(s, "\x00") {
		divider = "\x00"
	} else if hinted(s) {
		s = hideGroups(k.bare, hideGroups(k.heading, s))
	}
	words := strings.Split(s, divider)
	var of []shortOption // of the programs named so far
	next := ""           // how the word that comes is secret
	for i, w := range words {
		if next != "" && w != "" {
			words[i] = after(w, next)
			next = ""
			continue
		}
		suspect := hinted(w)
		if suspect {
			words[i] = k.word(w)
		}
		switch {
		case suspect && (k.option.MatchString(w) || k.colon.MatchString(w)):
			if i+1 < len(words) && !strings.HasPrefix(words[i+1], "-") {
				next = entire
			}
		case len(w) > 1 && w[0] == '-':
			words[i], next = short(of, w, words[i])
		default:
			of = append(of, optionsOf(w)...)
		}
	}
	return strings.Join(words, divider)
}

// word hides what is secret in one word by itself.
func (k *secrets) word(w string) string {
	w = hideGroups(k.ours, w)
	if hidden := hideGroups(k.header, w); hidden != w {
		return hidden
	}
	if hidden := hideGroups(k.json, w); hidden != w {
		return hidden
	}
	w = hideGroups(k.query, w)
	w = hideGroups(k.pair, w)
	if !k.port.MatchString(w) {
		w = hideGroups(k.userinfo, w)
	}
	w = hideGroups(k.bearer, w)
	if !strings.Contains(w, "://") {
		w = hideGroups(k.login, w)
	}
	if rest, ok := strings.CutPrefix(w, "pass:"); ok && rest != "" { // openssl(1)
		w = "pass:" + Masked
	}
	return w
}

// entire: all of a word is secret. Else what comes after the first of these characters.
const entire = "*"

// after hides a word, or what comes after a character of it.
func after(w, mark string) string {
	if mark == entire {
		return Masked
	}
	if head, _, found := strings.Cut(w, mark); found {
		return head + mark + Masked
	}
	return w
}

// shortOption is an option of one letter that takes a secret, in its own word or the
// next.
type shortOption struct {
	letter byte
	secret string // entire, or after which character
	joined bool   // only in its own word, as -p is of mysql(1)
}

// optionsOf are those of the program that a word names.
func optionsOf(w string) []shortOption {
	switch w[strings.LastIndexByte(w, '/')+1:] {
	case "curl":
		return []shortOption{{letter: 'u', secret: ":"}, {letter: 'U', secret: ":"}}
	case "http", "https", "xh":
		return []shortOption{{letter: 'a', secret: ":"}}
	case "lftp":
		return []shortOption{{letter: 'u', secret: ","}}
	case "smbclient", "rpcclient", "net":
		return []shortOption{{letter: 'U', secret: "%"}}
	case "mysql", "mysqldump", "mysqladmin", "mysqlimport", "mysqlcheck", "mariadb", "mariadb-dump", "mariadb-admin", "mariadb-import":
		return []shortOption{{letter: 'p', secret: entire, joined: true}}
	case "sshpass", "mongo", "mongosh", "mongodump", "mongorestore", "mongoexport", "mongoimport", "login":
		return []shortOption{{letter: 'p', secret: entire}}
	case "redis-cli":
		return []shortOption{{letter: 'a', secret: entire}}
	case "ldapsearch", "ldapadd", "ldapmodify", "ldapdelete", "ldappasswd", "ldapwhoami":
		return []shortOption{{letter: 'w', secret: entire}}
	case "ipmitool":
		return []shortOption{{letter: 'P', secret: entire}}
	}
	return nil
}

// short hides the secret in a word of short options, hidden so far as given, and says
// how the next word is secret, if it is. Letters without values may come before.
func short(of []shortOption, w, hidden string) (out, next string) {
	if hidden != w {
		return hidden, ""
	}
	for _, o := range of {
		if w == "--user" || w == "--proxy-user" { // of curl
			return hidden, ":"
		}
		i := strings.IndexByte(w, o.letter)
		if i < 1 || w[1] == '-' || strings.ContainsFunc(w[1:i], notLetter) {
			continue
		}
		value := w[i+1:]
		switch {
		case value != "" && (i == 1 || o.secret != entire):
			return w[:i+1] + after(value, o.secret), ""
		case value == "" && !o.joined:
			return hidden, o.secret
		}
	}
	return hidden, ""
}

func notLetter(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') }
