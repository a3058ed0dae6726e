package conntrack

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"golang.org/x/sys/unix"
)

// setup makes the kernel account: it turns nf_conntrack_acct on and, where no
// rule makes the kernel track connections at all, adds one.
//
// What it changed is written down in the kernel itself, so that it can be
// undone by anyone: a table "inet bwmon" with one chain, hooked nowhere, and
// in it one rule for every bwmon that relies on it. The rule's expression
// (ct state) makes the kernel track; its comment names the process and the
// value accounting had before. Whoever leaves last removes the table; rules of
// processes that no longer live were left by a crash.
//
// All methods act on the calling thread's network namespace.
type setup struct {
	proc string // where procfs is mounted
	rule *user  // ours, nil while none is in place
}

const (
	tableName   = "bwmon"
	chainName   = "users"
	acctSysctl  = "net.netfilter.nf_conntrack_acct"
	acctFile    = "sys/net/netfilter/nf_conntrack_acct"
	commentForm = "bwmon pid=%d start=%d acct=%d"
)

// user is one bwmon that relies on the table, as its rule's comment tells.
type user struct {
	pid   int
	start uint64
	acct  int // what nf_conntrack_acct was before any of us
}

func (u user) comment() string { return fmt.Sprintf(commentForm, u.pid, u.start, u.acct) }

// missing says what keeps this namespace from being accounted, with the cure;
// nil when nothing does.
func (s *setup) missing() ([]string, error) {
	var missing []string
	acct, err := s.accounting()
	if err != nil {
		return nil, err
	}
	if acct == 0 {
		missing = append(missing, fmt.Sprintf("conntrack accounting is off (run %q)", "sysctl "+acctSysctl+"=1"))
	}
	tracked, err := tracks()
	if err != nil {
		return nil, err
	}
	if !tracked {
		missing = append(missing, "no firewall rule makes the kernel track connections "+
			`(run "nft add table inet track; nft add chain inet track c; nft add rule inet track c ct state new")`)
	}
	return missing, nil
}

// ensure puts in place what is missing and keeps it in place when called
// again. It takes over what a crashed bwmon left. Unless it is already known
// that the kernel tracks, it may have to try (see tracks).
func (s *setup) ensure(tracking bool) error {
	acct, err := s.accounting()
	if err != nil && !errors.Is(err, errNoConntrack) {
		return err
	}
	users, err := s.users()
	if err != nil {
		return err
	}
	if len(users) == 0 && s.rule == nil && acct == 1 {
		if !tracking {
			tracking, _ = tracks()
		}
		if tracking {
			return nil // somebody else has set up all we need
		}
	}
	before := acct
	switch {
	case s.rule != nil:
		before = s.rule.acct // somebody removed our table
	case len(users) > 0:
		before = users[0].acct
	}
	if err := s.register(users, before); err != nil {
		return err
	}
	if err := s.setAccounting(1); err != nil {
		return errors.Join(err, s.undo())
	}
	return nil
}

// register adds our rule and removes those of the dead.
func (s *setup) register(users []taggedUser, acct int) error {
	own, err := s.self()
	if err != nil {
		return err
	}
	own.acct = acct
	c, table, chain, err := ruleset()
	if err != nil {
		return err
	}
	present := false
	if len(users) == 0 {
		c.AddTable(table)
		c.AddChain(chain)
	}
	for _, u := range users {
		if u.pid == own.pid && u.start == own.start {
			present = true
		} else if !s.lives(u.user) {
			if err := c.DelRule(&nftables.Rule{Table: table, Chain: chain, Handle: u.handle}); err != nil {
				return fmt.Errorf("remove a former bwmon's rule: %w", err)
			}
		}
	}
	if !present {
		c.AddRule(&nftables.Rule{
			Table: table, Chain: chain,
			Exprs:    []expr.Any{&expr.Ct{Register: 1, Key: expr.CtKeySTATE}},
			UserData: userdata.AppendString(nil, userdata.TypeComment, own.comment()),
		})
	}
	if err := c.Flush(); err != nil {
		return fmt.Errorf("add nftables table %q so that the kernel tracks connections: %w", "inet "+tableName, err)
	}
	s.rule = &own
	return nil
}

// undo takes back what this process set up and, as the last user, what all
// of them did. It does nothing when nothing is in place.
func (s *setup) undo() error {
	if s.rule == nil {
		return nil
	}
	users, err := s.users()
	if err != nil {
		return err
	}
	c, table, chain, err := ruleset()
	if err != nil {
		return err
	}
	others := 0
	var handle uint64
	for _, u := range users {
		switch {
		case u.pid == s.rule.pid && u.start == s.rule.start:
			handle = u.handle
		case s.lives(u.user):
			others++
		}
	}
	if others > 0 {
		if handle == 0 {
			s.rule = nil
			return nil
		}
		err = c.DelRule(&nftables.Rule{Table: table, Chain: chain, Handle: handle})
	} else if len(users) > 0 {
		c.DelTable(table)
	}
	if err = errors.Join(err, c.Flush()); err != nil {
		return fmt.Errorf("remove nftables table %q: %w", "inet "+tableName, err)
	}
	if others == 0 && s.rule.acct == 0 {
		if err := s.setAccounting(0); err != nil {
			return err
		}
	}
	s.rule = nil
	return nil
}

func ruleset() (*nftables.Conn, *nftables.Table, *nftables.Chain, error) {
	c, err := nftables.New()
	if err != nil {
		return nil, nil, nil, fmt.Errorf("open nftables socket: %w", err)
	}
	table := &nftables.Table{Name: tableName, Family: nftables.TableFamilyINet}
	return c, table, &nftables.Chain{Name: chainName, Table: table}, nil
}

type taggedUser struct {
	user
	handle uint64
}

// users reads the rules of the table, none where there is no table.
func (s *setup) users() ([]taggedUser, error) {
	c, table, chain, err := ruleset()
	if err != nil {
		return nil, err
	}
	tables, err := c.ListTablesOfFamily(nftables.TableFamilyINet)
	if err != nil {
		return nil, fmt.Errorf("list nftables tables: %w", err)
	}
	present := false
	for _, t := range tables {
		present = present || t.Name == tableName
	}
	if !present {
		return nil, nil
	}
	rules, err := c.GetRules(table, chain)
	if err != nil {
		return nil, fmt.Errorf("list rules of nftables table %q: %w", "inet "+tableName, err)
	}
	var users []taggedUser
	for _, r := range rules {
		comment, _ := userdata.GetString(r.UserData, userdata.TypeComment)
		u := taggedUser{handle: r.Handle}
		if _, err := fmt.Sscanf(comment, commentForm, &u.pid, &u.start, &u.acct); err != nil {
			return nil, fmt.Errorf("nftables table %q has a rule that is not ours (comment %q): rename or remove the table", "inet "+tableName, comment)
		}
		users = append(users, u)
	}
	return users, nil
}

func (s *setup) self() (user, error) {
	pid := os.Getpid()
	start, err := s.startTime(pid)
	if err != nil {
		return user{}, err
	}
	return user{pid: pid, start: start}, nil
}

func (s *setup) lives(u user) bool {
	start, err := s.startTime(u.pid)
	return err == nil && start == u.start
}

// startTime reads field 22 of /proc/PID/stat (proc(5)).
func (s *setup) startTime(pid int) (uint64, error) {
	b, err := os.ReadFile(filepath.Join(s.proc, strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, fmt.Errorf("read start time: %w", err)
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 20 {
		return 0, fmt.Errorf("read start time of process %d: %d fields after its name, want 20", pid, len(fields))
	}
	return strconv.ParseUint(fields[19], 10, 64)
}

var errNoConntrack = errors.New("this kernel has no connection tracking, or it is not loaded: " +
	`run "modprobe nf_conntrack", or build it with CONFIG_NF_CONNTRACK`)

func (s *setup) accounting() (int, error) {
	b, err := os.ReadFile(filepath.Join(s.proc, acctFile))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, errNoConntrack
	}
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", acctSysctl, err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", acctSysctl, err)
	}
	return n, nil
}

func (s *setup) setAccounting(value int) error {
	err := os.WriteFile(filepath.Join(s.proc, acctFile), []byte(strconv.Itoa(value)), 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errNoConntrack
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM), errors.Is(err, unix.EROFS):
		return fmt.Errorf("cannot switch on conntrack accounting: run %q where it is allowed: %w", "sysctl "+acctSysctl+"=1", err)
	case err != nil:
		return fmt.Errorf("set %s=%d: %w", acctSysctl, value, err)
	}
	return nil
}
