// Command licenses lists the modules that are linked into the program, for every
// system that it is released for, with their licenses.
//
//	go run -C tools ./licenses           a table, for docs/licenses.md
//	go run -C tools ./licenses -texts    the texts, which a release has to carry
//
// A license that is not known here fails: somebody has to read it first.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// kinds are the licenses that may be linked in, told by what only they say.
var kinds = []struct {
	name string
	says []string
}{
	{"Apache-2.0", []string{"Apache License Version 2.0"}},
	{"MIT", []string{"Permission is hereby granted, free of charge, to any person obtaining a copy",
		"The above copyright notice and this permission notice"}},
	{"ISC", []string{"Permission to use, copy, modify, and/or distribute this software for any purpose " +
		"with or without fee"}},
	{"BSD-3-Clause", []string{"Redistribution and use in source and binary forms",
		"endorse or promote products"}},
	{"BSD-2-Clause", []string{"Redistribution and use in source and binary forms"}},
	{"Unlicense", []string{"This is free and unencumbered software released into the public domain"}},
	{"CC0-1.0", []string{"CC0 1.0 Universal"}},
}

type module struct{ path, version, dir string }

func main() {
	texts := flag.Bool("texts", false, "print the licenses in full")
	flag.Parse()
	if err := list(os.Stdout, *texts); err != nil {
		fmt.Fprintln(os.Stderr, "licenses:", err)
		os.Exit(1)
	}
}

func list(w io.Writer, texts bool) error {
	modules, err := linked()
	if err != nil {
		return err
	}
	var failed []error
	if !texts {
		fmt.Fprint(w, "# Licenses\n\nWhat is linked into mfaload, made by `make licenses`. Releases carry "+
			"the texts.\n\n| module | version | license |\n|---|---|---|\n")
	}
	for _, m := range modules {
		files, err := filesOf(m)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		var names []string
		for _, f := range files {
			if texts {
				fmt.Fprintf(w, "%s %s, %s\n\n%s\n%s\n\n", m.path, m.version, f.name,
					strings.TrimSpace(f.text), strings.Repeat("-", 78))
			}
			if f.kind != "" && !slices.Contains(names, f.kind) {
				names = append(names, f.kind)
			}
		}
		if len(names) == 0 {
			failed = append(failed, fmt.Errorf("%s %s has no license that is known: read it in %s, and "+
				"add it to tools/licenses if it may be linked in", m.path, m.version, m.dir))
		}
		if !texts {
			fmt.Fprintf(w, "| %s | %s | %s |\n", m.path, m.version, strings.Join(names, ", "))
		}
	}
	return errors.Join(failed...)
}

// linked are the modules of the program on every system, and Go itself.
func linked() ([]module, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, err
	}
	found := []module{{"Go, its standard library", "of the build", strings.TrimSpace(string(root))}}
	for _, system := range []string{"linux", "darwin", "windows"} {
		c := exec.Command("go", "list", "-deps", "-json=Module", "./cmd/mfaload")
		c.Dir, c.Env = "..", append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH=amd64")
		out, err := c.Output()
		if err != nil {
			return nil, fmt.Errorf("list the modules for %s: %w", system, err)
		}
		for in := json.NewDecoder(strings.NewReader(string(out))); ; {
			var p struct {
				Module *struct {
					Path, Version, Dir string
					Main               bool
				}
			}
			if err := in.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, err
			}
			if p.Module == nil || p.Module.Main {
				continue
			}
			if m := (module{p.Module.Path, p.Module.Version, p.Module.Dir}); !slices.Contains(found, m) {
				found = append(found, m)
			}
		}
	}
	slices.SortFunc(found[1:], func(a, b module) int { return strings.Compare(a.path, b.path) })
	return found, nil
}

type license struct{ name, kind, text string }

var fileName = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents|unlicense)([-._].*)?$`)

func filesOf(m module) (all []license, err error) {
	entries, err := os.ReadDir(m.dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: run 'go mod download' first", m.path, err)
	}
	for _, e := range entries {
		if e.IsDir() || !fileName.MatchString(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(m.dir, e.Name()))
		if err != nil {
			return nil, err
		}
		all = append(all, license{e.Name(), kindOf(string(text)), string(text)})
	}
	return all, nil
}

func kindOf(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	for _, k := range kinds {
		if !slices.ContainsFunc(k.says, func(s string) bool { return !strings.Contains(text, s) }) {
			return k.name
		}
	}
	return ""
}
