package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"mfaload/contract"
	"mfaload/internal/reference"
	"mfaload/session"
)

// contractFlags say which contract answers are held against.
type contractFlags struct{ file, overlay string }

// loader reads scenarios with the contract that the flags name.
func (f *contractFlags) loader(a *app) *session.Loader {
	return &session.Loader{Contract: f.file, Overlay: f.overlay, Lookup: a.env.lookup, Stdin: a.env.in,
		Say: a.ui.Say}
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
		Short: "Print the contract that answers are held against",
		Long: `Print the contract that answers are held against: an OpenAPI 3.1 document with
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
		text = []byte(reference.Rules(compiled.Rules()))
	default:
		return usage(c, fmt.Errorf("unknown format %q: use openapi, jsonschema or markdown", format))
	}
	_, err = a.ui.Data.Write(text)
	return err
}
