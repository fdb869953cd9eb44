package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"mfaload/contract"
	"mfaload/internal/disk"
	"mfaload/pingone"
)

// contractFlags say which contract answers are held against.
type contractFlags struct{ file, overlay string }

func (f *contractFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.file, "contract", "", "contract document to use instead of the built-in one")
	c.Flags().StringVar(&f.overlay, "contract-overlay", "", "changes to the contract: a JSON Merge Patch in JSON or YAML")
}

// document returns the contract document and what errors call it.
func (f *contractFlags) document() (name string, text []byte, err error) {
	name, text = "contract.yaml", pingone.Document()
	if f.file != "" {
		if text, err = disk.Read(f.file, maxContract); err != nil {
			return "", nil, fmt.Errorf("read the contract: %w\n%s", err, hint("'mfaload contract' prints one to start from"))
		}
		name = f.file
	}
	if f.overlay == "" {
		return name, text, nil
	}
	patch, err := disk.Read(f.overlay, maxContract)
	if err != nil {
		return "", nil, fmt.Errorf("read the overlay: %w", err)
	}
	text, err = contract.Overlay(text, patch)
	return name + " with " + f.overlay, text, err
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
	c.Flags().StringVar(&format, "format", "openapi", "openapi, jsonschema (of a success) or markdown (the rules)")
	formats(c, "openapi", "jsonschema", "markdown")
	return c
}

func (a *app) printContract(c *cobra.Command, flags *contractFlags, format string) error {
	name, text, err := flags.document()
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
		text = []byte(rulesPage(compiled.Rules()))
	default:
		return usage(c, fmt.Errorf("unknown format %q: use openapi, jsonschema or markdown", format))
	}
	_, err = a.ui.data.Write(text)
	return err
}

// rulesPage is docs/rules.md.
func rulesPage(rules []contract.Rule) string {
	var b strings.Builder
	b.WriteString(`# Rules

What answers are held against. This page is made from the contract document by
` + "`mfaload contract --format markdown`" + `.

A violation at level *fail* breaks conformance and counts against ` + "`violationRate`" + `; one at level *note* is a
finding. A scenario moves a rule, or a family such as ` + "`links.*`" + `, under ` + "`contract.levels`" + ` to ` + "`fail`, `note` or `off`" + `.
Sources: [S] the operation's own reference page, [D] another documentation page, [O] seen in public clients,
[I] inferred.

| rule | level | meaning | source | an answer that breaks it |
|---|---|---|---|---|
`)
	for _, r := range rules {
		fmt.Fprintf(&b, "| `%s` | %v | %s | %s | %s |\n", r.Name, r.Level, cell(r.Description), cell(r.Source), cell(r.Example))
	}
	return b.String()
}

// cell writes a text into a table of Markdown.
func cell(s string) string { return strings.NewReplacer("|", `\|`, "\n", " ").Replace(s) }

// compile compiles the contract that the flags name, with a scenario's levels,
// and says what of it slows the checks down.
func (a *app) compile(flags *contractFlags, levels []contract.LevelChange) (*contract.Contract, error) {
	name, text, err := flags.document()
	if err != nil {
		return nil, err
	}
	c, err := pingone.Compile(name, text, levels)
	var unknown *contract.UnknownRuleError
	if err != nil && !errors.As(err, &unknown) {
		return nil, &exitError{exitUsage, err}
	}
	if err != nil {
		return nil, err
	}
	for _, why := range c.Slow() {
		a.ui.say("checks are slower than they could be, some 20,000 answers a second and core: the contract has %s", why)
	}
	return c, nil
}
