package scenario

import (
	"cmp"
	"fmt"
	"slices"
)

// maxProblems is how many problems an error lists.
const maxProblems = 200

// decoder reads one file and collects what is wrong with it.
type decoder struct {
	file     string
	env      func(string) (string, bool)
	problems Problems
	dropped  int   // problems that are counted only
	nodes    int   // values that were built
	aliased  int   // those of them that stand behind an alias
	within   int   // aliases that the current value stands behind
	halted   bool  // there were too many values
	literal  []Pos // places where secrets are written out
}

// fail notes a problem at a value.
func (d *decoder) fail(n *node, text, remedy string) {
	n.mark()
	d.failAt(n.line, n.column, text, remedy)
}

// failKey notes a problem at a value's key.
func (d *decoder) failKey(n *node, text, remedy string) {
	n.mark()
	d.failAt(n.keyLine, n.keyColumn, text, remedy)
}

func (d *decoder) failAt(line, column int, text, remedy string) {
	if d.full() {
		d.dropped++
		return
	}
	d.problems = append(d.problems, Problem{Pos{d.file, line, column}, text, remedy})
}

// full says that further problems are counted only. What costs time to explain
// need not be explained then.
func (d *decoder) full() bool { return len(d.problems) >= maxProblems }

// sorted returns the problems in the file's order, each once: what an alias
// repeats is repeated here too.
func (d *decoder) sorted() Problems {
	slices.SortStableFunc(d.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column))
	})
	problems := slices.Compact(d.problems)
	if d.dropped > 0 {
		last := problems[len(problems)-1].Pos
		problems = append(problems, Problem{last, fmt.Sprintf("%d more problems, here and elsewhere", d.dropped), "mend these first"})
	}
	return problems
}

// flaw is what is wrong with a text. Neither part may hold the text, except
// that a remedy may say how to write it instead.
type flaw struct{ reason, remedy string }

// refuse notes that a scalar's text has a flaw. Where the text came from a
// variable, the remedy is the general one.
func (d *decoder) refuse(n *node, f *flaw, want string) {
	remedy := f.remedy
	if remedy == "" || hasVariable(n.text) {
		remedy = "write " + want
	}
	subject := d.label(n)
	if !n.secret && n.text != "" {
		subject += ": " + n.shown()
	}
	d.fail(n, subject+" "+f.reason, remedy)
}

// missing notes that a key is missing, unless another problem says why.
func (d *decoder) missing(n *node, key, want string) {
	if n.lacks(key) {
		d.fail(n, key+" is missing in "+d.label(n), fmt.Sprintf("add %s: %s", key, want))
	}
}
