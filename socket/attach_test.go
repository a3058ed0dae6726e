package socket

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"

	"bwmon/lab"
	"bwmon/traffic"
)

// attached counts the programs of a cgroup that see what goes out.
func attached(t *testing.T, cgroup string) int {
	t.Helper()
	dir, err := os.Open(cgroup)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	result, err := link.QueryPrograms(link.QueryOptions{Target: int(dir.Fd()), Attach: ebpf.AttachCGroupInetEgress})
	if err != nil {
		t.Fatal(err)
	}
	return len(result.Programs)
}

// TestBesideOthers: programs of others on the same cgroup go on, and ours leave
// when we do.
func TestBesideOthers(t *testing.T) {
	ours, peer, cgroup := pair(t)
	pass, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.CGroupSKB, License: "BSD",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 1), asm.Return()},
	})
	if err != nil {
		t.Skipf("no BPF here: %v", err)
	}
	defer pass.Close()
	other, err := link.AttachCgroup(link.CgroupOptions{Path: cgroup, Attach: ebpf.AttachCGroupInetEgress, Program: pass})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	server := peer.Serve(lab.Server{Proto: "tcp", Listen: ap("198.18.0.2:0")})
	b := watch(t, ours, Options{Cgroup: cgroup})
	if n := attached(t, cgroup); n != 2 {
		t.Errorf("%d programs while we run, want 2", n)
	}
	ours.Start(lab.Client{Args: []string{"client"}, Proto: "tcp", Target: server.Addr, Send: 10_000}).Wait()
	b.stop()
	if got, _ := b.sum(scoped(traffic.ScopeLocal)); got.TxBytes < 10_000 {
		t.Errorf("booked %+v", got)
	}
	if n := attached(t, cgroup); n != 1 {
		t.Errorf("%d programs afterwards, want the other one", n)
	}
}

// TestRunAgain: what a former run left open has ended, and the next counts on.
func TestRunAgain(t *testing.T) {
	ours, peer, cgroup := pair(t)
	server := peer.Serve(lab.Server{Proto: "tcp", Listen: ap("198.18.0.2:0")})
	client := lab.Client{Args: []string{"client"}, Proto: "tcp", Target: server.Addr, Send: 10_000, KeepOpen: true}
	b := watch(t, ours, Options{Cgroup: cgroup})
	first := ours.Start(client)
	first.Wait()
	b.stop()
	b.start()
	second := ours.Start(client)
	second.Wait()
	first.Stop()
	second.Stop()
	b.stop()
	got, n := b.sum(byCommand("client"))
	if n != 2 || got.TxBytes < 20_000 || got.TxBytes > 22_000 {
		t.Errorf("%d flows with %+v, want one of each run", n, got)
	}
	ended, _ := b.sum(func(s traffic.Sample) bool { return s.Final && s.Owner != nil })
	if ended.TxBytes < 10_000 {
		t.Errorf("what the first run left open has not ended: %+v", ended)
	}
}

// TestBadCgroup: what is no cgroup is an error that says so.
func TestBadCgroup(t *testing.T) {
	lab.New(t) // root
	for dir, want := range map[string]string{t.TempDir(): "a directory of cgroup v2", "/nonexistent": "no such file"} {
		err := New(Options{Cgroup: dir}).Open()
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: error %v", dir, err)
		}
	}
}

// TestUnheardEnds: a process whose end nobody told of is forgotten all the same.
func TestUnheardEnds(t *testing.T) {
	ours, _, cgroup := pair(t)
	m := New(Options{Cgroup: cgroup})
	if err := ours.Do(m.Open); err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	table := m.kernel.objs.Owners
	m.owners.table = table
	here := bpfWho{Pid: uint32(os.Getpid()), Start: 1}
	gone := bpfWho{Pid: 1 << 30, Start: 1} // there are no such numbers
	for _, who := range []bpfWho{here, gone} {
		if err := table.Put(&who, &bpfOwner{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.closeIdle(m.kernel, time.Now()); err != nil {
		t.Fatal(err)
	}
	for range goneRounds + 1 {
		if err := m.owners.turn(); err != nil {
			t.Fatal(err)
		}
	}
	var v bpfOwner
	if err := table.Lookup(&gone, &v); !errors.Is(err, ebpf.ErrKeyNotExist) {
		t.Errorf("the process that is no more: %v", err)
	}
	if err := table.Lookup(&here, &v); err != nil {
		t.Errorf("this process: %v", err)
	}
}

// TestWithoutPacketProgram: where the kernel refuses the program on interfaces,
// the others run.
func TestWithoutPacketProgram(t *testing.T) {
	spec, err := loadBpf()
	if err != nil {
		t.Fatal(err)
	}
	spec.Programs[bpfProgPacketEgress].Instructions = asm.Instructions{asm.Return()} // of what it has not set
	k := &kernel{}
	if err := k.load(spec); err != nil {
		t.Fatal(err)
	}
	if k.taps.refused == nil || k.taps.program == nil {
		t.Errorf("refused: %v", k.taps.refused)
	}
	if err := k.objs.Close(); err != nil {
		t.Error(err)
	}
}
