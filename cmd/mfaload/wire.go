package main

import (
	"errors"
	"fmt"

	"mfaload/contract"
	"mfaload/pingone"
	"mfaload/scenario"
	"mfaload/scenario/form"
	"mfaload/simulator"
)

// load reads a scenario and compiles its contract. It checks what the scenario
// package can't know: the contract's rules and the simulator's faults.
func (a *app) load(file string, flags *contractFlags) (*scenario.Scenario, *contract.Contract, error) {
	s, err := scenario.Read(file, a.env.lookup)
	if err != nil {
		return nil, nil, err
	}
	l, err := a.complete(s, flags)
	if err != nil {
		return nil, nil, err
	}
	return l.scenario, l.contract, nil
}

// loadedScenario is a scenario with all that belongs to it.
type loadedScenario struct {
	scenario *scenario.Scenario
	contract *contract.Contract
	parts    map[string]string // see [contractFlags.parts]
}

// complete adds to a scenario that was read what it needs to run.
func (a *app) complete(s *scenario.Scenario, flags *contractFlags) (*loadedScenario, error) {
	c, err := a.compile(flags, levels(s))
	if err != nil {
		return nil, levelProblem(s, err)
	}
	if err := checkSimulator(s); err != nil {
		return nil, err
	}
	if err := a.readUsers(s); err != nil {
		return nil, err
	}
	parts, err := flags.parts(s)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return &loadedScenario{s, c, parts}, nil
}

// levels are the scenario's changes of levels in the contract's terms.
func levels(s *scenario.Scenario) (changes []contract.LevelChange) {
	for _, c := range s.Levels {
		level, _ := contract.ParseLevel(c.Level) // the scenario takes no other
		changes = append(changes, contract.LevelChange{Rule: c.Rule, Level: level})
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

// checkSimulator finds faults that the simulator does not have.
func checkSimulator(s *scenario.Scenario) error {
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
			problems = append(problems, form.Problem{Pos: f.Pos, Text: fmt.Sprintf("the simulator has no fault %q", f.Name),
				Remedy: "name one of those that 'mfaload simulate --faults' lists"})
		}
	}
	if len(problems) > 0 {
		return problems
	}
	return nil
}

// operation returns the operation on the scenario's target. Where that is the
// embedded simulator, it runs until stop is called.
func (a *app) operation(s *scenario.Scenario, c *contract.Contract) (op *pingone.Operation, stop func(), err error) {
	if s.Target.Simulator == nil {
		op, err = pingone.New(s, c, "")
		if err != nil {
			return nil, nil, err
		}
		return op, op.Close, nil
	}
	s = withToken(s)
	running, err := startSimulator(s, "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	op, err = pingone.New(s, c, running.authPath)
	if err != nil {
		running.stop()
		return nil, nil, err
	}
	return op, func() { op.Close(); running.stop() }, nil
}
