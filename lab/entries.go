package lab

import "github.com/ti-mo/conntrack"

// Entries is what the host's conntrack table holds now, read by a decoder that
// is not ours.
func (h *Host) Entries() []conntrack.Flow {
	h.lab.t.Helper()
	var flows []conntrack.Flow
	h.Conntrack(func(c *conntrack.Conn) (err error) {
		flows, err = c.Dump(nil)
		return err
	})
	return flows
}

// Conntrack gives f access to the host's conntrack table, to make and remove
// entries. Its error ends the test.
func (h *Host) Conntrack(f func(c *conntrack.Conn) error) {
	h.lab.t.Helper()
	err := h.Do(func() error {
		c, err := conntrack.Dial(nil)
		if err != nil {
			return err
		}
		defer c.Close()
		return f(c)
	})
	if err != nil {
		h.lab.t.Fatalf("conntrack of %s: %v", h.Name, err)
	}
}
