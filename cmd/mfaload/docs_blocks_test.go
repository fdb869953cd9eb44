package main_test

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// block is a fenced block of a page, or the commands of a comment that prepares
// for the blocks below it.
type block struct {
	line     int    // of its first line in the page
	language string // sh, yaml, json, text; setup for a comment's commands
	text     string
	file     string // <!-- file: NAME --> keeps the block as this file
	exits    string // <!-- exits CODE --> is how its last command ends
	notRun   string // <!-- not run: REASON --> says why it can't be run here
}

var (
	fence = regexp.MustCompile("^( *)(```+)([a-z]*)$")
	// jenkinsStep is a shell step of a Jenkins pipeline.
	jenkinsStep = regexp.MustCompile(`\bsh\([^)\n]*\bscript: '([^'\n]+)'\)`)
	directive   = regexp.MustCompile(`^ *<!-- (file|exits|not run): ?(.+?) -->$`)
)

// blocks reads a page. What stands in a comment right above a block is about
// that block; a comment that begins with "setup:" has commands of its own.
func blocks(t *testing.T, page string) (all []block) {
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(data), "\n")
	var next block
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		switch {
		case strings.TrimSpace(line) == "<!-- setup:":
			b := block{line: i + 2, language: "setup"}
			b.text, i = until(lines, i+1, func(s string) bool { return strings.TrimSpace(s) == "-->" })
			all = append(all, b)
		case directive.MatchString(line):
			m := directive.FindStringSubmatch(line)
			switch m[1] {
			case "file":
				next.file = m[2]
			case "exits":
				next.exits = m[2]
			default:
				next.notRun = m[2]
			}
		case fence.MatchString(line):
			m := fence.FindStringSubmatch(line)
			next.line, next.language = i+2, m[3]
			next.text, i = until(lines, i+1, func(s string) bool { return strings.TrimSpace(s) == m[2] })
			next.text = regexp.MustCompile("(?m)^"+m[1]).ReplaceAllString(next.text, "")
			all, next = append(all, next), block{}
		case strings.TrimSpace(line) != "" && next != (block{}):
			t.Errorf("%s:%d: a directive stands above no block", page, i+1)
			next = block{}
		}
	}
	return all
}

// until returns the lines up to one that ends them, and that one's index.
func until(lines []string, from int, end func(string) bool) (text string, at int) {
	for at = from; at < len(lines) && !end(lines[at]); at++ {
		text += lines[at] + "\n"
	}
	return text, at
}

// commands are what is to be run of a block: all of a shell's, and of a
// pipeline's its steps.
func (b block) commands() (string, error) {
	switch b.language {
	case "sh", "setup":
		return b.text, nil
	case "yaml":
		var tree yaml.Node
		if err := yaml.Unmarshal([]byte(b.text), &tree); err != nil {
			return "", err
		}
		return strings.Join(steps(&tree), "\n"), wrongInputs(&tree)
	case "groovy":
		var all []string
		for _, m := range jenkinsStep.FindAllStringSubmatch(b.text, -1) {
			all = append(all, m[1])
		}
		if all == nil {
			return "", errors.New("no step sh(…, script: '…'): write the commands of a pipeline so")
		}
		return strings.Join(all, "\n"), nil
	case "text", "json", "csv", "dockerfile":
		for line := range strings.Lines(b.text) {
			if regexp.MustCompile(`^ *(\$ |mfaload |make |\./)`).MatchString(line) {
				return "", fmt.Errorf("a command stands in a block of %s: write it as sh, so that it is "+
					"run: %s", b.language, line)
			}
		}
		return "", nil
	}
	return "", fmt.Errorf("a block of %q: write sh, yaml, groovy, json, csv, dockerfile or "+
		"text", b.language)
}

// steps are the commands of a pipeline: GitHub's run, GitLab's script.
func steps(n *yaml.Node) (found []string) {
	for i, c := range n.Content {
		key := ""
		if n.Kind == yaml.MappingNode && i%2 == 1 {
			key = n.Content[i-1].Value
		}
		switch {
		case key == "run" && c.Kind == yaml.ScalarNode:
			found = append(found, c.Value)
		case key == "script" && c.Kind == yaml.SequenceNode:
			for _, line := range c.Content {
				found = append(found, line.Value)
			}
		default:
			found = append(found, steps(c)...)
		}
	}
	return found
}

// wrongInputs finds steps that give our action what it does not take.
func wrongInputs(n *yaml.Node) error {
	var step struct {
		Uses string
		With map[string]string
	}
	if n.Kind == yaml.MappingNode && n.Decode(&step) == nil && strings.Contains(step.Uses, "/mfaload@") {
		data, err := os.ReadFile("../../action.yml")
		if err != nil {
			return err
		}
		var a action
		if err := yaml.Unmarshal(data, &a); err != nil {
			return err
		}
		for name := range step.With {
			if _, known := a.Inputs[name]; !known {
				return fmt.Errorf("line %d: the action has no input %q", n.Line, name)
			}
		}
		for name, in := range a.Inputs {
			if in.Required && step.With[name] == "" {
				return fmt.Errorf("line %d: the action needs the input %q", n.Line, name)
			}
		}
	}
	for _, c := range n.Content {
		if err := wrongInputs(c); err != nil {
			return err
		}
	}
	return nil
}

// isScenario says whether a block is a whole scenario.
func (b block) isScenario() bool {
	var s struct{ Target, Users, Load any }
	return b.language == "yaml" && yaml.Unmarshal([]byte(b.text), &s) == nil && s.Target != nil &&
		s.Users != nil && s.Load != nil
}
