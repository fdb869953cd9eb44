package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"

	"mfaload/internal/text"
)

// The rules of output. Results go to stdout and to files; progress, logs and
// errors go to stderr, with the prefix "mfaload:", in lower case, without a
// full stop; a hint stands on a line of its own. Colours and bars appear on a
// terminal only, and never with NO_COLOR or TERM=dumb.
type ui struct {
	// out is for people; data is for programs, and goes out as it is.
	out, data io.Writer
	// err is swapped while bars are shown; mu guards it.
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

func newUI(env environment) *ui {
	u := &ui{data: env.out, err: env.err}
	noColor, _ := env.lookup("NO_COLOR")
	kind, _ := env.lookup("TERM")
	fancy := noColor == "" && kind != "dumb"
	u.errWidth, u.bars = terminalWidth(env.err)
	u.bars = u.bars && kind != "dumb"
	var isTerminal bool
	u.width, isTerminal = terminalWidth(env.out)
	u.color = isTerminal && fancy
	u.out = text.Writer{To: env.out, Color: u.color}
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
	_, _ = io.WriteString(u.err, u.begin+text.Escape(fmt.Sprintf(format, args...)))
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
	return "  " + strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "\n  ")
}

// paint colours a text of the results, where colours are shown.
func (u *ui) paint(code, text string) string {
	if !u.color {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
