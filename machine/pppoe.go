package machine

import (
	"os"
	"path/filepath"
	"strings"
)

// markPPPoE marks the interfaces below PPPoE sessions. No netlink attribute
// tells which interface carries a ppp interface; the kernel's list of PPPoE
// sessions does (pppoe_seq_show in drivers/net/ppp/pppoe.c).
func markPPPoE(proc string, byName func(string) *device) {
	// Of the calling thread's namespace, which /proc/net need not be.
	text, err := os.ReadFile(filepath.Join(proc, "thread-self/net/pppoe"))
	if err != nil {
		return // no PPPoE in this kernel, or none in use
	}
	for _, name := range parsePPPoE(string(text)) {
		if d := byName(name); d != nil {
			d.pppoe = true
		}
	}
}

// parsePPPoE lists the interfaces named in the third column of the table,
// below its heading.
func parsePPPoE(text string) []string {
	var names []string
	for i, line := range strings.Split(text, "\n") {
		if f := strings.Fields(line); i > 0 && len(f) == 3 {
			names = append(names, f[2])
		}
	}
	return names
}
