package scenario

import (
	"fmt"
	"strings"
)

// Pos is a place in a file; lines and columns count from 1.
type Pos struct {
	File         string
	Line, Column int
}

func (p Pos) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }

// Problem is one thing that is wrong with a scenario.
type Problem struct {
	Pos Pos
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
