package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"mfaload/live/console"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// app is what all verbs share.
type app struct {
	env invocation
	ui  *console.Console
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "mfaload",
		Short: "Load and conformance testing for PingOne MFA device authentications",
		Long: `mfaload sends PingOne MFA "Initialize Device Authentication" requests on a
schedule, checks every answer in full against the documented contract, and
judges what it measured against the thresholds of a scenario.

Exit codes:
  0  pass          1  fail: a threshold or the contract was broken
  2  usage         3  not started: target unreachable, no token
  4  inconclusive  130  interrupted; a report of what was measured is written

'mfaload init' writes a scenario to begin with.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noCommand,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SuggestionsMinimumDistance = 2
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return usage(c, flagError(err)) })
	root.AddCommand(newRun(a), newCheck(a), newReport(a), newCompare(a), newCapacity(a), newMerge(a),
		newCoordinate(a), newWorker(a), newK8s(a), newValidate(a), newInit(a), newSimulate(a), newContract(a),
		newSchema(a), newVersion(a))
	root.AddCommand(newTopics()...)
	root.SetHelpCommand(newHelp())
	return root
}

// noCommand wants no arguments: what stands there is a command that is not.
func noCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("there is no command %q", args[0])
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		err = fmt.Errorf("%w: did you mean %s?", err, strings.Join(near, " or "))
	}
	return usage(c, err)
}

// usage is the error of a command line that can't be taken.
func usage(c *cobra.Command, err error) error {
	return &exitError{exitUsage, fmt.Errorf("%w\n%s", err, hint("see '%s --help'", c.CommandPath()))}
}

// flagKinds are what the values of flags are, by their type.
var flagKinds = map[string]string{
	"int": "a whole number", "float64": "a number", "bool": "true or false", "duration": "a duration such " +
		"as 90s, 10m or 2h",
	"stringSlice": "a list separated by commas",
}

// flagError says in our words what the library of flags says in those of Go's
// packages.
func flagError(err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return err
	}
	kind := flagKinds[invalid.GetFlag().Value.Type()]
	switch {
	case kind == "":
		return err
	case errors.Is(invalid, strconv.ErrRange):
		return fmt.Errorf("--%s %.80q is out of range: write a smaller number", invalid.GetFlag().Name,
			invalid.GetValue())
	}
	return fmt.Errorf("--%s %.80q is not %s", invalid.GetFlag().Name, invalid.GetValue(), kind)
}

// exactly wants so many arguments, and names them where they are missing.
func exactly(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return usage(c, fmt.Errorf("%s is missing", strings.Join(names[len(args):], " and ")))
		case len(args) > len(names):
			return usage(c, fmt.Errorf("unexpected argument %q", args[len(names)]))
		}
		return nil
	}
}

// invocation is what the command line gets from the system.
type invocation struct {
	args     []string
	in       io.Reader // users, where a scenario has them come that way
	out, err io.Writer
	lookup   func(string) (string, bool)
	leave    func(code int) // leaves at once, on a second signal
}

// run runs one command line and returns its exit code.
func run(ctx context.Context, env invocation) int {
	a := newApp(env)
	root := newRoot(a)
	root.SetArgs(env.args)
	root.SetOut(a.ui.Out)
	stderr, _ := a.ui.Stderr()
	root.SetErr(stderr)
	return a.end(root.ExecuteContext(ctx))
}

func newApp(env invocation) *app {
	return &app{env: env, ui: console.New(env.out, env.err, env.lookup)}
}
