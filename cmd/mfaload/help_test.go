package main

import (
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mfaload/internal/cli"
)

// eachVerb calls f with each command that can be run.
func eachVerb(f func(c *cobra.Command)) {
	noVariables := func(string) (string, bool) { return "", false }
	root := newRoot(newApp(invocation{out: io.Discard, err: io.Discard, lookup: noVariables}))
	f(root)
	for _, c := range root.Commands() {
		if c.Runnable() {
			f(c)
		}
	}
}

// Help shows every flag, in a group, and breaks its lines at 80 columns.
func TestHelpShowsEveryFlag(t *testing.T) {
	eachVerb(func(c *cobra.Command) {
		grouped := map[string]bool{}
		for _, g := range cli.Groups(c) {
			for _, f := range g.Flags {
				grouped[f.Name] = true
				kind := f.Value.Type()
				if strings.HasPrefix(kind, "string") || kind == "int" || kind == "float64" {
					t.Errorf("help of %s calls the value of --%s %q", c.Name(), f.Name, kind)
				}
			}
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && !grouped[f.Name] {
				t.Errorf("--%s of %s is in no group of help", f.Name, c.Name())
			}
		})
		for line := range strings.Lines(cli.Usage(c, 80)) {
			if len(line) > 81 && strings.HasPrefix(line, "   ") {
				t.Errorf("help of %s has a line of %d columns: %s", c.Name(), len(line)-1, line)
			}
		}
	})
}
