package console

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// sameSignal is how long after the first signal others are the same one: a
// terminal, 'timeout' and other wrappers send theirs to the process and to its
// group.
const sameSignal = 100 * time.Millisecond

// SurviveReaders has a write to a pipe that nobody reads fail, where it would end
// the process.
func SurviveReaders() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// stopSignals end a run. A terminal that is closed is one of them, unless the run
// was started such that it is not (nohup).
func stopSignals() []os.Signal {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

// Interruptible returns a context that the first signal ends. The second one
// ends the process, by leave; kept says what is left of its work then, and is called only
// for that. Nothing stands between a signal and what it ends: what is said of it
// is said at the same time.
func (c *Console) Interruptible(ctx context.Context, kept func() string, leave func()) (context.Context,
	func()) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, stopSignals()...)
	var handled, said sync.WaitGroup
	handled.Go(func() {
		var first time.Time
		for s := range signals {
			switch {
			case first.IsZero():
				first = time.Now()
				// One who reacts to the text sends another signal, not the same one.
				said.Go(func() {
					time.Sleep(sameSignal)
					c.Say("stopping: waiting for the responses in flight; press Ctrl-C again to quit now")
				})
				cancel()
			case s == syscall.SIGHUP || time.Since(first) < sameSignal:
				// A shell and the system both tell that the terminal was closed.
			default:
				c.Last("mfaload: quitting now: %s\n", kept())
				leave()
			}
		}
	})
	return ctx, func() {
		// After a signal the handler stays until the process exits: the same signal may
		// be sent again while a report is written.
		if ctx.Err() == nil {
			signal.Stop(signals)
			close(signals)
			handled.Wait()
		}
		said.Wait()
		cancel()
	}
}
