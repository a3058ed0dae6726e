package term

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
)

// errands is what takes its time: files, signals, the history. Each runs beside
// the event loop, and what it came to is applied in it. All have ended when
// Run returns.
type errands struct {
	ctx  context.Context
	done chan func(*UI) // unbuffered: the loop takes them one by one
	wg   sync.WaitGroup
}

func newErrands() *errands {
	return &errands{ctx: context.Background(), done: make(chan func(*UI))}
}

// run does work, and applies what it returns; nil is nothing to apply. What is
// not applied when the surface ends is lost. A panic becomes one of the event
// loop, which restores the terminal first.
func (e *errands) run(work func(ctx context.Context) func(*UI)) {
	e.wg.Add(1)
	ctx := e.ctx
	go func() {
		defer e.wg.Done()
		apply := guarded(ctx, work)
		if apply == nil {
			return
		}
		select {
		case e.done <- apply:
		case <-ctx.Done():
		}
	}()
}

func guarded(ctx context.Context, work func(ctx context.Context) func(*UI)) (apply func(*UI)) {
	defer func() {
		if p := recover(); p != nil {
			stack := debug.Stack()
			apply = func(*UI) { panic(fmt.Sprintf("%v\n%s", p, stack)) }
		}
	}()
	return work(ctx)
}
