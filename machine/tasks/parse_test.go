package tasks

import (
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestParseStat(t *testing.T) {
	line := "42 (a) b) (c\n) S 7 42 42 34816 42 4194560 1 2 3 4 150 50 6 7 20 -1 3 0 4764874 1000 250 18446744073709551615 256 4096 768 0 0\n"
	got, err := parseStat([]byte(line))
	want := stat{comm: []byte("a) b) (c\n"), state: 'S', parent: 7, flags: 4194560, cpu: 2 * time.Second, threads: 3, start: 4764874, rss: 250, image: 256 ^ 768}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(stat{})); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	for _, bad := range []string{"", "1", "1 (a", "1 )a( S 1", "1 (a) S", "1 (a) S ", "1 (a) S 1 2 3 x 5", line[:70]} {
		if got, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q: %+v, want an error", bad, got)
		}
	}
}

func TestParseIO(t *testing.T) {
	got, err := parseIO([]byte("rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 5\nwrite_bytes: 18446744073709551615\ncancelled_write_bytes: 7\n"))
	if want := (usage{read: 5, write: 1<<64 - 1, cacheRead: 1, cacheWrite: 2}); err != nil || got != want {
		t.Errorf("%+v (%v), want %+v", got, err, want)
	}
	for _, bad := range []string{"", "rchar: 1\n", "rchar: 1\nwchar: x\n", "rchar 1\nwchar: 2\n"} {
		if got, err := parseIO([]byte(bad)); !errors.Is(err, errIO) {
			t.Errorf("%q: %+v (%v), want an error", bad, got, err)
		}
	}
}

func TestNumber(t *testing.T) {
	for text, want := range map[string]uint64{"18446744073709551615": 1<<64 - 1, "18446744073709551616": 0, "99999999999999999999999": 0, "-5": 0, "  7 8": 7} {
		if got, _, ok := number([]byte(text)); !ok || got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

func TestUnifiedPath(t *testing.T) {
	g := group("/a/b")
	for text, want := range map[string]bool{
		"0::/a/b\n": true, "0::/a/b/c": true, "0::/a/bc\n": false, "0::/\n": false, "": false,
		"9:name=systemd:/a/b\n8:pids:/a/b\n0::/x\n": false, "9:cpu:/\n0::/a/b\n": true,
	} {
		if got := g.contains([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// statsOf makes struct taskstats as a kernel of that version does.
func statsOf(version uint16, pid uint32, flags byte) []byte {
	sizes := map[uint16]int{9: 344, 10: 352, 11: 368, 12: 400, 13: 416, 14: 432, 15: 560, 16: 560}
	b := make([]byte, sizes[version])
	shift, tgid := 0, offTGID
	if version == 15 {
		shift, tgid = 48, 464
	}
	put := func(at int, n uint64) { binary.NativeEndian.PutUint64(b[at+shift:], n) }
	binary.NativeEndian.PutUint16(b, version)
	b[offFlag] = flags
	put(offVirtual, 5e6)
	copy(b[offComm+shift:], "some name")
	binary.NativeEndian.PutUint32(b[offUID+shift:], 1000)
	binary.NativeEndian.PutUint32(b[offPID+shift:], pid)
	binary.NativeEndian.PutUint32(b[offPPID+shift:], 1)
	put(offCacheRead, 1024)
	put(offCacheWrite, 2048)
	put(offRead, 4096)
	put(offWrite, 8192)
	if version >= 12 {
		binary.NativeEndian.PutUint32(b[tgid:], 40)
	}
	return b
}

func attribute(kind uint16, value []byte) []byte {
	b := make([]byte, 4, 4+len(value)+3)
	binary.NativeEndian.PutUint16(b, uint16(4+len(value)))
	binary.NativeEndian.PutUint16(b[2:], kind)
	b = append(b, value...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func word(n uint32) []byte { return binary.NativeEndian.AppendUint32(nil, n) }

// recordOf makes the body of a record's message.
func recordOf(version uint16, pid uint32, flags byte, group bool) []byte {
	thread := append(attribute(unix.TASKSTATS_TYPE_PID, word(pid)), attribute(unix.TASKSTATS_TYPE_STATS, statsOf(version, pid, flags))...)
	b := append([]byte{unix.TASKSTATS_CMD_NEW, 1, 0, 0}, attribute(unix.TASKSTATS_TYPE_AGGR_PID, thread)...)
	if group {
		b = append(b, attribute(unix.TASKSTATS_TYPE_AGGR_TGID, nil)...)
	}
	return b
}

// TestParseRecord: the struct of each version, as its kernels have it.
func TestParseRecord(t *testing.T) {
	for version := uint16(9); version <= 16; version++ {
		got, ok, err := parseRecord(recordOf(version, 42, flagForked|flagGroup, false))
		want := record{
			thread: 42, parent: 1, uid: 1000, comm: "some name", forked: true, last: true,
			usage: usage{read: 4096, write: 8192, cacheRead: 1024, cacheWrite: 2048, cpu: 5 * time.Millisecond},
		}
		if version >= 12 {
			want.process = 40
		}
		if !ok || err != nil || got != want {
			t.Errorf("version %d: %+v (%v, %v), want %+v", version, got, ok, err, want)
		}
	}
	if r, _, _ := parseRecord(recordOf(10, 42, 0, true)); !r.last {
		t.Error("what comes with sums of its process is not taken for the last thread's")
	}
	wrong := recordOf(13, 42, 0, false)
	binary.NativeEndian.PutUint32(wrong[12:], 43) // another number than the struct's
	for name, b := range map[string][]byte{"short": recordOf(9, 42, 0, false)[:200], "empty": nil, "another number": wrong} {
		if r, ok, err := parseRecord(b); err == nil || ok {
			t.Errorf("%s: %+v, want an error", name, r)
		}
	}
}

func eventOf(kind uint32, words ...uint32) []byte {
	b := make([]byte, eventData, 80)
	binary.NativeEndian.PutUint32(b, connectorIndex)
	binary.NativeEndian.PutUint32(b[eventStart:], kind)
	binary.NativeEndian.PutUint64(b[eventTime:], 77)
	for _, w := range words {
		b = append(b, word(w)...)
	}
	return b
}

func TestParseEvent(t *testing.T) {
	for name, test := range map[string]struct {
		body []byte
		want event
	}{
		"fork":   {eventOf(eventFork, 1, 2, 3, 4), event{kind: eventFork, at: 77, parent: 2, thread: 3, process: 4}},
		"exec":   {eventOf(eventExec, 3, 4), event{kind: eventExec, at: 77, thread: 3, process: 4}},
		"exit":   {eventOf(eventExit, 3, 4, 0, 17), event{kind: eventExit, at: 77, thread: 3, process: 4}},
		"answer": {eventOf(eventAnswer, 1), event{kind: eventAnswer, at: 77, failure: unix.EPERM}},
	} {
		if got, ok, err := parseEvent(test.body); !ok || err != nil || got != test.want {
			t.Errorf("%s: %+v (%v, %v), want %+v", name, got, ok, err, test.want)
		}
	}
	if _, ok, err := parseEvent(eventOf(0x80, 1, 2)); ok || err != nil {
		t.Error("an event that nobody wants is taken")
	}
	if _, _, err := parseEvent(eventOf(eventFork, 1, 2, 3)); err == nil {
		t.Error("a fork that is cut short is taken")
	}
}

func FuzzParseStat(f *testing.F) {
	self, _ := os.ReadFile("/proc/self/stat")
	f.Add(self)
	f.Add([]byte("1 (a) b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19"))
	f.Fuzz(func(t *testing.T, b []byte) {
		st, err := parseStat(b)
		if err == nil && (st.cpu < 0 || st.parent < 0 || !strings.Contains(string(b), string(st.comm))) {
			t.Errorf("%+v", st)
		}
	})
}

func FuzzParseIO(f *testing.F) {
	self, _ := os.ReadFile("/proc/self/io")
	f.Add(self)
	f.Fuzz(func(t *testing.T, b []byte) {
		if u, err := parseIO(b); err != nil && u != (usage{}) {
			t.Errorf("%+v with %v", u, err)
		}
	})
}

func FuzzParseRecord(f *testing.F) {
	for _, version := range []uint16{9, 12, 15, 16} {
		f.Add(recordOf(version, 42, 0, version > 12))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, ok, err := parseRecord(b)
		if ok && err == nil && (r.thread < 0 || r.process < 0 || r.parent < 0 || r.usage.cpu < 0 || len(r.comm) > commLength) {
			t.Errorf("%+v", r)
		}
	})
}

func FuzzParseEvent(f *testing.F) {
	f.Add(eventOf(eventFork, 1, 2, 3, 4))
	f.Add(eventOf(eventAnswer, 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		// As a whole message, and as the body of one.
		_ = eachMessage(b, func(_ uint16, body []byte) error {
			_, _, err := parseEvent(body)
			return err
		})
		if e, ok, _ := parseEvent(b); ok && (e.at < 0 || e.thread < 0 || e.process < 0 || e.parent < 0) {
			t.Errorf("%+v", e)
		}
	})
}
