package aggregate

import "strings"

// interpreter says where a program that runs others has their name among its
// arguments. Options are as on its command line; clustered ones are given as
// letters, in the manner of getopt(3).
type interpreter struct {
	values string // options whose value is the next word, separated by spaces
	code   string // options that bring inline code: no script
	module string // options whose value is the name
	file   string // options whose value is the script's path

	// cluster: short options may be written together, the value behind the
	// last one ("-Wd", "-uc"); glued are letters whose value, which may be
	// missing, is never the next word.
	cluster bool
	glued   string

	// commands are the words that may stand before the script. Where there
	// are any, another word without '.' or '/' is no script.
	commands string
	class    bool // the first operand is a class or module, not a path
}

var (
	shell = interpreter{cluster: true, values: "-o -O -A --rcfile --init-file", code: "-c -s"}
	node  = interpreter{
		values: "-r --require --import --loader --experimental-loader -C --conditions --env-file --title",
		code:   "-e --eval -p --print -pe",
	}
	lua = interpreter{values: "-l", code: "-e"}
)

// interpreters is by base name without version (see withoutVersion).
var interpreters = map[string]interpreter{
	"sh": shell, "bash": shell, "rbash": shell, "dash": shell, "ash": shell, "ksh": shell, "mksh": shell,
	"zsh": shell, "fish": {cluster: true, values: "-C -d -o -f", code: "-c"},

	"python": python, "pypy": python,
	"perl": {cluster: true, values: "-I", glued: "MmiFCdDxl0V", code: "-e -E"},
	"ruby": {cluster: true, values: "-I -r -C -E", glued: "iWKTFx0", code: "-e"},
	"php": {cluster: true, values: "-c -d -z -t -S -g", glued: "", file: "-f --file",
		code: "-r --run -B -R -F"},
	"Rscript": {values: "", code: "-e"},
	"R":       {file: "--file -f", values: "-g -d", code: "-e"},
	"node":    node, "nodejs": node,
	"deno": {commands: "run serve test", code: "-e -p",
		values: "-c --config --import-map -L --log-level --location --cert"},
	"bun":    {commands: "run x", values: "-r --preload -c --config --cwd", code: "-e --eval -p --print"},
	"java":   java,
	"lua":    lua,
	"luajit": lua,
	"tclsh":  {}, "wish": {}, "julia": {values: "-J -C -t -p -L -m", code: "-e -E"},
	"mono": {}, "dotnet": {commands: "exec", values: "--additionalprobingpath --depsfile --runtimeconfig --fx-version"},
}

var python = interpreter{
	cluster: true, values: "-W -X -Q --check-hash-based-pycs", code: "-c", module: "-m",
}

var java = interpreter{
	values: "-cp -classpath --class-path -p --module-path --upgrade-module-path --add-modules " +
		"--add-opens --add-exports --add-reads --limit-modules --source",
	file: "-jar", module: "-m --module", class: true,
}

// withoutVersion strips the version off python3.11, lua5.4 or node20.
func withoutVersion(name string) string {
	return strings.TrimRight(name, "0123456789.-")
}

// script returns the name of what the interpreter runs with these arguments,
// "" if that is nothing with a name.
func (i interpreter) script(words []string) string {
	commands := i.commands
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		if word == "--" {
			return i.operand(first(words))
		}
		if word == "-" || word == "" {
			return ""
		}
		if word[0] != '-' {
			if commands != "" && listed(commands, word) {
				commands = ""
				continue
			}
			return i.operand(word)
		}
		option, value, next := i.option(word, words)
		switch {
		case listed(i.code, option):
			return ""
		case listed(i.module, option):
			return moduleName(value)
		case listed(i.file, option):
			return scriptName(value)
		case next:
			words = words[min(1, len(words)):]
		}
	}
	return ""
}

// option takes a word that begins with '-' apart: the option that decides, the
// value it has or would have, and whether it takes the next word for it.
func (i interpreter) option(word string, rest []string) (option, value string, next bool) {
	if strings.HasPrefix(word, "--") || !i.cluster {
		if name, value, ok := strings.Cut(word, "="); ok {
			return name, value, false
		}
		return word, first(rest), listed(i.values, word)
	}
	for at := 1; at < len(word); at++ {
		option = "-" + word[at:at+1]
		if strings.IndexByte(i.glued, word[at]) >= 0 {
			return "", "", false
		}
		takes := listed(i.values, option)
		if !takes && !listed(i.code, option) && !listed(i.module, option) && !listed(i.file, option) {
			continue
		}
		if value = word[at+1:]; value != "" {
			return option, value, false
		}
		return option, first(rest), takes
	}
	return "", "", false
}

// operand is the name that the first word without '-' gives.
func (i interpreter) operand(word string) string {
	switch {
	case i.class && !strings.HasSuffix(word, ".java"):
		return moduleName(word)
	case i.commands != "" && !strings.ContainsAny(word, "./"):
		return ""
	}
	return scriptName(word)
}

// moduleName is a module or class: the class in "module/class".
func moduleName(s string) string {
	return strings.TrimSpace(s[strings.LastIndexByte(s, '/')+1:])
}

// scriptName is the script's base name; where that only says that a directory
// was run, the directory's. What a descriptor was opened for is not known: "".
func scriptName(path string) string {
	for _, of := range []string{"/dev/fd/", "/dev/std", "/proc/self/fd/"} {
		if strings.HasPrefix(path, of) {
			return ""
		}
	}
	name := baseName(path)
	switch name {
	case "__main__.py":
		if dir := baseName(strings.TrimSuffix(path, name)); dir != "" && dir != "." {
			return dir
		}
	case ".", "..":
		return ""
	}
	return name
}

func first(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return words[0]
}
