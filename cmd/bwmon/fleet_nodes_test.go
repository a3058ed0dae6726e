package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"bwmon/fleet/publish"
	"bwmon/fleet/trust"
	"bwmon/lab"
	"bwmon/traffic"
)

// node is a host whose traffic is made up, and which publishes it as every host does.
type node struct {
	t     *testing.T
	name  string
	dir   string
	rand  *rand.Rand
	way   *badWay
	id    *trust.Identity
	told  *traffic.Subscribers
	stop  func()
	runs  int
	begun time.Time
	now   *traffic.Snapshot
	past  map[string]octets // of runs that have ended, by app
}

const nodeApps = 8

// start begins another run of the node, with all totals at zero.
func (n *node) start() {
	n.t.Helper()
	sender, err := publish.NewHTTP(publish.HTTPOptions{
		URL: n.way.url, Host: n.name, Client: func() (*http.Client, error) { return n.way.client, nil },
	})
	if err != nil {
		n.t.Fatal(err)
	}
	p, err := publish.New(publish.Options{
		Host: n.name, Sender: sender, Dir: filepath.Join(n.dir, "queue"), Interval: 400 * time.Millisecond, Grace: 10 * time.Millisecond,
	})
	if err != nil {
		n.t.Fatal(err)
	}
	n.runs, n.begun, n.now, n.told = n.runs+1, time.Now(), nil, new(traffic.Subscribers)
	snapshots := n.told.Add()
	ctx, cancel := context.WithCancel(n.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- errors.Join(p.Run(ctx, snapshots), p.Close()) }()
	n.stop = sync.OnceFunc(func() {
		n.told.Close()
		cancel()
		if err := <-ended; err != nil {
			n.t.Errorf("%s: %v", n.name, err)
		}
	})
}

// restart ends this run: what it carried is past.
func (n *node) restart() {
	n.stop()
	n.past = n.totals()
	n.start()
}

// tick has the apps carry something, and the ledger move some of it from one to another.
func (n *node) tick() {
	s := &traffic.Snapshot{
		Schema: traffic.SchemaVersion, Host: n.name, Run: fmt.Sprint(n.name, "-", n.runs), At: now(), Interval: 0.1,
		Elapsed: time.Since(n.begun).Seconds(),
	}
	for i := range nodeApps {
		c := traffic.Command{Command: fmt.Sprint("/usr/bin/app", i), User: "root"}
		if n.now != nil {
			c = n.now.Apps[i].Commands[0]
		}
		if n.rand.IntN(3) == 0 {
			c.RxBytes, c.TxBytes = c.RxBytes+n.rand.Uint64N(100_000), c.TxBytes+n.rand.Uint64N(3000)
		}
		s.Apps = append(s.Apps, traffic.App{Name: fmt.Sprint("app", i), Commands: []traffic.Command{c}})
	}
	if n.rand.IntN(3) == 0 {
		from, to := &s.Apps[n.rand.IntN(nodeApps)].Commands[0], &s.Apps[n.rand.IntN(nodeApps)].Commands[0]
		moved := from.RxBytes / 3
		from.RxBytes -= moved
		to.RxBytes += moved
	}
	var all octets
	for i := range s.Apps {
		a := &s.Apps[i]
		a.Usage = a.Commands[0].Usage
		all = all.add(octets{a.RxBytes, a.TxBytes})
	}
	s.Balance = traffic.Balance{InterfaceRx: all.rx, InterfaceTx: all.tx, LocalRx: all.rx, LocalTx: all.tx}
	s.Interfaces = []traffic.Interface{{Name: "eth0", Balanced: true, Usage: traffic.Usage{RxBytes: all.rx, TxBytes: all.tx}}}
	n.now = s
	n.told.Publish(s)
}

// totals are those of all runs, by app.
func (n *node) totals() map[string]octets {
	sum := make(map[string]octets)
	for app, o := range n.past {
		sum[app] = o
	}
	if n.now != nil {
		for i := range n.now.Apps {
			a := &n.now.Apps[i]
			sum[a.Name] = sum[a.Name].add(octets{a.RxBytes, a.TxBytes})
		}
	}
	return sum
}

// badWay is a network on which requests are cut, answers are lost, and what was sent comes
// again, at once or when it is old.
type badWay struct {
	url    string
	client *http.Client
	next   http.RoundTripper

	mu sync.Mutex
	// mu protects the fields below.
	rand *rand.Rand
	old  [][]byte // bodies that were sent
	good bool     // by now
}

var errCut = errors.New("the connection was cut")

// RoundTrip implements http.RoundTripper.
func (w *badWay) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	luck, again := w.rand.IntN(8), []byte(nil)
	if w.good {
		luck = -1
	}
	if len(w.old) > 0 {
		again = w.old[w.rand.IntN(len(w.old))]
	}
	if len(body) > 0 && len(w.old) < 200 {
		w.old = append(w.old, body)
	}
	w.mu.Unlock()
	send := func(body io.Reader) (*http.Response, error) {
		c := r.Clone(r.Context())
		c.Body, c.ContentLength = io.NopCloser(body), -1
		return w.next.RoundTrip(c)
	}
	waste := func(body []byte) {
		if res, err := send(bytes.NewReader(body)); err == nil {
			io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
	}
	switch luck {
	case 0: // cut in the midst of it
		res, err := send(io.MultiReader(bytes.NewReader(body[:len(body)/2]), brokenOff{}))
		if err == nil {
			res.Body.Close()
		}
		return nil, errCut
	case 1: // it arrives, and the answer does not
		waste(body)
		return nil, errCut
	case 2: // twice
		waste(body)
	case 3: // something old comes again, before it
		if again != nil {
			waste(again)
		}
	}
	return send(bytes.NewReader(body))
}

// brokenOff is a body that ends in a failure.
type brokenOff struct{}

func (brokenOff) Read([]byte) (int, error) { return 0, errCut }

func (w *badWay) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.good = true
}

// newNode has a host join, and publish over a bad network.
func newNode(t *testing.T, r *fleetReceiver, from *lab.Host, name string, seed uint64) *node {
	t.Helper()
	n := &node{t: t, name: name, dir: t.TempDir(), rand: rand.New(rand.NewPCG(seed, 1))}
	r.join(from, name, n.dir)
	var err error
	if n.id, err = trust.OpenIdentity(filepath.Join(n.dir, "identity"), trust.Options{}); err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: n.id.TLSConfig(), DialContext: func(_ context.Context, network, address string) (c net.Conn, err error) {
		err = from.Do(func() error {
			c, err = net.DialTimeout(network, address, 5*time.Second)
			return err
		})
		return c, err
	}}
	t.Cleanup(transport.CloseIdleConnections)
	n.way = &badWay{url: "https://" + r.name + ":8443", next: transport, rand: rand.New(rand.NewPCG(seed, 2))}
	n.way.client = &http.Client{Transport: n.way, Timeout: 10 * time.Second}
	n.start()
	t.Cleanup(func() { n.stop() })
	return n
}

// TestFleetOfNodes: nodes publish over TLS and a bad network to a real receiver that is
// killed again and again, and begin anew themselves; in the end each store has of each
// node, and of all together, what the nodes carried, integer by integer.
func TestFleetOfNodes(t *testing.T) {
	long(t)
	for _, store := range []string{"sqlite", "prometheus", "victoria-metrics"} {
		t.Run(store, func(t *testing.T) {
			here, there := cable(t, false)
			more := ""
			if store != "sqlite" {
				startEngine(t, there, store)
				more = onEngine
			}
			r := startFleet(t, there, "198.18.1.2", more)
			var nodes []*node
			for i := range 4 {
				nodes = append(nodes, newNode(t, r, here, fmt.Sprint("node-", i), uint64(i)))
			}
			for step := range 150 { // 15 s
				for _, n := range nodes {
					n.tick()
				}
				// The receiver is killed when it has the end of a run, and has hardly kept it.
				if step%25 == 20 {
					nodes[step/25%len(nodes)].restart()
				}
				if step%50 == 25 {
					r.kill()
				}
				if step%50 == 32 {
					r.start()
				}
				time.Sleep(100 * time.Millisecond)
			}
			for _, n := range nodes {
				n.way.mend()
			}
			fleet := make(map[string]octets)
			for _, n := range nodes {
				for app, want := range n.totals() {
					fleet[app] = fleet[app].add(want)
					poll(t, fmt.Sprintf("the receiver has of %s %s %v", n.name, app, want), func() bool {
						return r.used(n.name, traffic.ByApp, app, "") == want
					})
					poll(t, fmt.Sprintf("the receiver has of %s on %s %v", app, n.name, want), func() bool {
						return r.used("", traffic.ByHost, n.name, app) == want
					})
				}
			}
			for app, want := range fleet {
				poll(t, fmt.Sprintf("the receiver has of %s %v", app, want), func() bool { return r.used("", traffic.ByApp, app, "") == want })
			}
		})
	}
}
