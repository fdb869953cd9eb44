//go:build !docs

// Command mfaload is a load and conformance testing tool for PingOne MFA's
// Initialize Device Authentication.
package main

import (
	"context"
	"os"

	"mfaload/live/console"
)

func main() {
	console.SurviveReaders()
	os.Exit(run(context.Background(), invocation{
		args: os.Args[1:], in: os.Stdin, out: os.Stdout, err: os.Stderr, lookup: os.LookupEnv, leave: os.Exit,
	}))
}
