package traffic

import (
	"regexp"
	"strings"
	"testing"
)

func TestStandardMask(t *testing.T) {
	m := NewMask(true)
	for _, tt := range []struct{ in, want string }{
		{"curl -s http://example/", "curl -s http://example/"},
		{"app --password=hunter2 --port 80", "app --password=*** --port 80"},
		{"app\x00--password\x00hunter2\x00-v", "app\x00--password\x00***\x00-v"},
		{"app --password --verbose", "app --password --verbose"},
		{"app --db-passwd hunter2", "app --db-passwd ***"},
		{"env DB_PASSWORD=hunter2 AWS_SECRET_ACCESS_KEY=abc/+d run", "env DB_PASSWORD=*** AWS_SECRET_ACCESS_KEY=*** run"},
		{"curl https://host/x?token=abc&n=1", "curl https://host/x?token=***&n=1"},
		{"curl https://alice:hunter2@host/x", "curl https://alice:***@host/x"},
		{"lftp alice:hunter2@host", "lftp alice:***@host"},
		{"lftp\x00-c\x00alice:hunter2@host", "lftp\x00-c\x00alice:***@host"},
		{"git clone git@host:repo.git", "git clone git@host:repo.git"},
		{"scp file alice@host:/tmp", "scp file alice@host:/tmp"},
		{"curl -H Authorization: Bearer abc.def", "curl -H Authorization: Bearer ***"},
		{"curl\x00-H\x00Authorization: Basic YWJj\x00url", "curl\x00-H\x00Authorization: Basic ***\x00url"},
		{"curl -H 'X-Api-Key: abc' url", "curl -H 'X-Api-Key: *** url"},
		{"curl -u alice:hunter2 url", "curl -u alice:*** url"},
		{"curl\x00--user\x00alice:hunter2\x00url", "curl\x00--user\x00alice:***\x00url"},
		{"mysqldump -h db -phunter2 shop", "mysqldump -h db -p*** shop"},
		{"/usr/bin/mysql\x00-u\x00root\x00-phunter2", "/usr/bin/mysql\x00-u\x00root\x00-p***"},
		{"tar -pxf a", "tar -pxf a"},
		{"sshpass -p hunter2 ssh host", "sshpass -p *** ssh host"},
		{"sshpass\x00-phunter2\x00ssh", "sshpass\x00-p***\x00ssh"},
		{"ssh -i ~/.ssh/id_ed25519 host", "ssh -i ~/.ssh/id_ed25519 host"},
		{"nginx: worker process", "nginx: worker process"},
		{"", ""},
	} {
		if got := m.Hide(tt.in); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.in, got, tt.want)
		}
	}
}

// TestMaskHints: a text that a standard pattern matches always has a hint.
func TestMaskHints(t *testing.T) {
	for _, in := range []string{"--PASSWORD=x", "A_TOKEN=x", "credentials=x", "api_key=x", "a:b@c", "BEARER x", "--user=a:b", "-ua:b", "/mariadb -px", "sshpass -p x"} {
		if !hinted(in) || NewMask(true).Hide(in) == in {
			t.Errorf("%q was left as it is", in)
		}
	}
}

func TestOwnMask(t *testing.T) {
	m := NewMask(false, regexp.MustCompile(`pin=(\d+)`), regexp.MustCompile(`sesame`))
	if got := m.Hide("a pin=1234 open sesame --password=x"); got != "a pin=*** open *** --password=x" {
		t.Errorf("%q", got)
	}
	var none *Mask
	if got := none.Hide("--password=x"); got != "--password=x" {
		t.Errorf("no mask made %q", got)
	}
}

func FuzzMask(f *testing.F) {
	f.Add("curl\x00-u\x00a:b\x00https://c:d@e/?token=f")
	m := NewMask(true)
	f.Fuzz(func(t *testing.T, s string) {
		got := m.Hide(s)
		if again := m.Hide("x --password=" + strings.ReplaceAll(got, "\x00", " ")); strings.Contains(again, "--password="+"hunter2") {
			t.Errorf("%q", again)
		}
		if strings.Count(got, "\x00") > strings.Count(s, "\x00") {
			t.Errorf("%q became %q", s, got)
		}
	})
}

func BenchmarkMask(b *testing.B) {
	m := NewMask(true)
	for _, s := range []string{"/usr/lib/firefox/firefox -contentproc -childID 3 -isForBrowser", "curl -u alice:hunter2 https://host/a/b/c?token=x"} {
		b.Run(strings.Fields(s)[0], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m.Hide(s)
			}
		})
	}
}
