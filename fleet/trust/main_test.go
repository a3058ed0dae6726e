package trust

import (
	"os"
	"testing"

	"bwmon/lab"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }
