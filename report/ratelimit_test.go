package report_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"mfaload/measure"
	"mfaload/report"
	"mfaload/report/render"
	"mfaload/scenario"
)

// limitedRun records a run of which each second takes so many requests and
// answers so many of them with 429.
func limitedRun(t *testing.T, pauses []measure.Pause, seconds [][2]int,
	thresholds ...scenario.Threshold) *report.Report {
	r := &run{t: t, recorder: measure.NewRecorder(2, nil, 0)}
	sent := uint64(0)
	for second, n := range seconds {
		for i := range n[0] + n[1] {
			at := time.Duration(second)*time.Second + time.Duration(i)*time.Millisecond
			o := &measure.Observation{Intended: at, Sent: at, Done: at + ms, Label: "201 OTP_REQUIRED",
				AsExpected: true}
			if i >= n[0] {
				o.Label, o.AsExpected, o.RateLimited = "429 REQUEST_LIMITED", false, true
			}
			r.recorder.Record(0, o)
			sent++
		}
	}
	r.finish = func(m *measure.Measurement) {
		m.Main.Scheduled, m.Main.Planned = []uint64{sent, 0}, time.Duration(len(seconds))*time.Second
		m.Pauses = pauses
	}
	rep := r.judge(thresholds...)
	valid(t, rep)
	return rep
}

// ramp is a load that rises by 10/s each second against a limit of 100/s.
func ramp(seconds int) (all [][2]int) {
	for i := range seconds {
		sent := 50 + 10*i
		all = append(all, [2]int{min(sent, 100), max(sent-100, 0)})
	}
	return all
}

func repeat(n int, second [2]int) (all [][2]int) {
	for range n {
		all = append(all, second)
	}
	return all
}

func TestRateLimitIsEstimated(t *testing.T) {
	everyOther := [][2]int{}
	for range 20 {
		everyOther = append(everyOther, [2]int{100, 50}, [2]int{100, 0})
	}
	proportional := [][2]int{} // a tenth of the users is always refused
	for i := range 20 {
		proportional = append(proportional, [2]int{45 + 9*i, 5 + i})
	}
	for _, test := range []struct {
		name       string
		seconds    [][2]int
		pauses     []measure.Pause
		confidence report.Confidence
		rate       float64
		basis      string
	}{
		{"a ramp beyond the limit", ramp(30), nil, report.Good, 100, "stayed the same while 130 to 320/s " +
			"were sent"},
		{"few seconds of a ramp", ramp(14), nil, report.Rough, 100, "from 6 seconds only"},
		{"a constant load", repeat(60, [2]int{100, 50}), nil, report.Rough, 100, "hardly varied"},
		{"one second", append(repeat(10, [2]int{50, 0}), [2]int{50, 1}), nil, report.None, 0, "this run " +
			"had 0"},
		{"never two seconds in a row", everyOther, nil, report.None, 0, "this run had 0"},
		{"a used up quota", repeat(30, [2]int{0, 50}), nil, report.None, 0, "quota that is used up"},
		{"users who are refused at any rate", proportional, nil, report.None, 0,
			"another reason than the rate"},
		{"pauses", repeat(30, [2]int{40, 5}), []measure.Pause{{Start: 0, End: 15 * time.Second},
			{Start: 2 * time.Second, End: 3 * time.Second}, {Start: 20500 * ms, End: 28 * time.Second},
			{Start: 21 * time.Second, End: 29 * time.Second}}, report.None, 0, "this run had 3"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := limitedRun(t, test.pauses, test.seconds).RateLimit
			if r.Confidence != test.confidence || !strings.Contains(r.Basis, test.basis) {
				t.Errorf("it is %s because %s", r.Confidence, r.Basis)
			}
			if (r.Rate != nil) != (test.rate > 0) || r.Rate != nil && math.Abs(*r.Rate-test.rate) > 0.001 {
				t.Errorf("the rate is %v, not %v", r.Rate, test.rate)
			}
		})
	}
}

func TestNoRateLimitWasMet(t *testing.T) {
	rep := limitedRun(t, nil, repeat(10, [2]int{100, 0}))
	if rep.RateLimit != nil || rep.Requests.RateLimited != 0 || len(rep.Reasons) > 0 {
		t.Errorf("%+v, %v", rep.RateLimit, rep.Reasons)
	}
}

// The pauses of several machines overlap: what they have in common counts once.
// The warm-up counts nowhere: a pause that began in it is the judged part's from
// that one's start on.
func TestPausesOfTheWarmUp(t *testing.T) {
	for _, test := range []struct {
		pauses []measure.Pause
		n      int
		paused float64
	}{
		{[]measure.Pause{{Start: time.Second, End: 2 * time.Second}}, 0, 0},
		{[]measure.Pause{{Start: time.Second, End: 2 * time.Second},
			{Start: 4 * time.Second, End: 6 * time.Second}}, 1, 1},
	} {
		r := newRun(t)
		r.send(100, 50*ms, nil)
		r.finish = func(m *measure.Measurement) {
			m.Main.Start, m.Warmup.Planned, m.Pauses = 5*time.Second, 5*time.Second, test.pauses
		}
		rep := r.judge()
		if l := rep.RateLimit; (l != nil) != (test.n > 0) || l != nil &&
			(l.Pauses != test.n || l.Paused != test.paused) {
			t.Errorf("%v: %+v", test.pauses, l)
		}
	}
}

func TestPausesOfSeveralMachines(t *testing.T) {
	rep := limitedRun(t, []measure.Pause{{Start: 0, End: 4 * time.Second},
		{Start: time.Second, End: 2 * time.Second}, {Start: 3 * time.Second, End: 5 * time.Second},
		{Start: 7 * time.Second, End: 8 * time.Second}},
		repeat(10, [2]int{100, 50}))
	if r := rep.RateLimit; r.Pauses != 2 || r.Paused != 6 ||
		!strings.Contains(strings.Join(rep.Reasons, "\n"), "the run paused 2 times after a 429, for 6 "+
			"s in all") {
		t.Errorf("%+v, %q", r, rep.Reasons)
	}
}

// A 429 is an error unless a group expects it; next to that it has a count and a
// limit of its own.
func TestRateLimitedRate(t *testing.T) {
	few, many := limit(scenario.RateLimitedRate, "", 0, 0.5, "50%"), limit(scenario.RateLimitedRate, "", 0,
		0.2, "20%")
	rep := limitedRun(t, nil, repeat(10, [2]int{100, 50}), limit(scenario.ErrorRate, "", 0, 0.4, "40%"), few,
		many)
	if got := rep.Requests; got.RateLimited != 500 || got.AsExpected != 1000 || got.Answered != 1500 {
		t.Errorf("%+v", got)
	}
	for i, passed := range []bool{true, true, false} {
		if th := rep.Thresholds[i]; th.Passed != passed || th.Observed != 33.333 {
			t.Errorf("%+v", th)
		}
	}
	if rep.Verdict != report.Fail || !strings.Contains(strings.Join(rep.Reasons, "\n"),
		"500 responses were 429 (rate limited), 33.3% of all; meanwhile about 100/s were accepted") {
		t.Errorf("%s: %q", rep.Verdict, rep.Reasons)
	}
	var text strings.Builder
	if err := (render.Terminal{}).Write(&text, rep); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "201 OTP_REQUIRED 1,000 (66.7%), 429 REQUEST_LIMITED 500 (33.3%)\n") {
		t.Error(text.String())
	}
}

// A run that its scenario ended fails, whatever is in doubt: but for times of a
// generator that was late itself.
func TestStopped(t *testing.T) {
	late := func(o *measure.Observation) { o.Own = 200 * ms }
	stop := measure.Stop{At: 5*time.Second + 400*time.Microsecond, Condition: "load.stopOn: errorRate > " +
		"10% over 10s", Observed: "15%, 15 of 100 requests", Early: true}
	ofTimes := stop
	ofTimes.OfTimes, ofTimes.Early = true, false
	p999 := limit(scenario.Response, "p99.9", 99.9, 0.3, "300ms")
	for _, test := range []struct {
		name    string
		stop    *measure.Stop
		change  func(*measure.Observation)
		verdict report.Verdict
		reason  string
	}{
		{"by errors", &stop, nil, report.Fail, "stopped 5 s into the run, load.stopOn: errorRate > 10% " +
			"over 10s: 15%, 15 of 100 requests; only what was due by then is counted"},
		{"by errors, of a late generator", &stop, late, report.Fail, "; only what was due by then " +
			"is counted"},
		{"by times", &ofTimes, nil, report.Fail, "15 of 100 requests"},
		{"by times, of a late generator", &ofTimes, late, report.Inconclusive, "15 of 100 requests"},
		{"not at all", nil, nil, report.Inconclusive, "too few requests to judge"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRun(t).send(100, 50*ms, test.change)
			r.finish = func(m *measure.Measurement) { m.Stopped = test.stop }
			rep := r.judge(p999)
			valid(t, rep)
			if rep.Verdict != test.verdict || !strings.HasSuffix(rep.Reasons[0], test.reason) &&
				test.stop != nil || (rep.Stopped != nil) != (test.stop != nil) {
				t.Errorf("%s: %q", rep.Verdict, rep.Reasons)
			}
			if test.stop != nil && (rep.Stopped.At != 5 || rep.Stopped.Condition != test.stop.Condition) {
				t.Errorf("%+v", rep.Stopped)
			}
		})
	}
}
