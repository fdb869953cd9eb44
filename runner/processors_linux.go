package runner

import (
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// processors says how many processors the process may use, and how long it was kept
// from using them.
type processors struct{ groups []cgroup }

func newProcessors() *processors { return &processors{findCgroups("/")} }

// available is how many processors the process may use at a time: those that it may
// run on, or its quota where that is less, or what the Go runtime uses of them.
func (p *processors) available() float64 {
	n := float64(min(runtime.GOMAXPROCS(0), runtime.NumCPU()))
	var set unix.CPUSet
	if unix.SchedGetaffinity(os.Getpid(), &set) == nil && set.Count() > 0 {
		n = min(n, float64(set.Count()))
	}
	for _, g := range p.groups {
		if quota, limited := g.quota(); limited {
			n = min(n, quota)
		}
	}
	return n
}

// throttled is how long quotas have kept the process from running. Of a group
// within another the one that waits waits for the other as well, so it is the
// longest.
func (p *processors) throttled() (longest time.Duration) {
	for _, g := range p.groups {
		longest = max(longest, g.throttled())
	}
	return longest
}
