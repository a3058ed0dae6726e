package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// checkConntrack looks at the kernel's connection tracking as the monitor
// would find it.
func checkConntrack(m monitorConfig) []finding {
	found := judgeConntrack(m, func(name string) (int, error) {
		text, err := os.ReadFile("/proc/sys/net/netfilter/" + name)
		if err != nil {
			return 0, err
		}
		return strconv.Atoi(strings.TrimSpace(string(text)))
	})
	if found[0].State != findingOK {
		return found
	}
	return append(found, checkTracking(m)...)
}

func judgeConntrack(m monitorConfig, sysctl func(name string) (int, error)) []finding {
	present := finding{Check: "conntrack", State: findingOK, Found: "the kernel tracks connections", Essential: true}
	count, err := sysctl("nf_conntrack_count")
	if err != nil {
		present.State, present.Found = findingMissing, "the kernel has no connection tracking in this network namespace"
		present.Means = "no flow can be read"
		present.Cure = "sudo modprobe -a nf_conntrack nf_conntrack_netlink"
		return []finding{present}
	}
	return []finding{present, judgeAccounting(m, sysctl), judgeTable(count, sysctl), judgeEvents(sysctl)}
}

func judgeAccounting(m monitorConfig, sysctl func(string) (int, error)) finding {
	f := finding{Check: "accounting", State: findingOK, Found: "on (net.netfilter.nf_conntrack_acct = 1)", Essential: true}
	if acct, err := sysctl("nf_conntrack_acct"); err == nil && acct > 0 {
		return f
	}
	f.Found = "off (net.netfilter.nf_conntrack_acct = 0)"
	f.Cure = "sudo sysctl -w net.netfilter.nf_conntrack_acct=1"
	if m.Setup {
		f.State = findingWarn
		f.Means = "bwmon switches it on while it runs; connections that are open then are never counted"
		return f
	}
	f.State = findingMissing
	f.Means = "flows carry no counters, and the configuration forbids bwmon to switch it on (setup = false)"
	return f
}

// nearlyFull is the share of the table, in percent, from which a burst may
// fill it.
const nearlyFull = 80

func judgeTable(count int, sysctl func(string) (int, error)) finding {
	f := finding{Check: "table", State: findingOK}
	limit, err := sysctl("nf_conntrack_max")
	if err != nil || limit <= 0 {
		f.Found = fmt.Sprintf("%d flows", count)
		return f
	}
	f.Found = fmt.Sprintf("%d flows of at most %d", count, limit)
	if 100*count >= nearlyFull*limit {
		f.State = findingWarn
		f.Means = "when the table is full the kernel drops new connections, tracked or not by bwmon"
		f.Cure = fmt.Sprintf("sudo sysctl -w net.netfilter.nf_conntrack_max=%d", 2*limit)
	}
	return f
}

func judgeEvents(sysctl func(string) (int, error)) finding {
	f := finding{Check: "events", State: findingOK, Found: "the kernel tells when a connection ends"}
	if events, err := sysctl("nf_conntrack_events"); err != nil || events == 0 {
		f.State, f.Found = findingWarn, "off (net.netfilter.nf_conntrack_events = 0)"
		f.Means = "bytes that a connection carries after the last reading of the table are not seen when it ends"
		f.Cure = "sudo sysctl -w net.netfilter.nf_conntrack_events=2"
	}
	return f
}
