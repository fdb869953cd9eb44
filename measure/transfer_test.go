package measure_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfaload/internal/testkit"
	"mfaload/measure"
)

// The parts of requests on the network are the same by second, by group and over the run, of one process and
// of several, whether memory holds the seconds or a file.
func TestTransferTimesAddUp(t *testing.T) {
	all := testkit.Observations(8, 3000)
	whole := observe(t, nil, len(all), func(k int) *measure.Observation { return all[k] })
	ofAll := whole.Main.TransferTimes(-1)
	for part, h := range ofAll.All() {
		if h.Count() == 0 {
			t.Errorf("no request has the part %s", part)
		}
	}
	measure.Hold(t, 1)
	merged := merge(t, parted(t, 8, len(all), 4)...)
	if !merged.Seconds.Spilled() {
		t.Error("memory holds the seconds")
	}
	for group := -1; group < len(whole.Groups); group++ {
		want := ofRun(whole, group)
		for name, m := range map[string]*measure.Measurement{"one process": whole, "four": merged} {
			var bySecond measure.TransferTimes
			for s := range m.Seconds.All() {
				for _, g := range s.Groups {
					if group < 0 || g.Group == group {
						bySecond.Merge(&g.Transfer)
					}
				}
			}
			for of, got := range map[string]measure.TransferTimes{"by second": bySecond,
				"of the run": ofRun(m, group)} {
				if diff := cmp.Diff(want, got, testkit.Histograms); diff != "" {
					t.Errorf("%s, %s, group %d: %s", name, of, group, diff)
				}
			}
		}
	}
}

func ofRun(m *measure.Measurement, group int) measure.TransferTimes {
	sum, warmup := m.Main.TransferTimes(group), m.Warmup.TransferTimes(group)
	sum.Merge(&warmup)
	return sum
}
