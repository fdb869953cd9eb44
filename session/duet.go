package session

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"mfaload/internal/text"
	"mfaload/measure"
	"mfaload/runner"
	"mfaload/runner/plan"
	"mfaload/runner/schedule"
	"mfaload/scenario"
)

// Duet is a run against two targets from one instant on: the scenario's own, and that of another scenario.
// What both have in common (the machine, the network, the hour) is no difference then.
type Duet struct {
	// Name is the other scenario's file.
	Name string
	// Sides are what goes to the scenario's own target, and to the other one. They differ in their targets
	// only.
	Sides [2]*Inputs
	// Alternate says that each second is one side's alone. Both sides together send what the scenario says
	// then; else each of them does.
	Alternate bool
	// OneEnvironment says that both send to one environment at once: each has half of what a user may get
	// there.
	OneEnvironment bool
}

// alternatingMax is how long a run with sides that alternate may be: whose an arrival is, is counted second
// by second.
const alternatingMax = 24 * time.Hour

// NewDuet reads the target of another scenario for a run. Caps are for both sides together:
// load.maxRequests, and where both are one environment also how often a user may be asked.
func (l *Loader) NewDuet(in *Inputs, file string, alternate bool) (*Duet, error) {
	other, err := scenario.Read(file, l.Lookup)
	if err != nil {
		return nil, err
	}
	s := in.Scenario
	if err := suitsDuet(s, alternate); err != nil {
		return nil, err
	}
	d := &Duet{Name: file, Alternate: alternate,
		Sides: [2]*Inputs{in, {s.Toward(&other.Target), in.Contract, in.Document, in.Parts}}}
	if err := errors.Join(CheckSimulator(d.Sides[1].Scenario), l.ReadUsers(d.Sides[1].Scenario)); err != nil {
		return nil, err
	}
	if alternate {
		return d, nil
	}
	return d, d.halveCaps()
}

// suitsDuet says what keeps a scenario from being run against two targets.
func suitsDuet(s *scenario.Scenario, alternate bool) error {
	refuse := func(what, remedy string) error { return fmt.Errorf("%s\n%s", what, text.Hint("%s", remedy)) }
	switch {
	case s.Load.Until != "":
		return refuse("--against compares two runs of one length, and load.until ends each when it is "+
			"decided", "remove load.until")
	case s.Load.AutoWarmup:
		return refuse("--against compares the same seconds of two runs, and load.warmup: auto finds for "+
			"each when its warm-up ends", "write a duration such as load.warmup: 30s")
	case s.Load.Closed():
		return refuse("--against sends each arrival of a schedule to both targets, and users of a closed "+
			"load wait for their responses instead",
			"give the load stages, or compare two runs with 'mfaload compare'")
	case alternate && schedule.New(s).End() > alternatingMax:
		return refuse(fmt.Sprintf("--alternate is for runs of up to %v", alternatingMax), "shorten the run")
	}
	return nil
}

// halveCaps gives each side half of what both may send together.
func (d *Duet) halveCaps() error {
	for _, side := range d.Sides {
		l := &side.Scenario.Load
		if l.MaxRequests == 0 {
			continue
		}
		l.MaxRequests /= 2
		if p := plan.New(side.Scenario, 0); l.MaxRequests == 0 || p.Requests == p.Warmup {
			return fmt.Errorf("load.maxRequests is for both targets together, and half of it leaves "+
				"nothing to compare\n%s", text.Hint("raise it, or remove --against; nothing was sent"))
		}
	}
	if !isOneEnvironment(&d.Sides[0].Scenario.Target, &d.Sides[1].Scenario.Target) {
		return nil
	}
	for _, side := range d.Sides {
		for i := range side.Scenario.Groups {
			g := &side.Scenario.Groups[i]
			if g.PerUser > 0 || g.MaxPerUser == 1 {
				return fmt.Errorf("both targets are one environment, which gets two requests for a user "+
					"at once, and group %q forbids that by perUser or maxPerUser\n%s", g.Name,
					text.Hint("have the targets alternate (--alternate); nothing was sent"))
			}
			g.MaxPerUser /= 2
		}
	}
	d.OneEnvironment = true
	return nil
}

// isOneEnvironment says whether two targets have the same users. A real environment may have several hosts;
// simulators of this machine may have the same ID, and are as many as their addresses.
func isOneEnvironment(a, b *scenario.Target) bool {
	return a.Simulator == nil && b.Simulator == nil && strings.EqualFold(a.EnvID, b.EnvID) &&
		(a.AuthPath == b.AuthPath || a.IsRemote() && b.IsRemote())
}

// Plan is the plan of a side. What a user gets in it is of both sides, where both send to one environment;
// of sides that alternate it is the plan of both together, with how much of that is the side's.
func (d *Duet) Plan(side int, latency time.Duration) *plan.RunPlan {
	s := d.Sides[side].Scenario
	p := Plan(s, latency)
	p.Bind(runner.WorkersBound(s, len(d.Sides)))
	if d.Alternate {
		p.Alternating = schedule.New(s).Alternate(side).Count()
	}
	if d.OneEnvironment {
		p.Double()
	}
	return p
}

// When says in a few words when a side sends.
func (d *Duet) When() string {
	if d.Alternate {
		return "in alternating seconds"
	}
	return "at the same instants"
}

// Disk is about what both sides take of it together; no memory is in it.
func (d *Duet) Disk() *plan.Resources {
	var all plan.Resources
	for i := range d.Sides {
		one := d.Plan(i, 0).Needs
		all.Journal += one.Journal
		all.Results += one.Results
		all.Temporary += one.Temporary
	}
	return &all
}

// Run runs both sides at once with send, and returns what each measured. A side that can't go on ends the
// other.
func (d *Duet) Run(ctx context.Context, send func(ctx context.Context, side int) (*measure.Measurement,
	error)) (all [2]*measure.Measurement, err error) {
	both, cancel := context.WithCancel(ctx)
	defer cancel()
	var sides sync.WaitGroup
	var failed [2]error
	for i := range d.Sides {
		sides.Go(func() {
			if all[i], failed[i] = send(both, i); failed[i] != nil {
				cancel()
			}
		})
	}
	sides.Wait()
	return all, errors.Join(failed[:]...)
}

// OtherFolder makes the folder of the other side's results, in that of the run.
func (d *Duet) OtherFolder(dir *Folder, overwrite bool) (*Folder, error) {
	const name = "against"
	return NewFolder(name, filepath.Join(dir.Path(), name), overwrite)
}
