package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"testing"
	"time"

	"bwmon/fleet"
	"bwmon/fleet/trust"

	"golang.org/x/sys/unix"
)

// fleetGate is a command of the scripts: what of a receiver says who may come in.
//
//	fleetgate DIRECTORY FILE    serve until a signal; the URL goes into the file
//	fleetgate IDENTITY          ask as a host, and print what the answer is
func fleetGate() {
	var err error
	switch len(os.Args) {
	case 3:
		err = serveFleetGate(os.Args[1], os.Args[2])
	case 2:
		err = askFleetGate(os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serveFleetGate(dir, file string) error {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	defer stop()
	a, err := trust.Open(dir, trust.Options{})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle(fleet.PathEnrol, a.Enrol())
	mux.Handle(fleet.PathRenew, a.Renew())
	mux.Handle(fleet.PathPublish, a.Guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, any, err := a.Who(r)
		fmt.Fprintf(w, "host %q, any %v, error %v", host, any, err)
	})))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if err := replaceFile(file, []byte("https://"+l.Addr().String())); err != nil {
		return err
	}
	server := &http.Server{Handler: mux, TLSConfig: a.TLSConfig(), ErrorLog: log.New(io.Discard, "", 0)}
	done := make(chan error, 1)
	go func() { done <- server.ServeTLS(l, "", "") }()
	<-ctx.Done()
	server.Close()
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func askFleetGate(identity string) error {
	i, err := trust.OpenIdentity(identity, trust.Options{})
	if err != nil {
		return err
	}
	t := &http.Transport{TLSClientConfig: i.TLSConfig()}
	defer t.CloseIdleConnections()
	client := http.Client{Transport: t, Timeout: 10 * time.Second}
	resp, err := client.Post(i.Receiver()+fleet.PathPublish, "text/plain", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	fmt.Printf("%d %s\n", resp.StatusCode, text)
	return err
}

// TestFleetState: what is told of a host in a list.
func TestFleetState(t *testing.T) {
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for want, h := range map[string]trust.Host{
		"joined":  {Joined: at, Expires: at.Add(time.Hour)},
		"expired": {Joined: at, Expires: at.Add(-time.Hour)},
		"token":   {Token: at},
		"revoked " + fleetDay(at.Add(-time.Hour)): {Joined: at, Expires: at.Add(time.Hour), Revoked: at.Add(-time.Hour)},
	} {
		if got := fleetState(h, at); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := fleetState(trust.Host{Expires: at.Add(-time.Hour), Token: at}, at); got != "token" {
		t.Errorf("with a certificate that has ended and a token: got %q", got)
	}
}
