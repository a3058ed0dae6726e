package history

import (
	"os"
	"testing"

	"bwmon/lab"
)

// TestMain lets the test binary be its own child: see crash_test.go, open_test.go and fleetcrash_test.go.
func TestMain(m *testing.M) {
	if path := os.Getenv(crashEnv); path != "" {
		os.Exit(crashMain(path))
	}
	if path := os.Getenv(readEnv); path != "" {
		os.Exit(readMain(path))
	}
	if path := os.Getenv(fleetEnv); path != "" {
		os.Exit(fleetMain(path))
	}
	os.Exit(lab.Main(m))
}
