package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/rivo/uniseg"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// progressEvery is the time between two progress lines.
const progressEvery = 500 * time.Millisecond

// progress is the line that tells how far a pipe has come. It belongs to one
// goroutine.
type progress struct {
	out   io.Writer
	fd    int // of the terminal that is out
	name  string
	size  uint64 // that is expected; 0: nobody knows
	units units

	began  time.Time
	drawn  bool // a line stands there
	marked []progressMark
}

// progressMark is how much had been moved at a time.
type progressMark struct {
	at    time.Time
	moved uint64
}

// progressWindow is how far back the rate looks, so that it can be read.
const progressWindow = 2 * time.Second

// tick draws the line anew. Who is not in the foreground of the terminal does not
// write over what is.
func (p *progress) tick(now time.Time, moved uint64) {
	if !foreground(p.fd) {
		return
	}
	width := p.width() - 1 // the last column stays free: some terminals wrap there
	line := cutTo(p.line(now, moved), width)
	pad := max(0, width-uniseg.StringWidth(line))
	fmt.Fprintf(p.out, "\r%s%s\r", line, strings.Repeat(" ", pad))
	p.drawn = true
}

// width is that of the terminal; a serial line has none that it knows of.
func (p *progress) width() int {
	width, _, err := term.GetSize(p.fd)
	if err != nil || width <= 0 {
		return 80
	}
	return width
}

// cutTo cuts a line to a width on the screen.
func cutTo(line string, width int) string {
	var b strings.Builder
	for g := uniseg.NewGraphemes(line); g.Next(); {
		if width -= g.Width(); width < 0 {
			break
		}
		b.WriteString(g.Str())
	}
	return b.String()
}

// clear takes the line away.
func (p *progress) clear() {
	if p.drawn {
		fmt.Fprintf(p.out, "\r%s\r", strings.Repeat(" ", p.width()-1))
	}
	p.drawn = false
}

// line is what is drawn: bytes, time, rate, average, and with a size how much of
// it that is and when it will be all.
func (p *progress) line(now time.Time, moved uint64) string {
	p.marked = append(p.marked, progressMark{now, moved})
	for len(p.marked) > 2 && now.Sub(p.marked[1].at) >= progressWindow {
		p.marked = p.marked[1:]
	}
	first := p.marked[0]
	elapsed := now.Sub(p.began)
	average := perSecond(moved, elapsed)
	rate := average
	if len(p.marked) > 1 {
		rate = perSecond(moved-first.moved, now.Sub(first.at))
	}
	parts := []string{
		p.units.bytes(moved), clock(elapsed),
		"[" + p.units.rate(rate) + "]", "average " + p.units.rate(average),
	}
	if p.name != "" {
		parts[0] = p.name + ": " + parts[0]
	}
	if p.size > 0 {
		parts = append(parts, fmt.Sprintf("%d %%", int(100*float64(moved)/float64(p.size))))
		if left := float64(p.size) - float64(moved); left > 0 && average > 0 {
			parts = append(parts, "ETA "+clock(time.Duration(min(left/average, maxETA.Seconds())*float64(time.Second))))
		}
	}
	return strings.Join(parts, "  ")
}

// maxETA is more than anybody waits for.
const maxETA = 1000 * time.Hour

func perSecond(n uint64, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}

// clock is a time as h:mm:ss.
func clock(d time.Duration) string {
	s := int(d.Seconds())
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

// foreground reports whether we are in the foreground process group of the
// terminal.
func foreground(fd int) bool {
	group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}
