package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"mfaload/measure"
	"mfaload/scenario"
)

// labelsVariable has labels for every command that takes some.
const labelsVariable = "MFALOAD_LABELS"

// labelFlags say what a run can be found by.
type labelFlags struct {
	given  []string
	labels measure.RunLabels
}

func (f *labelFlags) add(c *cobra.Command) {
	c.Flags().StringArrayVar(&f.given, "label", nil, "a label to find the results by, such as "+
		"commit=4f2a1c; may be repeated, and wins over the list in "+labelsVariable)
}

// parse reads the flags and the variable. Errors quote no value: it may be a secret.
func (f *labelFlags) parse(lookup func(string) (string, bool)) error {
	var listed []string
	text, _ := lookup(labelsVariable)
	for label := range strings.SplitSeq(text, ",") {
		if label = strings.TrimSpace(label); label != "" {
			listed = append(listed, label)
		}
	}
	labels, err := measure.ParseRunLabels(listed)
	if err != nil {
		return fmt.Errorf("%s: %w", labelsVariable, err)
	}
	given, err := measure.ParseRunLabels(f.given)
	if err == nil {
		f.labels = labels.With(given)
		err = f.labels.Check()
	}
	if err != nil {
		return fmt.Errorf("--label: %w", err)
	}
	return nil
}

// of are the labels of a run of a scenario: without its secrets.
func (f *labelFlags) of(s *scenario.Scenario) measure.RunLabels {
	return f.labels.Hide(s.Target.Secrets().Hide)
}
