package measure

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// RunLabels say of a run what its scenario does not, such as commit=4f2a1c, so that it can be found
// again and told from others. They take no part in what is compared, merged or judged.
type RunLabels map[string]string

// What bounds labels: how many a run has, and the characters of a value.
const (
	MaxRunLabels  = 20
	maxLabelValue = 200
)

var labelKey = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,62}$`)

// Check finds labels that a run can't have.
func (l RunLabels) Check() error {
	if len(l) > MaxRunLabels {
		return fmt.Errorf("there are %d labels, and a run has at most %d: leave some out", len(l),
			MaxRunLabels)
	}
	for _, key := range slices.Sorted(maps.Keys(l)) {
		switch value := l[key]; {
		case !labelKey.MatchString(key):
			return fmt.Errorf("%.80q can't be the key of a label: start it with a letter, and use at most "+
				"63 letters, digits, '_', '.' and '-'", key)
		case utf8.RuneCountInString(value) > maxLabelValue:
			return fmt.Errorf("the value of the label %s has more than %d characters: shorten it", key,
				maxLabelValue)
		case !utf8.ValidString(value) || strings.ContainsFunc(value, unprintable):
			return fmt.Errorf("the value of the label %s has a character that can't be printed: remove it",
				key)
		}
	}
	return nil
}

func unprintable(c rune) bool { return !unicode.IsPrint(c) }

// List has a text key=value for each label, by key.
func (l RunLabels) List() (texts []string) {
	for _, key := range slices.Sorted(maps.Keys(l)) {
		texts = append(texts, key+"="+l[key])
	}
	return texts
}

// With are the labels and others, which win where both have a key.
func (l RunLabels) With(others RunLabels) RunLabels {
	all := maps.Clone(l)
	if all == nil {
		return maps.Clone(others)
	}
	maps.Copy(all, others)
	return all
}

// Shared are the labels that others have, too, with the same values.
func (l RunLabels) Shared(others RunLabels) RunLabels {
	var shared RunLabels
	for key, value := range l {
		if other, has := others[key]; has && other == value {
			shared = shared.With(RunLabels{key: value})
		}
	}
	return shared
}

// Hide are the labels with their values as hide leaves them, which takes secrets out of texts. A
// key with a secret in it becomes "hidden".
func (l RunLabels) Hide(hide func(string) string) RunLabels {
	var safe RunLabels
	for key, value := range l {
		if hide(key) != key {
			key = "hidden"
		}
		safe = safe.With(RunLabels{key: hide(value)})
	}
	return safe
}

// ParseRunLabels reads labels such as commit=4f2a1c. Errors quote no value: it may be a secret.
func ParseRunLabels(texts []string) (RunLabels, error) {
	labels := RunLabels{}
	for i, text := range texts {
		key, value, ok := strings.Cut(text, "=")
		if !ok {
			return nil, fmt.Errorf("number %d has no '=': write key=value, such as commit=4f2a1c", i+1)
		}
		if _, twice := labels[key]; twice {
			return nil, fmt.Errorf("%.80q is there twice; remove one of them", key)
		}
		labels[key] = value
	}
	return labels, labels.Check()
}
