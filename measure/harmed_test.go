package measure_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"mfaload/internal/testkit"
	"mfaload/measure"
)

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
		"more than there are": func(c *measure.Cell) { c.Harmed.Response.Record(0); c.Harmed.Service.Record(0) },
		"no best":             func(c *measure.Cell) { c.Harmed.BestResponse = nil },
		"doubtful":            func(c *measure.Cell) { c.Harmed.Doubtful = 1000 },
		"doubtful errors":     func(c *measure.Cell) { c.Harmed.DoubtfulErrors = c.Harmed.Doubtful + 1 },
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
