// Package reference writes the reference pages of the documentation that are made of the program's
// own tables: the keys of scenarios, and the rules of the contract.
package reference

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"mfaload/contract"
	"mfaload/scenario"
	"mfaload/scenario/form"
)

// scenarioHead is what people need to know before they look up keys.
//
//go:embed scenario.md
var scenarioHead string

// Scenario is docs/scenario.md.
func Scenario() string {
	var b strings.Builder
	b.WriteString(scenarioHead)
	b.WriteString("\n## Every key\n\nA key in **bold** can't be left out. `[]` stands for any item of a " +
		"list, `*` for a name of your choice.\n")
	keys := scenario.Keys()
	writeKeys(&b, "The file", "", keys)

	own := map[string]bool{}
	for _, k := range keys {
		if name, of := strings.CutPrefix(k.Path, "target.simulator."); of {
			own[name] = true
		}
	}
	b.WriteString("\n## A file for the simulator\n\nWhat `mfaload simulate FILE` serves. The keys of " +
		"[`target.simulator`](#targetsimulator) stand at its top, and:\n\n")
	writeTable(&b, "", slices.DeleteFunc(scenario.SimulatorKeys(),
		func(k form.KeyDoc) bool { return own[k.Path] }))
	return b.String()
}

// writeKeys writes a section for the keys that are directly within a place, and
// then one for each of them that has keys itself.
func writeKeys(b *strings.Builder, title, place string, keys []form.KeyDoc) {
	fmt.Fprintf(b, "\n### %s\n\n", title)
	writeTable(b, place, keys)
	for _, within := range placesOf(place, keys) {
		writeKeys(b, "`"+within+"`", within, keys)
	}
}

func placesOf(place string, keys []form.KeyDoc) (places []string) {
	for _, k := range keys {
		of, name := split(k.Path)
		if name == "" || of == place || !strings.HasPrefix(of, place) || slices.Contains(places, of) {
			continue
		}
		if holder, _ := split(strings.TrimSuffix(strings.TrimSuffix(of, ".*"), "[]")); holder == place {
			places = append(places, of)
		}
	}
	return places
}

func split(path string) (place, name string) {
	at := strings.LastIndexByte(path, '.')
	if at < 0 {
		return "", path
	}
	return path[:at], path[at+1:]
}

func writeTable(b *strings.Builder, place string, keys []form.KeyDoc) {
	b.WriteString("| key | value | default | meaning |\n|---|---|---|---|\n")
	for _, k := range keys {
		of, name := split(k.Path)
		if of != place {
			continue
		}
		key, value, fallback := "`"+name+"`", cell(k.Want), ""
		if k.Required {
			key = "**" + key + "**"
		}
		if k.Mapping {
			value = withLink(k, keys)
		}
		if k.Default != "" {
			fallback = "`" + k.Default + "`"
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", key, value, fallback, cell(k.Doc))
	}
}

func withLink(k form.KeyDoc, keys []form.KeyDoc) string {
	place, rest := k.Path, ""
	for _, within := range keys {
		if left, of := strings.CutPrefix(within.Path, k.Path); of && left != "" {
			rest, _ = split(left)
			break
		}
	}
	anchor := strings.NewReplacer(".", "", "[]", "", "*", "").Replace(strings.ToLower(place + rest))
	if strings.HasPrefix(k.Want, "a mapping of ") && rest == "" {
		return fmt.Sprintf("[a mapping](#%s)", anchor)
	}
	return fmt.Sprintf("%s; [its keys](#%s)", cell(k.Want), anchor)
}

// Rules is docs/rules.md.
func Rules(c *contract.Contract) string {
	var b strings.Builder
	b.WriteString(`# Rules

What responses are checked against. This page is made from the contract document by
` + "`mfaload contract --format markdown`" + `.

A violation at level *fail* breaks conformance and counts against ` +
		"`violationRate`" + `; one at level *note* is a
finding. A scenario moves a rule, or a family such as ` + "`links.*`" + `, under ` +
		"`contract.levels`" + ` to ` + "`fail`, `note` or `off`" + `.
Sources: [S] the operation's own reference page, [D] another documentation page, [O] seen in public clients,
[I] inferred.

| rule | level | meaning | source | a response that breaks it |
|---|---|---|---|---|
`)
	rows := func(rules []contract.Rule) {
		for _, r := range rules {
			level := r.Level.String()
			if r.Fault != "" {
				level += " | " + r.Fault
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", r.Name, level, cell(r.Description),
				cell(r.Source), cell(r.Example))
		}
	}
	rows(c.Rules())
	if flow := c.FlowRules(); len(flow) > 0 {
		b.WriteString(`
## Rules about a flow

Only ` + "`mfaload check --follow`" + ` evaluates these: it reads a transaction back, and compares the second
response with the first.

| rule | level | meaning | source | a response that breaks it |
|---|---|---|---|---|
`)
		rows(flow)
	}
	if requests := c.RequestRules(); len(requests) > 0 {
		b.WriteString(`
## Rules about requests

Only ` + "`mfaload check --generate`" + ` evaluates these, on requests that it generates: see
[conformance](conformance.md). A fault is a class of the
[Web Fuzzing Commons](https://github.com/WebFuzzing/Commons); classes from F900 are mfaload's own.

| rule | level | fault | meaning | source | an example that breaks it |
|---|---|---|---|---|---|
`)
		rows(requests)
	}
	return b.String()
}

// cell writes a text into a table of Markdown.
func cell(s string) string { return strings.NewReplacer("|", `\|`, "\n", " ").Replace(s) }
