package session

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"mfaload/contract"
	"mfaload/contract/diff"
	"mfaload/internal/disk"
	"mfaload/internal/text"
	"mfaload/live"
	"mfaload/pingone"
	"mfaload/scenario"
	"mfaload/scenario/form"
	"mfaload/simulator"
)

const maxContract = 16 << 20

// Loader reads scenarios and the contract that their responses are checked against.
type Loader struct {
	// Contract and Overlay name files: a document in place of the built-in one, and
	// changes to it. Both may be empty.
	Contract, Overlay string
	// Lookup has the values of variables, and Stdin the users that come that way.
	Lookup func(string) (string, bool)
	// Changes are what the command line changes of scenarios.
	Changes scenario.Changes
	Stdin   io.Reader
	// Say prints a line for the person who started mfaload.
	Say func(format string, args ...any)
}

// Inputs are a scenario that was read, and what belongs to it.
type Inputs struct {
	Scenario *scenario.Scenario
	Contract *contract.Contract
	// Document is the text that the contract was compiled of.
	Document []byte
	// Parts identify what runs must have in common to be compared, by name.
	Parts map[string]string
}

// Load reads a scenario with its users and compiles its contract. It checks what the
// scenario package can't know: the contract's rules and the simulator's faults.
func (l *Loader) Load(file string) (*Inputs, error) {
	s, err := scenario.Read(file, l.Lookup, l.Changes)
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
	parts, document, err := l.parts(s)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return &Inputs{s, c, document, parts}, nil
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

// DiffContracts says what differs between two contract documents.
func DiffContracts(old, next *Loader) (*diff.Differences, error) {
	oldName, before, err := old.Document()
	if err != nil {
		return nil, err
	}
	nextName, after, err := next.Document()
	if err != nil {
		return nil, err
	}
	return diff.Compare(oldName, before, nextName, after)
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
		l.Say("checks are slower than they could be, about 20,000 responses a second per core: the contract "+
			"has %s", why)
	}
	return c, nil
}

func (l *Loader) parts(s *scenario.Scenario) (parts map[string]string, document []byte, err error) {
	_, document, err = l.Document()
	if err != nil {
		return nil, nil, err
	}
	levels, err := json.Marshal(levels(s))
	if err != nil {
		return nil, nil, err
	}
	sum := sha256.Sum256(append(document, levels...))
	parts = s.Fingerprints()
	parts["contract"] = hex.EncodeToString(sum[:])
	return parts, document, nil
}

// maxSimulated is how many users of files the simulator takes: it keeps
// every user with his devices in memory, about 700 bytes each.
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
			pos := g.File.Pos
			if r := s.Load.Replay(); g.File.Path == "" {
				pos = r.Pos
			}
			return form.Problems{{Pos: pos,
				Text: fmt.Sprintf("group %q has %d users, and the simulator keeps at "+
					"most %d of a file", g.Name, g.Size(), maxSimulated),
				Remedy: "use fewer users with the simulator, or another target"}}
		}
	}
	return nil
}

func levels(s *scenario.Scenario) (changes []contract.RuleLevel) {
	for _, c := range s.Levels {
		level, _ := contract.ParseLevel(c.Level) // the scenario takes no other
		changes = append(changes, contract.RuleLevel{Rule: c.Rule, Level: level})
	}
	return changes
}

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

// Operation returns the operation on the scenario's target. Where that is the
// embedded simulator, it runs until stop is called.
func Operation(s *scenario.Scenario, c *contract.Contract) (op *pingone.Operation, stop func(), err error) {
	if s.Target.Simulator == nil {
		op, err = pingone.New(s, c, "")
		if err != nil {
			return nil, nil, err
		}
		return op, op.Close, nil
	}
	s = withToken(s)
	running, err := StartSimulator(s, "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	op, err = pingone.New(s, c, running.AuthPath)
	if err != nil {
		running.Stop()
		return nil, nil, err
	}
	return op, func() { op.Close(); running.Stop() }, nil
}

// simulatedTarget is the scenario's target with all users whom its simulator has to
// know: those whom it does not list behave as their group expects.
func simulatedTarget(s *scenario.Scenario) (scenario.Target, error) {
	simulated := *s.Target.Simulator
	listed := map[string]bool{}
	for _, u := range simulated.Users {
		for _, id := range u.IDs {
			listed[strings.ToLower(id)] = true
		}
	}
	simulated.Users = slices.Clone(simulated.Users)
	for i, g := range s.Groups {
		if g.Usernameless {
			continue // the simulator knows what to answer
		}
		behaviour := make([]*scenario.SimulatedUsers, g.Kinds())
		reader := s.Reader(i)
		for row := range g.Size() {
			u, err := reader.User(row)
			if err != nil {
				return scenario.Target{}, err
			}
			if listed[strings.ToLower(u.ID)] {
				continue
			}
			if behaviour[u.Kind] == nil {
				behaviour[u.Kind] = simulator.AsExpected(g.Variant(u.Kind))
			}
			behaviour[u.Kind].IDs = append(behaviour[u.Kind].IDs, u.ID)
		}
		for _, users := range behaviour {
			if users != nil && users.HTTPStatus != 404 { // whom it does not know, it does not find
				simulated.Users = append(simulated.Users, *users)
			}
		}
	}
	target := s.Target
	target.Simulator = &simulated
	return target, nil
}

// NotStartedError is why nothing was sent: this machine could not begin.
type NotStartedError struct{ Err error }

func (e *NotStartedError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *NotStartedError) Unwrap() error { return e.Err }

// Simulation is a simulator that serves at AuthPath until Stop is called.
type Simulation struct {
	Simulator *simulator.Environment
	AuthPath  string
	Stop      func()
}

// StartSimulator serves the scenario's simulator. Without a token in the
// scenario it takes one of its own making.
func StartSimulator(s *scenario.Scenario, address string) (*Simulation, error) {
	target, err := simulatedTarget(s)
	if err != nil {
		return nil, err
	}
	sim, err := simulator.New(target)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, &NotStartedError{fmt.Errorf("start the simulator: %w\n%s", err,
			text.Hint("choose another address"))}
	}
	// A connection that was opened ahead may wait long for its first request.
	server := &http.Server{Handler: sim, ReadHeaderTimeout: time.Hour, ErrorLog: log.New(io.Discard, "", 0),
		Protocols: new(http.Protocols)}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(!sim.WritesFrames())
	go func() { _ = server.Serve(listener) }()
	return &Simulation{sim, "http://" + live.Reachable(listener.Addr()), func() { _ = server.Close() }}, nil
}

// withToken returns the scenario with a token, which the embedded simulator
// needs as any server does.
func withToken(s *scenario.Scenario) *scenario.Scenario {
	if t := &s.Target; !t.AccessToken.IsZero() || t.AccessTokenFile != "" || t.ClientCredentials != nil {
		return s
	}
	copied := *s
	copied.Target.AccessToken = scenario.NewSecret("simulated-" + rand.Text())
	return &copied
}
