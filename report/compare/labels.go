package compare

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"mfaload/internal/text"
	"mfaload/measure"
)

// LabelChange is a label that two runs do not have alike. A run without it has "".
type LabelChange struct {
	Label string `json:"label"`
	Base  string `json:"base,omitempty"`
	New   string `json:"new,omitempty"`
}

// labelChanges are the labels that differ, by name.
func labelChanges(base, fresh measure.RunLabels) (all []LabelChange) {
	for _, label := range slices.Sorted(maps.Keys(base.With(fresh))) {
		if base[label] != fresh[label] {
			all = append(all, LabelChange{label, base[label], fresh[label]})
		}
	}
	return all
}

// What bounds what is shown of labels: how many a change names, and the characters of a text.
const (
	maxLabels    = 6
	maxLabelText = 400
)

// labelsText names labels: "commit=4f2a1c (before: 91c04e), branch=main (before: none)".
func labelsText(changes []LabelChange) string {
	var texts []string
	for i, c := range changes {
		if i == maxLabels {
			texts = append(texts, fmt.Sprintf("… %d more", len(changes)-i))
			break
		}
		now, before := c.Label+"="+c.New, c.Base
		if c.New == "" {
			now = "no " + c.Label
		}
		if before == "" {
			before = "none"
		}
		texts = append(texts, fmt.Sprintf("%s (before: %s)", now, before))
	}
	return text.Brief(strings.Join(texts, ", "), maxLabelText)
}

// labelTexts are the labels that all runs of a side share, side by side; nothing where
// neither side has any.
func (c *Comparison) labelTexts() []string {
	base, fresh := c.Base.labels(), c.New.labels()
	if len(base)+len(fresh) == 0 {
		return nil
	}
	shown := func(l measure.RunLabels) string {
		return orNone(text.Brief(strings.Join(l.List(), ", "), maxLabelText))
	}
	return []string{"base: " + shown(base), "new:  " + shown(fresh)}
}

// labels are those that all runs of the side have alike.
func (s Side) labels() measure.RunLabels {
	shared := s.Runs[0].Labels
	for _, r := range s.Runs[1:] {
		shared = shared.Shared(r.Labels)
	}
	return shared
}
