package console

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// openers are the programs that open a file with what its user has for it, by system. Other systems
// have the one of the desktops (xdg-utils).
var openers = map[string][]string{
	"darwin":  {"open"},
	"windows": {"rundll32", "url.dll,FileProtocolHandler"},
}

// openTime is how long an opener has to fail: one that shows the page itself stays.
const openTime = 2 * time.Second

// OpenPage opens a page on this machine in the browser, unless a CI system runs mfaload or there is no
// display. No shell sees the path, and it is absolute, so that no program takes it for an option.
func OpenPage(path string, lookup func(string) (string, bool)) error {
	set := func(name string) bool {
		value, _ := lookup(name)
		return value != ""
	}
	opener, known := openers[runtime.GOOS]
	if !known {
		opener = []string{"xdg-open"}
	}
	if ci, _ := lookup("CI"); ci != "" && ci != "false" {
		return errors.New("not opened: a CI system runs mfaload (CI is set)")
	}
	if !known && !slices.ContainsFunc([]string{"DISPLAY", "WAYLAND_DISPLAY"}, set) {
		return errors.New("not opened: there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set)")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("not opened: %w", err)
	}
	program, err := exec.LookPath(opener[0])
	if err != nil {
		return fmt.Errorf("not opened: there is no %s on this machine", opener[0])
	}
	browser := exec.Command(program, append(opener[1:], path)...) // #nosec G204 -- one of openers
	if err := browser.Start(); err != nil {
		return fmt.Errorf("not opened: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- browser.Wait() }()
	select {
	case err = <-ended:
	case <-time.After(openTime):
	}
	if err != nil {
		return fmt.Errorf("not opened: %s: %w", strings.Join(opener, " "), err)
	}
	return nil
}
