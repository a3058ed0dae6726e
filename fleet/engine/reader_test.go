package engine

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/prometheus/common/model"
)

// TestPatiently: a question that Prometheus could not answer while it moved samples is
// asked again, for some seconds; any other error is told at once.
func TestPatiently(t *testing.T) {
	moved := fmt.Errorf("execution: %s 2063597568 from block 00: not found", movedAway)
	other := errors.New("bad_data: parse error")
	for name, of := range map[string]struct {
		fails []error // then it answers
		asked int
		want  error
	}{
		"an answer":        {nil, 1, nil},
		"moved, and found": {[]error{moved, moved, moved}, 4, nil},
		"another error":    {[]error{other}, 1, other},
		"moved, and wrong": {[]error{moved, other}, 2, other},
		"moved for ever":   {[]error{moved, moved, moved, moved, moved, moved, moved, moved, moved}, attempts, moved},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				value, err := patiently(t.Context(), func() (model.Value, error) {
					asked++
					if asked <= len(of.fails) {
						return nil, of.fails[asked-1]
					}
					return model.Vector{}, nil
				})
				if asked != of.asked || !errors.Is(err, of.want) || (value == nil) != (of.want != nil) {
					t.Errorf("asked %d times: %v, %v; want %d times, %v", asked, value, err, of.asked, of.want)
				}
			})
		})
	}
}
