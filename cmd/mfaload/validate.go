package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"mfaload/live/progress"
	"mfaload/runner/schedule"
	"mfaload/scenario"
)

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
