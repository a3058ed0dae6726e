package socket

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"bwmon/thread"
)

// holders finds the processes that hold sockets which nobody was seen to use,
// as those do that were there before us.
type holders struct {
	objs  holdersObjects
	iter  *link.Iter
	cost  time.Duration // of the last search, processor time
	again time.Time     // not before
}

// newHolders loads the program that walks all descriptors (Linux 5.11).
func newHolders() (*holders, error) {
	h := &holders{}
	if err := loadHoldersObjects(&h.objs, nil); err != nil {
		return nil, fmt.Errorf("load the search for holders of sockets: %w", refused(err))
	}
	var err error
	if h.iter, err = link.AttachIter(link.IterOptions{Program: h.objs.Holders}); err != nil {
		return nil, errors.Join(fmt.Errorf("attach the search for holders of sockets: %w", refused(err)), h.objs.Close())
	}
	return h, nil
}

func (h *holders) close() error { return errors.Join(h.iter.Close(), h.objs.Close()) }

// find hands all holders of sockets to take; its argument is reused. It takes
// some microseconds for each descriptor there is.
func (h *holders) find(take func(*holdersHolder)) error {
	before := thread.CPUTime()
	list, err := h.iter.Open()
	if err != nil {
		return fmt.Errorf("search for holders of sockets: %w", err)
	}
	defer list.Close()
	r := bufio.NewReaderSize(patient{list}, 64<<10)
	var found holdersHolder
	record := make([]byte, binary.Size(&found))
	for {
		_, err := io.ReadFull(r, record)
		if err == io.EOF {
			h.cost = thread.CPUTime() - before
			return nil
		}
		if err == nil {
			_, err = binary.Decode(record, binary.NativeEndian, &found)
		}
		if err != nil {
			return fmt.Errorf("search for holders of sockets: %w", err)
		}
		take(&found)
	}
}

// patient reads on where the kernel has walked past a million other descriptors
// and wants to be asked again (EAGAIN; bpf_seq_read).
type patient struct{ io.Reader }

func (p patient) Read(b []byte) (int, error) {
	for {
		n, err := p.Reader.Read(b)
		if n > 0 || !errors.Is(err, unix.EAGAIN) {
			return n, err
		}
	}
}

// seek looks for the holders of sockets that carry something and of which
// nobody is known, each once. Of several holders the youngest counts: it was
// given the socket.
func (m *Monitor) seek(k *kernel, now time.Time) error {
	if k.holders == nil || now.Before(k.holders.again) {
		return nil
	}
	wanted := m.book.strangers()
	if len(wanted) == 0 {
		return nil
	}
	found := make(map[uint64]holdersHolder)
	err := k.holders.find(func(h *holdersHolder) {
		if h.Cookie == 0 || wanted[h.Cookie] == nil {
			return
		}
		if known, ok := found[h.Cookie]; !ok || h.Start >= known.Start {
			found[h.Cookie] = *h
		}
	})
	if err != nil {
		k.lean = append(k.lean, err.Error())
		err = k.holders.close()
		k.holders = nil
		return err
	}
	k.holders.again = now.Add(time.Duration(float64(k.holders.cost) / m.opts.MaxShare))
	for cookie, h := range found {
		who := bpfWho{Start: h.Start, Pid: h.Pid}
		// As the programs note it, but without the arguments: /proc has them.
		o := bpfOwner{Cgroup: h.Cgroup, Uid: h.Uid, Comm: h.Comm}
		if err := k.objs.Owners.Update(&who, &o, ebpf.UpdateNoExist); err != nil && !errors.Is(err, ebpf.ErrKeyExist) {
			continue // no room: it stays unknown
		}
		if errors.Is(unix.Kill(int(who.Pid), 0), unix.ESRCH) {
			m.owners.ended(who) // before it was in the table, and untold
		}
		m.book.handed(cookie, who, h.Netns)
	}
	return nil
}

// survey learns the addresses of all watched sockets in other network
// namespaces: what is forwarded for those that are there already is told from
// LAN hosts'.
func (m *Monitor) survey(k *kernel) error {
	if k.holders == nil {
		return nil
	}
	watched := func(uint64) bool { return true }
	if m.opts.Cgroup != "" {
		below, err := groupsBelow(m.opts.Cgroup)
		if err != nil {
			return err
		}
		watched = func(group uint64) bool { return below[group] }
	}
	return k.holders.find(func(h *holdersHolder) {
		if h.Netns != m.book.netns && watched(h.Cgroup) {
			m.book.inner.known(addrPort(h.Local, 0).Addr())
		}
	})
}
