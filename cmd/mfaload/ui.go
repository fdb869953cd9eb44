package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"mfaload/internal/text"
)

// The rules of output. Results go to stdout and to files; progress, logs and
// errors go to stderr, with the prefix "mfaload:", in lower case, without a
// full stop; a hint stands on a line of its own. Colours and bars appear on a
// terminal only, and never with NO_COLOR or TERM=dumb.
//
// Nothing that is shown is worth a run. What goes to stderr waits for no reader,
// and that it can't be written is no error; who reads stdout may go away.
type ui struct {
	// stdout is where results go: by way of out for people, and of data for
	// programs, as they are.
	stdout    *resultWriter
	out, data io.Writer
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
	// bars says that stderr can show progress bars.
	bars bool
	// color says that stdout can show colours, width how wide it is and errWidth
	// how wide stderr is; 0 is unknown.
	color           bool
	width, errWidth int
	quiet           bool
}

// minBars is how many columns bars need; pipes of editors and containers that call
// themselves terminals have 0, and get lines.
const minBars = 20

func newUI(env environment) *ui {
	u := &ui{stderr: newQueuedWriter(env.err), terminal: env.err}
	u.err = u.stderr
	noColor, _ := env.lookup("NO_COLOR")
	kind, _ := env.lookup("TERM")
	fancy := noColor == "" && kind != "dumb"
	u.errWidth, u.bars = terminalWidth(env.err)
	u.bars = u.bars && kind != "dumb" && u.errWidth >= minBars
	var isTerminal bool
	u.width, isTerminal = terminalWidth(env.out)
	u.color = isTerminal && fancy
	u.stdout = &resultWriter{to: env.out, terminal: isTerminal, progress: u.stderr}
	u.out, u.data = text.Writer{To: u.stdout, Color: u.color}, u.stdout
	return u
}

func terminalWidth(w io.Writer) (width int, isTerminal bool) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	width, _, err := term.GetSize(int(f.Fd()))
	return width, err == nil
}

func (u *ui) error(err error) { u.tell("mfaload: %v\n", err) }

// say writes a line about what is going on, except with -q.
func (u *ui) say(format string, args ...any) {
	if !u.quiet {
		u.tell("mfaload: "+format+"\n", args...)
	}
}

func (u *ui) tell(format string, args ...any) {
	u.mu.Lock()
	defer u.mu.Unlock()
	said := u.begin + text.Escape(fmt.Sprintf(format, args...))
	if _, err := io.WriteString(u.err, said); err != nil { // the bars are gone
		_, _ = io.WriteString(u.stderr, said)
	}
}

// last says what a process says last. It waits for a reader for a moment only,
// and not for the bars.
func (u *ui) last(format string, args ...any) {
	_, _ = io.WriteString(u.stderr, "\r"+text.Escape(fmt.Sprintf(format, args...)))
	u.stderr.flush(time.Second)
}

// end says what is left to say and returns the exit code. An error waits for its
// reader, progress does not.
func (u *ui) end(err error) (code int) {
	if failed := u.stdout.failed; err == nil && failed != nil {
		err = fmt.Errorf("write to the standard output: %w", failed)
	}
	code = u.exitCode(err)
	patience := time.Second
	var exit *exitError
	if err != nil && !(errors.As(err, &exit) && exit.err == nil) {
		patience = 0
	}
	u.stderr.flush(patience)
	return code
}

// divert sends what is said through w until the returned function is called.
func (u *ui) divert(w io.Writer) (back func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	before := u.err
	u.err, u.begin = w, "\r"
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.err, u.begin = before, ""
	}
}

// hint is the line below an error that says what to do.
func hint(format string, args ...any) string {
	return text.Hint(format, args...)
}

// paint colours a text of the results, where colours are shown.
func (u *ui) paint(code, s string) string { return text.Paint(u.color, code, s) }
