package measure_test

import (
	"testing"

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
				t.Errorf("second %d, group %d: %d and %d times", s.Second, g.Group, g.Service.Count(), g.Response.Count())
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
	want := measure.Shapes{{Label: "a", Answers: 1, Facts: map[string]uint64{}}, {Label: "b", Answers: 2, Facts: map[string]uint64{"x": 2, "y": 1}}}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Error(diff)
	}
}
