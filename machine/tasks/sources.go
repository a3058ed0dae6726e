package tasks

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// sources are the kernel's side of a running monitor. Each may be missing: without
// one, less is known, and lean says what.
type sources struct {
	accounting *accounting
	lives      *connector // processes that begin, and change
	execs      *connector
	lean       []string
}

// openSources opens what there is to be had. The initial network namespace is the only
// one in which these things are told: from elsewhere the sockets are opened there, if
// that is allowed. A socket stays in the namespace that it was opened in.
func (o *Options) openSources() *sources {
	s := &sources{}
	records, events := s.open(o)
	if errors.Is(records, errElsewhere) || errors.Is(events, errElsewhere) {
		s.close()
		if err := within(o.Namespace, func() { records, events = s.open(o) }); err != nil {
			records, events = err, err
		}
	}
	s.lack("no records of ends: ", records)
	s.lack("no events of processes: ", events)
	return s
}

func (s *sources) lack(what string, err error) {
	if errors.Is(err, unix.EPERM) {
		what += "only root is told: "
	}
	if err != nil {
		s.lean = append(s.lean, what+err.Error())
	}
}

var errSwitchedOff = errors.New("switched off")

// open opens what it can in the calling thread's network namespace.
func (s *sources) open(o *Options) (records, events error) {
	if o.NoEvents {
		return errSwitchedOff, errSwitchedOff
	}
	s.accounting, records = openAccounting(o.Processors)
	s.lives, events = openConnector(onlyLives())
	if events == nil {
		if s.execs, events = openConnector(onlyExecs()); events != nil {
			s.lives.close()
			s.lives = nil
		}
	}
	return records, events
}

// within calls f on a thread in a network namespace. The thread ends then, as it can
// be used for nothing else.
func within(namespace string, f func()) error {
	file, err := os.Open(namespace)
	if err != nil {
		return fmt.Errorf("enter the initial network namespace: %w", err)
	}
	defer file.Close()
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET)
		if err == nil {
			f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		return fmt.Errorf("enter the initial network namespace: %w", err)
	}
	return nil
}

// lost is how often something was missed.
func (s *sources) lost() (n uint64) {
	if s.accounting != nil {
		n += s.accounting.lost
	}
	if s.lives != nil {
		n += s.lives.lost
	}
	return n
}

// close closes all but execs, which its watcher does, where there is one.
func (s *sources) close() {
	if s.accounting != nil {
		s.accounting.close()
	}
	if s.lives != nil {
		s.lives.close()
	}
	if s.execs != nil {
		s.execs.close()
	}
	s.accounting, s.lives, s.execs = nil, nil, nil
}
