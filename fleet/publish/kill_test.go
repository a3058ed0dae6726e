package publish

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"bwmon/fleet"
	"bwmon/traffic"

	"github.com/google/go-cmp/cmp"
)

// childEnv has the orders of the test binary as a child.
const childEnv = "BWMON_PUBLISH_TEST_CHILD"

// orders are what a child is to do.
type orders struct {
	URL  string
	CA   []byte
	Dir  string
	Run  int
	Last bool // end when all is sent
}

// childMain publishes a machine's snapshots, one each millisecond, and says after each
// which one is on disk.
func childMain(text string) int {
	time.AfterFunc(time.Minute, func() { os.Exit(3) })
	var o orders
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := o.publish(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func (o orders) publish() error {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(o.CA)
	client := &http.Client{Transport: NewTransport(&tls.Config{RootCAs: pool})}
	h, err := NewHTTP(HTTPOptions{URL: o.URL, Host: "gw", Version: "test", Client: func() (*http.Client, error) { return client, nil }})
	if err != nil {
		return err
	}
	p, err := New(Options{Host: "gw", Sender: h, Dir: o.Dir, Interval: 3 * time.Millisecond, MaxSize: 200 << 10, Grace: 20 * time.Second})
	if err != nil {
		return err
	}
	snapshots := make(chan *traffic.Snapshot)
	go func() {
		defer close(snapshots)
		m := start(o.Run, epoch)
		for n := 1; !o.Last || n < 50; n++ {
			snapshots <- m.next(time.Second)
			fmt.Println(max(0, int(p.Stats().Stored.Sub(epoch)/time.Second)))
			time.Sleep(time.Millisecond)
		}
	}()
	if err := p.Run(context.Background(), snapshots); err != nil {
		return err
	}
	return p.Close()
}

// TestKill: of a real process that is killed at any moment, with a receiver in trouble at
// the other end, nothing is lost that was on disk, and nothing counts twice.
func TestKill(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	rand := newRand(1)
	r := newReceiver(t)
	r.locked(func() { r.meddle = r.trouble(newRand(2)) })
	dir := t.TempDir() + "/queue"
	runs := 12
	sure := make(map[string]uint64)
	for n := 1; n <= runs; n++ {
		last := n == runs
		if last {
			r.locked(func() { r.meddle = nil })
		}
		text, err := json.Marshal(orders{URL: r.server.URL, CA: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.server.Certificate().Raw}), Dir: dir, Run: n, Last: last})
		if err != nil {
			t.Fatal(err)
		}
		child := exec.Command(self)
		child.Env = append(os.Environ(), childEnv+"="+string(text))
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines, said, killed := bufio.NewScanner(out), uint64(0), false
		for i := 0; lines.Scan(); i++ {
			if said, err = strconv.ParseUint(lines.Text(), 10, 64); err != nil {
				t.Fatal(err)
			}
			if i > 20+rand.IntN(400) && !last && !killed {
				child.Process.Signal(syscall.SIGKILL)
				killed = true
			}
		}
		if err := child.Wait(); last != (err == nil) {
			t.Fatalf("run %d: %v", n, err)
		}
		sure[fmt.Sprint("run-", n)] = said
	}
	r.locked(func() { r.compare(t, sure) })
}

// compare asserts that each run is at a moment that was, at or after the one that is sure,
// with all totals of that moment.
func (r *receiver) compare(t *testing.T, sure map[string]uint64) {
	t.Helper()
	for run, least := range sure {
		got := r.have[run]
		if got == nil {
			if least > 0 {
				t.Errorf("%s did not arrive, with %d on disk", run, least)
			}
			continue
		}
		at := got[fleet.Key{Kind: "elapsed"}].rx
		if at < least {
			t.Errorf("%s arrived up to %d, of %d on disk", run, at, least)
		}
		var number int
		if _, err := fmt.Sscanf(run, "run-%d", &number); err != nil {
			t.Fatal(err)
		}
		m := start(number, epoch)
		var s *traffic.Snapshot
		for range at {
			s = m.next(time.Second)
		}
		if diff := cmp.Diff(totals(s), got, cmp.AllowUnexported(total{})); diff != "" {
			t.Errorf("%s at %d (-host +receiver):\n%s", run, at, diff)
		}
	}
	if len(r.have) < len(sure)/2 {
		t.Errorf("only %d runs arrived", len(r.have))
	}
}
