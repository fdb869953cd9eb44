package main

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"mfaload/internal/disk"
	"mfaload/live/progress"
	"mfaload/report"
	"mfaload/runner/schedule"
	"mfaload/scenario"
	"mfaload/session"
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
	a.ui.Print("wrote %s\n", file)
	schema := filepath.Join(dir, schemaFile)
	switch err := create(schema, scenario.Schema()); {
	case err == nil:
		a.ui.Print("wrote %s, for your editor\n", schema)
	case errors.Is(err, fs.ErrExist): // of another scenario in the folder
	default:
		return err
	}
	a.ui.Print("next: mfaload run %s\n", file)
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
	flags, format := &contractFlags{}, ""
	c := &cobra.Command{
		Use:   "validate FILE...",
		Short: "Check scenario files and send nothing",
		Long: `Check scenario files and send nothing. Every problem is printed with its file,
line and column, what is wrong, and what to do about it. --format json prints them
for programs ('mfaload schema validation'), --format github as annotations of a
workflow of GitHub Actions.`,
		Example: `  mfaload validate load/*.yaml
  mfaload validate --format json gate.yaml | jq .problems`,
		ValidArgsFunction: scenarioFiles,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage(c, errors.New("FILE is missing"))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains(validateFormats, format) {
				return usage(c, fmt.Errorf("unknown format %q: use text, json or github", format))
			}
			return a.validate(args, flags, format)
		},
	}
	flags.add(c)
	flags.changes.add(c)
	c.Flags().StringVar(&format, "format", "text", "text, json, or github (annotations of GitHub Actions)")
	formats(c, validateFormats...)
	return c
}

var validateFormats = []string{"text", "json", "github"}

// validate looks at every file, whatever is wrong with the ones before.
func (a *app) validate(files []string, flags *contractFlags, format string) error {
	found, loader := session.NewValidation(), flags.loader(a)
	for _, file := range files {
		in, err := loader.Load(file)
		if err == nil {
			if err = withinLimits(session.Plan(in.Scenario, 0)); err != nil {
				in.Scenario.Close()
				err = fmt.Errorf("%s: %w", file, err)
			}
		}
		switch {
		case err != nil:
			found.Add(file, err)
			if format == "text" {
				a.exitCode(err)
			}
			continue
		case format != "json":
			sch, most := schedule.New(in.Scenario), ""
			if peak := sch.Peak(); peak > 0 {
				most = ", at most " + scenario.Rate(peak).String()
			}
			a.ui.Print("%s: valid: %s, %s%s\n", file, in.Scenario.Name, progress.Extent(sch), most)
		}
		in.Scenario.Close()
	}
	text := []byte(found.GitHub())
	var err error
	if format == "json" {
		text, err = report.Encode(found)
	}
	if err == nil && format != "text" {
		_, err = a.ui.Data.Write(text)
	}
	if err == nil && !found.Valid {
		err = &exitError{code: exitUsage}
	}
	return err
}
