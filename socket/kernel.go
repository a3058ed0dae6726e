package socket

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"
)

// kernel is the programs at work. They are attached for as long as this
// process has them open: whatever ends it, the kernel takes them away.
type kernel struct {
	objs   bpfObjects
	links  []link.Link
	events *ringbuf.Reader
	tick   uint32

	holders *holders // nil where the kernel has no such search
	taps    taps

	record ringbuf.Record // read into
	lean   []string       // what this kernel does without, for people
}

// sizes is how many entries the maps may have. Nothing is allocated for those
// that are not there.
type sizes struct{ flows, owners uint32 }

// open loads the programs and attaches them to the cgroup.
func open(cgroup string, n sizes) (*kernel, error) {
	// Kernels before 5.11 charge maps to RLIMIT_MEMLOCK.
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, fmt.Errorf("lift the limit on locked memory: %w", refused(err))
	}
	spec, err := loadBpf()
	if err != nil {
		return nil, err
	}
	for name, entries := range map[string]uint32{
		bpfMapFlows: n.flows, bpfMapEnded: n.flows, bpfMapUsers: n.flows, bpfMapOwners: n.owners,
	} {
		spec.Maps[name].MaxEntries = entries
	}
	k := &kernel{}
	defer debug.FreeOSMemory() // the kernel's types take megabytes, this once
	if err := k.load(spec); err != nil {
		return nil, fmt.Errorf("load the BPF programs: %w", refused(err))
	}
	if err = k.watch(cgroup); err == nil {
		err = k.attach(cgroup)
	}
	if err == nil {
		k.events, err = ringbuf.NewReader(k.objs.Events)
	}
	if err != nil {
		return nil, errors.Join(err, k.close())
	}
	if k.holders, err = newHolders(); err != nil {
		k.lean = append(k.lean, "sockets that are older stay unknown until they are used")
	}
	return k, nil
}

// load loads the programs; where the kernel refuses the one on interfaces, without
// that.
func (k *kernel) load(spec *ebpf.CollectionSpec) error {
	err := spec.LoadAndAssign(&k.objs, nil)
	if err != nil {
		spec.Programs[bpfProgPacketEgress].Instructions = asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}
		if spec.LoadAndAssign(&k.objs, nil) != nil {
			return err // it was another
		}
		k.taps.refused = err
	}
	k.taps.program = k.objs.PacketEgress
	return nil
}

// refused tells the cure where the kernel does not let us.
func refused(err error) error {
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return fmt.Errorf("CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN are needed (run as root): %w", err)
	}
	return err
}

// watch tells the programs which cgroup it is.
func (k *kernel) watch(cgroup string) error {
	dir, err := os.Open(cgroup)
	if err != nil {
		return fmt.Errorf("open the cgroup: %w", err)
	}
	defer dir.Close()
	if err := k.objs.Watched.Put(uint32(0), uint32(dir.Fd())); err != nil {
		return fmt.Errorf("watch %s, which has to be a directory of cgroup v2: %w", cgroup, err)
	}
	return nil
}

// attach puts the programs in place; those that name whose a socket is before
// those that count.
func (k *kernel) attach(cgroup string) error {
	for _, p := range []struct {
		program *ebpf.Program
		at      ebpf.AttachType
	}{
		{k.objs.SockCreate, ebpf.AttachCGroupInetSockCreate},
		{k.objs.PostBind4, ebpf.AttachCGroupInet4PostBind},
		{k.objs.PostBind6, ebpf.AttachCGroupInet6PostBind},
		{k.objs.Connect4, ebpf.AttachCGroupInet4Connect},
		{k.objs.Connect6, ebpf.AttachCGroupInet6Connect},
		{k.objs.Sendmsg4, ebpf.AttachCGroupUDP4Sendmsg},
		{k.objs.Sendmsg6, ebpf.AttachCGroupUDP6Sendmsg},
		{k.objs.SockRelease, ebpf.AttachCgroupInetSockRelease},
		{k.objs.Ingress, ebpf.AttachCGroupInetIngress},
		{k.objs.Egress, ebpf.AttachCGroupInetEgress},
	} {
		l, err := link.AttachCgroup(link.CgroupOptions{Path: cgroup, Attach: p.at, Program: p.program})
		if err != nil {
			return fmt.Errorf("attach to the cgroup %s (%v): %w", cgroup, p.at, refused(err))
		}
		k.links = append(k.links, l)
	}
	return k.attachTracepoints()
}

// attachTracepoints attaches to what not every kernel has. Only the end of TCP
// sockets cannot be done without.
func (k *kernel) attachTracepoints() error {
	for _, t := range []struct {
		name    string
		program *ebpf.Program
		without string // what it means to be without it; "": it is needed
	}{
		{"inet_sock_set_state", k.objs.InetSockSetState, ""},
		{"inet_sock_set_state", k.objs.InetSockSetState2, ""},
		{"sched_process_exit", k.objs.SchedProcessExit, "ended processes are found out later"},
		{"sock_send_length", k.objs.SockSendLength, "sockets handed on stay with who made them"},
		{"sock_recv_length", k.objs.SockRecvLength, "sockets handed on stay with who made them"},
	} {
		l, err := link.AttachRawTracepoint(link.RawTracepointOptions{Name: t.name, Program: t.program})
		switch {
		case err == nil:
			k.links = append(k.links, l)
		case t.without == "":
			return fmt.Errorf("attach to the tracepoint %s: %w", t.name, refused(err))
		case !slices.Contains(k.lean, t.without):
			k.lean = append(k.lean, t.without)
		}
	}
	return nil
}

// close takes the programs away; their maps go with them.
func (k *kernel) close() error {
	var errs []error
	for _, l := range slices.Backward(k.links) {
		errs = append(errs, l.Close())
	}
	errs = append(errs, k.taps.close())
	if k.events != nil {
		errs = append(errs, k.events.Close())
	}
	if k.holders != nil {
		errs = append(errs, k.holders.close())
	}
	return errors.Join(append(errs, k.objs.Close())...)
}

// turn begins a new tick: flows that move from now on are told of once more.
func (k *kernel) turn() error {
	k.tick++
	if err := k.objs.Tick.Set(k.tick); err != nil {
		return fmt.Errorf("begin a tick: %w", err)
	}
	return nil
}

// drain hands the events there are to take; its argument is reused. It does not
// wait.
func (k *kernel) drain(take func(*bpfEvent)) error {
	k.events.SetDeadline(time.Unix(1, 0))
	for {
		err := k.events.ReadInto(&k.record)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read events: %w", err)
		}
		if e, ok := eventOf(k.record.RawSample); ok {
			take(e)
		}
	}
}

// totals reads the counters of what could not be booked or told.
func (k *kernel) totals() (sum [bpfTotalTOTALS]uint64, err error) {
	for i := range sum {
		var each []uint64
		if err := k.objs.Totals.Lookup(uint32(i), &each); err != nil {
			return sum, fmt.Errorf("read counters: %w", err)
		}
		for _, n := range each {
			sum[i] += n
		}
	}
	return sum, nil
}
