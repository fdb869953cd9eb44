package main

import (
	"context"
	"io"
)

// environment is what the command line gets from the system.
type environment struct {
	args     []string
	in       io.Reader // users, where a scenario has them come that way
	out, err io.Writer
	lookup   func(string) (string, bool)
	leave    func(code int) // leaves at once, on a second signal
}

// run runs one command line and returns its exit code.
func run(ctx context.Context, env environment) int {
	ui := newUI(env)
	root := newRoot(&app{env: env, ui: ui})
	root.SetArgs(env.args)
	root.SetOut(ui.out)
	root.SetErr(ui.err)
	return ui.end(root.ExecuteContext(ctx))
}
