package scenario

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// maxExpanded is how long a value may become by its variables.
const maxExpanded = 1 << 20

// afterDollar is what comes after ${ in ${VAR} and ${VAR:-default}.
var afterDollar = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_]*)(:-([^{}]*))?\}`)

// hasVariable says whether a text refers to the environment.
func hasVariable(text string) bool {
	_, _, found := cutReference(text)
	return found
}

// cutReference splits a text at its first ${; $${ stands for the two
// characters and is no reference.
func cutReference(text string) (before, after string, found bool) {
	var b strings.Builder
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			b.WriteString(text)
			return b.String(), "", false
		}
		if i == 0 || text[i-1] != '$' {
			b.WriteString(text[:i])
			return b.String(), text[i+2:], true
		}
		b.WriteString(text[:i-1] + "${")
		text = text[i+2:]
	}
}

// expand fills in a scalar's variables. The value of a variable is never
// parsed as YAML, so it can't add keys, and no message shows it.
func (d *decoder) expand(n *node) (text string, ok bool) {
	var b strings.Builder
	rest, ok := n.text, true
	for {
		before, after, found := cutReference(rest)
		b.WriteString(before)
		if !found {
			return b.String(), ok
		}
		m := afterDollar.FindStringSubmatch(after)
		if m == nil {
			d.fail(n, d.label(n)+" has ${ without a variable's name and a }", "write ${VAR} or ${VAR:-default}; $${ is a literal ${")
			return "", false
		}
		rest = after[len(m[0]):]
		value, problem := d.variable(m[1], m[2] != "", m[3])
		if problem == "" && b.Len()+len(value) > maxExpanded {
			problem = "is too long"
		}
		if problem != "" {
			ok = false
			d.fail(n, fmt.Sprintf("%s: variable %s %s", d.label(n), clip(m[1]), problem),
				fmt.Sprintf("set it in the environment, or give a default: ${%s:-default}", clip(m[1])))
			continue
		}
		b.WriteString(value)
	}
}

// variable returns a variable's value. As in a shell, a default also stands
// for an empty one.
func (d *decoder) variable(name string, hasDefault bool, fallback string) (value, problem string) {
	value, set := d.env(name)
	switch {
	case hasDefault && value == "":
		return fallback, ""
	case !set:
		return "", "is not set"
	case !utf8.ValidString(value):
		return "", "is not UTF-8"
	}
	return value, ""
}
