package notify

import (
	"os"
	"testing"

	"bwmon/lab"
)

// TestMain lets the test binary be its own child: see helperMain.
func TestMain(m *testing.M) {
	if role := os.Getenv(helperEnv); role != "" {
		os.Exit(helperMain(role))
	}
	os.Exit(lab.Main(m))
}
