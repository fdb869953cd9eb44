package measure_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/internal/testkit"
	"mfaload/measure"
)

// warmingUp records a minute of a service that is slow for its first 4 s, or a shard of it, with a
// warm-up of at most 12 s whose end is to be found, or with one of a fixed length.
func warmingUp(t *testing.T, of *measure.Shard, fixed time.Duration) *measure.Measurement {
	t.Helper()
	const most, length = 12 * time.Second, time.Minute
	index, count, end := 0, 1, most
	parts := measure.SplitWarmup(most)
	if of != nil {
		index, count = of.Index, of.Count
	}
	if fixed > 0 {
		parts, end = measure.WarmupParts{}, fixed
	}
	r := measure.NewRecorder(3, []string{"echo.user", "field.unknown"}, 0)
	r.SplitWarmup(parts)
	m := &measure.Measurement{Groups: []string{"a", "b", "c"}}
	m.Main.Start, m.Warmup.Planned, m.Main.Planned = end, end, length-end
	m.DescribeWarmup(parts)
	phases := append([]*measure.Phase{&m.Main, &m.Warmup}, m.WarmupParts...)
	for _, p := range phases {
		p.Scheduled = make([]uint64, 3)
	}
	for k, o := range testkit.Observations(7, int(length/(10*time.Millisecond))) {
		if o.Intended < 4*time.Second {
			o.Done += 2 * time.Second
		}
		if o.Warmup = o.Intended < end; k%count != index {
			continue
		}
		r.Record(k, o)
		in := phases[:1]
		if o.Warmup {
			in = phases[1:2]
			if len(m.WarmupParts) > 0 {
				in = []*measure.Phase{phases[1], m.WarmupParts[o.Intended/time.Second]}
			}
		}
		for _, p := range in {
			p.Scheduled[o.Group]++
		}
		m.Profile.Add(o.Intended, false)
	}
	seen, err := r.Final()
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range append([]*measure.Phase{&seen.Main, &seen.Warmup}, seen.WarmupParts...) {
		p.Start, p.Planned, p.Scheduled = phases[i].Start, phases[i].Planned, phases[i].Scheduled
	}
	seen.Groups, seen.Shard, seen.Profile, seen.Version = m.Groups, of, m.Profile, "v1"
	seen.Profile.Stages = []measure.StageSpan{{Name: "warm-up", Warmup: true, End: end},
		{Name: "100/s", Start: end, End: length}}
	if err := seen.Check(); err != nil {
		t.Fatal(err)
	}
	return seen
}

// What was cut off afterwards is what a warm-up of that length has: all figures are as exact.
func TestSettledIsAsIfFixed(t *testing.T) {
	m := warmingUp(t, nil, 0)
	m.SettleWarmup()
	if m.Main.Start != 4*time.Second || m.FoundWarmup.Unsteady || m.FoundWarmup.Unknown != "" {
		t.Fatalf("judged from %v on, %+v", m.Main.Start, m.FoundWarmup)
	}
	if f := m.FoundWarmup; f.Before < time.Second || f.After > time.Second || f.Most != 12*time.Second {
		t.Errorf("%+v", f)
	}
	found := m.FoundWarmup
	m.FoundWarmup = nil
	if diff := cmp.Diff(encoded(t, warmingUp(t, nil, 4*time.Second)), encoded(t, m)); diff != "" {
		t.Error(diff)
	}
	m.FoundWarmup = found
	if err := m.Check(); err != nil {
		t.Error(err)
	}
}

// Shards find the end of the warm-up when they are merged, whatever their order, and as one machine does.
func TestShardsSettleWhenMerged(t *testing.T) {
	whole := warmingUp(t, nil, 0)
	whole.SettleWarmup()
	var shards []*measure.Measurement
	for i := range 3 {
		s := warmingUp(t, &measure.Shard{Run: "r", Index: i, Count: 3}, 0)
		before := encoded(t, s)
		if s.SettleWarmup(); encoded(t, s) != before {
			t.Error("a shard settles alone")
		}
		shards = append(shards, s)
	}
	before := encoded(t, shards[0])
	m := merge(t, shards...)
	slices.Reverse(shards)
	if encoded(t, merge(t, shards...)) != encoded(t, m) {
		t.Error("their order shows")
	}
	if encoded(t, shards[2]) != before {
		t.Error("merging changed a shard")
	}
	for _, of := range []*measure.Measurement{m, whole} {
		of.Merged, of.Generator, of.Violations = nil, measure.Generator{Hiccups: measure.NewSparse()}, nil
	}
	if diff := cmp.Diff(encoded(t, whole), encoded(t, m)); diff != "" {
		t.Error(diff)
	}
	some := merge(t, shards[:2]...)
	if _, err := measure.Merge([]*measure.Measurement{some, shards[2]}); err == nil ||
		!strings.Contains(err.Error(), "warm-up") {
		t.Errorf("merged again: %v", err)
	}
}

// A run without its seconds, or that hardly got beyond its warm-up, is judged after the longest one; of
// one that ended before, nothing is found.
func TestWarmupThatCanNotBeFound(t *testing.T) {
	lost, short, none := warmingUp(t, nil, 0), warmingUp(t, nil, 0), warmingUp(t, nil, 0)
	lost.LoseSeconds("the disk")
	short.Main.Planned, none.Main.Planned = 5*time.Second, 0
	for _, m := range []*measure.Measurement{lost, short, none} {
		m.SettleWarmup()
		if m.Main.Start != 12*time.Second || m.WarmupParts != nil {
			t.Errorf("judged from %v on", m.Main.Start)
		}
	}
	if lost.FoundWarmup.Unknown == "" || short.FoundWarmup.Unknown == "" || none.FoundWarmup != nil {
		t.Errorf("%+v, %+v, %+v", lost.FoundWarmup, short.FoundWarmup, none.FoundWarmup)
	}
}

// Parts that are not the warm-up's are found.
func TestCheckOfWarmupParts(t *testing.T) {
	for name, damage := range map[string]func(m *measure.Measurement){
		"lost":       func(m *measure.Measurement) { m.WarmupParts = m.WarmupParts[1:] },
		"nil":        func(m *measure.Measurement) { m.WarmupParts[3] = nil },
		"order":      func(m *measure.Measurement) { slices.Reverse(m.WarmupParts) },
		"beyond":     func(m *measure.Measurement) { m.WarmupParts[11].Start = time.Minute },
		"violations": func(m *measure.Measurement) { m.Violations[0].InParts[2][1]++ },
		"found":      func(m *measure.Measurement) { m.FoundWarmup = &measure.FoundWarmup{Most: 1} },
		"why": func(m *measure.Measurement) {
			m.FoundWarmup = &measure.FoundWarmup{Most: time.Minute, Unknown: "<b>"}
		},
	} {
		m := warmingUp(t, nil, 0)
		if damage(m); m.Check() == nil {
			t.Errorf("%s: not found", name)
		}
	}
}
