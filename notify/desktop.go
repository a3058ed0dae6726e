package notify

import (
	"context"
	"errors"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"

	"bwmon/traffic"
)

// The interface of the desktop notifications specification, 1.2.
const (
	desktopName = "org.freedesktop.Notifications"
	desktopPath = "/org/freedesktop/Notifications"
)

// maxShownAlerts bounds the notifications that a later one replaces.
const maxShownAlerts = 100

// DesktopOptions says where to show notifications.
type DesktopOptions struct {
	Address string        // of the bus; "": that of this session
	Timeout time.Duration // 5 s
}

// Desktop is a Sender that shows a notification on this session's desktop. What
// is told of one alert later takes the place of what was told first.
type Desktop struct {
	o DesktopOptions

	mu    sync.Mutex        // protects shown
	shown map[string]uint32 // by alert ID
}

// NewDesktop returns one that looks for the bus when there is something to show.
func NewDesktop(o DesktopOptions) *Desktop {
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	return &Desktop{o: o, shown: make(map[string]uint32)}
}

// Send implements Sender. Where there is no session bus the error is permanent.
func (d *Desktop) Send(ctx context.Context, events []Event) error {
	ctx, cancel := context.WithTimeout(ctx, d.o.Timeout)
	defer cancel()
	address := d.o.Address
	if address == "" {
		address = sessionBus(os.Getenv)
	}
	if address == "" {
		return Permanent(errors.New("show notification: there is no session bus here: run bwmon in a desktop session, or choose another type of delivery"))
	}
	conn, err := dbus.Connect(address, dbus.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("show notification: connect to the session bus: %w", err)
	}
	defer conn.Close()
	object := conn.Object(desktopName, desktopPath)
	var can []string
	if err := object.CallWithContext(ctx, desktopName+".GetCapabilities", 0).Store(&can); err != nil {
		return fmt.Errorf("show notification: %w", err)
	}
	for _, e := range events {
		if err := d.show(ctx, object, e, slices.Contains(can, "body-markup")); err != nil {
			return fmt.Errorf("show notification: %w", err)
		}
	}
	return nil
}

// sessionBus finds the bus without starting one.
func sessionBus(env func(string) string) string {
	if address := env("DBUS_SESSION_BUS_ADDRESS"); address != "" && address != "autolaunch:" {
		return address
	}
	if dir := env("XDG_RUNTIME_DIR"); dir != "" {
		socket := filepath.Join(dir, "bus")
		if _, err := os.Stat(socket); err == nil {
			return "unix:path=" + dbus.EscapeBusAddressValue(socket)
		}
	}
	return ""
}

func (d *Desktop) show(ctx context.Context, object dbus.BusObject, e Event, markup bool) error {
	a := e.Alert
	urgency, icon := byte(2), "dialog-warning" // critical: it stays until seen
	if a.State == StateResolved {
		urgency, icon = 1, "dialog-information"
	}
	title := traffic.CleanText(a.Rule+": "+string(a.State), 200)
	if e.Test {
		title = "(test) " + title
	}
	var lines []string
	for _, text := range []string{a.Subject, comparison(a), a.Command} {
		if text != "" && !slices.Contains(lines, text) {
			lines = append(lines, traffic.CleanText(text, 300))
		}
	}
	body := strings.Join(lines, "\n")
	if markup { // which a server without it would show as it is
		body = html.EscapeString(body)
	}
	d.mu.Lock()
	replaces := d.shown[a.ID]
	d.mu.Unlock()
	var id uint32
	err := object.CallWithContext(ctx, desktopName+".Notify", 0, "bwmon", replaces, icon, title, body,
		[]string{}, map[string]dbus.Variant{"urgency": dbus.MakeVariant(urgency)}, int32(-1)).Store(&id)
	if err != nil {
		return err
	}
	d.remember(a, id)
	return nil
}

// remember notes what a later notification of the alert replaces.
func (d *Desktop) remember(a Alert, id uint32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if a.State == StateResolved {
		delete(d.shown, a.ID)
		return
	}
	if len(d.shown) >= maxShownAlerts {
		clear(d.shown) // the worst of it is that an old one stays
	}
	d.shown[a.ID] = id
}
