// Package console writes to the terminal, or to whatever stdout and stderr are.
package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/term"

	"mfaload/internal/text"
)

// Console writes for people. Results go to stdout and to files; progress, logs and
// errors go to stderr, with the prefix "mfaload:", in lower case, without a
// full stop; a hint stands on a line of its own. Colours and bars appear on a
// terminal only, and never with NO_COLOR or TERM=dumb.
//
// Nothing that is shown is worth a run. What goes to stderr waits for no reader,
// and that it can't be written is no error; who reads stdout may go away.
type Console struct {
	// stdout is where results go: by way of Out for people, and of Data for
	// programs, as they are.
	stdout    *resultWriter
	Out, Data io.Writer
	// stderr is where all that is said ends, terminal the file behind it.
	stderr   *queuedWriter
	terminal io.Writer
	// err is stderr, or the bars while they are shown; mu guards it.
	mu  sync.Mutex
	err io.Writer
	// begin goes before what is said: while bars are shown, a key that was
	// pressed may have moved the cursor.
	begin string
	// Bars says that stderr can show progress bars.
	Bars bool
	// Color says that stdout can show colours. Width and ErrWidth are how many columns
	// texts on stdout and on stderr have: COLUMNS, else the terminal's, else 80.
	Color           bool
	Width, ErrWidth int
	// Quiet says that progress is not shown (-q).
	Quiet      bool
	interrupts chan struct{} // see [Console.Interrupt]
}

// minBars is how many columns bars need; pipes of editors and containers that call
// themselves terminals have 0, and get lines.
const minBars = 20

// Widths of texts. Less than the minimum breaks every word, and a larger one than the maximum
// comes from a broken variable.
const (
	minWidth     = 20
	maxWidth     = 10_000
	unknownWidth = 80
)

// New returns a console of stdout and stderr, as far as the variables NO_COLOR and TERM let it show
// colours and bars, and as wide as COLUMNS says.
func New(out, err io.Writer, lookup func(string) (string, bool)) *Console {
	c := &Console{stderr: newQueuedWriter(err), terminal: err, interrupts: make(chan struct{}, 1)}
	c.err = c.stderr
	noColor, _ := lookup("NO_COLOR")
	kind, _ := lookup("TERM")
	fancy := noColor == "" && kind != "dumb"
	errWidth, errTerminal := Width(err)
	c.Bars = errTerminal && kind != "dumb" && errWidth >= minBars
	outWidth, isTerminal := Width(out)
	c.Color = isTerminal && fancy
	wanted, _ := lookup("COLUMNS")
	c.Width, c.ErrWidth = textWidth(wanted, outWidth), textWidth(wanted, errWidth)
	c.stdout = &resultWriter{to: out, terminal: isTerminal, progress: c.stderr}
	c.Out, c.Data = text.Writer{To: c.stdout, Color: c.Color}, c.stdout
	return c
}

// Width says how many columns a terminal has, and whether it is one.
func Width(w io.Writer) (width int, isTerminal bool) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	width, _, err := term.GetSize(int(f.Fd()))
	return width, err == nil
}

// textWidth is how many columns texts have on a terminal of such a width, 0 if it is none.
func textWidth(wanted string, terminal int) int {
	if n, err := strconv.Atoi(wanted); err == nil && n > 0 {
		return min(max(n, minWidth), maxWidth)
	}
	if terminal >= minWidth {
		return terminal
	}
	return unknownWidth
}

// Print writes a text of the results, with its lines broken at the width. What people copy goes to Out
// as it is.
func (c *Console) Print(format string, args ...any) {
	_, _ = io.WriteString(c.Out, text.Wrap(fmt.Sprintf(format, args...), c.Width)) // see Failed
}

// Say writes a line about what is going on, except with -q.
func (c *Console) Say(format string, args ...any) {
	if !c.Quiet {
		c.Tell("mfaload: "+format+"\n", args...)
	}
}

// Tell writes a text, with its lines broken at the width.
func (c *Console) Tell(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	said := c.begin + text.Wrap(text.Escape(fmt.Sprintf(format, args...)), c.ErrWidth)
	if _, err := io.WriteString(c.err, said); err != nil { // the bars are gone
		_, _ = io.WriteString(c.stderr, said)
	}
}

// Last says what a process says last. It waits for a reader for a moment only,
// and not for the bars.
func (c *Console) Last(format string, args ...any) {
	_, _ = io.WriteString(c.stderr, "\r"+text.Wrap(text.Escape(fmt.Sprintf(format, args...)), c.ErrWidth))
	c.stderr.flush(time.Second)
}

// TerminalWidth says how many columns stderr has now, where it is a terminal.
func (c *Console) TerminalWidth() int {
	width, _ := Width(c.terminal)
	return width
}

// Stderr is where all that is said ends, and terminal the file behind it: bars need both.
func (c *Console) Stderr() (w, terminal io.Writer) { return c.stderr, c.terminal }

// Failed is why a result could not be written, other than that its reader went away.
func (c *Console) Failed() error { return c.stdout.failed }

// Flush waits until all that was said is written, or for so long; with 0 for as long as it takes a
// reader to read it.
func (c *Console) Flush(atMost time.Duration) { c.stderr.flush(atMost) }

// Divert sends what is said through w until the returned function is called.
func (c *Console) Divert(w io.Writer) (back func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.err
	c.err, c.begin = w, "\r"
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.err, c.begin = before, ""
	}
}

// Paint colours a text of the results, where colours are shown.
func (c *Console) Paint(code, s string) string { return text.Paint(c.Color, code, s) }

// Advised adds what to do to an error of the system that comes without.
func Advised(err error) error {
	if strings.Contains(err.Error(), "\n  ") {
		return err
	}
	for _, a := range []struct {
		is   error
		next string
	}{
		{fs.ErrNotExist, "check the name: it is looked for from the folder that mfaload was started in"},
		{fs.ErrPermission, "let this user in, or name another place"},
		{syscall.EISDIR, "name a file: this is a folder"},
		{syscall.ENOTDIR, "name a folder: a part of this is a file"},
		{syscall.ENOSPC, "make room on the disk, or name another place"},
		{syscall.EADDRINUSE, "something else listens there: choose another port"},
		{syscall.EADDRNOTAVAIL, "this machine has no such address: choose one of its own, such as 127.0.0.1"},
		// Windows has other numbers for them.
		{syscall.Errno(10048), "something else listens there: choose another port"},
		{syscall.Errno(10049), "this machine has no such address: choose one of its own, such as 127.0.0.1"},
		{syscall.Errno(10013), "something else has the port for itself, or the system keeps it: choose " +
			"another port"},
	} {
		if errors.Is(err, a.is) {
			return fmt.Errorf("%w\n%s", err, text.Hint("%s", a.next))
		}
	}
	return err
}

// sameSignal is how long after the first signal others are the same one: a
// terminal, wrappers such as 'timeout' signal the process and its group.
const sameSignal = 100 * time.Millisecond

// SurviveReaders has writes to a pipe without a reader fail, not end the process.
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
		for {
			s, more := c.nextSignal(signals)
			switch {
			case !more:
				return
			case first.IsZero():
				first = time.Now()
				// One who reacts to the text sends another signal, not the same one.
				said.Go(func() {
					time.Sleep(sameSignal)
					c.Say("stopping: waiting for the responses in flight; press Ctrl-C again to quit now")
				})
				cancel()
			case s == nil || s == syscall.SIGHUP || time.Since(first) < sameSignal:
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

// Interrupt does what the first signal does, for somebody who is not at the terminal: see
// [Console.Interruptible]. After a signal it does nothing, and it never waits.
func (c *Console) Interrupt() {
	select {
	case c.interrupts <- struct{}{}:
	default: // there is one already
	}
}

// nextSignal waits for the next signal, nil for [Console.Interrupt]; more is false once there are none.
func (c *Console) nextSignal(signals <-chan os.Signal) (s os.Signal, more bool) {
	select {
	case s, more = <-signals:
		return s, more
	case <-c.interrupts:
		return nil, true
	}
}

// queuedWriter is stderr for what is said while something goes on. It makes nobody
// wait and never fails: a reader that went away, a terminal that was closed or
// stands still, and a full disk cost what is said, and nothing else. It is safe
// for concurrent use.
type queuedWriter struct {
	to io.Writer

	mu      sync.Mutex
	idle    *sync.Cond
	queue   [][]byte
	size    int  // of the queue, in bytes
	writing bool // a goroutine writes the queue
}

// maxQueued is how much may wait for a reader. Beyond it progress is left out.
const maxQueued = 1 << 20

func newQueuedWriter(to io.Writer) *queuedWriter {
	o := &queuedWriter{to: to}
	o.idle = sync.NewCond(&o.mu)
	return o
}

// Write implements [io.Writer].
func (o *queuedWriter) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.size+len(b) > maxQueued && o.size > 0 {
		return len(b), nil
	}
	o.queue = append(o.queue, append([]byte(nil), b...))
	o.size += len(b)
	if !o.writing {
		o.writing = true
		go o.drain()
	}
	return len(b), nil
}

func (o *queuedWriter) drain() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.queue) > 0 {
		next := o.queue[0]
		o.queue = o.queue[1:]
		o.mu.Unlock()
		_, _ = o.to.Write(next) // nobody is left to be told
		o.mu.Lock()
		o.size -= len(next)
	}
	o.queue, o.writing = nil, false
	o.idle.Broadcast()
}

// flush waits until all is written, or for so long; with 0 for as long as it
// takes a reader to read it.
func (o *queuedWriter) flush(atMost time.Duration) {
	over := false
	if atMost > 0 {
		timer := time.AfterFunc(atMost, func() {
			o.mu.Lock()
			defer o.mu.Unlock()
			over = true
			o.idle.Broadcast()
		})
		defer timer.Stop()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.writing && !over {
		o.idle.Wait()
	}
}

// resultWriter is stdout. A reader that went away has seen what it wanted
// ('mfaload run … | head -3'): what comes after that is written to nobody, and is
// no error. The first other error is kept, for not all check theirs.
type resultWriter struct {
	to       io.Writer
	terminal bool
	progress *queuedWriter // stands before the results on a terminal that shows both
	gone     bool
	failed   error
}

// Write implements [io.Writer].
func (w *resultWriter) Write(b []byte) (int, error) {
	w.progress.flush(time.Second)
	if w.gone {
		return len(b), nil
	}
	n, err := w.to.Write(b)
	if readerGone(err) || w.terminal && errors.Is(err, syscall.EIO) {
		w.gone = true
		return len(b), nil
	}
	if w.failed == nil {
		w.failed = err
	}
	return n, err
}

func readerGone(err error) bool {
	if runtime.GOOS == "windows" {
		const brokenPipe, noData = syscall.Errno(109), syscall.Errno(232)
		return errors.Is(err, brokenPipe) || errors.Is(err, noData)
	}
	return errors.Is(err, syscall.EPIPE)
}
