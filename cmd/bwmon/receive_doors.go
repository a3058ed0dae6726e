package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"bwmon/fleet"
	"bwmon/fleet/receive"
	"bwmon/fleet/trust"
	"bwmon/ui/web"

	"golang.org/x/sync/errgroup"
)

// doors are where a receiver is reached: the page, where hosts of this machine come in
// too, an address for hosts elsewhere, and the control socket. Each may be nil.
type doors struct {
	page    *site
	hosts   *site
	control *control
}

func openDoors(c config, a *trust.Authority, r *receive.Receiver, sv *service) (*doors, error) {
	log := sv.log
	page, err := openSite(c.HTTP, sv.sockets.http, log.warn)
	if err != nil {
		return nil, err
	}
	d := &doors{page: page}
	if page != nil {
		page.access.Extra = append(routesOf(r, a, true), forgetRoute(r))
	}
	switch {
	case c.Receive.Listen == "":
	case a == nil:
		log.Info("hosts elsewhere cannot publish yet: \"bwmon fleet init\" begins with who is trusted", "receive.dir", c.Receive.Dir)
	default:
		if d.hosts, err = openHostDoor(c.Receive, a, r); err != nil {
			return nil, errors.Join(err, page.close())
		}
	}
	if d.page == nil && d.hosts == nil {
		return nil, usageError{errors.New(`nobody could come in: set http.listen, or receive.listen after "bwmon fleet init"`)}
	}
	if c.Receive.Control != "" {
		here := controlConfig{Socket: c.Receive.Control, Group: c.Control.Group}
		if d.control, err = openControl(here, nil, nil); err != nil {
			log.warn(fmt.Sprintf("no control socket: %v", err))
		} else {
			d.control.extra = []web.Route{forgetRoute(r)}
		}
	}
	return d, nil
}

// forgetRoute takes a host out of the fleet. It is for those who may change something.
func forgetRoute(r *receive.Receiver) web.Route {
	return web.Route{Method: http.MethodPost, Path: "/api/v1/hosts/{host}/forget", Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		switch err := r.Forget(q.PathValue("host")); {
		case errors.Is(err, receive.ErrUnknown):
			web.SayProblem(w, http.StatusNotFound, err)
		case err != nil:
			web.SayProblem(w, http.StatusServiceUnavailable, err)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	})}
}

// openHostDoor listens for hosts elsewhere. There is no page behind it.
func openHostDoor(c receiveConfig, a *trust.Authority, r *receive.Receiver) (*site, error) {
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("receive.listen: %w", err)
	}
	return &site{listener: l, tls: a.TLSConfig(), access: web.Access{Bare: true, Extra: routesOf(r, a, false)}}, nil
}

// routesOf are those of a receiver. Readers have them at the page only.
func routesOf(r *receive.Receiver, a *trust.Authority, readers bool) []web.Route {
	var list []web.Route
	for _, route := range r.Routes() {
		if route.FromHosts && a != nil {
			// So that a connection ends with what it has shown, and a receiver that
			// cannot tell is not taken for one that refuses.
			route.Handler = a.Guard(route.Handler)
		}
		if route.FromHosts || readers {
			list = append(list, web.Route{
				Method: route.Method, Path: route.Path, Handler: route.Handler, MaxBody: route.MaxBody, Authorises: route.FromHosts,
			})
		}
	}
	if a == nil {
		return list
	}
	return append(list,
		web.Route{Method: http.MethodPost, Path: fleet.PathEnrol, Handler: a.Enrol(), Authorises: true},
		web.Route{Method: http.MethodPost, Path: fleet.PathRenew, Handler: a.Renew(), Authorises: true})
}

// run serves until ctx is cancelled.
func (d *doors) run(ctx context.Context, g *errgroup.Group, server *web.Server, log *daemonLog) {
	if d.page != nil {
		log.Info("web page", "url", d.page.url())
		g.Go(func() error { return server.Serve(ctx, d.page.listener, d.page.access, d.page.tls) })
	}
	if d.hosts != nil {
		log.Info("hosts publish to", "url", d.hosts.url())
		g.Go(func() error { return server.Serve(ctx, d.hosts.listener, d.hosts.access, d.hosts.tls) })
	}
	if d.control != nil {
		log.Info("control socket", "path", d.control.path)
		g.Go(func() error { return d.control.run(ctx, server) })
	}
}

// whoIsHere lets in who is on this machine, as all hosts, and nobody else.
func whoIsHere(r *http.Request) (host string, any bool, err error) {
	if !trust.IsHere(r) {
		return "", false, errors.New("this receiver takes what hosts on its own machine publish: \"bwmon fleet init\" there begins with others")
	}
	return "", true, nil
}

// forbidden marks the errors of those who are known and may not.
func forbidden(err error) error {
	var d *trust.Denied
	if errors.As(err, &d) && d.Status == http.StatusForbidden {
		return fmt.Errorf("%w: %w", receive.ErrForbidden, err)
	}
	return err
}

// newReceiver takes what hosts publish.
func newReceiver(c config, host string, a *trust.Authority, b fleetKeeper, log *daemonLog) (*receive.Receiver, error) {
	o := receive.Options{
		Host: host, MaxHosts: c.Receive.MaxHosts, SilentAfter: c.Receive.SilentAfter,
		FlushEvery: c.Receive.Flush, Interval: c.Receive.Interval, Log: log.Logger, Who: whoIsHere,
	}
	o.Limits.Rows = c.Receive.MaxRows
	b.keep(&o)
	if a != nil {
		o.Who = func(r *http.Request) (string, bool, error) {
			name, any, err := a.Who(r)
			return name, any, forbidden(err)
		}
	}
	return receive.New(o)
}
