// Package charttest lets tests check pages in a browser.
package charttest

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// Inspection is what a browser found when it looked at a page once.
type Inspection struct {
	Page   string `json:"page"`
	Width  int    `json:"width"`
	Scheme string `json:"scheme"`
	Media  string `json:"media"`
	// Console are errors and warnings, Requests what was asked for but the page.
	Console  []string `json:"console"`
	Requests []string `json:"requests"`
	// Wide and Opened are elements that do not fit the width, before and after
	// all that can be opened was; Scroll is by how much the page is too wide.
	Wide   []string     `json:"wide"`
	Opened []string     `json:"opened"`
	Scroll int          `json:"scroll"`
	Charts []DrawnChart `json:"charts"`
	// Figures are those that scripts write, by their IDs; Tables have rows, by the labels of tables.
	Figures map[string]string     `json:"figures"`
	Tables  map[string][][]string `json:"tables"`
	// Accessibility is what axe-core found.
	Accessibility []string `json:"accessibility"`
	// Read is what the keyboard alone read from the first chart.
	Read string `json:"read"`
	// Used is what came of hiding, zooming and choosing; nil if nobody tried.
	Used *Used `json:"used"`
}

// Used is what a reader did with the charts of a page: how many series the first entry of a
// legend hid, how many charts zoomed together, how many of them were still zoomed after
// Escape, and which choice was shown after picking the first.
type Used struct {
	Hidden, Zoomed, Left int
	Chosen               string
}

// DrawnChart is a chart that a browser found.
type DrawnChart struct {
	Title string `json:"title"`
	// Drawn is how many shapes it has, Width and Height its size in pixels.
	Drawn         int `json:"drawn"`
	Width, Height int
}

// Pages looks at pages (files or addresses) with tools/look.sh, and fails the
// test where one has an error, asks for anything, does not fit, or is hard to
// use. Where there can be no browser the test is skipped, except in CI. The
// environment's MFALOAD_SCREENSHOTS is a folder for pictures of what was seen.
func Pages(t *testing.T, pages ...string) []Inspection {
	t.Helper()
	if testing.Short() {
		t.Skip("not with -short: it starts a browser")
	}
	args := pages
	if folder := os.Getenv("MFALOAD_SCREENSHOTS"); folder != "" {
		args = append([]string{"--screenshots", folder}, pages...)
	}
	var out, said bytes.Buffer
	command := exec.Command(filepath.Join(root(t), "tools", "look.sh"), args...)
	command.Stdout, command.Stderr = &out, &said
	err := command.Run()
	var exit *exec.ExitError
	cannot := errors.Is(err, exec.ErrNotFound) || errors.As(err, &exit) && exit.ExitCode() == 3
	if cannot && os.Getenv("CI") != "true" {
		t.Skipf("SKIPPED, no browser looked at the pages: %v %s", err, said.String())
	}
	if err != nil {
		t.Fatalf("check the pages: %v: %s", err, said.String())
	}
	var looks []Inspection
	for d := json.NewDecoder(&out); d.More(); {
		var l Inspection
		if err := d.Decode(&l); err != nil {
			t.Fatal(err)
		}
		l.check(t)
		looks = append(looks, l)
	}
	if len(looks) != 7*len(pages) {
		t.Errorf("%d looks at %d pages", len(looks), len(pages))
	}
	return looks
}

func (l *Inspection) check(t *testing.T) {
	t.Helper()
	for what, found := range map[string][]string{
		"the console says": l.Console, "it asks for": l.Requests, "too wide": slices.Concat(l.Wide, l.Opened),
		"hard to use": l.Accessibility,
	} {
		for _, f := range found {
			t.Errorf("%s at %d px, %s, %s: %s %s", filepath.Base(l.Page), l.Width, l.Scheme, l.Media, what, f)
		}
	}
	if l.Scroll > 0 {
		t.Errorf("%s at %d px, %s: %d px too wide", filepath.Base(l.Page), l.Width, l.Media, l.Scroll)
	}
	for _, c := range l.Charts {
		if l.Media == "print" && c.Width == 0 && c.Height == 0 {
			continue // it is folded, and what is folded is not printed
		}
		if c.Title == "" || c.Width < 100 || c.Height < 60 {
			t.Errorf("%s at %d px: the chart %q is %d × %d", filepath.Base(l.Page), l.Width, c.Title,
				c.Width, c.Height)
		}
	}
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "tools", "look.sh")); err == nil {
			return dir
		}
		if filepath.Dir(dir) == dir {
			t.Fatal("tools/look.sh is nowhere above this folder")
		}
		dir = filepath.Dir(dir)
	}
}
