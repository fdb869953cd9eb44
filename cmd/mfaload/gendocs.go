//go:build docs

// This main, in place of the other, writes what is made from the command line
// itself, so that no generator is in the program that users get:
//
//	go run -tags docs ./cmd/mfaload reference      docs/cli.md, to stdout
//	go run -tags docs ./cmd/mfaload man DIR        a man page for each command and topic
//	go run -tags docs ./cmd/mfaload completion DIR a script for each shell
//
// SOURCE_DATE_EPOCH is the date of the man pages.
package main

import (
	"fmt"
	"os"

	"mfaload/internal/clidocs"
)

func main() {
	noVariables := func(string) (string, bool) { return "", false }
	root := newRoot(newApp(invocation{out: os.Stdout, err: os.Stderr, lookup: noVariables}))
	if err := clidocs.Generate(root, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gendocs:", err)
		os.Exit(1)
	}
}
