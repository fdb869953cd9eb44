package scenario

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// text returns a scalar with its variables expanded, and false where there is
// none. Expansion happens in the finished node, so a value never changes the
// structure of the file.
func (d *decoder) text(n *yaml.Node, what string) (string, bool) {
	n, ok := d.follow(n)
	if !ok {
		return "", false
	}
	if n.Kind != yaml.ScalarNode || isNull(n) {
		d.problem(n, "write a plain value", "%s must be a plain value, not %s", what, kindOf(n))
		return "", false
	}
	value, missing, err := expand(n.Value, d.env)
	switch {
	case err != nil:
		d.problem(n, "write ${NAME} or ${NAME:-default}; $${ stands for a plain ${", "%s: %v", what, err)
	case missing != "":
		d.problem(n, fmt.Sprintf("export %s, or give a default: ${%s:-…}", missing, missing),
			"%s: the environment variable %s is not set", what, missing)
	default:
		return value, true
	}
	return "", false
}

// expand replaces ${NAME} and ${NAME:-default}.
func expand(s string, env func(string) (string, bool)) (expanded, missing string, err error) {
	var b strings.Builder
	for {
		at := strings.Index(s, "${")
		if at < 0 {
			b.WriteString(s)
			return b.String(), "", nil
		}
		if at > 0 && s[at-1] == '$' {
			b.WriteString(s[:at-1] + "${")
			s = s[at+2:]
			continue
		}
		b.WriteString(s[:at])
		inside, rest, closed := strings.Cut(s[at+2:], "}")
		name, fallback, hasDefault := strings.Cut(inside, ":-")
		if !closed || !isName(name) {
			return "", "", fmt.Errorf("a variable's name is missing or has no end")
		}
		// As in a shell, ":-" takes the default for an empty value too.
		value, set := env(name)
		switch {
		case hasDefault && value == "":
			value = fallback
		case !set:
			return "", name, nil
		}
		b.WriteString(value)
		s = rest
	}
}

func isName(s string) bool {
	for i, r := range s {
		if r != '_' && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

// shown is a scalar as the file has it: the name of a variable, never its
// value.
func shown(n *yaml.Node) string {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return clip(n.Value)
}

func (d *decoder) duration(n *yaml.Node, what string, least time.Duration, to *time.Duration) {
	s, ok := d.text(n, what)
	if !ok {
		return
	}
	v, err := ParseDuration(s)
	switch {
	case err != nil:
		d.problem(n, remedyOf(err), "%s: %q is not a duration", what, shown(n))
	case v < least:
		d.problem(n, fmt.Sprintf("write at least %v", least), "%s: %q is too short", what, shown(n))
	default:
		*to = v
	}
}

// remedyOf is the part of a unit's error that says what to write.
func remedyOf(err error) string {
	_, remedy, _ := strings.Cut(err.Error(), ": ")
	return remedy
}

func (d *decoder) rate(n *yaml.Node, what string, to *Rate) {
	s, ok := d.text(n, what)
	if !ok {
		return
	}
	v, err := ParseRate(s)
	if err != nil {
		d.problem(n, remedyOf(err), "%s: %q is not a rate", what, shown(n))
		return
	}
	*to = v
}

func (d *decoder) share(n *yaml.Node, what string, to *float64, written *string) {
	s, ok := d.text(n, what)
	if !ok {
		return
	}
	v, err := ParseShare(s)
	if err != nil {
		d.problem(n, remedyOf(err), "%s: %q is not a share", what, shown(n))
		return
	}
	*to = v
	if written != nil {
		*written = s
	}
}

func (d *decoder) integer(n *yaml.Node, what string, least, most int, to *int) {
	s, ok := d.text(n, what)
	if !ok {
		return
	}
	v, err := strconv.Atoi(s)
	if err != nil || v < least || v > most {
		d.problem(n, fmt.Sprintf("write a whole number from %d to %d", least, most), "%s: %q is out of range or no whole number", what, shown(n))
		return
	}
	*to = v
}

func (d *decoder) seed(n *yaml.Node, what string, to *uint64) {
	s, ok := d.text(n, what)
	if !ok {
		return
	}
	v, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		d.problem(n, "write a whole number of at least 0", "%s: %q is no seed", what, shown(n))
		return
	}
	*to = v
}

func (d *decoder) boolean(n *yaml.Node, what string, to *bool) {
	s, ok := d.text(n, what)
	if !ok {
		return
	}
	switch strings.ToLower(s) {
	case "true", "yes":
		*to = true
	case "false", "no":
		*to = false
	default:
		d.problem(n, "write true or false", "%s: %q is neither true nor false", what, shown(n))
	}
}

// word decodes one of a few words.
func (d *decoder) word(n *yaml.Node, what string, words []string, to *string) {
	s, ok := d.text(n, what)
	if !ok {
		return
	}
	for _, w := range words {
		if s == w {
			*to = s
			return
		}
	}
	d.problem(n, suggest(s, words), "%s: %q is not known", what, shown(n))
}
