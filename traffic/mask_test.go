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
		{"gpg\x00--passphrase\x00correct horse battery staple\x00-d", "gpg\x00--passphrase\x00***\x00-d"},
		{"app\x00--password=two words\x00-v", "app\x00--password=***\x00-v"},
		{"sshpass\x00-p\x00two words\x00ssh", "sshpass\x00-p\x00***\x00ssh"},
		{"mysql\x00-ptwo words\x00shop", "mysql\x00-p***\x00shop"},
		{"curl\x00-u\x00bob:two words\x00url", "curl\x00-u\x00bob:***\x00url"},
		{"curl\x00-su\x00bob:x\x00url", "curl\x00-su\x00bob:***\x00url"},
		{"curl\x00-ubob:x\x00url", "curl\x00-ubob:***\x00url"},
		{`curl	-d	{"user": "bob", "password":"hun\"ter2"}`, `curl	-d	{"user": "bob", "password":"***"}`},
		{"git\x00clone\x00https://ghp_0123456789abcdef@github.com/x", "git\x00clone\x00https://***@github.com/x"},
		{"git clone https://alice@github.com/x", "git clone https://alice@github.com/x"},
		{"s3cmd --secret_key=x --access-key y", "s3cmd --secret_key=*** --access-key ***"},
		{"app --account-key x AccountKey=y;z", "app --account-key *** AccountKey=***"},
		{"tailscale up --authkey=x", "tailscale up --authkey=***"},
		{"tailscale up --auth-key x", "tailscale up --auth-key ***"},
		{"curl\x00-H\x00X-Auth-Key: a b\x00url", "curl\x00-H\x00X-Auth-Key: ***\x00url"},
		{"curl\x00-HAuthorization: Bearer a\x00url", "curl\x00-HAuthorization: Bearer ***\x00url"},
		{"curl\x00-H\x00Cookie: session=a; b=c\x00url", "curl\x00-H\x00Cookie: ***\x00url"},
		{"redis-cli -a x ping", "redis-cli -a *** ping"},
		{"redis-cli --pass x ping", "redis-cli --pass *** ping"},
		{"rclone --sftp-pass x ls", "rclone --sftp-pass *** ls"},
		{"mount.cifs //a/b /c -o user=bob,pass=x", "mount.cifs //a/b /c -o user=bob,pass=***"},
		{"app --pwd=x", "app --pwd=***"},
		{"bwmon fleet join https://r:8443 bwmon-invitation-aZ_0-9", "bwmon fleet join https://r:8443 bwmon-invitation-***"},
		{"sh\x00-c\x00bwmon fleet join https://r:8443 bwmon-invitation-aZ_0-9 --dir i", "sh\x00-c\x00bwmon fleet join https://r:8443 bwmon-invitation-*** --dir i"},
		{"curl\x00--header\x00X: bwmon-token-aZ_0-9\x00url", "curl\x00--header\x00X: bwmon-token-***\x00url"},
		{"openssl enc -pass pass:x", "openssl enc -pass ***"},
		{"openssl enc -in a -passin pass:x", "openssl enc -in a -passin pass:***"},
		{"lftp -u bob,x host", "lftp -u bob,*** host"},
		{"smbclient //a/b -U bob%x", "smbclient //a/b -U bob%***"},
		{"http -a bob:x url", "http -a bob:*** url"},
		{"docker login -u bob -p x host", "docker login -u bob -p *** host"},
		{"mongodump -u bob -p x", "mongodump -u bob -p ***"},
		{"ldapsearch -x -w secretly -b dc=x", "ldapsearch -x -w *** -b dc=x"},
		{"ipmitool -U bob -P x power", "ipmitool -U bob -P *** power"},
		{"sudo mysqlimport -px db", "sudo mysqlimport -p*** db"},
		{"curl https://maps/api?key=AIza&q=1", "curl https://maps/api?key=***&q=1"},
		{"psql postgresql://u:pa/ss@h/db", "psql postgresql://u:***@h/db"},
		{"lftp u:p@ss@h", "lftp u:***@h"},
		{"passwd bob", "passwd bob"},
		{"bypass=1 --passive --keyfile a --token-file b --password-file=c", "bypass=1 --passive --keyfile a --token-file b --password-file=c"},
		{"ssh -p 22 -i key host", "ssh -p 22 -i key host"},
		{"mkdir -p a/b", "mkdir -p a/b"},
		{"rsync -aup src user@host:dst", "rsync -aup src user@host:dst"},
		{"ps -u bob", "ps -u bob"},
		{"python3 -m http.server 8000", "python3 -m http.server 8000"},
		{"ffmpeg -i rtsp://cam:554/a@b x", "ffmpeg -i rtsp://cam:554/a@b x"},
		{"", ""},
	} {
		if got := m.Hide(tt.in); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.in, got, tt.want)
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
