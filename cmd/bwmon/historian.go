package main

import (
	"context"
	"net/http"
)

// historian is who answers a report: the daemon that is asked for, or that of this
// host, or the file that one left.
func (p *program) historian(ctx context.Context, c config, f remoteFlags) (historian, error) {
	if f.connect != "" {
		return daemonAt(f)
	}
	d := daemonHere(c.Control)
	if c.Control.Socket != "" || c.Control.Receiver != "" {
		err := d.ask(ctx, http.MethodGet, "/healthz", nil, nil)
		if !isAbsent(err) {
			return d, err
		}
	}
	d.close()
	return openPastFile(c)
}
