package notify

import (
	"bytes"
	"cmp"
	"fmt"
	htmltemplate "html/template"
	"slices"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"bwmon/traffic"
)

const (
	// maxSubject bounds a mail's subject.
	maxSubject = 160
	// maxMailText bounds a text within a mail.
	maxMailText = 300
)

// digest is what one mail says.
type digest struct {
	Host   string
	Test   bool
	Alerts []mailAlert // firing ones first, then by rule and subject
	Fires  int
	Ends   int // resolved ones
}

// mailAlert is one alert's row.
type mailAlert struct {
	State, Rule, Kind, Subject, Detail, Command, Since, At string
	Firing                                                 bool
	when                                                   time.Time
}

func newDigest(events []Event) digest {
	var d digest
	text := func(s string) string { return traffic.CleanText(s, maxMailText) }
	for _, e := range events {
		a := e.Alert
		row := mailAlert{
			State: text(string(a.State)), Rule: text(a.Rule), Kind: text(a.Kind), Subject: text(a.Subject),
			Detail: text(comparison(a)), Command: text(a.Command),
			Since: timeText(a.Since), At: timeText(a.At), Firing: a.State != StateResolved, when: a.At,
		}
		if row.Command == row.Subject {
			row.Command = ""
		}
		d.Alerts = append(d.Alerts, row)
		d.Host = text(a.Host)
		d.Test = d.Test || e.Test
		if row.Firing {
			d.Fires++
		} else {
			d.Ends++
		}
	}
	slices.SortStableFunc(d.Alerts, func(a, b mailAlert) int {
		if a.Firing != b.Firing {
			if a.Firing {
				return -1
			}
			return 1
		}
		return cmp.Or(strings.Compare(a.Rule, b.Rule), strings.Compare(a.Subject, b.Subject), a.when.Compare(b.when))
	})
	return d
}

// subject is the mail's.
func (d digest) subject() string {
	what := d.summary()
	if len(d.Alerts) == 1 {
		a := d.Alerts[0]
		what = fmt.Sprintf("%s: %s: %s", a.State, a.Rule, a.Subject)
	}
	prefix := "bwmon"
	if d.Host != "" {
		prefix += " on " + d.Host
	}
	if d.Test {
		prefix += " (test)"
	}
	return traffic.CleanText(prefix+": "+what, maxSubject)
}

// summary counts the alerts.
func (d digest) summary() string {
	switch {
	case d.Ends == 0:
		return fmt.Sprintf("%d firing", d.Fires)
	case d.Fires == 0:
		return fmt.Sprintf("%d resolved", d.Ends)
	}
	return fmt.Sprintf("%d firing, %d resolved", d.Fires, d.Ends)
}

// text is the mail for those who read it as such.
func (d digest) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\r\n", d.Summary())
	for _, a := range d.Alerts {
		fmt.Fprintf(&b, "\r\n%s: %s: %s (%s)\r\n  %s\r\n", a.State, a.Rule, a.Subject, a.Kind, a.Detail)
		if a.Command != "" {
			fmt.Fprintf(&b, "  command: %s\r\n", a.Command)
		}
		fmt.Fprintf(&b, "  since %s, told %s\r\n", a.Since, a.At)
	}
	return b.String()
}

// Summary is the first line of both forms.
func (d digest) Summary() string {
	text := "bwmon: " + d.summary()
	if d.Host != "" {
		text = "bwmon on " + d.Host + ": " + d.summary()
	}
	if d.Test {
		text += " (this is a test)"
	}
	return text
}

// htmlPage is parsed for each mail: they are rare, and it would otherwise be state
// of the package.
const htmlPage = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{{.Summary}}</title></head>
<body style="font-family: sans-serif">
<p>{{.Summary}}</p>
<table style="border-collapse: collapse" cellpadding="6">
<tr style="text-align: left"><th>state</th><th>rule</th><th>subject</th><th>measured</th><th>since</th></tr>
{{range .Alerts}}<tr style="border-top: 1px solid #ccc; vertical-align: top">
<td>{{if .Firing}}<b>{{.State}}</b>{{else}}{{.State}}{{end}}</td>
<td>{{.Rule}}</td>
<td>{{.Subject}} ({{.Kind}}){{with .Command}}<br><code>{{.}}</code>{{end}}</td>
<td>{{.Detail}}</td>
<td>{{.Since}}</td>
</tr>
{{end}}</table>
</body></html>
`

// message makes the mail.
func (d digest) message(from string, to []string) (*gomail.Msg, error) {
	page, err := htmltemplate.New("mail").Parse(htmlPage)
	if err != nil {
		return nil, fmt.Errorf("make mail: %w", err)
	}
	var html bytes.Buffer
	if err := page.Execute(&html, d); err != nil {
		return nil, fmt.Errorf("make mail: %w", err)
	}
	m := gomail.NewMsg()
	if err := m.From(from); err != nil {
		return nil, fmt.Errorf("make mail: %w", err)
	}
	if err := m.To(to...); err != nil {
		return nil, fmt.Errorf("make mail: %w", err)
	}
	m.Subject(d.subject())
	m.SetDate()
	m.SetMessageID()
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no answers, please
	m.SetUserAgent("bwmon")
	m.SetBodyString(gomail.TypeTextPlain, d.text())
	m.AddAlternativeString(gomail.TypeTextHTML, html.String())
	return m, nil
}
