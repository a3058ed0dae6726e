package aggregate

import (
	"strings"

	"bwmon/traffic"
)

// unnamed is the app of a process that has neither command line nor name.
const unnamed = "(unnamed)"

// programName names an owner's app after its program:
//
//   - the base name of the first word: "/usr/bin/ssh host" is ssh, the login
//     shell "-bash" is bash;
//   - of a process that titles itself, what stands before the colon:
//     "nginx: worker process" is nginx;
//   - a kernel thread's name up to '/' or ':': "[kworker/0:1]" is kworker;
//   - of an interpreter (see interpreters), the script, module, jar or main
//     class it runs, or the interpreter itself if it runs inline code or its
//     standard input;
//   - of a program that only starts another (see wrappers), that other.
//
// It takes any text and never returns "".
func programName(o *traffic.Owner) string {
	words := commandWords(o)
	if len(words) == 0 {
		return fallbackName(o)
	}
	if name, ok := threadName(words, o.Command); ok {
		return orElse(name, fallbackName(o))
	}
	if name, ok := titleName(words[0]); ok {
		return orElse(name, fallbackName(o))
	}
	name := headName(words[0])
	for range maxWrappers {
		w, ok := wrappers[name]
		if !ok {
			w, ok = wrapperByPrefix(name)
		}
		if !ok {
			break
		}
		rest := w.skip(words[1:])
		if len(rest) == 0 || headName(rest[0]) == "" {
			break
		}
		words, name = rest, headName(rest[0])
	}
	if i, ok := interpreters[withoutVersion(name)]; ok {
		name = orElse(i.script(words[1:]), name)
	}
	return orElse(name, fallbackName(o))
}

// maxWrappers bounds how many wrappers are looked through: sudo env nice prog.
const maxWrappers = 8

func orElse(name, other string) string {
	if name == "" {
		return other
	}
	return name
}

// fallbackName is the name of an owner whose command line says nothing.
func fallbackName(o *traffic.Owner) string {
	return orElse(o.Comm, unnamed)
}

// commandWords returns the words of o's command line, program first: its
// arguments as they are where they are known. Args holds but the first ones;
// the others, which are asked for only to find what an interpreter runs, are
// split from Command.
func commandWords(o *traffic.Owner) []string {
	if len(o.Args) == 0 {
		return splitCommand(o.Command)
	}
	words := o.Args
	if len(words) >= maxArgs {
		if rest, ok := strings.CutPrefix(o.Command, strings.Join(words, " ")+" "); ok {
			words = append(words[:len(words):len(words)], strings.Fields(rest)...)
		} else { // an argument was cut short
			words = splitCommand(o.Command)
		}
	}
	if len(words) > 0 && strings.ContainsRune(words[0], ' ') {
		words = append(splitHead(words[0], len(o.Args) == 1), words[1:]...)
	}
	return words
}

// maxArgs is how many arguments an Owner keeps at most.
const maxArgs = 16

// splitCommand splits a command line at spaces. It was joined without quoting,
// so quotes mean nothing, except around a first word that is closed again.
func splitCommand(s string) []string {
	s = strings.TrimSpace(s)
	if s == "" {
		return nil
	}
	if quote := s[0]; quote == '"' || quote == '\'' {
		if first, rest, ok := strings.Cut(s[1:], string(quote)); ok && first != "" {
			return append([]string{first}, strings.Fields(rest)...)
		}
	}
	return strings.Fields(s)
}

// splitHead splits a first argument with spaces in it. It is a title
// ("nginx: worker process"), a whole command line that a program wrote over
// its arguments (as browsers' children do; only then it is alone), or a path
// with spaces.
func splitHead(head string, alone bool) []string {
	if _, ok := titleName(head); ok {
		return []string{head}
	}
	program, options, hasOptions := strings.Cut(head, " -")
	if hasOptions && alone {
		return append(splitHead(program, true), strings.Fields("-"+options)...)
	}
	first, rest, spaced := strings.Cut(head, " ")
	next, _, _ := strings.Cut(rest, " ")
	if !spaced || !alone || isPath(first) && strings.Contains(next, "/") && !strings.HasPrefix(next, "/") {
		return []string{head}
	}
	if isWindowsPath(head) {
		return []string{head}
	}
	return strings.Fields(head)
}

// threadName finds the name in "[name/0:1]", as kernel threads and processes
// without arguments are written.
func threadName(words []string, command string) (string, bool) {
	if len(words[0]) < 2 || words[0][0] != '[' || !strings.HasSuffix(command, "]") {
		return "", false
	}
	name := strings.Trim(command, "[] ")
	if i := strings.IndexAny(name, "/:"); i > 0 {
		name = name[:i]
	}
	return strings.TrimSpace(name), true
}

// titleName finds the program in "nginx: worker process" or "sshd:".
func titleName(head string) (string, bool) {
	program, ok := strings.CutSuffix(head, ":")
	if !ok {
		program, _, ok = strings.Cut(head, ": ")
	}
	if !ok || program == "" || strings.ContainsRune(program, ' ') || isWindowsPath(head) {
		return "", false
	}
	return baseName(strings.TrimPrefix(program, "-")), true
}

// headName is the program's name as its first word gives it.
func headName(word string) string {
	word = strings.TrimSuffix(word, " (deleted)")
	if strings.HasPrefix(word, "-") { // a login shell
		word = strings.TrimLeft(word, "-")
	}
	return baseName(word)
}

// baseName is what follows the last slash, of paths of Windows programs the
// last backslash; "" if nothing does.
func baseName(path string) string {
	path = strings.TrimRight(strings.TrimSpace(path), "/")
	cut := strings.LastIndexByte(path, '/')
	if isWindowsPath(path) {
		path = strings.TrimRight(path, `\`)
		cut = max(cut, strings.LastIndexByte(path, '\\'))
	}
	return strings.TrimSpace(path[cut+1:])
}

func isPath(s string) bool { return strings.HasPrefix(s, "/") || strings.HasPrefix(s, "./") }

// isWindowsPath recognises C:\dir\program.exe, as Wine's processes have it.
func isWindowsPath(s string) bool {
	return len(s) >= 3 && s[1] == ':' && s[2] == '\\' && (s[0]|0x20 >= 'a' && s[0]|0x20 <= 'z')
}
