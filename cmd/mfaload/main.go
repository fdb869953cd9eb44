// Command mfaload is a load and conformance testing tool for PingOne MFA's
// Initialize Device Authentication.
package main

import (
	"context"
	"io"
	"os"
)

func main() {
	os.Exit(run(context.Background(), environment{
		args: os.Args[1:], in: os.Stdin, out: os.Stdout, err: os.Stderr, lookup: os.LookupEnv, leave: os.Exit,
	}))
}

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
	root.SetOut(env.out)
	root.SetErr(env.err)
	return ui.exitCode(root.ExecuteContext(ctx))
}
