package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"mfaload/report"
	"mfaload/scenario"
)

func newSchema(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "schema [scenario|report]",
		Short: "Print the JSON Schema of scenario files, for editors, or of report.json",
		Long: `Print the JSON Schema of scenario files, for editors, or of report.json.

An editor with a YAML language server checks and completes a scenario that begins
with the line

  # yaml-language-server: $schema=scenario.schema.json`,
		ValidArgs: []string{"scenario", "report"},
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 || len(args) == 1 && args[0] != "scenario" && args[0] != "report" {
				return usage(c, fmt.Errorf("unexpected argument %q: use scenario or report", args[len(args)-1]))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			text := scenario.Schema()
			if len(args) == 1 && args[0] == "report" {
				text = report.JSONSchema()
			}
			_, err := a.ui.out.Write(text)
			return err
		},
	}
}
