package session

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"mfaload/contract"
	"mfaload/internal/disk"
	"mfaload/internal/text"
	"mfaload/pingone"
	"mfaload/scenario"
	"mfaload/scenario/form"
	"mfaload/simulator"
)

// maxContract bounds a contract document and changes of one, in bytes.
const maxContract = 16 << 20

// Loader reads scenarios and the contract that their responses are checked against.
type Loader struct {
	// Contract and Overlay name files: a document in place of the built-in one, and
	// changes to it. Both may be empty.
	Contract, Overlay string
	// Lookup has the values of variables, and Stdin the users that come that way.
	Lookup func(string) (string, bool)
	Stdin  io.Reader
	// Say prints a line for the person who started mfaload.
	Say func(format string, args ...any)
}

// Inputs are a scenario that was read, and what belongs to it.
type Inputs struct {
	Scenario *scenario.Scenario
	Contract *contract.Contract
	// Parts identify what runs must have in common to be compared, by name.
	Parts map[string]string
}

// Load reads a scenario with its users and compiles its contract. It checks what the
// scenario package can't know: the contract's rules and the simulator's faults.
func (l *Loader) Load(file string) (*Inputs, error) {
	s, err := scenario.Read(file, l.Lookup)
	if err != nil {
		return nil, err
	}
	return l.Complete(s)
}

// Complete adds to a scenario that was read what it needs to run.
func (l *Loader) Complete(s *scenario.Scenario) (*Inputs, error) {
	c, err := l.Compile(levels(s))
	if err != nil {
		return nil, levelProblem(s, err)
	}
	if err := CheckSimulator(s); err != nil {
		return nil, err
	}
	if err := l.ReadUsers(s); err != nil {
		return nil, err
	}
	parts, err := l.parts(s)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return &Inputs{s, c, parts}, nil
}

// Document returns the contract document and what errors call it.
func (l *Loader) Document() (name string, document []byte, err error) {
	name, document = "contract.yaml", pingone.Document()
	if l.Contract != "" {
		if document, err = disk.Read(l.Contract, maxContract); err != nil {
			return "", nil, fmt.Errorf("read the contract: %w\n%s", err,
				text.Hint("'mfaload contract' prints one to start from"))
		}
		name = l.Contract
	}
	if l.Overlay == "" {
		return name, document, nil
	}
	patch, err := disk.Read(l.Overlay, maxContract)
	if err != nil {
		return "", nil, fmt.Errorf("read the overlay: %w", err)
	}
	document, err = contract.Overlay(document, patch)
	return name + " with " + l.Overlay, document, err
}

// Compile compiles the contract with a scenario's levels,
// and says what of it slows the checks down.
func (l *Loader) Compile(levels []contract.RuleLevel) (*contract.Contract, error) {
	name, document, err := l.Document()
	if err != nil {
		return nil, err
	}
	c, err := pingone.Compile(name, document, levels)
	if err != nil {
		return nil, err
	}
	for _, why := range c.Slow() {
		l.Say("checks are slower than they could be, some 20,000 answers a second and core: the contract "+
			"has %s", why)
	}
	return c, nil
}

// parts identify what runs must have in common to be compared.
func (l *Loader) parts(s *scenario.Scenario) (map[string]string, error) {
	_, document, err := l.Document()
	if err != nil {
		return nil, err
	}
	levels, err := json.Marshal(levels(s))
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(append(document, levels...))
	parts := s.Fingerprints()
	parts["contract"] = hex.EncodeToString(sum[:])
	return parts, nil
}

// maxSimulated is how many users of files the simulator takes: it keeps
// every user with his devices in memory, some 700 bytes each.
const maxSimulated = 200_000

// ReadUsers reads the files of users that the scenario names.
func (l *Loader) ReadUsers(s *scenario.Scenario) error {
	if err := s.ReadUsers(l.Stdin); err != nil {
		return err
	}
	if s.Target.Simulator == nil {
		return nil
	}
	for _, g := range s.Groups {
		if g.Users != nil && g.Size() > maxSimulated {
			return form.Problems{{Pos: g.File.Pos,
				Text: fmt.Sprintf("group %q has %d users, and the simulator keeps at "+
					"most %d of a file", g.Name, g.Size(), maxSimulated),
				Remedy: "use fewer users with the simulator, or another target"}}
		}
	}
	return nil
}

// levels are the scenario's changes of levels in the contract's terms.
func levels(s *scenario.Scenario) (changes []contract.RuleLevel) {
	for _, c := range s.Levels {
		level, _ := contract.ParseLevel(c.Level) // the scenario takes no other
		changes = append(changes, contract.RuleLevel{Rule: c.Rule, Level: level})
	}
	return changes
}

// levelProblem gives the error about an unknown rule its place in the file.
func levelProblem(s *scenario.Scenario, err error) error {
	var unknown *contract.UnknownRuleError
	if !errors.As(err, &unknown) {
		return err
	}
	for _, c := range s.Levels {
		if c.Rule == unknown.Rule {
			return form.Problems{{Pos: c.Pos, Text: fmt.Sprintf("unknown rule %q", c.Rule),
				Remedy: fmt.Sprintf("did you mean %q?", unknown.Nearest)}}
		}
	}
	return err
}

// CheckSimulator finds faults that the simulator does not have.
func CheckSimulator(s *scenario.Scenario) error {
	if s.Target.Simulator == nil {
		return nil
	}
	known := map[string]bool{}
	for _, f := range simulator.Faults() {
		known[f.Name] = true
	}
	var problems form.Problems
	for _, f := range s.Target.Simulator.Faults {
		if !known[f.Name] {
			problems = append(problems, form.Problem{Pos: f.Pos,
				Text:   fmt.Sprintf("the simulator has no fault %q", f.Name),
				Remedy: "name one of those that 'mfaload simulate --faults' lists"})
		}
	}
	if len(problems) > 0 {
		return problems
	}
	return nil
}
