package main

import (
	"os"

	"mfaload/runner"
	"mfaload/runner/plan"
	"mfaload/scenario"
	"mfaload/session"
)

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
		if free, known := runner.FreeDisk(place.path); known && free < place.need {
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
