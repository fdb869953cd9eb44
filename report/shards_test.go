package report_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"mfaload/measure"
	"mfaload/report"
	"mfaload/report/render"
	"mfaload/scenario"
)

// shardOf is the measurement of a shard of a run of n requests; Count 0 is the
// whole run.
func shardOf(t *testing.T, of measure.Shard, n int,
	change func(k int, o *measure.Observation)) *measure.Measurement {
	t.Helper()
	r := measure.NewRecorder(2, []string{"echo.user"}, 0)
	scheduled := []uint64{0, 0}
	for k := of.Index; k < n; k += max(of.Count, 1) {
		at := time.Duration(k) * time.Second / 100
		o := &measure.Observation{Group: k % 2, Intended: at, Sent: at + ms, Own: ms,
			Done: at + time.Duration(20+k%50)*ms, Label: "201 OTP_REQUIRED", AsExpected: true}
		if change != nil {
			change(k, o)
		}
		r.Record(0, exercised(o))
		scheduled[o.Group]++
	}
	m, err := r.Measurement()
	if err != nil {
		t.Fatal(err)
	}
	m.Scenario, m.Hash, m.Version, m.Groups = "friday", "abc", "v1", []string{"email", "sms"}
	m.Started = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	m.Main.Scheduled, m.Main.Planned = scheduled, time.Duration(n)*time.Second/100
	m.Generator = measure.Generator{CPU: time.Second, Cores: 2, Elapsed: m.Main.Planned, PeakRSS: 30e6,
		Hiccups: measure.NewSparse(), BusyWorkersMax: 3, Workers: 64}
	m.Terms = report.TermsOf(&scenario.Scenario{Description: "d",
		Thresholds: []scenario.Threshold{p95, noErrors, noViolations, achieved}}).Encode()
	if of.Count > 0 {
		of.Run = "r1"
		m.Shard = &of
	}
	return m
}

func judged(t *testing.T, m *measure.Measurement) *report.Report {
	t.Helper()
	r, err := report.Judge(m)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// mergedOf merges shards of a run of 3,200 requests, but those that are left out.
func mergedOf(t *testing.T, count int, change func(k int, o *measure.Observation),
	each func(i int, m *measure.Measurement), without ...int) *measure.Measurement {
	t.Helper()
	var parts []*measure.Measurement
	for i := range count {
		if slices.Contains(without, i) {
			continue
		}
		m := shardOf(t, measure.Shard{Index: i, Count: count}, 3200, change)
		if each != nil {
			each(i, m)
		}
		parts = append(parts, m)
	}
	m, err := measure.Merge(parts)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// The report of merged shards is that of one machine, and has the shards.
func TestReportOfShardsIsThatOfOne(t *testing.T) {
	some := func(k int, o *measure.Observation) {
		switch {
		case k%97 == 0:
			failed(o)
		case k%31 == 0:
			unexpected(o)
		case k%53 == 0:
			violating(o)
		}
	}
	one, many := judged(t, shardOf(t, measure.Shard{}, 3200, some)), judged(t, mergedOf(t, 4, some, nil))
	if diff := cmp.Diff(one, many,
		cmpopts.IgnoreFields(report.Report{}, "Run", "Shards", "Generator")); diff != "" {
		t.Error(diff)
	}
	if many.Run != "r1" || len(many.Shards) != 4 || many.Generator.CPU != 4 || many.Generator.Cores != 8 ||
		many.Generator.BusyWorkersMax != 3 {
		t.Errorf("run %q, shards %+v, generator %+v", many.Run, many.Shards, many.Generator)
	}
	sent := uint64(0)
	for _, s := range many.Shards {
		sent += s.Requests.Sent
	}
	if sent != 3200 {
		t.Errorf("the shards sent %d", sent)
	}
	valid(t, many)
}

// One machine that can't keep up makes the run inconclusive, however many idle
// ones there are.
func TestShardsAreDoubtedOneByOne(t *testing.T) {
	late := func(k int, o *measure.Observation) {
		if k%4 == 3 && k < 60 { // 15 of 800, of 3,200 less than one in a hundred
			o.Own = 300 * ms
		}
	}
	for _, test := range []struct {
		name   string
		change func(int, *measure.Observation)
		each   func(int, *measure.Measurement)
		want   string
	}{
		{"late", late, nil, "shard 3: mfaload itself was late"},
		{"out of processor time", nil, func(i int, m *measure.Measurement) {
			if i == 2 {
				m.Generator.CPU = 63 * time.Second
			}
		}, "shard 2: mfaload itself was out of processor time: it used 98% of 2 processors"},
		{"held up", nil, func(i int, m *measure.Measurement) {
			for k := range 1000 {
				if i == 1 && k < 15 {
					m.Generator.Hiccups.Record(30 * ms)
				} else {
					m.Generator.Hiccups.Record(ms)
				}
			}
		}, "shard 1: mfaload itself was held up"},
	} {
		m := mergedOf(t, 4, test.change, test.each)
		r := judged(t, m)
		if r.Verdict != report.Inconclusive || len(r.Reasons) != 1 ||
			!strings.HasPrefix(r.Reasons[0], test.want) {
			t.Errorf("%s: %s %q", test.name, r.Verdict, r.Reasons)
		}
		if d := report.Doubts(m); !slices.Equal(d, r.Reasons) {
			t.Errorf("%s: doubts %q", test.name, d)
		}
	}
	// Nine late sends on each of four machines are no machine's fault, but too
	// many for the run.
	each := judged(t, mergedOf(t, 4, func(k int, o *measure.Observation) {
		if k < 36 {
			o.Own = 300 * ms
		}
	}, nil))
	if each.Verdict != report.Inconclusive || !strings.HasPrefix(each.Reasons[0], "mfaload itself was late") {
		t.Errorf("a few late sends everywhere: %s %q", each.Verdict, each.Reasons)
	}
}

func TestLostShards(t *testing.T) {
	m := mergedOf(t, 5, nil, nil, 3)
	const lost = "1 of 5 shards is lost, and what they sent is in no figure: shard 3"
	if r := judged(t, m); r.Verdict != report.Inconclusive || !slices.Equal(r.Reasons, []string{lost}) ||
		r.Shards[3].Lost != "nothing of it was received" || r.Degraded {
		t.Errorf("%s %q %+v", r.Verdict, r.Reasons, r.Shards[3])
	}
	last, err := measure.PartOf(shardOf(t, measure.Shard{Index: 3, Count: 5}, 3200, nil))
	if err != nil {
		t.Fatal(err)
	}
	m.Merged.Lost = []measure.LostShard{{Index: -1, Why: "x.gz: damaged"},
		{Index: 3, Why: "nothing was heard of it for 3 s", Last: last}}
	m.Merged.TolerateLost = 0.2
	r := judged(t, m)
	if r.Verdict != report.Pass || !r.Degraded ||
		!slices.Equal(slices.Delete(slices.Clone(r.Reasons), 1, 2),
			[]string{"degraded: " + lost, "x.gz: damaged", "shard 3: nothing was heard of it for 3 s"}) ||
		!strings.HasPrefix(r.Reasons[1], "the last figures of a lost shard are up to 2 s old") {
		t.Errorf("tolerated: %s %q", r.Verdict, r.Reasons)
	}
	if s := r.Shards[3]; s.Lost != "nothing was heard of it for 3 s" || s.Requests.Sent != 640 ||
		r.Requests.Sent != 2560 {
		t.Errorf("next to, never inside: %+v, %d", s, r.Requests.Sent)
	}
	valid(t, r)
	for format, written := range map[string]func() ([]byte, error){
		"markdown": func() ([]byte, error) { return render.Markdown(r) },
		"junit":    func() ([]byte, error) { return render.JUnit(r) },
		"html":     func() ([]byte, error) { return render.HTML(r, m) },
		"terminal": func() ([]byte, error) {
			var b strings.Builder
			err := render.Terminal{}.Write(&b, r)
			return []byte(b.String()), err
		},
	} {
		data, err := written()
		if err != nil || format != "junit" && !strings.Contains(string(data), "PASS (DEGRADED)") ||
			!strings.Contains(string(data), "lost") {
			t.Errorf("%s: %v\n%s", format, err, data)
		}
	}
	m = mergedOf(t, 5, nil, nil, 3, 4)
	m.Merged.TolerateLost = 0.2
	if r := judged(t, m); r.Verdict != report.Inconclusive || r.Degraded {
		t.Errorf("too many: %s %q", r.Verdict, r.Reasons)
	}
}

func TestInterruptedShards(t *testing.T) {
	m := mergedOf(t, 4, nil, func(i int, m *measure.Measurement) { m.Interrupted = i == 2 })
	r := judged(t, m)
	if r.Verdict != report.Interrupted ||
		!slices.Equal(r.Reasons,
			[]string{"shard 2 of 4 stopped before the end of the schedule: only what was due by then is " +
				"counted of them"}) {
		t.Errorf("%s %q", r.Verdict, r.Reasons)
	}
}

// A machine is killed: what it had in flight is in no error rate, of the whole or
// of a group, while what another never sent is in both.
func TestKilledShard(t *testing.T) {
	m := mergedOf(t, 4, nil, func(i int, m *measure.Measurement) {
		switch i {
		case 1:
			m.Main.Scheduled[1] += 7 // its requests are of one group
			m.Main.InFlight = []uint64{0, 7}
			m.Interrupted, m.Rebuilt = true, &measure.Rebuilt{}
		case 2:
			m.Main.Scheduled[0] += 4
		}
	})
	of := func(group string) scenario.Threshold {
		return scenario.Threshold{Metric: scenario.ErrorRate, Group: group, Written: noErrors.Written}
	}
	m.Terms = report.TermsOf(&scenario.Scenario{Thresholds: []scenario.Threshold{of(""), of("email"),
		of("sms")}}).Encode()
	r := judged(t, m)
	if r.Requests.Unsent != 11 || r.Groups[0].Requests.Unsent != 4 || r.Groups[1].Requests.Unsent != 7 {
		t.Errorf("unsent: %d, of the groups %d and %d", r.Requests.Unsent, r.Groups[0].Requests.Unsent,
			r.Groups[1].Requests.Unsent)
	}
	for i, want := range []float64{100 * 4. / 3204, 100 * 4. / 1604, 0} {
		if got := r.Thresholds[i]; math.Abs(got.Observed-want) > 0.001 {
			t.Errorf("%s: observed %v %%, want %v %%", got.Expression, got.Observed, want)
		}
	}
	if want := "on a machine mfaload was ended before it could write the results: they were rebuilt from " +
		"the journal, up to its last second; 7 requests were in flight then, count as unsent and in " +
		"no errorRate"; !slices.Contains(r.Reasons, want) {
		t.Errorf("%q", r.Reasons)
	}
}

// What ends a run from within ends the shard that saw it: the run failed, unless
// a shard is lost.
func TestStoppedShards(t *testing.T) {
	stop := func(i int, m *measure.Measurement) {
		if i == 2 {
			m.Stopped = &measure.Stop{At: 3 * time.Second, Condition: "load.stopOn.errorRate > 50%",
				Observed: "80%", Early: true}
		}
	}
	want := "shard 2 stopped 3 s into the run, load.stopOn.errorRate > 50%: 80%; only what was due by " +
		"then is counted"
	r := judged(t, mergedOf(t, 4, nil, stop))
	if r.Verdict != report.Fail || r.Reasons[0] != want || r.Stopped == nil || r.Shards[2].Stopped == nil ||
		r.Shards[1].Stopped != nil {
		t.Errorf("%s %q", r.Verdict, r.Reasons)
	}
	valid(t, r)
	if r := judged(t, mergedOf(t, 4, nil, stop, 0)); r.Verdict != report.Inconclusive {
		t.Errorf("with a shard lost: %s %q", r.Verdict, r.Reasons)
	}
}

// A shard alone is judged, and says that it is not the run.
func TestOneShard(t *testing.T) {
	r := judged(t, shardOf(t, measure.Shard{Index: 1, Count: 8}, 3200, nil))
	want := "this is shard 1 of 8 of the run r1, judged alone: the run's verdict is that of 'mfaload " +
		"merge' over all of them"
	if r.Verdict != report.Pass || !slices.Equal(r.Reasons, []string{want}) ||
		*r.Shard != (report.OneShard{Index: 1, Count: 8}) || r.Requests.Sent != 400 {
		t.Errorf("%s %q %+v", r.Verdict, r.Reasons, r.Shard)
	}
	valid(t, r)
}

// Workers that were missing on one machine are said of it.
func TestWorkersOfShards(t *testing.T) {
	r := judged(t,
		mergedOf(t, 4, func(_ int, o *measure.Observation) { o.Done += time.Second },
			func(i int, m *measure.Measurement) {
				if i == 1 {
					m.Generator.AllBusy, m.Generator.Workers = 2*time.Second, 10
				}
			}))
	if text := fmt.Sprint(r.Reasons); !strings.Contains(text,
		"shard 1: all 10 workers were in flight for 2 s while arrivals waited; the load needs about 27") {
		t.Error(text)
	}
}
