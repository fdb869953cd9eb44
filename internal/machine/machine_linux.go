package machine

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
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

// cgroup is a control group that limits the processor time of this process: its
// own, or one that its own is in.
type cgroup struct {
	dir string
	v1  bool
}

// findCgroups returns the control groups of this process as far as they can be
// seen, in a tree of files that begins at root: of version 2 and of version 1,
// which may stand next to each other. In a container the tree may begin with the
// container's own group.
func findCgroups(root string) (groups []cgroup) {
	paths, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return nil
	}
	mounts, err := os.ReadFile(filepath.Join(root, "proc/self/mountinfo"))
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(paths)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		v1 := fields[1] != ""
		if v1 && !slices.Contains(strings.Split(fields[1], ","), "cpu") {
			continue
		}
		for dir := range cgroupDirs(mounts, fields[2], v1) {
			groups = append(groups, cgroup{filepath.Join(root, dir), v1})
		}
	}
	return groups
}

// cgroupDirs yields the folder of a group and those of the groups around it, up
// to where their file system is mounted (proc_pid_mountinfo(5)).
func cgroupDirs(mounts []byte, group string, v1 bool) func(func(string) bool) {
	return func(yield func(string) bool) {
		scan := bufio.NewScanner(bytes.NewReader(mounts))
		for scan.Scan() {
			before, after, _ := strings.Cut(scan.Text(), " - ")
			place, what := strings.Fields(before), strings.Fields(after)
			if len(place) < 5 || len(what) < 3 || !cgroupMount(what, v1) {
				continue
			}
			mountRoot, mount := unescapeMount(place[3]), unescapeMount(place[4])
			rest, below := strings.CutPrefix(group, strings.TrimSuffix(mountRoot, "/"))
			if !below || rest != "" && rest[0] != '/' || strings.Contains(group, "/..") {
				rest = "" // of another view of the tree: what is mounted is all that can be seen
			}
			for dir := filepath.Join(mount, rest); ; dir = filepath.Dir(dir) {
				if !yield(dir) {
					return
				}
				if dir == filepath.Clean(mount) || dir == "/" {
					break
				}
			}
			return
		}
	}
}

// cgroupMount says whether a mount is that of the groups with limits of processor
// time: what it is are its type, its source and its options.
func cgroupMount(what []string, v1 bool) bool {
	if !v1 {
		return what[0] == "cgroup2"
	}
	return what[0] == "cgroup" && slices.Contains(strings.Split(what[2], ","), "cpu")
}

var mountEscapes = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

func unescapeMount(s string) string { return mountEscapes.Replace(s) }

// quota is how many processors the group may use; not limited where it may use all.
func (g cgroup) quota() (n float64, limited bool) {
	var quota, period float64
	if g.v1 {
		quota, period = g.number("cpu.cfs_quota_us"), g.number("cpu.cfs_period_us")
	} else if text, err := os.ReadFile(filepath.Join(g.dir, "cpu.max")); err == nil {
		_, _ = fmt.Sscan(string(text), &quota, &period) // "max 100000" leaves both 0
	}
	if quota <= 0 || period <= 0 {
		return 0, false
	}
	return quota / period, true
}

func (g cgroup) throttled() time.Duration {
	text, err := os.ReadFile(filepath.Join(g.dir, "cpu.stat"))
	if err != nil {
		return 0
	}
	key, unit := "throttled_usec", time.Microsecond
	if g.v1 {
		key, unit = "throttled_time", time.Nanosecond
	}
	for line := range strings.Lines(string(text)) {
		if name, value, _ := strings.Cut(strings.TrimSpace(line), " "); name == key {
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				return 0
			}
			return time.Duration(n) * unit
		}
	}
	return 0
}

func (g cgroup) number(file string) float64 {
	text, err := os.ReadFile(filepath.Join(g.dir, file))
	if err != nil {
		return 0
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(string(text)), 64)
	if err != nil {
		return 0
	}
	return n
}

// NewWait returns a function that waits until a time, or until its context
// ends, for one goroutine at a time and always with the same context. The
// runtime's own timers wake an idle program up to a millisecond late; a timer of
// the kernel's that the runtime's poller looks at wakes it within about 0.1 ms,
// and holds no thread meanwhile. Where there is none to be had, it is
// [TimerWait].
func NewWait() (wait func(context.Context, time.Time), stop func()) {
	t, err := newKernelTimer()
	if err != nil {
		return TimerWait, func() {}
	}
	return t.wait, t.close
}

// kernelTimer is a timerfd.
type kernelTimer struct {
	file   *os.File
	raw    syscall.RawConn
	step   func(fd uintptr) bool
	unbind func() bool

	length time.Duration
	late   time.Duration // how late the timer has lately been
	armed  bool
	count  [8]byte // of expirations, as the kernel writes it
}

func newKernelTimer() (*kernelTimer, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	t := &kernelTimer{file: os.NewFile(uintptr(fd), "timer")}
	if t.raw, err = t.file.SyscallConn(); err != nil {
		return nil, err
	}
	t.step = t.advance
	return t, nil
}

func (t *kernelTimer) wait(ctx context.Context, until time.Time) {
	if t.unbind == nil {
		// Its context's end ends the wait, this one and all later ones.
		t.unbind = context.AfterFunc(ctx, func() { _ = t.file.SetReadDeadline(time.Unix(1, 0)) })
	}
	for ctx.Err() == nil {
		left := time.Until(until)
		if left <= 0 {
			return
		}
		early := t.early(left)
		t.length, t.armed = left-early, false
		if err := t.raw.Read(t.step); err != nil && ctx.Err() == nil {
			TimerWait(ctx, until)
		}
		t.learn(time.Until(until) - early)
		for early > 0 && time.Until(until) > 0 && ctx.Err() == nil {
		}
	}
}

// A processor that sleeps takes about 0.05 ms to wake up. So a long wait is ended
// as much earlier as the last ones were late, and the rest is spent looking at
// the clock: at most spin, and no more than a tenth of the wait.
const (
	spin     = 100 * time.Microsecond
	longWait = 5 * spin
)

func (t *kernelTimer) early(left time.Duration) time.Duration {
	if left < longWait {
		return 0
	}
	return min(t.late*5/4, spin, left/10)
}

// learn takes in how late the timer was this time.
func (t *kernelTimer) learn(left time.Duration) {
	t.late += (min(max(-left, 0), 2*spin) - t.late) / 16
}

// advance starts the timer, and then looks whether it has ended.
func (t *kernelTimer) advance(fd uintptr) bool {
	if !t.armed {
		t.armed = true
		spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(t.length))}
		return unix.TimerfdSettime(int(fd), 0, &spec, nil) != nil
	}
	_, err := syscall.Read(int(fd), t.count[:])
	return err != syscall.EAGAIN
}

func (t *kernelTimer) close() {
	if t.unbind != nil {
		t.unbind()
	}
	_ = t.file.Close()
}
