package console_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"mfaload/live/console"
)

// The page is opened by its absolute path, as one argument, whatever is in its name; not in CI, not
// without a display, and what went wrong is said.
func TestOpenPage(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the program that opens is a script for Linux")
	}
	folder := t.TempDir()
	t.Chdir(folder)
	opened := filepath.Join(folder, "opened")
	program := "#!/bin/sh\nfor a; do echo \"<$a>\"; done >" + opened + ".tmp\n" +
		"mv " + opened + ".tmp " + opened + "\n"
	t.Setenv("PATH", folder+string(os.PathListSeparator)+os.Getenv("PATH"))
	write := func(program string) {
		if err := os.WriteFile("xdg-open", []byte(program), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(program)
	open := func(path string, variables ...string) error {
		return console.OpenPage(path, func(name string) (string, bool) {
			for _, v := range variables {
				if value, ok := strings.CutPrefix(v, name+"="); ok {
					return value, true
				}
			}
			return "", false
		})
	}
	for _, c := range []struct {
		variables []string
		want      string
	}{{[]string{"DISPLAY=:0", "CI=true"}, "CI is set"}, {nil, "no display"}} {
		if err := open("report.html", c.variables...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v", c.variables, err)
		}
	}
	if _, err := os.Stat(opened); err == nil {
		t.Fatal("it was opened")
	}
	name := "--help $(id); 'a\"b'.html"
	if err := open(name, "WAYLAND_DISPLAY=wayland-0", "CI=false"); err != nil {
		t.Fatal(err)
	}
	var got []byte
	for range 1000 { // it may outlive the time that it has to fail
		if got, _ = os.ReadFile(opened); got != nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if want := "<" + filepath.Join(folder, name) + ">\n"; string(got) != want {
		t.Errorf("opened with %q, want %q", got, want)
	}
	write("#!/bin/sh\nexit 3\n")
	err := open("report.html", "DISPLAY=:0")
	if err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("a program that fails: %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	if err := open("report.html", "DISPLAY=:0"); err == nil || !strings.Contains(err.Error(), "no xdg-open") {
		t.Errorf("without the program: %v", err)
	}
}
