package main

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"mfaload/internal/disk"
	"mfaload/live/progress"
	"mfaload/runner/schedule"
	"mfaload/scenario"
)

//go:embed init.yaml
var firstScenario []byte

// schemaFile stands next to a new scenario; its first line names it for editors.
const schemaFile = "scenario.schema.json"

func newInit(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "init [FILE]",
		Short: "Write a commented scenario to begin with",
		Long: `Write a scenario with comments, scenario.yaml unless FILE names another, and next to
it the JSON Schema that an editor checks and completes it with. Nothing is asked,
and nothing is overwritten. The scenario runs as it stands, against the embedded
simulator; its comments say what to change for an environment of your own.`,
		Example: `  mfaload init
  mfaload init load/gate.yaml`,
		Args: atMostOne,
		RunE: func(_ *cobra.Command, args []string) error {
			return a.init(append(args, "scenario.yaml")[0])
		},
	}
}

func (a *app) init(file string) error {
	dir := filepath.Dir(file)
	if err := os.MkdirAll(dir, 0o755); err != nil { // #nosec G301 -- a scenario has no secret
		return fmt.Errorf("make the folder of the scenario: %w\n%s", err,
			hint("name a FILE in a folder that you can write to"))
	}
	if err := create(file, bytes.ReplaceAll(firstScenario, []byte("{{FILE}}"), []byte(file))); err != nil {
		return err
	}
	fmt.Fprintf(a.ui.Out, "wrote %s\n", file)
	schema := filepath.Join(dir, schemaFile)
	switch err := create(schema, scenario.Schema()); {
	case err == nil:
		fmt.Fprintf(a.ui.Out, "wrote %s, for your editor\n", schema)
	case errors.Is(err, fs.ErrExist): // of another scenario in the folder
	default:
		return err
	}
	fmt.Fprintf(a.ui.Out, "next: mfaload run %s\n", file)
	return nil
}

func create(name string, content []byte) error {
	err := disk.Create(name, content, 0o644)
	switch {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%w\n%s", err, hint("name another FILE, or remove this one"))
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("write %s: %w\n%s", name, err, hint("make room on the disk, and try again"))
	case err != nil:
		return fmt.Errorf("%w\n%s", err, hint("name a FILE in a folder that you can write to"))
	}
	return nil
}

func newValidate(a *app) *cobra.Command {
	flags := &contractFlags{}
	c := &cobra.Command{
		Use:   "validate FILE...",
		Short: "Check scenario files and send nothing",
		Long: `Check scenario files and send nothing. Every problem is printed with its file,
line and column, what is wrong, and what to do about it.`,
		ValidArgsFunction: scenarioFiles,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage(c, errors.New("FILE is missing"))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return a.validate(args, flags) },
	}
	flags.add(c)
	flags.changes.add(c)
	return c
}

// validate looks at every file, whatever is wrong with the ones before.
func (a *app) validate(files []string, flags *contractFlags) error {
	bad, loader := 0, flags.loader(a)
	for _, file := range files {
		in, err := loader.Load(file)
		if err != nil {
			bad++
			a.exitCode(err)
			continue
		}
		s := in.Scenario
		sch, most := schedule.New(s), ""
		if peak := sch.Peak(); peak > 0 {
			most = ", at most " + scenario.Rate(peak).String()
		}
		fmt.Fprintf(a.ui.Out, "%s: valid: %s, %s%s\n", file, s.Name, progress.Extent(sch), most)
		s.Close()
	}
	if bad > 0 {
		return &exitError{code: exitUsage}
	}
	return nil
}
