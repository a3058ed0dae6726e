package publish

import (
	"os"
	"testing"

	"bwmon/lab"
)

// TestMain lets the test binary be its own child: see kill_test.go.
func TestMain(m *testing.M) {
	if orders := os.Getenv(childEnv); orders != "" {
		os.Exit(childMain(orders))
	}
	os.Exit(lab.Main(m))
}
