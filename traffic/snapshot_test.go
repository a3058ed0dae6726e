package traffic

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// whole is a snapshot with something in each of its lists.
func whole(text string) *Snapshot {
	flow := FlowRow{Proto: text, Local: netip.MustParseAddrPort("198.18.0.1:40000"), Remote: netip.MustParseAddrPort("198.18.0.2:443"),
		Scope: "local", Usage: Usage{RxBytes: 1<<64 - 1, TxBytes: 2, RxRate: 3, TxRate: 4}}
	return &Snapshot{
		Schema: SchemaVersion, Host: text, Elapsed: 5,
		Monitors: []MonitorStatus{{Name: text, Kind: text, State: StateRunning, Detail: text}},
		Apps: []App{{Name: text, Usage: flow.Usage, Commands: []Command{{
			Command: text, User: text, Container: text, Unit: text, PIDs: []int{1}, Usage: flow.Usage,
			Flows: []FlowRow{flow}, Closed: &Closed{Connections: 2},
		}}}},
		LANHosts:    []LANHost{{Host: netip.MustParseAddr("198.18.0.3"), Name: text, Flows: []FlowRow{flow}}},
		RemoteHosts: []RemoteHost{{Host: netip.MustParseAddr("198.18.0.2"), Name: text}},
		Pipes:       []PipeRow{{Name: text}},
		Interfaces:  []Interface{{Name: text}},
		Rules:       []Rule{{Name: text, Kind: text, Match: text, Text: text}},
		Alerts:      []Alert{{Rule: text, Kind: text, Subject: text, State: text, App: text, Command: text, User: text, Container: text, Unit: text, Host: text, Direction: text, Condition: text}},
	}
}

func TestDecodeSnapshot(t *testing.T) {
	want := whole("curl")
	document, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeSnapshot(document)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestDecodedTextIsClean: what another machine sends is hostile until it is not.
func TestDecodedTextIsClean(t *testing.T) {
	document, err := json.Marshal(whole("\x1b]0;owned\x07\u202e"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := DecodeSnapshot(document)
	if err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(again); strings.Contains(text, `\u001b`) || strings.Contains(text, "\u202e") || strings.Contains(text, `\u0007`) {
		t.Errorf("left in it: %s", text)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, document := range []string{``, `[]`, `{"schema":2}`, `{"schema":1,"apps":[{"rx_bytes":-1}]}`, `{"schema":1,"apps":[{"rx_rate":1e999}]}`} {
		if _, err := DecodeSnapshot([]byte(document)); err == nil {
			t.Errorf("%s was taken", document)
		}
	}
	s, err := DecodeSnapshot([]byte(`{"schema":1,"elapsed_s":-3,"apps":[{"rx_rate":-1,"tx_rate":1e300,"processes":-4}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if a := s.Apps[0]; a.RxRate != 0 || a.TxRate != 0 || a.Processes != 0 || s.Elapsed != 0 {
		t.Errorf("impossible figures were kept: %+v, elapsed %v", a, s.Elapsed)
	}
}

func TestWithoutFlows(t *testing.T) {
	s := whole("curl")
	bare := s.WithoutFlows()
	if bare.HasFlows() {
		t.Error("flows were left in it")
	}
	if !s.HasFlows() || s.Apps[0].Commands[0].Closed == nil {
		t.Error("the snapshot itself was written to")
	}
	if again := bare.WithoutFlows(); again != bare {
		t.Error("a snapshot without flows was copied")
	}
}

func FuzzDecodeSnapshot(f *testing.F) {
	document, err := json.Marshal(whole("curl"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(document)
	f.Add([]byte(`{"schema":1,"lan_hosts":[{"host":"fe80::1%eth0"}]}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		s, err := DecodeSnapshot(document)
		if err != nil {
			return
		}
		if _, err := json.Marshal(s); err != nil {
			t.Error(err)
		}
		for _, h := range s.LANHosts {
			if h.Host.Zone() != "" {
				t.Errorf("zone %q", h.Host.Zone())
			}
		}
	})
}
