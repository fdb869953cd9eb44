package machine

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

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

// throttled is how long the group's quota has kept it from running.
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
