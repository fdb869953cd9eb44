package measure_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/internal/testkit"
	"mfaload/measure"
)

var every = []uint64{3}

// observe makes a recorder's measurement one of a run, whole or a shard of it.
var goodWithin = []time.Duration{100 * time.Millisecond, 0, 50 * time.Millisecond}

func observe(t testing.TB, of *measure.Shard, n int,
	at func(k int) *measure.Observation) *measure.Measurement {
	t.Helper()
	index, count := 0, 1
	if of != nil {
		index, count = of.Index, of.Count
	}
	r := measure.NewRecorder(3, []string{"echo.user", "field.unknown"}, 0)
	scheduled := [2][]uint64{make([]uint64, 3), make([]uint64, 3)}
	var profile measure.LoadProfile
	var shapes measure.Shapes
	turns := uint64(0)
	for k := index; k < n; k += count {
		o := at(k)
		o.Evaluated = every
		o.GoodWithin = measure.GoodWithin(goodWithin, o.Group)
		r.Record(k/count, o)
		if o.Warmup {
			scheduled[1][o.Group]++
		} else {
			scheduled[0][o.Group]++
		}
		profile.Add(o.Intended, false)
		turns++
		if k%7 == 0 && !o.Failed {
			shapes.Learn(o.Label, []string{"header Content-Type", fmt.Sprint("/id is ", k%3)})
		}
	}
	r.RecordConnection(index%2 == 0, measure.OpenedConnection{Dial: time.Duration(index) * time.Millisecond,
		Handshake: time.Millisecond, Secure: true, Resumed: true, Protocol: measure.HTTP2,
		Successor: true})
	r.RecordWait(index%2 == 1, time.Duration(index)*time.Millisecond)
	m, err := r.Final()
	if err != nil {
		t.Fatal(err)
	}
	m.Scenario, m.Hash, m.Version, m.Groups, m.Shard = "friday", "abc", "v1", []string{"a", "b", "c"}, of
	m.Started = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	m.GoodWithin = goodWithin
	m.Main.Scheduled, m.Warmup.Scheduled, m.Profile, m.Shapes = scheduled[0], scheduled[1], profile, shapes
	m.Main.Start, m.Warmup.Planned, m.Main.Planned = time.Second, time.Second, 9*time.Second
	m.Main.Scheduled[1] += 2
	m.Profile.Due[0] += 2
	m.Profile.Withheld = []uint64{2}
	m.Main.Withheld = []measure.Withheld{{Group: 1, Reason: measure.RanOut, Count: 2}}
	ranOut := time.Duration(5+index) * time.Second
	for range 3 {
		m.Users = append(m.Users, measure.GroupUsers{Users: 10, Order: "once", Exhausted: "stop",
			Turns: turns, RanOut: &ranOut})
	}
	m.Users[2].Usernameless, m.Users[2].Users = true, 1
	m.NoUsers, m.UngroupedViolations = 3, 4
	m.Profile.Busy(1500*time.Millisecond, 3*time.Second)
	m.Profile.Stages = []measure.StageSpan{{Name: "warm-up", Warmup: true, End: time.Second},
		{Name: "100/s", Start: time.Second, End: 10 * time.Second}}
	m.Parts, m.Terms = map[string]string{"load": "l", "users": "u", "contract": "c"},
		[]byte(`{"any":"thing"}`)
	m.Labels = measure.RunLabels{"commit": "4f2a1c", "shard": fmt.Sprint(index)}
	hiccups := measure.NewSparse()
	hiccups.Record(time.Duration(index) * time.Millisecond)
	m.Generator = measure.Generator{CPU: time.Second, CPUWait: time.Millisecond, Cores: 2,
		Platform: []string{"linux/amd64", "linux/arm64"}[index%2], Elapsed: 10 * time.Second,
		Host:       []string{"load-1", "load-2"}[index%2],
		PeakRSS:    1e6 * uint64(index+1),
		MaxGCPause: time.Duration(index) * time.Millisecond, Hiccups: hiccups, BusyWorkersMax: index + 1,
		Workers: 8, WorkersBy: measure.ByPorts, AllBusy: time.Duration(index) * time.Second,
		Processors: 1.5, Seconds: []measure.OwnSecond{ownSecond(int64(index), 1), ownSecond(9, index+1)}}
	return m
}

// ownSecond is a second in which mfaload was busy for so many tenths.
func ownSecond(second int64, tenths int) measure.OwnSecond {
	return measure.OwnSecond{Second: second, Available: 2 * time.Second,
		CPU: time.Duration(tenths) * 100 * time.Millisecond, CPUWait: time.Millisecond,
		Throttled: time.Duration(10-tenths) * time.Millisecond,
		Frozen:    time.Duration(tenths) * time.Millisecond, Hiccup: 2 * time.Millisecond}
}

// parted are the shards of a run of n observations.
func parted(t testing.TB, seed uint64, n, count int) (parts []*measure.Measurement) {
	for i := range count {
		all := testkit.Observations(seed, n)
		parts = append(parts, observe(t, &measure.Shard{Run: "r", Index: i, Count: count}, n,
			func(k int) *measure.Observation { return all[k] }))
	}
	return parts
}

func merge(t testing.TB, parts ...*measure.Measurement) *measure.Measurement {
	t.Helper()
	m, err := measure.Merge(parts)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func encoded(t testing.TB, m *measure.Measurement) string {
	t.Helper()
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// A million requests that eight shards sent are, merged, what one machine has:
// bucket for bucket, second by second, with the true minimum, maximum and sum.
// Most of them are recorded straight into the testkit.Histograms, as that is what is
// merged; the recorder has seen some thousand.
func TestMergedOfEightIsTheSingle(t *testing.T) {
	const n, recorded = 1_000_000, 8_000
	all := testkit.Observations(7, recorded)
	at := func(k int) *measure.Observation { return all[k] }
	fill := func(m *measure.Measurement, index, count int) {
		times := measure.NewHistogram()
		for k := index; k < n-recorded; k += count {
			draw := uint64(k+1) * 0x9E3779B97F4A7C15 // of which every bit differs
			draw = (draw ^ draw>>32) * 0xD6E8FEB86659FD93
			times.Record(time.Duration(draw >> (21 + draw%40))) // from nothing to more than an hour
			m.Main.Scheduled[0]++
			m.Profile.Due[0]++
			m.Flow.Sent[0]++
			m.Flow.Ended[0]++
		}
		c, s := m.Main.Cells[0], testkit.Seconds(m.Seconds)[0]
		s.Ends[0].Count += times.Count()
		into := []*measure.Histogram{c.Response, c.Service, c.Lateness, m.Main.Own, s.Response, s.Service,
			s.Lateness, s.Groups[0].Response, s.Groups[0].Service}
		for _, split := range []measure.Split{s.Split, s.Groups[0].Split} {
			for _, p := range []*measure.RequestTimes{split.Served, split.Best} {
				if p != nil {
					into = append(into, p.Response, p.Service)
				}
			}
		}
		for _, h := range into {
			h.Merge(times)
		}
	}
	single := observe(t, nil, recorded, at)
	fill(single, 0, 1)
	var parts []*measure.Measurement
	for i := range 8 {
		parts = append(parts, observe(t, &measure.Shard{Run: "r", Index: i, Count: 8}, recorded, at))
		fill(parts[i], i, 8)
	}
	m := merge(t, parts...)
	if h := m.Main.Cells[0].Response; m.Main.Sent()+m.Warmup.Sent() != n || h.Above() == 0 ||
		h.Min() > time.Microsecond {
		t.Errorf("%d requests, %d above the range, at least %v", m.Main.Sent()+m.Warmup.Sent(), h.Above(),
			h.Min())
	}
	for _, d := range []string{
		cmp.Diff(single.Main.Cells, m.Main.Cells, testkit.Histograms),
		cmp.Diff(single.Warmup.Cells, m.Warmup.Cells, testkit.Histograms),
		cmp.Diff(single.Main.Own, m.Main.Own, testkit.Histograms),
		cmp.Diff(single.Seconds, m.Seconds, testkit.Histograms),
		cmp.Diff(single.Main.LastSent, m.Main.LastSent), cmp.Diff(single.Shapes, m.Shapes),
		cmp.Diff(single.Main.Scheduled[0], m.Main.Scheduled[0]),
		cmp.Diff(single.Profile.Due[1:], m.Profile.Due[1:]), cmp.Diff(single.Flow, m.Flow),
	} {
		if d != "" {
			t.Error(d)
		}
	}
}

// In whatever order and in whatever steps shards are merged, the bytes are the
// same. What was merged stays as it was.
func TestMergeCommutesAndAssociates(t *testing.T) {
	parts := parted(t, 5, 120, 8)
	before := encoded(t, parts[3])
	want := encoded(t, merge(t, parts...))
	random := rand.New(rand.NewPCG(5, 5))
	for range 5 {
		left := slices.Clone(parts)
		for len(left) > 1 {
			random.Shuffle(len(left), func(i, j int) { left[i], left[j] = left[j], left[i] })
			n := 2 + random.IntN(len(left)-1)
			left = append([]*measure.Measurement{merge(t, left[:n]...)}, left[n:]...)
		}
		if encoded(t, left[0]) != want {
			t.Fatal("another order gives other bytes")
		}
	}
	if encoded(t, parts[3]) != before {
		t.Error("merging changed what was merged")
	}
	m := merge(t, parts...)
	read, err := measure.Decode([]byte(want))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, read, testkit.Histograms); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(measure.RunLabels{"commit": "4f2a1c"}, m.Labels); diff != "" {
		t.Error(diff)
	}
	g := m.Generator
	if g.CPU != 8*time.Second || g.Cores != 16 || g.Platform != "linux/amd64, linux/arm64" ||
		g.Host != "load-1, load-2" ||
		g.Workers != 64 || g.BusyWorkersMax != 8 || g.AllBusy != 7*time.Second || g.PeakRSS != 8e6 ||
		g.Processors != 12 {
		t.Errorf("generator %+v", g)
	}
	if u := m.Users; u[0].Users != 80 || u[2].Users != 1 || *u[0].RanOut != 5*time.Second || m.NoUsers != 24 {
		t.Errorf("users %+v, %d without", u, m.NoUsers)
	}
	if p := m.Merged.Parts[5]; p.Index != 5 || p.Generator.BusyWorkersMax != 6 ||
		p.Scheduled != p.Answered+p.Failed+2 {
		t.Errorf("shard 5: %+v", p)
	}
}

// What the parts of a run lost adds up, and that one was interrupted is not forgotten.
func TestMergeAddsWhatWasLost(t *testing.T) {
	parts := parted(t, 5, 900, 3)
	for i, unread := range []int64{2, 3} {
		parts[i].Interrupted, parts[i].Rebuilt = true, &measure.Rebuilt{Unread: unread}
	}
	if m := merge(t, parts...); !m.Interrupted || m.Rebuilt == nil || m.Rebuilt.Unread != 5 {
		t.Errorf("interrupted %v, %+v", m.Interrupted, m.Rebuilt)
	}
}

// A field that is added to a measurement is lost in merging unless merging knows
// it: it then shows here.
func TestMergeForgetsNoField(t *testing.T) {
	parts := parted(t, 5, 900, 2)
	parts[1].Interrupted, parts[1].Rebuilt = true, &measure.Rebuilt{Unread: 2}
	main := &parts[1].Main
	main.Scheduled[0] += 2 // one is in flight, one was never sent
	parts[1].Profile.Add(0, false)
	parts[1].Profile.Add(0, false)
	main.InFlight = make([]uint64, len(main.Scheduled))
	main.InFlight[0] = 1
	parts[1].Stopped = &measure.Stop{At: 2, Condition: "c", Observed: "o", Early: true, Decided: true}
	parts[0].Stopped, parts[0].Pauses = &measure.Stop{At: 1, Condition: "c", Observed: "o", Early: true,
		Decided: true},
		[]measure.Pause{{Start: 1, End: 2}}
	m := merge(t, parts...)
	if !slices.Equal(m.Main.InFlight, main.InFlight) {
		t.Errorf("in flight: %v, want %v", m.Main.InFlight, main.InFlight)
	}
	m.Merged.Lost, m.Merged.TolerateLost = []measure.LostShard{{Index: -1, Why: "x",
		Last: m.Merged.Parts[1]}}, 0.1
	unset := map[string]bool{"Measurement.Shard": true, "Measurement.SecondsLost": true,
		"Measurement.NotStarted": true, "Measurement.Alternating": true, "Measurement.WarmupParts": true,
		"Measurement.FoundWarmup": true, "Measurement.Steps": true} // those of package runner have steps
	var look func(path string, v reflect.Value)
	look = func(path string, v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer:
			if v.Type() != reflect.TypeFor[*measure.Histogram]() {
				look(path, v.Elem())
			}
		case reflect.Struct:
			if all, are := v.Interface().(measure.Seconds); are {
				look(path+"/0", reflect.ValueOf(*all.At(all.Last())))
				return
			}
			for i := range v.NumField() {
				name := v.Type().Name() + "." + v.Type().Field(i).Name
				if f := v.Field(i); f.IsZero() && !unset[name] && !slices.Contains([]string{
					"Cell.Failed", "Cell.Refused", "Cell.Harmed", "Split.NotDelivered", "Split.Doubtful",
					"Split.DoubtfulErrors", "Split.Refused", "Split.Unserved", "Split.Served",
					"Split.Best", "Cell.GoodCount", "Split.GoodCount", "Second.Transfer", "GoodCount.Good",
					"GoodCount.DoubtfulGood",
					"Harmed.Doubtful", "Harmed.DoubtfulErrors", "Cell.Group",
					"Second.Second", "Phase.Start", "StageSpan.Start", "StageSpan.Warmup",
					"GroupUsers.Usernameless", "GroupUsers.PerUser", "GroupUsers.MaxPerUser",
					"Cell.AsExpected", "Cell.RateLimited", "Stop.OfTimes", "Cell.Clean", "Cell.Violating",
					"SlowSample.Group", "SlowSample.CorrelationID", "SlowSample.TraceID",
					"SlowSample.Connection",
					"Part.Index", "GroupSecond.Group", "Phase.Withheld", "Phase.InFlight", "Shape.Facts"},
					name) && v.Type() != reflect.TypeFor[time.Time]() {
					t.Errorf("%s is empty after merging (%s)", name, path)
				} else if v.Type() != reflect.TypeFor[time.Time]() && !f.IsZero() {
					look(path+"/"+v.Type().Field(i).Name, f)
				}
			}
		case reflect.Slice:
			if v.Len() > 0 && v.Type().Elem().Kind() != reflect.Uint8 &&
				v.Type().Elem() != reflect.TypeFor[*measure.ViolationGroup]() {
				look(path+"/0", v.Index(v.Len()-1))
			}
		}
	}
	look("", reflect.ValueOf(m))
}

// Where the seconds of a shard are lost, the whole has none: it would look as if
// less had been sent.
func TestMergeOfLostSeconds(t *testing.T) {
	parts := parted(t, 5, 100, 3)
	parts[1].Seconds, parts[1].SecondsLost = measure.Seconds{}, "the disk"
	for _, order := range [][]int{{0, 1, 2}, {1, 0, 2}, {2, 0, 1}} {
		m := merge(t, parts[order[0]], parts[order[1]], parts[order[2]])
		if len(testkit.Seconds(m.Seconds)) > 0 || m.SecondsLost != "the disk" ||
			m.Main.Sent()+m.Warmup.Sent() != 100 {
			t.Errorf("%v: %d seconds, lost: %q", order, len(testkit.Seconds(m.Seconds)), m.SecondsLost)
		}
	}
}

// What was known of a lost shard is kept until it is found.
func TestMergeKeepsWhatIsLost(t *testing.T) {
	parts := parted(t, 5, 100, 4)
	m := merge(t, parts[0], parts[1])
	m.Merged.Lost = []measure.LostShard{{Index: -1, Why: "x"}, {Index: 2, Why: "gone"},
		{Index: 3, Why: "silent", Last: m.Merged.Parts[0]}}
	if got := merge(t, m, parts[2]).Merged.Lost; len(got) != 1 || got[0].Index != 3 ||
		got[0].Why != "silent" || got[0].Last == nil {
		t.Errorf("lost: %+v", got)
	}
	if got := merge(t, parts[2], parts[3], m).Merged.Lost; len(got) != 0 {
		t.Errorf("lost, and all are there: %+v", got)
	}
}

// Whatever two files hold: what can be read can be merged, or is named; and what
// was merged adds up.
func FuzzMerge(f *testing.F) {
	parts := parted(f, 2, 6, 3)
	whole := encoded(f, merge(f, parts...))
	f.Add([]byte(encoded(f, parts[0])), []byte(encoded(f, parts[1])))
	f.Add([]byte(encoded(f, parts[0])), []byte(encoded(f, merge(f, parts[1], parts[2]))))
	f.Add([]byte(whole), []byte(whole))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		x, err := measure.Decode(a)
		if err != nil {
			return
		}
		y, err := measure.Decode(b)
		if err != nil {
			return
		}
		m, err := measure.Merge([]*measure.Measurement{x, y})
		if err != nil {
			return
		}
		if m.Main.Sent() != x.Main.Sent()+y.Main.Sent() ||
			len(m.Merged.Parts)+len(m.Merged.Missing()) != m.Merged.Count {
			t.Errorf("%d of %d and %d requests, %d shards", m.Main.Sent(), x.Main.Sent(), y.Main.Sent(),
				len(m.Merged.Parts))
		}
		other, err := measure.Merge([]*measure.Measurement{y, x})
		if err != nil || encoded(t, other) != encoded(t, m) {
			t.Errorf("the other way round: %v", err)
		}
	})
}

func TestMergeNamesWhatDoesNotFit(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(parts []*measure.Measurement) []*measure.Measurement
		want   []measure.MergeConflict
	}{
		{"all well", func(p []*measure.Measurement) []*measure.Measurement { return p }, nil},
		{"one missing", func(p []*measure.Measurement) []*measure.Measurement { return p[1:] }, nil},
		{"doubled", func(p []*measure.Measurement) []*measure.Measurement { return append(p, p[1]) },
			[]measure.MergeConflict{{Measurement: 4, Twin: 1, Why: "shard 1 is a duplicate"}}},
		{"doubled within what was merged", func(p []*measure.Measurement) []*measure.Measurement {
			return []*measure.Measurement{merge(t, p[0], p[1]), merge(t, p[1], p[2])}
		}, []measure.MergeConflict{{Measurement: 1, Twin: 0, Why: "shard 1 is a duplicate"}}},
		{"the first is of another run",
			func(p []*measure.Measurement) []*measure.Measurement { p[0].Shard.Run = "q"; return p },
			[]measure.MergeConflict{{Measurement: 0, Twin: -1, Why: `it is of the run "q", not of "r"`}}},
		{"other number", func(p []*measure.Measurement) []*measure.Measurement {
			p[2].Shard.Count = 5
			return p
		},
			[]measure.MergeConflict{{Measurement: 2, Twin: -1, Why: "its run had 5 shards, not 4"}}},
		{"other scenario and version", func(p []*measure.Measurement) []*measure.Measurement {
			p[1].Hash = "def"
			p[3].Version = "v2"
			return p
		}, []measure.MergeConflict{{Measurement: 1, Twin: -1,
			Why: `it is of another scenario: "friday", hash def, not "friday", hash abc`},
			{Measurement: 3, Twin: -1, Why: `it is of mfaload "v2", not of "v1"`}}},
		{"other start", func(p []*measure.Measurement) []*measure.Measurement {
			p[1].Started = p[1].Started.Add(1)
			return p
		},
			[]measure.MergeConflict{{Measurement: 1, Twin: -1,
				Why: "it started at 2026-11-23T12:00:00.000000001Z, not at 2026-11-23T12:00:00Z"}}},
		{"other contract", func(p []*measure.Measurement) []*measure.Measurement {
			p[1].Parts["contract"] = "d"
			return p
		},
			[]measure.MergeConflict{{Measurement: 1, Twin: -1,
				Why: "its contract is another one, or its users are"}}},
		{"other terms", func(p []*measure.Measurement) []*measure.Measurement {
			p[1].Terms = []byte(`{}`)
			return p
		},
			[]measure.MergeConflict{{Measurement: 1, Twin: -1,
				Why: "its scenario file is another one: text, description, thresholds or kind of token " +
					"are not the same"}}},
		{"whole run", func(p []*measure.Measurement) []*measure.Measurement { p[1].Shard = nil; return p },
			[]measure.MergeConflict{{Measurement: 1, Twin: -1,
				Why: "it is a whole run and no shard of one"}}},
		{"damaged", func(p []*measure.Measurement) []*measure.Measurement {
			p[1].Main.Scheduled[0] = 0
			return p
		},
			[]measure.MergeConflict{{Measurement: 1, Twin: -1, Why: "a group sent"}}},
	} {
		_, err := measure.Merge(test.change(parted(t, 5, 100, 4)))
		var misfits *measure.MergeError
		if errors.As(err, &misfits) != (len(test.want) > 0) || err != nil && misfits == nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if misfits == nil {
			continue
		}
		if diff := cmp.Diff(test.want, misfits.Conflicts, cmp.Comparer(func(a,
			b string) bool {
			return strings.HasPrefix(a, b) || strings.HasPrefix(b, a)
		})); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
	if _, err := measure.Merge(nil); err == nil {
		t.Error("nothing was merged")
	}
}

// What a shard was refused is not among its times, and what failed is beyond any
// limit, as in a whole run.
func TestTimesOfAPartAreOfWhatWasServed(t *testing.T) {
	const ms = time.Millisecond
	m := observe(t, &measure.Shard{Run: "r", Index: 0, Count: 1}, 300, func(k int) *measure.Observation {
		at := time.Duration(k) * 10 * ms
		o := &measure.Observation{Warmup: k < 100, Intended: at, Sent: at, Done: at + 200*ms, Label: "201",
			AsExpected: true}
		switch k % 5 {
		case 0, 1, 2:
			o.Done, o.Label, o.Refused, o.RateLimited = at+ms, "429", true, true
		case 3:
			o.Done, o.Label, o.Failed, o.AsExpected = at+500*ms, "timeout", true, false
		}
		return o
	})
	m.Main.Scheduled[0] += 7
	m.Profile.Due[0] += 7
	p := merge(t, m).Merged.Parts[0]
	if p.Answered != 160 || p.Failed != 40 || p.Apart != 120 || p.NeverSent != 7 {
		t.Errorf("answered %d, failed %d, apart %d, never sent %d", p.Answered, p.Failed, p.Apart,
			p.NeverSent)
	}
	for _, service := range []bool{false, true} {
		got, want := p.Waits(service), m.Main.Waits(-1, service)
		if got.Count() != 40+40+7 || got.Min() != (measure.Bound{Time: 200 * ms}) {
			t.Errorf("%d times from %v on", got.Count(), got.Min())
		}
		for _, q := range []float64{1, 40, 50, 99, 100} {
			if got.Percentile(q) != want.Percentile(q) {
				t.Errorf("p%g is %v, of the run %v", q, got.Percentile(q), want.Percentile(q))
			}
		}
	}
}

func TestShardsThatCanNotBe(t *testing.T) {
	parts := parted(t, 5, 100, 4)
	for _, test := range []struct {
		change func(*measure.Merged)
		want   string
	}{
		{func(m *measure.Merged) { m.Count = 0 }, "0 shards are not"},
		{func(m *measure.Merged) { m.Run = "" }, "can't name a run"},
		{func(m *measure.Merged) { m.Parts = nil }, "merged from nothing"},
		{func(m *measure.Merged) { m.Parts[1] = nil }, "not in order"},
		{func(m *measure.Merged) { m.Parts[1].Index = 0 }, "not in order"},
		{func(m *measure.Merged) { m.Parts[1].Scheduled++ }, "do not add up to the whole"},
		{func(m *measure.Merged) { m.Parts[1].Own = measure.NewSparse() },
			"the counts of shard 1 do not add up"},
		{func(m *measure.Merged) { m.Parts[1].Generator.Hiccups = nil },
			"the counts of shard 1 do not add up"},
		{func(m *measure.Merged) { m.Parts[1].Failed++ }, "the counts of shard 1 do not add up"},
		{func(m *measure.Merged) { m.Parts[1].Apart++ }, "the counts of shard 1 do not add up"},
		{func(m *measure.Merged) { m.Parts[1].NeverSent = 1e6 }, "the counts of shard 1 do not add up"},
		{func(m *measure.Merged) { m.Parts[1].Failures = &measure.RequestTimes{} },
			"the counts of shard 1 do not add up"},
		{func(m *measure.Merged) { m.Parts = m.Parts[:3] }, "do not add up to the whole"},
		{func(m *measure.Merged) { m.TolerateLost = 1 }, "no share of shards"},
		{func(m *measure.Merged) { m.Lost = []measure.LostShard{{Index: 2}} }, "lost and there at once"},
		{func(m *measure.Merged) { m.Count = 5; m.Lost = []measure.LostShard{{Index: 4}, {Index: -1}} },
			"not in order"},
	} {
		m := merge(t, parts...)
		test.change(m.Merged)
		data := encoded(t, m)
		if _, err := measure.Decode([]byte(data)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v, want %q", err, test.want)
		}
	}
}

// Of a second, that of the machine that was busiest in it counts, and of freezes,
// throttling and hiccups the worst.
func TestMergedOwnSeconds(t *testing.T) {
	m := merge(t, parted(t, 3, 60, 3)...)
	want := []measure.OwnSecond{ownSecond(0, 1), ownSecond(1, 1), ownSecond(2, 1), ownSecond(9, 3)}
	want[3].Throttled = 9 * time.Millisecond
	if diff := cmp.Diff(want, m.Generator.Seconds); diff != "" {
		t.Error(diff)
	}
}
