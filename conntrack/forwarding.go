package conntrack

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"time"

	"bwmon/traffic"
)

// forwardingEvery is how often it is looked whether this host has become a
// router.
const forwardingEvery = 5 * time.Second

// awaitForwarding returns once this namespace forwards, or ctx is cancelled. A
// monitor that counts nothing but what is forwarded sets nothing up before.
func (m *Monitor) awaitForwarding(ctx context.Context, emit func(traffic.Batch)) {
	for !forwards(m.opts.Proc) {
		emit(traffic.Batch{
			Monitor: m.Name(), At: time.Now(), Complete: true,
			Detail: "this host forwards nothing (net.ipv4.ip_forward = 0)",
		})
		select {
		case <-time.After(forwardingEvery):
		case <-ctx.Done():
			return
		}
	}
}

// forwards reports whether any interface of the calling thread's namespace
// forwards packets.
func forwards(proc string) bool {
	for _, family := range []string{"ipv4", "ipv6"} {
		files, _ := filepath.Glob(filepath.Join(proc, "sys/net", family, "conf/*/forwarding"))
		for _, file := range files {
			if b, err := os.ReadFile(file); err == nil && string(bytes.TrimSpace(b)) != "0" {
				return true
			}
		}
	}
	return false
}
