package aggregate

import (
	"strings"
	"testing"
	"unicode/utf8"

	"bwmon/traffic"
)

func TestProgramNameOfCommandLine(t *testing.T) {
	for command, want := range map[string]string{
		"/usr/bin/ssh host":                           "ssh",
		"curl -s http://198.18.0.1/":                  "curl",
		"nginx: worker process":                       "nginx",
		"nginx: worker process nginx":                 "nginx",
		"nginx: master process /usr/sbin/nginx -g x;": "nginx",
		"sshd: root@pts/0":                            "sshd",
		"postgres: walwriter":                         "postgres",
		"postgres: 14/main: checkpointer":             "postgres",
		"/usr/lib/postfix/sbin/smtpd: x":              "smtpd",
		"-bash":                                       "bash",
		"-":                                           "comm",
		"[kworker/0:1]":                               "kworker",
		"[kworker/u8:2-events unbound]":               "kworker",
		"[rcu_sched]":                                 "rcu_sched",
		"[]":                                          "comm",
		"(sd-pam)":                                    "(sd-pam)",
		"":                                            "comm",
		"   ":                                         "comm",
		"/":                                           "comm",
		`"/opt/My App/run" -x`:                        "run",
		`"unbalanced -x`:                              `"unbalanced`,
		`'`:                                           `'`,
		"/usr/bin/foo (deleted)":                      "foo",
		"pipe-80:host:8080":                           "pipe-80:host:8080",
		`C:\Games\game.exe -x`:                        "game.exe",

		"python3 /opt/app/serve.py -x":             "serve.py",
		"python3.11 -u -m http.server":             "http.server",
		"python3 -um http.server 80":               "http.server",
		"python3 -mhttp.server":                    "http.server",
		"python3 -W ignore -c import(x)":           "python3",
		"python3 -Wignore /opt/x.py":               "x.py",
		"python3 -X dev x.py":                      "x.py",
		"python3":                                  "python3",
		"python3 -":                                "python3",
		"/usr/bin/python2.7 /opt/app/__main__.py":  "app",
		"/usr/bin/python3 /usr/bin/gunicorn a:app": "gunicorn",
		"bash -c curl x":                           "bash",
		"bash /dev/fd/63 x":                        "bash",
		"python3 /proc/self/fd/3":                  "python3",
		"sh /dev/stdin":                            "sh",
		"bash -lc curl x":                          "bash",
		"bash -o pipefail /opt/run.sh":             "run.sh",
		"sh /etc/init.d/foo start":                 "foo",
		"bash --rcfile x /opt/run.sh":              "run.sh",
		"perl -w script.pl":                        "script.pl",
		"perl -MFoo -I lib -T /x/script.pl":        "script.pl",
		"perl -ne print":                           "perl",
		"ruby -rjson -I lib /x/app.rb":             "app.rb",
		"php -f /x/a.php":                          "a.php",
		"php /x/b.php":                             "b.php",
		"php -S 0:80":                              "php",
		"php-fpm: pool www":                        "php-fpm",
		"node --flag server.js":                    "server.js",
		"node --max-old-space-size=100 -r x a.js":  "a.js",
		"node -e code":                             "node",
		"node .":                                   "node",
		"Rscript --vanilla /x/a.R":                 "a.R",
		"/usr/lib/R/bin/exec/R --no-echo --no-restore --file=/x/a.R": "a.R",
		"deno run --allow-net=x /srv/server.ts":                      "server.ts",
		"deno task start":                                            "deno",
		"bun install":                                                "bun",
		"bun run /srv/a.ts":                                          "a.ts",
		"bun ./a.ts":                                                 "a.ts",
		"java -jar /opt/x/app.jar":                                   "app.jar",
		"java -Xmx1g -cp a:b com.acme.Main --x":                      "com.acme.Main",
		"java -p mods -m mod/com.acme.Main":                          "com.acme.Main",
		"java":                                                       "java",
		"dotnet /srv/a.dll":                                          "a.dll",
		"dotnet run":                                                 "dotnet",
		"mono /srv/a.exe":                                            "a.exe",

		"env FOO=1 prog":                     "prog",
		"env -u X FOO=1 python3 /x/a.py":     "a.py",
		"env":                                "env",
		"sudo prog -x":                       "prog",
		"sudo -u www -E FOO=1 /usr/bin/prog": "prog",
		"sudo -i":                            "sudo",
		"sudo nice -n 5 prog":                "prog",
		"nice prog":                          "prog",
		"timeout -s KILL 5 curl x":           "curl",
		"taskset -c 0 prog":                  "prog",
		"busybox wget x":                     "wget",
		"/lib64/ld-linux-x86-64.so.2 /usr/bin/prog": "prog",
		"/usr/bin/qemu-aarch64-static /usr/bin/foo": "foo",
		`wine C:\x\y.exe`: "y.exe",
	} {
		if got := programName(&traffic.Owner{PID: 1, Command: command, Comm: "comm"}); got != want {
			t.Errorf("%q: got %q, want %q", command, got, want)
		}
	}
	if got := programName(&traffic.Owner{PID: 1}); got != unnamed {
		t.Errorf("nothing known: got %q, want %q", got, unnamed)
	}
}

func TestProgramNameOfArguments(t *testing.T) {
	long := []string{"java"}
	for range 15 {
		long = append(long, "-Dx=y")
	}
	cut := append([]string{"java", "-cp", strings.Repeat("x", 250) + "…"}, long[3:]...)
	for _, test := range []struct {
		args    []string
		command string // where it is not the arguments joined
		want    string
	}{
		{args: []string{"/opt/My App/run", "-x"}, want: "run"},
		{args: []string{"/opt/My App/run"}, want: "run"},
		{args: []string{"python3", "/opt/my app/serve it.py", "-x"}, want: "serve it.py"},
		{args: []string{"bash", "-c", "curl x"}, want: "bash"},
		{args: []string{"nginx: worker process"}, want: "nginx"},
		{args: []string{"sshd: root@pts/0"}, want: "sshd"},
		{args: []string{"postgres: walwriter "}, want: "postgres"},
		{args: []string{"/opt/google/chrome/chrome --type=renderer --x=/a/b"}, want: "chrome"},
		{args: []string{"/usr/bin/foo start /etc/x"}, want: "foo"},
		{args: []string{`C:\Program Files\Game\game.exe`}, want: "game.exe"},
		{args: []string{"", "x"}, want: "comm"},
		{args: []string{"-bash"}, want: "bash"},
		{args: []string{"[kworker/0:1]"}, want: "kworker"},
		{args: []string{"/usr/bin/foo (deleted)"}, want: "foo"},
		{args: long, command: strings.Join(long, " ") + " com.acme.Main -x", want: "com.acme.Main"},
		{args: cut, command: "java -cp " + strings.Repeat("x", 500) + " -Dx=y com.acme.Main", want: "com.acme.Main"},
		{args: make([]string, maxArgs), want: "comm"},
	} {
		if test.command == "" {
			test.command = strings.Join(test.args, " ")
		}
		got := programName(&traffic.Owner{PID: 1, Command: test.command, Args: test.args, Comm: "comm"})
		if got != test.want {
			t.Errorf("%q: got %q, want %q", test.args, got, test.want)
		}
	}
}

// FuzzProgramName: any command line has a name, and the name is a part of it.
func FuzzProgramName(f *testing.F) {
	for _, s := range []string{"", "-bash", "[kworker/0:1]", "nginx: worker", "python3 -m x", "java -jar", "env A=1",
		"sudo -u", "a: b: c", "'", `"a b`, "perl -", "C:\\", "R --file=", "deno run", "timeout -- 5", "- - -"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, command string, asArgs bool) {
		command = traffic.CleanText(command, traffic.MaxCommand)
		o := &traffic.Owner{PID: 1, Command: command, Comm: "comm"}
		if asArgs {
			o.Args = strings.SplitN(command, " ", 16)
		}
		name := programName(o)
		if name == "" || !utf8.ValidString(name) {
			t.Fatalf("%q: got %q", command, name)
		}
		if name != o.Comm && !strings.Contains(command, name) {
			t.Fatalf("%q: got %q, which is no part of it", command, name)
		}
	})
}
