package session

import (
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"mfaload/internal/machine"
	"mfaload/internal/number"
	"mfaload/internal/text"
	"mfaload/live"
	"mfaload/pingone"
	"mfaload/runner"
	"mfaload/runner/plan"
	"mfaload/scenario"
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

// EnoughDescriptors finds a run that would come to its limit of open files in the
// middle: its requests would fail, and not for the service's fault. The error is a
// [NotStartedError].
func EnoughDescriptors(s *scenario.Scenario) error {
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
	return &NotStartedError{fmt.Errorf("not started: %d workers take up to %d open files, and "+
		"this process may have %d\n%s",
		s.Load.Workers, needed, limit, text.Hint("%s", remedy))}
}

// WarnOfDisk says that a run has less room than it needs, about. It is no reason to
// refuse the run: the need is an estimate, room may come while it lasts, and a run goes
// on without its journal.
func WarnOfDisk(dir *Folder, need *plan.Resources, tell func(format string, args ...any)) {
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
			tell("mfaload: the run needs about %s in %s %s, and %s are free: make room, or %s\n",
				number.Bytes(place.need), place.name, place.path, number.Bytes(free), place.without)
		}
	}
}

// Plan returns the plan of a scenario, with when its token ends; see [plan.New].
func Plan(s *scenario.Scenario, latency time.Duration) *plan.RunPlan {
	p := plan.New(s, latency)
	if at, known := pingone.TokenEnds(&s.Target); known {
		p.TokenEnds = &at
	}
	return p
}

// Resources are what one of several processes on machines like this one needs that share a run.
func Resources(s *scenario.Scenario, shards int) *plan.Resources {
	p := Plan(s, 0)
	p.Bind(runner.WorkersBound(s))
	p.Share(shards)
	return &p.Needs
}

// garbageShare is how much garbage may lie on the heap, in percent of what is in
// use. A run keeps tens of megabytes and makes hardly any garbage, so looking
// for it early costs next to nothing, and twice the memory would be needed
// without.
const garbageShare = 15

// KeepHeapSmall has garbage looked for early, until the returned function is called;
// not where GOGC says when.
func KeepHeapSmall(lookup func(string) (string, bool)) (restore func()) {
	if set, _ := lookup("GOGC"); set != "" {
		return func() {}
	}
	before := debug.SetGCPercent(garbageShare)
	return func() { debug.SetGCPercent(before) }
}
