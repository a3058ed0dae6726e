package notify

import (
	"strings"

	"bwmon/traffic"
)

// hostileTexts are names that somebody may give a process. What is in an Alert is
// clean (traffic.CleanText), but each surface is to hold out without that.
func hostileTexts() []string {
	return []string{
		"=cmd|' /C calc'!A0", "x\r\nBcc: victim@example.org\r\n\r\nbody", "<script>alert(1)</script>&amp;",
		"\x1b]0;owned\x07\x1b[2J", "a\x00b", "../../../../etc/passwd", "{{.Rule}} %s %n ${HOME} $(reboot) `reboot`",
		"\xff\xfe not UTF-8", "\u202egnp.exe", strings.Repeat("long ", 1<<18), "=?utf-8?q?=41?=", "'; DROP TABLE x; --",
	}
}

// hostileAlert has all of them in all its texts.
func hostileAlert() Alert {
	a := testAlert("a", StateFiring)
	text := strings.Join(hostileTexts(), " ")
	a.Rule, a.Subject, a.App, a.Command = text, text, text, text
	a.Host, a.User, a.Container, a.Unit, a.Kind = text, text, text, text, text
	return a
}

// hostileAlerts has one for each.
func hostileAlerts() []Alert {
	var list []Alert
	for _, text := range hostileTexts() {
		a := testAlert(traffic.CleanText(text, 20), StateFiring)
		a.Rule, a.Subject, a.App, a.Command, a.Host = text, text, text, text, text
		list = append(list, a)
	}
	return list
}
