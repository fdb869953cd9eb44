package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mfaload/capacity"
	"mfaload/internal/reference"
	"mfaload/report"
	"mfaload/report/compare"
	"mfaload/scenario"
)

func newSchema(a *app) *cobra.Command {
	format := ""
	c := &cobra.Command{
		Use:   "schema [scenario|report|compare|history|capacity]",
		Short: "Print the JSON Schema of scenario files, for editors, or of what mfaload writes",
		Long: `Print the JSON Schema of scenario files, for editors, or of report.json, of
'compare --json', of 'compare --against-history --json', or of capacity.json.

An editor with a YAML language server checks and completes a scenario that begins
with the line

  # yaml-language-server: $schema=scenario.schema.json

With --format markdown it prints the keys of scenario files as a page for people.`,
		ValidArgs: schemaNames,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 || len(args) == 1 && !slices.Contains(schemaNames, args[0]) {
				return usage(c, fmt.Errorf("unexpected argument %q: use %s", args[len(args)-1],
					strings.Join(schemaNames, ", ")))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			name := append(args, "scenario")[0]
			text := schemaOf(name)
			switch {
			case format == "markdown" && name == "scenario":
				text = []byte(reference.Scenario())
			case format == "markdown":
				return usage(c, fmt.Errorf("there is no markdown of %s, only of scenario", name))
			case format != "json":
				return usage(c, fmt.Errorf("unknown format %q: use json or markdown", format))
			}
			_, err := a.ui.Data.Write(text)
			return err
		},
	}
	c.Flags().StringVar(&format, "format", "json",
		"json (a JSON Schema) or markdown (the keys of scenario files)")
	formats(c, "json", "markdown")
	return c
}

var schemaNames = []string{"scenario", "report", "compare", "history", "capacity"}

func schemaOf(name string) []byte {
	switch name {
	case "report":
		return report.JSONSchema()
	case "compare":
		return compare.JSONSchema()
	case "history":
		return compare.HistoryJSONSchema()
	case "capacity":
		return capacity.JSONSchema()
	default:
		return scenario.Schema()
	}
}
