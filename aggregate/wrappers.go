package aggregate

import "strings"

// wrapper is a program that only starts the one named in its arguments.
type wrapper struct {
	values      string // its options, separated by spaces, whose value is the next word
	assignments bool   // NAME=value may stand before the program
	operands    int    // words of its own before the program
}

// wrappers is by base name. Most replace themselves by what they start, so
// their own command line is seen but for an instant; the others (sudo, timeout,
// init programs of containers) carry next to no traffic of their own.
var wrappers = map[string]wrapper{
	"sudo": {values: "-u --user -g --group -h --host -p --prompt -C --close-from -D --chdir -R --chroot " +
		"-r --role -t --type -T --command-timeout -U --other-user", assignments: true},
	"doas":      {values: "-u -C"},
	"runuser":   {values: "-u --user -g --group -G --supp-group"},
	"gosu":      {operands: 1},
	"su-exec":   {operands: 1},
	"setpriv":   {values: "--reuid --regid --groups --inh-caps --ambient-caps --bounding-set"},
	"env":       {values: "-u --unset -C --chdir", assignments: true},
	"nice":      {values: "-n --adjustment"},
	"ionice":    {values: "-c --class -n --classdata"},
	"chrt":      {values: "-T -P -D", operands: 1},
	"taskset":   {operands: 1},
	"numactl":   {values: "-i -m -N -C -l -p"},
	"nohup":     {},
	"setsid":    {},
	"stdbuf":    {values: "-i -o -e"},
	"time":      {values: "-f --format -o --output"},
	"timeout":   {values: "-k --kill-after -s --signal", operands: 1},
	"flock":     {values: "-w --timeout -E", operands: 1},
	"chroot":    {operands: 1},
	"unshare":   {values: "-R -w -S -G"},
	"nsenter":   {values: "-t --target -S -G"},
	"cgexec":    {values: "-g"},
	"strace":    {values: "-e -o -p -s -u -E -P -a -b -I -O -S -X"},
	"tini":      {values: "-p -e"},
	"dumb-init": {values: "-r --rewrite"},
	"catatonit": {},
	"busybox":   {},
	"torsocks":  {},
	"proxychains4": {
		values: "-f",
	},
	"wine":           {},
	"wine64":         {},
	"wine-preloader": {},
	"box64":          {},
}

// wrapperByPrefix knows the wrappers that have versions or machines in their
// names: the dynamic loader and the user-mode emulators.
func wrapperByPrefix(name string) (wrapper, bool) {
	switch {
	case strings.HasPrefix(name, "ld-linux"), strings.HasPrefix(name, "ld-musl"):
		return wrapper{values: "--library-path --argv0 --preload --audit"}, true
	case strings.HasPrefix(name, "qemu-") && !strings.HasPrefix(name, "qemu-system"):
		return wrapper{values: "-L -E -U -0 -cpu -g -s -R -B"}, true
	}
	return wrapper{}, false
}

// skip returns words from the wrapped program on; nothing when there is none.
func (w wrapper) skip(words []string) []string {
	operands := w.operands
	for len(words) > 0 {
		word := words[0]
		switch {
		case word == "--":
			return words[min(len(words), 1+operands):]
		case len(word) > 1 && word[0] == '-':
			words = words[1:]
			if len(words) > 0 && listed(w.values, word) {
				words = words[1:]
			}
		case w.assignments && strings.Contains(word, "="):
			words = words[1:]
		case operands > 0:
			operands--
			words = words[1:]
		default:
			return words
		}
	}
	return nil
}

// listed reports whether option is one of the space-separated options.
func listed(options, option string) bool {
	for o := range strings.FieldsSeq(options) {
		if o == option {
			return true
		}
	}
	return false
}
