package main

import (
	"fmt"

	"mfaload/live"
	"mfaload/runner"
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

// enoughDescriptors finds a run that would come to its limit of open files in the
// middle: its requests would fail, and not for the service's fault.
func enoughDescriptors(s *scenario.Scenario) error {
	limit, known := runner.MaxFiles()
	needed := connections(s) + spareDescriptors
	if !known || needed <= limit {
		return nil
	}
	remedy := fmt.Sprintf("raise the limit, for example with 'ulimit -n %d'", needed)
	if limit > 2*spareDescriptors && s.Target.Protocol != scenario.HTTP2 {
		remedy += fmt.Sprintf(", or lower load.workers to at most %d", uint64(s.Load.Workers)*(limit-spareDescriptors)/connections(s))
	}
	return &exitError{exitNotStarted, fmt.Errorf("not started: %d workers take up to %d open files, and this process may have %d\n%s",
		s.Load.Workers, needed, limit, hint("%s", remedy))}
}
