package web

import (
	"os"
	"testing"

	"bwmon/lab"
)

// TestMain fails where tests leave goroutines or sockets behind.
func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }
