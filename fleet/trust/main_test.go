package trust

import (
	"os"
	"testing"

	"bwmon/lab"
)

// TestMain lets the test binary be its own child: see childMain.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		os.Exit(childMain(dir))
	}
	os.Exit(lab.Main(m))
}
