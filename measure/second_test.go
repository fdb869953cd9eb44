package measure_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/internal/testkit"
	"mfaload/measure"
)

func TestSecondsOfGroupsAddUp(t *testing.T) {
	m := record(t, testkit.Observations(4, 3000))
	groups, expected := uint64(0), uint64(0)
	for s := range m.Seconds.All() {
		for _, g := range s.Groups {
			groups += g.Response.Count()
			expected += g.Expected
			if g.Service.Count() != g.Response.Count() {
				t.Errorf("second %d, group %d: %d and %d times", s.Second, g.Group, g.Service.Count(),
					g.Response.Count())
			}
		}
		expected -= s.Expected
	}
	if groups != 3000 || expected != 0 {
		t.Errorf("the groups have %d requests, and %d too many as expected", groups, expected)
	}
	one := measure.NewRecorder(1, nil, 0)
	one.Record(0, &measure.Observation{AsExpected: true, Done: 5})
	alone, err := one.Measurement()
	if err != nil {
		t.Fatal(err)
	}
	if s := testkit.Seconds(alone.Seconds)[0]; s.Groups != nil || s.Expected != 1 {
		t.Errorf("a scenario of one group keeps it twice: %+v", s)
	}
}

func TestSecondsOfGroupsAreChecked(t *testing.T) {
	for name, bend := range map[string]func(*measure.Measurement){
		"left out": func(m *measure.Measurement) { testkit.Seconds(m.Seconds)[1].Groups = nil },
		"one missing": func(m *measure.Measurement) {
			testkit.Seconds(m.Seconds)[1].Groups = testkit.Seconds(m.Seconds)[1].Groups[1:]
		},
		"unknown":     func(m *measure.Measurement) { testkit.Seconds(m.Seconds)[1].Groups[2].Group = 3 },
		"twice":       func(m *measure.Measurement) { testkit.Seconds(m.Seconds)[1].Groups[1].Group = 0 },
		"expected":    func(m *measure.Measurement) { testkit.Seconds(m.Seconds)[1].Groups[0].Expected++ },
		"of a second": func(m *measure.Measurement) { testkit.Seconds(m.Seconds)[1].Expected = 1 << 40 },
		"a shape":     func(m *measure.Measurement) { m.Shapes.Learn("a", []string{"x", "x"}) },
	} {
		m := profiled(t, 5, 2000)
		bend(m)
		data, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := measure.Unpack(data); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestShapesCount(t *testing.T) {
	var s measure.Shapes
	s.Learn("b", []string{"x", "y"})
	s.Learn("a", nil)
	s.Learn("b", []string{"x"})
	want := measure.Shapes{{Label: "a", Answers: 1, Facts: map[string]uint64{}},
		{Label: "b", Answers: 2, Facts: map[string]uint64{"x": 2, "y": 1}}}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Error(diff)
	}
}

func TestEndsAddUp(t *testing.T) {
	r := measure.NewRecorder(2, nil, 0)
	buffer := []byte("201 OTP_REQUIRED")
	for i := range 100 {
		at := time.Duration(i) * 50 * time.Millisecond
		o := &measure.Observation{Group: i % 2, Intended: at, Sent: at + 1100*time.Millisecond, Done: at +
			2*time.Second, Label: string(buffer), AsExpected: true}
		if i%10 == 0 {
			o.Label, o.Failed, o.AsExpected = "timeout", true, false
		}
		r.Record(i, o)
	}
	m, err := r.Final()
	if err != nil {
		t.Fatal(err)
	}
	m.Groups, m.Main.Scheduled = []string{"a", "b"}, []uint64{50, 50}
	for s := range m.Seconds.All() {
		want := []measure.End{{Label: "201 OTP_REQUIRED", Count: 18},
			{Label: "timeout", Failed: true, Count: 2}}
		if diff := cmp.Diff(want, s.Ends); diff != "" {
			t.Errorf("second %d: %s", s.Second, diff)
		}
	}
	want := measure.Flow{Sent: []uint64{0, 18, 20, 20, 20, 20, 2}, Ended: []uint64{0, 0, 20, 20, 20, 20, 20}}
	if diff := cmp.Diff(want, m.Flow); diff != "" {
		t.Error(diff)
	}
	data, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	again, err := measure.Unpack(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(testkit.Seconds(m.Seconds)[0].Ends,
		testkit.Seconds(again.Seconds)[0].Ends); diff != "" || cmp.Diff(m.Flow, again.Flow) != "" {
		t.Error("read as another one: ", diff)
	}
}

// However many labels there are, a second keeps a bounded number of them, and
// loses no request.
func TestEndsAreBounded(t *testing.T) {
	r := measure.NewRecorder(1, nil, 0)
	for i := range 3000 {
		at := time.Duration(i) * time.Millisecond
		r.Record(0, &measure.Observation{Intended: at, Sent: at, Done: at, Label: fmt.Sprint(i % 1000),
			Failed: i%2 == 0})
	}
	m, err := r.Measurement()
	if err != nil {
		t.Fatal(err)
	}
	for s := range m.Seconds.All() {
		sum, other := uint64(0), uint64(0)
		for _, e := range s.Ends {
			sum += e.Count
			if e.Label == "other" {
				other += e.Count
			}
		}
		if len(s.Ends) > 26 || sum != 1000 || other < 900 {
			t.Errorf("second %d: %d labels, %d requests, %d others", s.Second, len(s.Ends), sum, other)
		}
	}
}

func TestEndsAndFlowAreChecked(t *testing.T) {
	for name, bend := range map[string]func(*measure.Measurement){
		"one too many": func(m *measure.Measurement) { testkit.Seconds(m.Seconds)[1].Ends[0].Count++ },
		"overflow": func(m *measure.Measurement) {
			testkit.Seconds(m.Seconds)[1].Ends[0].Count = 1<<64 - 1
		},
		"failed": func(m *measure.Measurement) {
			testkit.Seconds(m.Seconds)[1].Ends[0].Failed = !testkit.Seconds(m.Seconds)[1].Ends[0].Failed
		},
		"not in order": func(m *measure.Measurement) {
			testkit.Seconds(m.Seconds)[1].Ends = append(testkit.Seconds(m.Seconds)[1].Ends,
				measure.End{Label: strings.Repeat(" ", 1)})
		},
		"sent":  func(m *measure.Measurement) { m.Flow.Sent[0]++ },
		"ended": func(m *measure.Measurement) { m.Flow.Ended[0] = 1<<64 - 1 },
	} {
		m := profiled(t, 5, 2000)
		bend(m)
		data, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := measure.Unpack(data); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// TestSecondsSplitWhatWasServed holds what the seconds say was served, and how fast
// at best, against the observations one by one.
func TestSecondsSplitWhatWasServed(t *testing.T) {
	for seed := range uint64(8) {
		all := testkit.MixedObservations(rand.New(rand.NewPCG(seed, 3)), 800)
		r := measure.NewRecorder(2, nil, 0)
		for i, o := range all {
			r.Record(i, o)
		}
		m, err := r.Measurement()
		if err != nil {
			t.Fatal(err)
		}
		m.Groups = []string{"a", "b"}
		for _, o := range all {
			m.Main.Scheduled[o.Group]++
		}
		data, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if m, err = measure.Decode(data); err != nil {
			t.Fatal(err)
		}
		for s := range m.Seconds.All() {
			compareSplit(t, all, s.Second, -1, &s.Split, s.Response, s.Service)
			for _, g := range s.Groups {
				compareSplit(t, all, s.Second, g.Group, &g.Split, g.Response, g.Service)
			}
		}
	}
}

func compareSplit(t *testing.T, all []*measure.Observation, second int64, group int, got *measure.Split,
	response, service *measure.Histogram) {
	t.Helper()
	served, best := measure.NewSparse(), measure.NewSparse()
	bestService := measure.NewSparse()
	var refused, unserved, unheard, doubtful uint64
	for _, o := range all {
		if int64(o.Intended/time.Second) != second || group >= 0 && o.Group != group {
			continue
		}
		frozen := o.Harmed
		if o.Own >= measure.HarmFloor {
			frozen -= o.Own
		}
		atBest := func() {
			best.Record(o.Done - o.Intended - o.Harmed)
			bestService.Record(o.Done - o.Sent - frozen)
		}
		switch {
		case o.Refused:
			refused++
		case o.Label == measure.IdleClosed:
			unheard++
		case o.Failed:
			if unserved++; frozen > 0 {
				doubtful++
				atBest()
			}
		default:
			served.Record(o.Done - o.Intended)
			atBest()
		}
	}
	gotServed, _ := got.Of(response, service)
	gotBest, gotBestService := got.AtBest(response, service)
	if !gotServed.Equal(served) || !gotBest.Equal(best) || !gotBestService.Equal(bestService) {
		t.Errorf("second %d of %d: served %d, want %d; at best %d of mean %v, want %d of mean %v", second,
			group,
			gotServed.Count(), served.Count(), gotBest.Count(), gotBest.Mean(), best.Count(), best.Mean())
	}
	if got.Refused != refused || got.Unserved != unserved || got.NotDelivered != unheard ||
		got.Doubtful != doubtful {
		t.Errorf("second %d of %d: %+v, want %d refused, %d unserved, %d unheard, %d doubtful", second, group,
			got, refused, unserved, unheard, doubtful)
	}
}

// TestHarmedIsApart shows that what mfaload harmed is kept next to what was
// measured: how long it took, and how long it would have taken at best.
func TestHarmedIsApart(t *testing.T) {
	const ms = time.Millisecond
	r := measure.NewRecorder(1, nil, 0)
	for _, o := range []measure.Observation{
		{Done: 20 * ms, Label: "201", AsExpected: true},
		// 100 ms late by its own fault, then 20 ms.
		{Sent: 100 * ms, Done: 120 * ms, Own: 100 * ms, Harmed: 100 * ms, Label: "201", AsExpected: true},
		// 500 ms of standing still, of 520.
		{Done: 520 * ms, Own: 100 * time.Microsecond, Harmed: 500 * ms, Label: "201", AsExpected: true},
		// A timeout that standing still may have made, and one that it can't have.
		{Done: 100 * ms, Harmed: 50 * ms, Failed: true, Label: "timeout"},
		{Sent: 5 * ms, Done: 105 * ms, Own: 5 * ms, Harmed: 5 * ms, Failed: true, Label: "timeout"},
		{Done: 105 * ms, Failed: true, Label: "timeout"},
	} {
		r.Record(0, &o)
	}
	m, err := r.Measurement()
	if err != nil {
		t.Fatal(err)
	}
	answered, failed := m.Main.Cells[0], m.Main.Cells[1]
	if h := answered.Harmed; h.Response.Count() != 2 || h.Response.Max() != 520*ms ||
		h.BestResponse.Min() != 20*ms ||
		h.BestResponse.Max() != 20*ms || h.BestService.Max() != 20*ms || h.Doubtful != 0 {
		t.Errorf("answered: %+v", h)
	}
	if h := failed.Harmed; h.Response.Count() != 1 || h.Doubtful != 1 || h.DoubtfulErrors != 1 ||
		h.BestService.Max() != 50*ms {
		t.Errorf("failed: %+v", h)
	}
}

// TestRefusedApart shows that requests that were turned away have a cell of their
// own, whatever their label.
func TestRefusedApart(t *testing.T) {
	r := measure.NewRecorder(1, nil, 0)
	for i := range 10 {
		r.Record(i, &measure.Observation{Done: time.Second, Label: "503", Refused: i%2 == 0})
	}
	m, err := r.Measurement()
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Main.Cells) != 2 || m.Main.Cells[0].Refused || !m.Main.Cells[1].Refused ||
		m.Main.Cells[0].Response.Count() != 5 {
		t.Errorf("cells: %+v", m.Main.Cells)
	}
}

// TestHarmedThatDoesNotAddUp holds a file's harmed requests against their cell.
func TestHarmedThatDoesNotAddUp(t *testing.T) {
	for name, spoil := range map[string]func(*measure.Cell){
		"more than there are": func(c *measure.Cell) {
			c.Harmed.Response.Record(0)
			c.Harmed.Service.Record(0)
		},
		"no best":         func(c *measure.Cell) { c.Harmed.BestResponse = nil },
		"doubtful":        func(c *measure.Cell) { c.Harmed.Doubtful = 1000 },
		"doubtful errors": func(c *measure.Cell) { c.Harmed.DoubtfulErrors = c.Harmed.Doubtful + 1 },
	} {
		m := record(t, testkit.Observations(3, 200))
		i := slices.IndexFunc(m.Main.Cells, func(c *measure.Cell) bool { return c.Harmed != nil })
		spoil(m.Main.Cells[i])
		data, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := measure.Decode(data); err == nil {
			t.Errorf("%s: read", name)
		}
	}
}
