package machine

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// tree writes files below a folder of its own.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// The processors that there are are those of the tightest quota around the
// process, in both versions of control groups and as a container sees them.
func TestQuotaOfControlGroups(t *testing.T) {
	const (
		v2 = "26 25 0:23 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
		v1 = "30 22 0:27 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n" +
			"31 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n" +
			"32 30 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
	)
	for _, test := range []struct {
		name      string
		files     map[string]string
		want      float64 // processors; 0 for no limit
		throttled time.Duration
	}{
		{"none", map[string]string{}, 0, 0},
		{"version 2", map[string]string{
			"proc/self/cgroup": "0::/a/b\n", "proc/self/mountinfo": v2,
			"sys/fs/cgroup/a/b/cpu.max":  "150000 100000\n",
			"sys/fs/cgroup/a/b/cpu.stat": "usage_usec 5\nnr_throttled 2\nthrottled_usec 1500\n",
		}, 1.5, 1500 * time.Microsecond},
		{"version 2, no limit", map[string]string{
			"proc/self/cgroup": "0::/a\n", "proc/self/mountinfo": v2,
			"sys/fs/cgroup/a/cpu.max": "max 100000\n",
		}, 0, 0},
		{"a parent's is tighter", map[string]string{
			"proc/self/cgroup": "0::/pod/container\n", "proc/self/mountinfo": v2,
			"sys/fs/cgroup/pod/container/cpu.max":  "max 100000\n",
			"sys/fs/cgroup/pod/cpu.max":            "50000 100000\n",
			"sys/fs/cgroup/pod/container/cpu.stat": "throttled_usec 0\n",
			"sys/fs/cgroup/pod/cpu.stat":           "throttled_usec 7000\n",
		}, 0.5, 7 * time.Millisecond},
		{"its own is tighter", map[string]string{
			"proc/self/cgroup": "0::/pod/container\n", "proc/self/mountinfo": v2,
			"sys/fs/cgroup/pod/container/cpu.max": "20000 100000\n",
			"sys/fs/cgroup/pod/cpu.max":           "50000 100000\n",
		}, 0.2, 0},
		{"version 2 in a container's own view", map[string]string{
			"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": v2,
			"sys/fs/cgroup/cpu.max": "200000 100000\n",
		}, 2, 0},
		{"version 2, the mount is the container's", map[string]string{
			"proc/self/cgroup":      "0::/docker/abc/in\n",
			"proc/self/mountinfo":   "26 25 0:23 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
			"sys/fs/cgroup/cpu.max": "100000 100000\n", "sys/fs/cgroup/in/cpu.max": "max 100000\n",
		}, 1, 0},
		{"version 2, a group beyond the view", map[string]string{
			"proc/self/cgroup": "0::/../other\n", "proc/self/mountinfo": v2,
			"sys/fs/cgroup/cpu.max": "100000 100000\n",
		}, 1, 0},
		{"version 1", map[string]string{
			"proc/self/cgroup":    "9:memory:/x\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/y\n0::/\n",
			"proc/self/mountinfo": v1,
			"sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us":  "25000\n",
			"sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_period_us": "50000\n",
			"sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.stat": "nr_periods 9\nnr_throttled 2\n" +
				"throttled_time 3000000\n",
			"sys/fs/cgroup/cpu,cpuacct/docker/cpu.cfs_quota_us":  "-1\n",
			"sys/fs/cgroup/cpu,cpuacct/docker/cpu.cfs_period_us": "100000\n",
		}, 0.5, 3 * time.Millisecond},
		{"version 1, the mount is the container's", map[string]string{
			"proc/self/cgroup": "4:cpuacct,cpu:/docker/abc\n",
			"proc/self/mountinfo": "31 30 0:28 /docker/abc /sys/fs/cgroup/cpu\\040here ro - cgroup " +
				"cgroup rw,cpu\n",
			"sys/fs/cgroup/cpu here/cpu.cfs_quota_us":  "300000\n",
			"sys/fs/cgroup/cpu here/cpu.cfs_period_us": "100000\n",
		}, 3, 0},
		{"both versions next to each other", map[string]string{
			"proc/self/cgroup": "1:cpu:/a\n0::/b\n",
			"proc/self/mountinfo": "31 30 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n" +
				"40 30 0:37 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
			"sys/fs/cgroup/cpu/a/cpu.cfs_quota_us":  "100000\n",
			"sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000\n",
		}, 1, 0},
		{"what can't be read", map[string]string{
			"proc/self/cgroup": "nonsense\n0::\n0::/a\n", "proc/self/mountinfo": "nonsense\n" + v2,
			"sys/fs/cgroup/a/cpu.max": "x y\n", "sys/fs/cgroup/a/cpu.stat": "throttled_usec x\n",
		}, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := &Processors{findCgroups(tree(t, test.files))}
			lowest := 0.0
			for _, g := range p.groups {
				if n, limited := g.quota(); limited && (lowest == 0 || n < lowest) {
					lowest = n
				}
			}
			if lowest != test.want || p.Throttled() != test.throttled {
				t.Errorf("%v processors, throttled for %v: %+v", lowest, p.Throttled(), p.groups)
			}
			if all := (&Processors{}).Available(); test.want > 0 && p.Available() != min(test.want, all) {
				t.Errorf("%v are available", p.Available())
			}
		})
	}
}
