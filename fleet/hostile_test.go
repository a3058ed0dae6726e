package fleet

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"bwmon/traffic"

	"github.com/google/go-cmp/cmp"
)

const (
	goodHead = `{"schema":1,"host":"gw","run":"r","seq":2,"since":1,"from":"2026-01-02T03:04:05Z","at":"2026-01-02T03:04:15Z"}`
	goodRows = `{"schema":1,"host":"gw","run":"r","at":"2026-01-02T03:04:15Z","elapsed_s":10,"apps":[{"app":"a","rx_bytes":1,"commands":[{"command":"c","pids":[1],"flows":[{"proto":"tcp"}]}]}]}`
)

// TestHostileBatches: nothing published is trusted, and what is wrong is said.
func TestHostileBatches(t *testing.T) {
	if b, err := Decode([]byte(goodHead+"\n"+goodRows+"\n"), Limits{}); err != nil || len(b) != 1 || b[0].Changes.Apps[0].Commands[0].PIDs != nil {
		t.Fatalf("a good batch: %+v, %v", b, err)
	}
	replaced := func(text, old, with string) string {
		if !strings.Contains(text, old) {
			t.Fatalf("%s is not in %s", old, text)
		}
		return strings.Replace(text, old, with, 1)
	}
	many := `"apps":[` + strings.TrimSuffix(strings.Repeat(`{"app":"x"},`, 5001), ",") + `],"x":[`
	for name, of := range map[string]struct{ head, rows, says string }{
		"no JSON":           {"hello", goodRows, "invalid character"},
		"no host":           {replaced(goodHead, `"gw"`, `""`), goodRows, "host and run are missing"},
		"another schema":    {replaced(goodHead, `"schema":1`, `"schema":7`), goodRows, "same version"},
		"another run":       {goodHead, replaced(goodRows, `"run":"r"`, `"run":"q"`), `rows are of "q"`},
		"backwards":         {replaced(goodHead, `"since":1`, `"since":2`), goodRows, "larger number"},
		"no time":           {replaced(goodHead, "2026-01-02T03:04:05Z", "0001-01-01T00:00:00Z"), goodRows, "cannot be"},
		"NaN":               {goodHead, replaced(goodRows, `"rx_bytes":1`, `"rx_rate":NaN`), "invalid character"},
		"infinite":          {goodHead, replaced(goodRows, `"rx_bytes":1`, `"rx_rate":1e999`), "cannot unmarshal"},
		"negative":          {goodHead, replaced(goodRows, `"rx_bytes":1`, `"rx_bytes":-1`), "cannot unmarshal"},
		"2^63":              {goodHead, replaced(goodRows, `"rx_bytes":1`, `"rx_bytes":9223372036854775808`), `app "a": 9223372036854775808 bytes`},
		"moved 2^63":        {replaced(goodHead, `"seq":2`, `"seq":2,"moved":[{"kind":"app","name":"a","rx":9223372036854775808}]`), goodRows, "more than"},
		"a fraction":        {goodHead, replaced(goodRows, `"rx_bytes":1`, `"rx_bytes":1.5`), "cannot unmarshal"},
		"many apps":         {goodHead, replaced(goodRows, `"apps":[`, many), "group them"},
		"a balance of 2^60": {goodHead, replaced(goodRows, `"elapsed_s":10`, `"elapsed_s":10,"balance":{"residual_rx":-1152921504606846976}`), "balance"},
	} {
		_, err := Decode([]byte(of.head+"\n"+of.rows+"\n"), Limits{})
		if err == nil || !strings.Contains(err.Error(), of.says) {
			t.Errorf("%s: %v, want one that says %q", name, err, of.says)
		}
	}
	if _, err := Decode([]byte(goodHead+"\n"+goodRows), Limits{}); err == nil {
		t.Error("a batch whose end is missing was taken")
	}
	if _, err := Decode(make([]byte, MaxEncoded+1), Limits{}); err == nil || !strings.Contains(err.Error(), "fewer") {
		t.Errorf("too large a request: %v", err)
	}
}

// TestHostileText: text of all kinds is made clean where it comes in.
func TestHostileText(t *testing.T) {
	const evil = `\u001b[31m\u202ex\n`
	head := strings.Replace(goodHead, `"seq":2`, `"seq":2,"gone":[{"kind":"`+evil+`","name":"`+evil+`","user":"`+evil+`"}],"moved":[{"kind":"app","name":"`+evil+`"}]`, 1)
	batches, err := Decode([]byte(head+"\n"+strings.Replace(goodRows, `"a"`, `"`+evil+`"`, 1)+"\n"), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	b := batches[0]
	for _, text := range []string{b.Gone[0].Kind, b.Gone[0].Name, b.Gone[0].User, b.Moved[0].Name, b.Changes.Apps[0].Name} {
		if want := `\x1b[31m\u202ex\n`; text != want {
			t.Errorf("got %q, want %q", text, want)
		}
	}
}

// TestApply: what a receiver answers to each batch.
func TestApply(t *testing.T) {
	batch := func(run string, since, seq uint64, more ...func(*Batch)) *Batch {
		b := &Batch{Schema: 1, Host: "gw", Run: run, Since: since, Seq: seq, Changes: &traffic.Snapshot{
			Run: run, Apps: []traffic.App{{Name: fmt.Sprint(run, seq)}}}}
		for _, f := range more {
			f(b)
		}
		return b
	}
	after := func(run string, seq uint64) func(*Batch) { return func(b *Batch) { b.Former = Position{run, seq} } }
	var s State
	for _, step := range []struct {
		name string
		b    *Batch
		want string // taken, there, gap, superseded
		have Position
	}{
		{"too early", batch("a", 1, 2), "gap", Position{}},
		{"of a run that another precedes", batch("a", 0, 1, after("z", 9)), "gap", Position{}},
		{"the first", batch("a", 0, 1), "taken", Position{"a", 1}},
		{"again", batch("a", 0, 1), "there", Position{"a", 1}},
		{"one missing", batch("a", 2, 3), "gap", Position{"a", 1}},
		{"joined, in part known", batch("a", 0, 3), "taken", Position{"a", 3}},
		{"the next run, too early", batch("b", 0, 1, after("a", 4)), "gap", Position{"a", 3}},
		{"the last of a run", batch("a", 3, 4), "taken", Position{"a", 4}},
		{"the next run", batch("b", 0, 1, after("a", 4)), "taken", Position{"b", 1}},
		{"late", batch("a", 3, 4), "there", Position{"b", 1}},
		{"a run that goes on behind another", batch("a", 4, 5), "superseded", Position{"b", 1}},
		{"a gap that nobody can fill", batch("b", 7, 8, func(b *Batch) { b.Gap = true }), "taken", Position{"b", 8}},
		{"a run that lost all before", batch("c", 5, 6, func(b *Batch) { b.Gap = true }), "taken", Position{"c", 6}},
	} {
		applied, err := s.Apply(step.b, Limits{})
		got := "there"
		var superseded *SupersededError
		switch {
		case applied:
			got = "taken"
		case isGap(err):
			got = "gap"
		case errors.As(err, &superseded):
			got = "superseded"
		case err != nil:
			got = err.Error()
		}
		if got != step.want || s.Position != step.have {
			t.Errorf("%s: %s, and the receiver is at %v; want %s, %v", step.name, got, s.Position, step.want, step.have)
		}
	}
	before := s
	if _, err := s.Apply(batch("c", 6, 7, func(b *Batch) {
		b.Changes.Apps = make([]traffic.App, 20)
		for i := range b.Changes.Apps {
			b.Changes.Apps[i].Name = fmt.Sprint(i)
		}
	}), Limits{Rows: 10}); err == nil || !strings.Contains(err.Error(), "21 apps") {
		t.Errorf("more apps than a host may have: %v", err)
	}
	if diff := cmp.Diff(before, s, asPublished); diff != "" {
		t.Errorf("what is refused changed the state:\n%s", diff)
	}
}

// TestMuchText: names of a few KB each are not held by the thousand, in one batch or many.
func TestMuchText(t *testing.T) {
	batch := func(seq uint64) *Batch {
		b := &Batch{Schema: 1, Host: "gw", Run: "r", Since: seq - 1, Seq: seq, Changes: &traffic.Snapshot{Run: "r"}}
		for i := range 800 {
			b.Changes.Apps = append(b.Changes.Apps, traffic.App{Name: fmt.Sprintf("%d.%d %s", seq, i, strings.Repeat("x", 4000))})
		}
		return b
	}
	var s State
	if ok, err := s.Apply(batch(1), Limits{}); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if _, err := s.Apply(batch(2), Limits{}); err == nil || !strings.Contains(err.Error(), "names and command lines") {
		t.Errorf("%v", err)
	}
	if s.Seq != 1 {
		t.Errorf("it is at %d", s.Seq)
	}
}

// TestLongNames: a host with command lines of a few KB each publishes fewer of them by name,
// and is taken.
func TestLongNames(t *testing.T) {
	a := traffic.App{Name: "a"}
	for i := range 1900 {
		a.Commands = append(a.Commands, traffic.Command{Command: fmt.Sprint(i, strings.Repeat("x", 4000)), Usage: traffic.Usage{RxBytes: uint64(i)}})
	}
	b := NewRecorder("gw", Position{}).Next(&traffic.Snapshot{Schema: 1, Run: "r", At: time.Unix(1e9, 0), Apps: []traffic.App{a}})
	text, err := Encode(nil, b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Decode(text, Limits{}); err != nil {
		t.Error(err)
	}
	var sum uint64
	for _, c := range b.Changes.Apps[0].Commands {
		sum += c.RxBytes
	}
	if n := len(b.Changes.Apps[0].Commands); sum != 1899*1900/2 || n < 200 {
		t.Errorf("%d bytes of %d commands", sum, n)
	}
}

// TestResume: a note that is not that of a snapshot is told of, with what helps.
func TestResume(t *testing.T) {
	last := &traffic.Snapshot{Run: "r"}
	good := State{Position: Position{"r", 3}, Past: []Position{{"q", 2}}, Snapshot: last}
	var s State
	if err := s.Resume(good.Note(), last); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(good, s, asPublished); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	many := State{Position: Position{"r", 3}, Past: make([]Position, MaxPast+1)}
	for _, of := range []struct {
		note []byte
		last *traffic.Snapshot
		says string
	}{
		{many.Note(), last, "65 former runs"},
		{good.Note(), nil, `not of run "r"`},
		{good.Note(), &traffic.Snapshot{Run: "other"}, `not of run "r"`},
	} {
		err := s.Resume(of.note, of.last)
		if err == nil || !strings.Contains(err.Error(), of.says) || !strings.Contains(err.Error(), "forget the host") {
			t.Errorf("%v, want one that says %q", err, of.says)
		}
	}
}

// TestFold: what is too much to be published by name is in one row, to the byte.
func TestFold(t *testing.T) {
	s := &traffic.Snapshot{}
	var want traffic.Usage
	for i := range 3 {
		a := traffic.App{Name: fmt.Sprint("app", i)}
		for j := range 10 {
			u := traffic.Usage{RxBytes: uint64(i*10 + j), TxBytes: 1}
			a.Commands = append(a.Commands, traffic.Command{Command: fmt.Sprint("c", j), Usage: u})
			want = addUsage(want, u)
		}
		s.Apps = append(s.Apps, a)
	}
	got := published(s, 12)
	var sum traffic.Usage
	names := 0
	for _, a := range got.Apps {
		for _, c := range a.Commands {
			sum = addUsage(sum, c.Usage)
			if c.Command != traffic.CommandsFolded {
				names++
			}
		}
	}
	if sum != want || names == 0 || names > 12 {
		t.Errorf("%d commands by name, in all %v; want at most 12, %v", names, sum, want)
	}
	if len(s.Apps[0].Commands) != 10 {
		t.Error("the snapshot was changed")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(goodHead + "\n" + goodRows + "\n"))
	w, r := newBooks(1), NewRecorder("gw", Position{})
	for range 3 {
		text, err := Encode(nil, r.Next(w.next()))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		batches, err := Decode(document, Limits{Rows: 50})
		if err != nil {
			return
		}
		var s State
		for _, b := range batches {
			s.Apply(b, Limits{Rows: 50})
		}
		if len(batches) > 1 {
			Join(batches[0], batches[1])
		}
		text, err := Encode(nil, batches...)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(text, Limits{Rows: 50}); err != nil && len(text) <= MaxEncoded {
			t.Errorf("what was read cannot be written and read again: %v", err)
		}
	})
}
