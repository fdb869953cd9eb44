package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mfaload/capacity"
	"mfaload/contract"
	"mfaload/internal/reference"
	"mfaload/report"
	"mfaload/report/compare"
	"mfaload/scenario"
	"mfaload/session"
)

func newSchema(a *app) *cobra.Command {
	format := ""
	c := &cobra.Command{
		Use:   "schema [scenario|report|compare|history|capacity|capacity-comparison|validation]",
		Short: "Print the JSON Schema of scenario files, for editors, or of what mfaload writes",
		Long: `Print the JSON Schema of scenario files, for editors, or of report.json, of
'compare --json', of 'compare --against-history --json', of capacity.json, of
'compare --json' of two searches for capacity (capacity-comparison), or of
'validate --format json' (validation).

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
			text := schemas[name]()
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

var schemaNames = []string{"scenario", "report", "compare", "history", "capacity", "capacity-comparison",
	"validation"}

var schemas = map[string]func() []byte{"scenario": scenario.Schema, "report": report.JSONSchema,
	"compare": compare.JSONSchema, "history": compare.HistoryJSONSchema, "capacity": capacity.JSONSchema,
	"capacity-comparison": capacity.ComparisonJSONSchema, "validation": session.ValidationJSONSchema}

// contractFlags say by which contract, and with which changes, a scenario is read.
type contractFlags struct {
	file, overlay string
	changes       changeFlags
}

func (f *contractFlags) loader(a *app) *session.Loader {
	return &session.Loader{Contract: f.file, Overlay: f.overlay, Changes: f.changes.Changes,
		Lookup: a.env.lookup, Stdin: a.env.in, Say: a.ui.Say}
}

func (f *contractFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.file, "contract", "", "contract document to use instead of the built-in one")
	c.Flags().StringVar(&f.overlay, "contract-overlay", "",
		"changes to the contract: a JSON Merge Patch in JSON or YAML")
}

func newContract(a *app) *cobra.Command {
	flags, format := &contractFlags{}, ""
	c := &cobra.Command{
		Use:   "contract",
		Short: "Print the contract that responses are held against",
		Long: `Print the contract that responses are held against: an OpenAPI 3.1 document with
rules for what a schema can't say (x-rules). Redirect it to a file, change it
and give it back with --contract; or write down the changes alone and give them
with --contract-overlay.`,
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error { return a.printContract(c, flags, format) },
	}
	flags.add(c)
	c.Flags().StringVar(&format, "format", "openapi",
		"openapi, jsonschema (of a success) or markdown (the rules)")
	formats(c, "openapi", "jsonschema", "markdown")
	return c
}

func (a *app) printContract(c *cobra.Command, flags *contractFlags, format string) error {
	name, text, err := flags.loader(a).Document()
	if err != nil {
		return err
	}
	compiled, err := contract.Compile(name, text, nil)
	if err != nil {
		return err
	}
	switch format {
	case "openapi":
	case "jsonschema":
		if text, err = contract.JSONSchema(text); err != nil {
			return err
		}
	case "markdown":
		text = []byte(reference.Rules(compiled.Rules(), compiled.RequestRules()))
	default:
		return usage(c, fmt.Errorf("unknown format %q: use openapi, jsonschema or markdown", format))
	}
	_, err = a.ui.Data.Write(text)
	return err
}
