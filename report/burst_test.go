package report_test

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strings"
	"testing"
	"time"

	"mfaload/measure"
	"mfaload/report"
)

// caughtUp records 100/s for 10 s, of which what was due in seconds 3 to 5 was
// sent in second 6, with that one's own. What is sent in a second beyond a limit
// gets a 429.
func caughtUp(t *testing.T, limit int) *run {
	r := &run{t: t, recorder: measure.NewRecorder(2, nil, 0)}
	due, sent := make([]uint64, 10), make([]int, 10)
	for i := range 1000 {
		at := time.Duration(i) * 10 * ms
		due[at/time.Second]++
		o := &measure.Observation{Intended: at, Sent: at, Done: at + ms, Label: "201 OTP_REQUIRED",
			AsExpected: true}
		if at >= 3*time.Second && at < 6*time.Second {
			o.Sent, o.Done = 6*time.Second, 6*time.Second+ms
		}
		if sent[o.Sent/time.Second]++; sent[o.Sent/time.Second] > limit {
			o.Label, o.AsExpected, o.RateLimited = "429 REQUEST_LIMITED", false, true
		}
		r.recorder.Record(0, o)
	}
	r.finish = func(m *measure.Measurement) {
		m.Main.Scheduled, m.Main.Planned = []uint64{1000, 0}, 10*time.Second
		m.Profile.Due = due
	}
	return r
}

// 429s that came only because mfaload caught up are named as that.
func TestRefusalsOfABurst(t *testing.T) {
	for limit, want := range map[int]string{
		150: "all 250 429s arrived while mfaload caught up: up to 400 requests were sent in a second in " +
			"which " +
			"at most 100 were due (in one second); in other seconds there were none",
		90: "320 of the 429s arrived while mfaload caught up: up to 400 requests were sent in a second in " +
			"which at most 100 were due (in one second); the others arrived in seconds in which no more " +
			"was " +
			"sent than planned",
		400: "",
	} {
		reasons := strings.Join(caughtUp(t, limit).judge().Reasons, "\n")
		if has := strings.Contains(reasons, "caught up"); has != (want != "") ||
			!strings.Contains(reasons, want) {
			t.Errorf("a limit of %d/s:\n%s", limit, reasons)
		}
	}
}

// A service that stands still for the most of a second lets what waited go out in the
// rest of it: little more than was due in it, but all at once.
func TestRefusalsOfABurstWithinASecond(t *testing.T) {
	r := &run{t: t, recorder: measure.NewRecorder(2, nil, 0)}
	due := make([]uint64, 10)
	for i := range 1000 {
		at := time.Duration(i) * 10 * ms
		due[at/time.Second]++
		o := &measure.Observation{Intended: at, Sent: at, Label: "201 OTP_REQUIRED", AsExpected: true}
		switch {
		case i >= 268 && i < 383:
			o.Sent = 3900*ms + time.Duration(i-268)*ms/2
			if i >= 330 {
				o.Label, o.AsExpected, o.RateLimited = "429 REQUEST_LIMITED", false, true
			}
		case i >= 383 && i < 500:
			o.Sent = 4*time.Second + time.Duration(i-383)*8*ms
		}
		o.Done = o.Sent + ms
		r.recorder.Record(0, o)
	}
	r.finish = func(m *measure.Measurement) {
		m.Main.Scheduled, m.Main.Planned = []uint64{1000, 0}, 10*time.Second
		m.Profile.Due = due
	}
	want := "all 53 429s arrived while mfaload caught up: up to 115 requests were sent in a second in " +
		"which " +
		"at most 100 were due"
	if reasons := strings.Join(r.judge().Reasons, "\n"); !strings.Contains(reasons, want) {
		t.Error(reasons)
	}
}

// The series has what was sent by when it was sent next to what was due.
func TestSeriesShowsBursts(t *testing.T) {
	r := caughtUp(t, 1000)
	m, err := r.recorder.Measurement()
	if err != nil {
		t.Fatal(err)
	}
	r.finish(m)
	text, err := series(m)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := func(name string) (values []string) {
		i := slices.Index(rows[0], name)
		for _, row := range rows[1:] {
			values = append(values, row[i])
		}
		return values
	}
	for name, want := range map[string]string{
		"due":             "100 100 100 100 100 100 100 100 100 100",
		"sent":            "100 100 100 100 100 100 100 100 100 100",
		"sent_in_second":  "100 100 100 0 0 0 400 100 100 100",
		"ended_in_second": "100 100 100 0 0 0 400 100 100 100",
	} {
		if got := strings.Join(column(name), " "); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	// A pause at the end of the plan has its seconds too.
	m.Profile.Stages = []measure.StageSpan{{Name: "100/s", End: 10 * time.Second},
		{Name: "pause", Start: 10 * time.Second, End: 15 * time.Second}}
	if text, err = series(m); err != nil || bytes.Count(text, []byte("\n")) != 16 {
		t.Errorf("%v\n%s", err, text)
	}
}

// A run that ends in its warm-up says when, and that nothing was judged.
func TestEndInTheWarmup(t *testing.T) {
	for _, stop := range []*measure.Stop{nil,
		{At: 3 * time.Second, Condition: "load.on429: stop", Observed: "a response was 429, too many " +
			"requests",
			Early: true}} {
		r := &run{t: t, recorder: measure.NewRecorder(2, nil, 0)}
		r.recorder.Record(0,
			&measure.Observation{Warmup: true, Sent: ms, Done: 2 * ms, Label: "201 OTP_REQUIRED",
				AsExpected: true})
		r.finish = func(m *measure.Measurement) {
			m.Interrupted, m.Stopped = stop == nil, stop
			m.Warmup.Scheduled, m.Warmup.Planned = []uint64{1, 0}, 3*time.Second
			m.Main.Start, m.Main.Planned, m.Main.Scheduled = 10*time.Second, 0, []uint64{0, 0}
		}
		judged := r.judge(p95, noErrors, noViolations, achieved)
		want := []string{"stopped 3.0 s into the schedule: only what was due by then is counted"}
		verdict := report.Interrupted
		if stop != nil {
			want, verdict = []string{"stopped 3 s into the run, load.on429: stop: a response was 429, too " +
				"many requests; only what was due by then is counted"}, report.Fail
		}
		want = append(want,
			"the run ended in its warm-up (3 s of 10 s), which is not judged: no threshold was evaluated")
		if judged.Verdict != verdict || !slices.Equal(judged.Reasons, want) {
			t.Errorf("%s: %q", judged.Verdict, judged.Reasons)
		}
	}
}
