package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mfaload/report"
	"mfaload/report/compare"
	"mfaload/scenario"
)

func newSchema(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "schema [scenario|report|compare|history]",
		Short: "Print the JSON Schema of scenario files, for editors, or of what mfaload writes",
		Long: `Print the JSON Schema of scenario files, for editors, or of report.json, of
'compare --json', or of 'compare --against-history --json'.

An editor with a YAML language server checks and completes a scenario that begins
with the line

  # yaml-language-server: $schema=scenario.schema.json`,
		ValidArgs: schemaNames,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 || len(args) == 1 && !slices.Contains(schemaNames, args[0]) {
				return usage(c, fmt.Errorf("unexpected argument %q: use %s", args[len(args)-1], strings.Join(schemaNames, ", ")))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			_, err := a.ui.out.Write(schemaOf(append(args, "scenario")[0]))
			return err
		},
	}
}

var schemaNames = []string{"scenario", "report", "compare", "history"}

func schemaOf(name string) []byte {
	switch name {
	case "report":
		return report.JSONSchema()
	case "compare":
		return compare.JSONSchema()
	case "history":
		return compare.HistoryJSONSchema()
	default:
		return scenario.Schema()
	}
}
