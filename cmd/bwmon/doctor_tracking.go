package main

import (
	"fmt"

	"bwmon/conntrack"
)

// checkTracking tries what the conntrack monitor rests on beyond sysctls.
func checkTracking(m monitorConfig) []finding {
	v, err := conntrack.Look("/proc")
	if err != nil {
		return []finding{{
			Check: "tracking", State: findingMissing, Essential: true,
			Found: "the table of flows cannot be read: " + err.Error(), Means: "no flow can be booked",
			Cure: "sudo bwmon doctor",
		}}
	}
	return judgeSurvey(m, v)
}

func judgeSurvey(m monitorConfig, v conntrack.Survey) []finding {
	found := []finding{judgeTracking(m, v)}
	if v.Left > 0 {
		found = append(found, finding{
			Check: "set-up", State: findingWarn,
			Found: fmt.Sprintf("%d bwmon ended without taking back what it set up", v.Left),
			Means: "connections go on being tracked and counted; the next run that ends takes it back",
			Cure:  "sudo bwmon snapshot --for 1s",
		})
	} else if len(v.Users) > 0 {
		found = append(found, finding{
			Check: "set-up", State: findingOK,
			Found: fmt.Sprintf("nftables table inet bwmon, in use by %d running bwmon", len(v.Users)),
		})
	}
	if v.Uncounted > 0 {
		found = append(found, finding{
			Check: "old flows", State: findingWarn,
			Found: fmt.Sprintf("%d of %d flows have no counters", v.Uncounted, v.Flows),
			Means: "they began before accounting was on, and are never counted: their bytes show only in the residual",
			Cure:  "leave accounting on (sysctl.d: net.netfilter.nf_conntrack_acct = 1), or let them reconnect",
		})
	}
	if v.Offloaded > 0 {
		found = append(found, finding{
			Check: "offload", State: findingWarn,
			Found: fmt.Sprintf("%d of %d flows are offloaded to a flowtable", v.Offloaded, v.Flows),
			Means: "what they carry is counted only where the flowtable has the counter flag (kernel 5.7 and later)",
			Cure:  `add "counter;" to the flowtable in your nftables rules`,
		})
	} else {
		found = append(found, finding{Check: "offload", State: findingOK, Found: "no flow is offloaded past the counters"})
	}
	return found
}

func judgeTracking(m monitorConfig, v conntrack.Survey) finding {
	f := finding{Check: "tracking", State: findingOK, Found: "a trial datagram made an entry", Essential: true}
	if v.Tracked {
		return f
	}
	f.Found = "no firewall rule makes the kernel track connections"
	f.Cure = `sudo nft 'add table inet track; add chain inet track c; add rule inet track c ct state new'`
	switch {
	case !m.Setup:
		f.State = findingMissing
		f.Means = "there are no flows to read, and the configuration forbids bwmon to add a rule (setup = false)"
	case v.Tables != nil:
		f.State = findingMissing
		f.Means = "there are no flows to read, and bwmon cannot add a rule: " + v.Tables.Error()
		f.Cure = "sudo modprobe -a nf_tables nft_ct"
	default:
		f.State = findingWarn
		f.Means = "bwmon adds a table of its own to nftables while it runs"
	}
	return f
}
