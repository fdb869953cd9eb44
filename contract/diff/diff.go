// Package diff says what became stricter or looser from one contract document to the next, member by
// member, and which of it breaks a client. Severities follow oasdiff's: breaking, warning, info.
package diff

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"mfaload/contract"
)

// Schema names the form of Differences as JSON.
const Schema = "mfaload/contract-diff/v1"

// Differences is what differs between two contract documents. The zero value has no differences.
type Differences struct {
	Schema string `json:"schema"`
	// Old and New name the documents.
	Old string `json:"old"`
	New string `json:"new"`
	// Differences are in the order of their severity, the worst first, then of their place.
	Differences []Difference `json:"differences"`
}

// Severity says what a difference means for a client that was written for the old document.
type Severity string

// Classes, the worst first.
const (
	Breaking Severity = "breaking" // a correct client may stop working
	Warning  Severity = "warning"  // a client that relies on more than it was promised may
	Info     Severity = "info"     // no client can notice, or only for the better
)

var severities = []Severity{Breaking, Warning, Info}

// Direction says whether the new document allows less (stricter) or more (looser) than the old one;
// changed is neither.
type Direction string

// Directions of a difference.
const (
	Stricter Direction = "stricter"
	Looser   Direction = "looser"
	Changed  Direction = "changed"
)

// Difference is one keyword of one place that is not what it was.
type Difference struct {
	Severity  Severity  `json:"severity"  schema:"enum=breaking|warning|info"`
	Direction Direction `json:"direction" schema:"enum=stricter|looser|changed"`
	// Where is the request, a response by HTTP status, or a rule: "response 201".
	Where string `json:"where"`
	// Member is the JSON pointer of a body's member, with * for any item; "" is the whole.
	Member string `json:"member"`
	// Keyword is what differs: a keyword of JSON Schema, or member, status, header, media type, rule, level.
	Keyword string `json:"keyword"`
	// Old and New are the values as JSON; "" means that there is none.
	Old string `json:"old"`
	New string `json:"new"`
}

// Compare returns what differs between two contract documents in YAML or JSON. An error names the document
// that is not a contract, with the place and what to do.
func Compare(oldName string, old []byte, newName string, next []byte) (*Differences, error) {
	before, err := read(oldName, old)
	if err != nil {
		return nil, err
	}
	after, err := read(newName, next)
	if err != nil {
		return nil, err
	}
	c := &Differences{Schema: Schema, Old: oldName, New: newName, Differences: []Difference{}}
	for _, at := range union(before.facts, after.facts) {
		a, b := before.facts[at], after.facts[at]
		if a == b {
			continue
		}
		d := Difference{Where: at.where, Member: at.member, Keyword: at.keyword, Old: a, New: b}
		if d.ofMissing(before, after) {
			continue
		}
		d.Direction = direction(at, a, b)
		d.Severity = d.severity(before, after)
		c.Differences = append(c.Differences, d)
	}
	slices.SortStableFunc(c.Differences, func(a, b Difference) int {
		return slices.Index(severities, a.Severity) - slices.Index(severities, b.Severity)
	})
	return c, nil
}

// Count is how many differences are of the severity.
func (c *Differences) Count(severity Severity) (n int) {
	for _, d := range c.Differences {
		if d.Severity == severity {
			n++
		}
	}
	return n
}

// String is the comparison for people, the worst first.
func (c *Differences) String() string {
	var b strings.Builder
	for _, severity := range severities {
		if c.Count(severity) == 0 {
			continue
		}
		fmt.Fprintln(&b, severity)
		for _, d := range c.Differences {
			if d.Severity == severity {
				fmt.Fprintf(&b, "  %-8s  %s\n", d.Direction, d.Text())
			}
		}
	}
	fmt.Fprintf(&b, "%s to %s: %d breaking, %d warning, %d info\n", c.Old, c.New, c.Count(Breaking),
		c.Count(Warning), c.Count(Info))
	return b.String()
}

// Text is a difference in words, with no line break.
func (d Difference) Text() string {
	place := d.Where
	if d.Member != "" {
		place += " " + d.Member
	}
	switch {
	case d.Old == present || d.New == present:
		word := "removed"
		if d.Old == "" {
			word = "added"
		}
		return fmt.Sprintf("%s: %s %s", place, d.Keyword, word)
	case d.Old == "":
		return fmt.Sprintf("%s: %s is %s, was not there", place, d.Keyword, d.New)
	case d.New == "":
		return fmt.Sprintf("%s: %s was %s, is not there any more", place, d.Keyword, d.Old)
	}
	return fmt.Sprintf("%s: %s was %s, is %s", place, d.Keyword, d.Old, d.New)
}

// ofMissing says whether the difference only follows from a place that one of the documents lacks as a whole.
func (d *Difference) ofMissing(before, after *facts) bool {
	missing := before
	if d.New == "" {
		missing = after
	}
	if d.Old != "" && d.New != "" || d.Keyword == keyStatus || d.Keyword == keyRule {
		return false
	}
	if !missing.wheres[d.Where] {
		return true // the status or rule itself is the difference
	}
	member := d.Member
	if d.Keyword == keyMember || d.Keyword == keyRequired {
		member = member[:max(strings.LastIndexByte(member, '/'), 0)]
	}
	return d.Member != "" && member != "" && !missing.members[d.Where+member]
}

// severity judges by who has to bear the difference: the client that writes requests when they get
// stricter, the client that reads responses when these get looser.
func (d *Difference) severity(before, after *facts) Severity {
	request := strings.HasPrefix(d.Where, request)
	switch kind, _, _ := strings.Cut(d.Keyword, " "); {
	case kind == keyMember, kind == keyHeader:
		// That it was required, or is, is a difference of its own.
		return ifGone(d, Warning)
	case kind == keyStatus && !strings.HasPrefix(d.Where, response+" 2"):
		return ifGone(d, Warning)
	case kind == keyStatus, strings.HasPrefix(d.Keyword, keyMedia):
		return ifGone(d, Breaking)
	case kind == "x-rule":
		return Info
	case kind == "x-recognized":
		return Warning
	case kind == "enum" && !request && d.Direction == Looser, kind == "additionalProperties" && !request,
		(kind == "pattern" || kind == "format") && d.Direction != Stricter && !request:
		if d.Direction == Stricter {
			return Info
		}
		return Warning
	case strings.HasPrefix(d.Where, rule):
		return d.severityOfRule(before, after)
	case d.Direction == Changed, request == (d.Direction == Stricter):
		return Breaking
	}
	return Info
}

// ifGone is the severity of what is gone; what is new is info.
func ifGone(d *Difference, severity Severity) Severity {
	if d.New == "" {
		return severity
	}
	return Info
}

// severityOfRule judges rules by their level: only those at fail are promises.
func (d *Difference) severityOfRule(before, after *facts) Severity {
	level := fact{d.Where, "", keyLevel}
	if d.Direction == Stricter || before.facts[level] != `"fail"` && after.facts[level] != `"fail"` {
		return Info
	} else if d.Direction == Changed {
		return Warning
	}
	return Breaking
}

// read compiles a document, so that it is one, and takes it apart.
func read(name string, text []byte) (*facts, error) {
	if _, err := contract.Compile(name, text, nil); err != nil {
		return nil, err
	}
	plain, err := contract.Overlay(text, []byte("{}"))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var document map[string]any
	decoder := json.NewDecoder(bytes.NewReader(plain))
	decoder.UseNumber()
	if err := decoder.Decode(&document); err != nil {
		return nil, fmt.Errorf("%s: %w: write an OpenAPI 3.1 document", name, err)
	}
	f := &facts{document: document, facts: map[fact]string{}, members: map[string]bool{},
		wheres: map[string]bool{}}
	f.operation()
	f.rules()
	return f, nil
}

func union[V any](a, b map[fact]V) []fact {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return slices.SortedFunc(maps.Keys(all), fact.compare)
}
