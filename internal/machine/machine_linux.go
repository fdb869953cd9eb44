package machine

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Processors says how many processors this process may use, and how long it was kept
// from using them. The zero value knows of no quota.
type Processors struct{ groups []cgroup }

// NewProcessors looks once for the quotas that hold for this process.
func NewProcessors() *Processors { return &Processors{findCgroups("/")} }

// Available is how many processors the process may use at a time: those that it may
// run on, or its quota where that is less, or what the Go runtime uses of them.
func (p *Processors) Available() float64 {
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

// Throttled is how long quotas have kept the process from running. Of a group
// within another the one that waits waits for the other as well, so it is the
// longest.
func (p *Processors) Throttled() (longest time.Duration) {
	for _, g := range p.groups {
		longest = max(longest, g.throttled())
	}
	return longest
}

// PeakMemory is the process's largest resident memory in bytes; 0 if it can't be read. What
// getrusage tells is as large as the process that started this one.
func PeakMemory() uint64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	var kB uint64
	_, _ = fmt.Sscan(after, &kB)
	return kB * 1024
}

// CPUWait is how long the process's threads have been ready to run and waited for a
// processor, summed up. The kernel tells it of each thread in /proc/…/schedstat: time on
// a processor, time waiting, turns.
func CPUWait() (sum time.Duration) {
	tasks, err := filepath.Glob("/proc/self/task/*/schedstat")
	if err != nil {
		return 0
	}
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err != nil {
			continue // the thread has ended
		}
		var ran, waited int64
		if n, _ := fmt.Sscan(string(text), &ran, &waited); n == 2 {
			sum += time.Duration(waited)
		}
	}
	return sum
}

// LocalPorts is how many ports there are for connections to one address, from one
// of this machine's.
func LocalPorts() int {
	const usual = 60999 - 32768 + 1 // the kernel's own range
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return usual
	}
	var first, last int
	if n, _ := fmt.Sscan(string(text), &first, &last); n != 2 || first > last {
		return usual
	}
	return last - first + 1
}

// SinceBoot is a clock that nobody sets, and that goes on while the process is stopped and
// while the machine is suspended.
func SinceBoot() time.Duration {
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &now) != nil {
		_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	}
	return time.Duration(now.Nano())
}
