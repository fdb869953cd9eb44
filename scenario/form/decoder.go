package form

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// MaxProblems is how many problems an error lists.
const MaxProblems = 200

// Policy is what a decoder has to know of the values of its form.
type Policy struct {
	// IsSecret says whether nothing of a value may be shown, by its key, its text
	// and what it is within. What is within a secret value is secret too.
	IsSecret func(*Node) bool
	// IsLiteral says whether a secret scalar is written out, not left to variables.
	IsLiteral func(*Node) bool
	// IsPersonal says whether messages hide a number that a scalar is.
	IsPersonal func(*Node) bool
	// IsHidden says whether a value is hidden when the file is written again.
	IsHidden func(*Node) bool
	// IsCut says whether a long list is cut when the file is written again.
	IsCut func(*Node) bool
	// Split is what to do about a file that is too large, Empty about an empty one.
	Split, Empty string
}

// Decoder reads one file and collects what is wrong with it.
type Decoder struct {
	File    string
	origin  string // of the values that are built: a change, or "" for the file
	env     func(string) (string, bool)
	policy  *Policy
	found   Problems
	dropped int   // problems that are counted only
	nodes   int   // values that were built
	aliased int   // those of them that stand behind an alias
	within  int   // aliases that the current value stands behind
	halted  bool  // there were too many values
	literal []Pos // places where secrets are written out
}

// NewDecoder returns a decoder of a file, whose name is for places only. Variables
// are looked up with env.
func NewDecoder(file string, env func(string) (string, bool), policy *Policy) *Decoder {
	return &Decoder{File: file, env: env, policy: policy}
}

// Literals are the places where secrets are written out.
func (d *Decoder) Literals() []Pos { return d.literal }

// IsSound says whether no problem was found so far.
func (d *Decoder) IsSound() bool { return len(d.found) == 0 }

// Fail notes a problem at a value.
func (d *Decoder) Fail(n *Node, text, remedy string) {
	n.mark()
	d.fail(Problem{Pos: n.Pos(d), Path: d.path(n), Text: text, Remedy: remedy})
}

// FailKey notes a problem at a value's key.
func (d *Decoder) FailKey(n *Node, text, remedy string) {
	n.mark()
	d.fail(Problem{Pos: Pos{cmp.Or(n.origin, d.File), n.keyLine, n.keyColumn}, Path: d.path(n), Text: text,
		Remedy: remedy})
}

// FailAt notes a problem at a place of the file, or of the change that is made.
func (d *Decoder) FailAt(line, column int, text, remedy string) {
	d.fail(Problem{Pos: Pos{cmp.Or(d.origin, d.File), line, column}, Text: text, Remedy: remedy})
}

func (d *Decoder) fail(p Problem) {
	if d.full() {
		d.dropped++
		return
	}
	d.found = append(d.found, p)
}

// full says that further problems are counted only. What costs time to explain
// need not be explained then.
func (d *Decoder) full() bool { return len(d.found) >= MaxProblems }

// Problems returns the problems in the file's order, each once: what an alias
// repeats is repeated here too.
func (d *Decoder) Problems() Problems {
	slices.SortStableFunc(d.found, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column))
	})
	problems := slices.Compact(d.found)
	if d.dropped > 0 {
		last := problems[len(problems)-1].Pos
		problems = append(problems,
			Problem{Pos: last, Text: fmt.Sprintf("%d more problems are not shown", d.dropped),
				Remedy: "fix these first"})
	}
	return problems
}

// Flaw is what is wrong with a text. Neither part may hold the text, except
// that a remedy may say how to write it instead.
type Flaw struct{ Reason, Remedy string }

// refuse notes that a scalar's text has a flaw. Where the text came from a
// variable, the remedy is the general one.
func (d *Decoder) refuse(n *Node, f *Flaw, want string) {
	remedy := f.Remedy
	if remedy == "" || hasVariable(n.Text) {
		remedy = "write " + want
	}
	subject := d.Label(n)
	if !n.secret && n.Text != "" {
		subject += ": " + n.Shown()
	}
	d.Fail(n, subject+" "+f.Reason, remedy)
}

// Missing notes that a key is missing, unless another problem says why.
func (d *Decoder) Missing(n *Node, key, want string) {
	if n.Lacks(key) {
		d.Fail(n, key+" is missing in "+d.Label(n), fmt.Sprintf("add %s: %s", key, want))
	}
}

// Of is the flaw as an error about a text; nil is none.
func (f *Flaw) Of(text string) error {
	if f == nil {
		return nil
	}
	return fmt.Errorf("%q %s: %s", Clip(text), f.Reason, f.Remedy)
}

// NewFlaw returns a flaw with what can be done about it.
func NewFlaw(reason, remedy string) *Flaw { return &Flaw{reason, remedy} }

// Pos is a place in a file; lines and columns count from 1.
type Pos struct {
	File         string
	Line, Column int
}

func (p Pos) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }

// Problem is one thing that is wrong with a scenario.
type Problem struct {
	Pos Pos
	// Path is that of the value in its file, such as load.stages[0].rate; empty if it is about no value.
	Path string
	// Text says what is wrong, with the offending text; never a secret, and
	// never the value of an environment variable.
	Text string
	// Remedy says what the user can do about it.
	Remedy string
}

func (p Problem) String() string {
	return fmt.Sprintf("%v: %s\n    %s", p.Pos, p.Text, p.Remedy)
}

// Problems is everything that is wrong with a scenario, in the file's order.
// As an error it prints one problem after the other.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// maxExpanded is how long a value may become by its variables.
const maxExpanded = 1 << 20

var afterDollar = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_]*)(:-([^{}]*))?\}`)

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
func (d *Decoder) expand(n *Node) (text string, ok bool) {
	var b strings.Builder
	rest, ok := n.Text, true
	for {
		before, after, found := cutReference(rest)
		b.WriteString(before)
		if !found {
			return b.String(), ok
		}
		m := afterDollar.FindStringSubmatch(after)
		if m == nil {
			d.Fail(n, d.Label(n)+" has ${ without a variable's name and a }",
				"write ${VAR} or ${VAR:-default}; $${ is a literal ${")
			return "", false
		}
		rest = after[len(m[0]):]
		value, problem := d.variable(m[1], m[2] != "", m[3])
		if problem == "" && b.Len()+len(value) > maxExpanded {
			problem = "is too long"
		}
		if problem != "" {
			ok = false
			d.Fail(n, fmt.Sprintf("%s: variable %s %s", d.Label(n), Clip(m[1]), problem),
				fmt.Sprintf("set it in the environment, or give a default: ${%s:-default}", Clip(m[1])))
			continue
		}
		b.WriteString(value)
	}
}

// variable returns a variable's value. As in a shell, a default also stands
// for an empty one.
func (d *Decoder) variable(name string, hasDefault bool, fallback string) (value, problem string) {
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
