package main

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"bwmon/notify"
)

// rawNotify is one [[notify]]: what each type of delivery may have.
type rawNotify struct {
	Name     string `toml:"name"`
	Type     string `toml:"type"`
	MaxItems int    `toml:"max_items"`
	MaxAge   string `toml:"max_age"`
	Timeout  string `toml:"timeout"`

	Command  words  `toml:"command"`
	RunAs    string `toml:"run_as"`
	Parallel int    `toml:"parallel"`

	URL         string   `toml:"url"`
	Headers     []string `toml:"headers"`
	Template    string   `toml:"template"`
	ContentType string   `toml:"content_type"`
	CAFile      string   `toml:"ca_file"`

	Host     string   `toml:"host"`
	Port     int      `toml:"port"`
	TLS      string   `toml:"tls"`
	User     string   `toml:"user"`
	Password string   `toml:"password"`
	Auth     string   `toml:"auth"`
	From     string   `toml:"from"`
	To       []string `toml:"to"`
	Gather   string   `toml:"gather"`

	Dir      string   `toml:"dir"`
	Formats  []string `toml:"formats"`
	Compress string   `toml:"compress"`
	MaxFiles int      `toml:"max_files"`
	MaxBytes string   `toml:"max_bytes"`

	Bus string `toml:"bus"`
}

// words is a list of strings, or one that is split as a shell would.
type words []string

func defaultRawNotify() rawNotify {
	return rawNotify{
		MaxItems: 1000, MaxAge: "24h", Parallel: 4, ContentType: "application/json", TLS: notify.MailStartTLS, Gather: "5m",
		Formats: []string{"json"}, MaxFiles: 1000, MaxBytes: "256 MiB",
	}
}

// notifyConfig is one delivery: one of the options is its own.
type notifyConfig struct {
	Where    string // it stands: file, line and table
	Name     string
	Type     string
	MaxItems int
	MaxAge   time.Duration

	Command notify.CommandOptions
	Webhook notify.WebhookOptions
	Mail    notify.MailOptions
	Export  notify.ExportOptions
	Desktop notify.DesktopOptions
}

// The types of delivery, and the keys that each has besides those of all.
func notifyTypes() []string {
	return []string{"command", "webhook", "mail", "export", "log", "desktop"}
}

func notifyKeys() map[string][]string {
	return map[string][]string{
		"command": {"command", "run_as", "parallel", "timeout"},
		"webhook": {"url", "headers", "template", "content_type", "ca_file", "timeout"},
		"mail":    {"host", "port", "tls", "user", "password", "auth", "from", "to", "gather", "ca_file", "timeout"},
		"export":  {"dir", "formats", "compress", "max_files", "max_bytes"},
		"log":     {},
		"desktop": {"bus", "timeout"},
	}
}

func (c *configReader) deliveries(raw []rawNotify) []notifyConfig {
	var out []notifyConfig
	first := make(map[string]int)
	for i := range raw {
		r, at := &raw[i], place("notify").index(i)
		c.named(r.Name, at, "notify", first)
		if _, taken := first[r.Name]; !taken {
			first[r.Name] = i + 1
		}
		if !slices.Contains(notifyTypes(), r.Type) {
			where := at.key("type")
			if r.Type == "" {
				where = at
			}
			c.problem(at.key("type"), where, "want type = one of %s, got %s%s", strings.Join(notifyTypes(), ", "), quoted(r.Type), didYouMean(r.Type, notifyTypes()))
			continue
		}
		c.uselessKeys(at, r.Type)
		out = append(out, c.delivery(r, at))
	}
	return out
}

func (c *configReader) uselessKeys(at place, kind string) {
	keys := notifyKeys()
	for of, list := range keys {
		for _, key := range list {
			if of != kind && !slices.Contains(keys[kind], key) && c.written(at, key) {
				c.problem(at.key(key), at.key(key), "does nothing for a delivery of type %s", kind)
			}
		}
	}
}

func (c *configReader) delivery(r *rawNotify, at place) notifyConfig {
	n := notifyConfig{Name: r.Name, Type: r.Type, MaxItems: r.MaxItems, MaxAge: c.span(r.MaxAge, at.key("max_age"), false)}
	if r.Parallel < 1 {
		c.problem(at.key("parallel"), at.key("parallel"), "want a number above 0, got %d", r.Parallel)
	}
	if strings.HasPrefix(r.Name, ".") {
		c.problem(at.key("name"), at.key("name"), "want a name that does not begin with a dot, got %s", quoted(r.Name))
	}
	if r.MaxItems < 1 {
		c.problem(at.key("max_items"), at.key("max_items"), "want a number above 0, got %d", r.MaxItems)
	}
	var timeout time.Duration
	if c.written(at, "timeout") {
		timeout = c.span(r.Timeout, at.key("timeout"), false)
	}
	secret := func(key, text string) notify.Secret { return c.secret(text, at.key(key)) }
	switch r.Type {
	case "command":
		n.Command = notify.CommandOptions{Name: r.Name, Argv: r.Command, User: r.RunAs, Parallel: r.Parallel, Timeout: timeout}
		if len(r.Command) == 0 {
			c.problem(at.key("command"), at, `command is missing: add command = ["/usr/local/bin/page", "--urgent"]`)
		}
	case "webhook":
		n.Webhook = notify.WebhookOptions{
			URL: secret("url", r.URL), Headers: c.headers(r.Headers, at.key("headers")), Template: r.Template,
			ContentType: r.ContentType, CAFile: r.CAFile, Timeout: timeout,
		}
	case "mail":
		n.Mail = notify.MailOptions{
			Name: r.Name, Host: r.Host, Port: r.Port, TLS: r.TLS, CAFile: r.CAFile, User: r.User, Password: secret("password", r.Password),
			Auth: r.Auth, From: r.From, To: r.To, Gather: c.span(r.Gather, at.key("gather"), false), Timeout: timeout,
		}
	case "export":
		n.Export = c.export(r, at)
	case "desktop":
		n.Desktop = notify.DesktopOptions{Address: r.Bus, Timeout: timeout}
	}
	file, line := c.spot(at.key("type"))
	n.Where = fmt.Sprintf("%s:%d: %s", file, line, c.describe(at))
	return n
}

// checkDeliveries finds what is wrong with deliveries as far as that can be told
// without telling anybody. Unlike the reading of the configuration, which everybody
// does who uses bwmon, it looks for programs, users, files and secrets.
func checkDeliveries(c config) error {
	var errs []error
	for _, n := range c.Deliveries {
		if err := n.check(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", n.Where, err))
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return usageError{errors.Join(errs...)}
}

func (n notifyConfig) check() error {
	var err error
	switch n.Type {
	case "command":
		_, err = notify.NewCommand(n.Command)
	case "webhook":
		_, err = notify.NewWebhook(n.Webhook)
	case "mail":
		err = notify.CheckMail(n.Mail)
	}
	return err
}

func (c *configReader) export(r *rawNotify, at place) notify.ExportOptions {
	o := notify.ExportOptions{Dir: r.Dir, Compress: r.Compress, MaxFiles: r.MaxFiles}
	if r.Dir == "" {
		c.problem(at.key("dir"), at, `dir is missing: add dir = "/var/lib/bwmon/exports"`)
	}
	for i, format := range r.Formats {
		switch format {
		case "json":
			o.JSON = true
		case "csv":
			o.CSV = true
		default:
			c.problem(at.key("formats").index(i), at.key("formats"), "want json or csv, got %s", quoted(format))
		}
	}
	size, err := notify.ParseSize(r.MaxBytes)
	if err != nil {
		c.problem(at.key("max_bytes"), at.key("max_bytes"), "%v", err)
	}
	if o.MaxBytes = int64(min(size, 1<<50)); r.MaxFiles < 1 {
		c.problem(at.key("max_files"), at.key("max_files"), "want a number above 0, got %d", r.MaxFiles)
	}
	if !slices.Contains([]string{notify.CompressNone, notify.CompressGzip, notify.CompressZstd}, r.Compress) {
		c.problem(at.key("compress"), at.key("compress"), `want gzip, zstd or "", got %s`, quoted(r.Compress))
	}
	return o
}

// secret reads where a secret is kept: "file:PATH", "env:NAME", or itself.
func (c *configReader) secret(s string, at place) notify.Secret {
	if name, ok := strings.CutPrefix(s, "env:"); ok {
		return notify.SecretEnv(name)
	}
	if path, ok := strings.CutPrefix(s, "file:"); ok {
		if !strings.HasPrefix(path, "/") {
			c.problem(at, at, "want file: and a path that begins with /, got %s", quoted(s))
		}
		return notify.SecretFile(path)
	}
	return notify.SecretText(s)
}

func (c *configReader) headers(list []string, at place) map[string]notify.Secret {
	out := make(map[string]notify.Secret)
	first := make(map[string]int) // by names as HTTP compares them
	for i, line := range list {
		name, value, ok := strings.Cut(line, ":")
		name = strings.TrimSpace(name)
		if !ok || name == "" {
			c.problem(at.index(i), at, `want "Name: value", got something else as number %s`, strconv.Itoa(i+1))
			continue
		}
		key := http.CanonicalHeaderKey(name)
		if n, taken := first[key]; taken {
			c.problem(at.index(i), at, "number %d has the name of number %d, %s: leave one of them out", i+1, n, quoted(name))
			continue
		}
		first[key] = i + 1
		out[name] = c.secret(strings.TrimSpace(value), at.index(i))
	}
	return out
}

func levelText(level float64) string { return fmt.Sprintf("%g %%", 100*level) }
