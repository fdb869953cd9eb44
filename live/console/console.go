// Package console writes to the terminal, or to whatever stdout and stderr are.
package console

import (
	"fmt"
	"io"
	"os"
	"sync"
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
	// err is where it is said: stderr, or the bars while they are shown. mu guards
	// it.
	mu  sync.Mutex
	err io.Writer
	// begin goes before what is said: while bars are shown, a key that was
	// pressed may have moved the cursor.
	begin string
	// Bars says that stderr can show progress bars.
	Bars bool
	// Color says that stdout can show colours, Width how wide it is and ErrWidth
	// how wide stderr is; 0 is unknown.
	Color           bool
	Width, ErrWidth int
	// Quiet says that progress is not shown (-q).
	Quiet bool
}

// minBars is how many columns bars need; pipes of editors and containers that call
// themselves terminals have 0, and get lines.
const minBars = 20

// New returns a console of stdout and stderr, as far as the variables NO_COLOR and TERM let it show
// colours and bars.
func New(out, err io.Writer, lookup func(string) (string, bool)) *Console {
	c := &Console{stderr: newQueuedWriter(err), terminal: err}
	c.err = c.stderr
	noColor, _ := lookup("NO_COLOR")
	kind, _ := lookup("TERM")
	fancy := noColor == "" && kind != "dumb"
	c.ErrWidth, c.Bars = Width(err)
	c.Bars = c.Bars && kind != "dumb" && c.ErrWidth >= minBars
	var isTerminal bool
	c.Width, isTerminal = Width(out)
	c.Color = isTerminal && fancy
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

// Say writes a line about what is going on, except with -q.
func (c *Console) Say(format string, args ...any) {
	if !c.Quiet {
		c.Tell("mfaload: "+format+"\n", args...)
	}
}

// Tell writes a text.
func (c *Console) Tell(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	said := c.begin + text.Escape(fmt.Sprintf(format, args...))
	if _, err := io.WriteString(c.err, said); err != nil { // the bars are gone
		_, _ = io.WriteString(c.stderr, said)
	}
}

// Last says what a process says last. It waits for a reader for a moment only,
// and not for the bars.
func (c *Console) Last(format string, args ...any) {
	_, _ = io.WriteString(c.stderr, "\r"+text.Escape(fmt.Sprintf(format, args...)))
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
