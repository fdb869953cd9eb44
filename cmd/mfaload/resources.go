package main

import (
	"fmt"
	"os"

	"mfaload/internal/machine"
	"mfaload/live"
	"mfaload/runner"
	"mfaload/runner/plan"
	"mfaload/scenario"
	"mfaload/session"
)

// spareDescriptors are the files that a run opens beside its connections: those
// of the results, of users, of the live view, and those of the runtime.
const spareDescriptors = 32 + live.MaxConnections

// connections is how many connections a run may have open at once, on both ends
// where it is its own target. Where the scenario has no number of workers they are
// as many as there is room for: it needs one.
func connections(s *scenario.Scenario) uint64 {
	n := max(uint64(s.Load.Workers), 1)
	if s.Target.Protocol == scenario.HTTP2 {
		n = 1
	}
	if s.Target.Simulator != nil {
		n *= 2
	}
	return n
}

// enoughDescriptors finds a run that would come to its limit of open files in the
// middle: its requests would fail, and not for the service's fault.
func enoughDescriptors(s *scenario.Scenario) error {
	limit, known := machine.MaxFiles()
	needed := connections(s) + spareDescriptors
	if !known || needed <= limit {
		return nil
	}
	remedy := fmt.Sprintf("raise the limit, for example with 'ulimit -n %d'", needed)
	if limit > 2*spareDescriptors && s.Target.Protocol != scenario.HTTP2 {
		remedy += fmt.Sprintf(", or lower load.workers to at most %d",
			uint64(s.Load.Workers)*(limit-spareDescriptors)/connections(s))
	}
	return &exitError{exitNotStarted, fmt.Errorf("not started: %d workers take up to %d open files, and "+
		"this process may have %d\n%s",
		s.Load.Workers, needed, limit, hint("%s", remedy))}
}

// warnOfDisk says that a run has less room than it needs, about. It is no reason to
// refuse the run: the need is an estimate, room may come while it lasts, and a run goes
// on without its journal.
func (a *app) warnOfDisk(dir *session.Folder, need *plan.Resources) {
	for _, place := range []struct {
		name, path string
		need       uint64
		without    string
	}{
		{"the results folder", dir.Path(), need.Folder(), "choose another one with --out; without it the " +
			"journal ends early, or results can't be written"},
		{"the folder of temporary files", os.TempDir(), need.Temporary,
			"set TMPDIR to another one; without it the seconds of the run stay in memory"},
	} {
		if free, known := machine.FreeDisk(place.path); known && free < place.need {
			a.ui.tell("mfaload: the run needs about %s in %s %s, and %s are free: make room, or %s\n",
				storage(place.need), place.name, place.path, storage(free), place.without)
		}
	}
}

// needOf is what one of several processes needs that share a run.
func needOf(s *scenario.Scenario, shards int) *plan.Resources {
	p := newPlan(s, 0)
	p.Bind(runner.WorkersBound(s))
	p.Share(shards)
	return &p.Needs
}
