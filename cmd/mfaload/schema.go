package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mfaload/capacity"
	"mfaload/contract"
	"mfaload/contract/diff"
	"mfaload/internal/reference"
	"mfaload/internal/text"
	"mfaload/report"
	"mfaload/report/compare"
	"mfaload/scenario"
	"mfaload/session"
	"mfaload/session/dossier"
)

func newSchema(a *app) *cobra.Command {
	format := ""
	c := &cobra.Command{
		Use:   "schema [scenario|report|compare|history|capacity|capacity-comparison|validation|dossier]",
		Short: "Print the JSON Schema of scenario files, for editors, or of what mfaload writes",
		Long: `Print the JSON Schema of scenario files, for editors, or of report.json, of
'compare --json', of 'compare --against-history --json', of capacity.json, of
'compare --json' of two searches for capacity (capacity-comparison), or of
'validate --format json' (validation), or of 'dossier --format json' (dossier).

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
	"validation", "dossier"}

var schemas = map[string]func() []byte{"scenario": scenario.Schema, "report": report.JSONSchema,
	"compare": compare.JSONSchema, "history": compare.HistoryJSONSchema, "capacity": capacity.JSONSchema,
	"capacity-comparison": capacity.ComparisonJSONSchema, "validation": session.ValidationJSONSchema,
	"dossier": dossier.JSONSchema}

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
		Short: "Print the contract that responses are checked against",
		Long: `Print the contract that responses are checked against: an OpenAPI 3.1 document with
rules for what a schema can't say (x-rules). Redirect it to a file, change it
and give it back with --contract; or write down the changes alone and give them
with --contract-overlay.`,
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error { return a.printContract(c, flags, format) },
	}
	c.AddCommand(newContractDiff(a))
	flags.add(c)
	c.Flags().StringVar(&format, "format", "openapi",
		"openapi, jsonschema (of a success) or markdown (the rules)")
	formats(c, "openapi", "jsonschema", "markdown")
	return c
}

func (a *app) printContract(c *cobra.Command, flags *contractFlags, format string) error {
	name, document, err := flags.loader(a).Document()
	if err != nil {
		return err
	}
	compiled, err := contract.Compile(name, document, nil)
	if err != nil {
		return err
	}
	switch format {
	case "openapi":
	case "jsonschema":
		if document, err = contract.JSONSchema(document); err != nil {
			return err
		}
	case "markdown":
		document = []byte(reference.Rules(compiled))
	default:
		return usage(c, fmt.Errorf("unknown format %q: use openapi, jsonschema or markdown", format))
	}
	_, err = a.ui.Data.Write(document)
	return err
}

func newContractDiff(a *app) *cobra.Command {
	asJSON := false
	c := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Say what became stricter or looser between two contracts",
		Long: `Say what became stricter or looser between two contract documents, member by
member, and which of it breaks a client that was written for the old one.
Without NEW, the old document is compared with the built-in contract.

Exit codes: 0 nothing breaks a client, 1 something does.`,
		Example: "  mfaload contract diff contract-before.yaml contract.yaml",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			var loaders [2]session.Loader
			for i, file := range args {
				loaders[i].Contract = file
			}
			d, err := session.DiffContracts(&loaders[0], &loaders[1])
			if err != nil {
				return err
			}
			if text.EscapeAll(d); asJSON {
				data, err := report.Encode(d)
				if err != nil {
					return err
				}
				_, err = a.ui.Data.Write(data)
				return errors.Join(err, breaks(d))
			}
			a.ui.Print("%s", d)
			return breaks(d)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print the differences as JSON")
	return c
}

func breaks(d *diff.Differences) error {
	if d.Count(diff.Breaking) > 0 {
		return &exitError{code: exitFail}
	}
	return nil
}
