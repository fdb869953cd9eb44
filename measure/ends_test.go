package measure_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/internal/testkit"
	"mfaload/measure"
)

func TestEndsAddUp(t *testing.T) {
	r := measure.NewRecorder(2, nil, 0)
	buffer := []byte("201 OTP_REQUIRED")
	for i := range 100 {
		at := time.Duration(i) * 50 * time.Millisecond
		o := &measure.Observation{Group: i % 2, Intended: at, Sent: at + 1100*time.Millisecond, Done: at + 2*time.Second, Label: string(buffer), AsExpected: true}
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
		want := []measure.End{{Label: "201 OTP_REQUIRED", Count: 18}, {Label: "timeout", Failed: true, Count: 2}}
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
	if diff := cmp.Diff(testkit.Seconds(m.Seconds)[0].Ends, testkit.Seconds(again.Seconds)[0].Ends); diff != "" || cmp.Diff(m.Flow, again.Flow) != "" {
		t.Error("read as another one: ", diff)
	}
}

// However many labels there are, a second keeps a bounded number of them, and
// loses no request.
func TestEndsAreBounded(t *testing.T) {
	r := measure.NewRecorder(1, nil, 0)
	for i := range 3000 {
		at := time.Duration(i) * time.Millisecond
		r.Record(0, &measure.Observation{Intended: at, Sent: at, Done: at, Label: fmt.Sprint(i % 1000), Failed: i%2 == 0})
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
		"overflow":     func(m *measure.Measurement) { testkit.Seconds(m.Seconds)[1].Ends[0].Count = 1<<64 - 1 },
		"failed": func(m *measure.Measurement) {
			testkit.Seconds(m.Seconds)[1].Ends[0].Failed = !testkit.Seconds(m.Seconds)[1].Ends[0].Failed
		},
		"not in order": func(m *measure.Measurement) {
			testkit.Seconds(m.Seconds)[1].Ends = append(testkit.Seconds(m.Seconds)[1].Ends, measure.End{Label: strings.Repeat(" ", 1)})
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
