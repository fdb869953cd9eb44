package report_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/internal/schematest"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/report/render"
	"mfaload/scenario"
)

var update = flag.Bool("update", false, "write the golden files again")

const ms = time.Millisecond

// run is a measurement in the making: ten seconds at 10/s in two groups.
type run struct {
	t        testing.TB
	recorder *measure.Recorder
	sent     int
	finish   func(*measure.Measurement)
	load     scenario.Load
}

// exercised marks a rule as exercised by a response, unless the test says which were.
func exercised(o *measure.Observation) *measure.Observation {
	if !o.Failed && o.Evaluated == nil {
		o.Evaluated = []uint64{1}
	}
	return o
}

func newRun(t testing.TB) *run {
	return &run{t: t, recorder: measure.NewRecorder(2, []string{"echo.user", "field.unknown"}, 0),
		finish: func(*measure.Measurement) {}}
}

// send records n requests with a service time, after a change to each.
func (r *run) send(n int, service time.Duration, change func(*measure.Observation)) *run {
	for range n {
		at := time.Duration(r.sent) * 100 * ms
		o := &measure.Observation{Group: r.sent % 2, Intended: at, Sent: at + ms, Own: ms,
			Done:  at + ms + service,
			Label: "201 OTP_REQUIRED", AsExpected: true}
		if change != nil {
			change(o)
		}
		r.recorder.Record(0, exercised(o))
		r.sent++
	}
	return r
}

func (r *run) judge(thresholds ...scenario.Threshold) *report.Report {
	r.t.Helper()
	m, err := r.recorder.Measurement()
	if err != nil {
		r.t.Fatal(err)
	}
	m.Scenario, m.Hash, m.Version = "friday", "abc", "v1"
	m.Started = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	m.Groups = []string{"email", "sms"}
	m.Main.Scheduled = []uint64{50, 50}
	m.Main.Planned = 10 * time.Second
	m.Generator = measure.Generator{CPU: time.Second, Cores: 2, Elapsed: 10 * time.Second, PeakRSS: 30e6,
		Hiccups: measure.NewSparse(), BusyWorkersMax: 3, Workers: 64}
	r.finish(m)
	m.Terms = report.TermsOf(&scenario.Scenario{Thresholds: thresholds, Load: r.load}).Encode()
	rep, err := report.Judge(m)
	if err != nil {
		r.t.Fatal(err)
	}
	q := rep.Requests
	if q.Scheduled != q.Sent+q.Unsent || q.Sent != q.Answered+q.Failed ||
		q.AsExpected+q.Violating > q.Answered {
		r.t.Errorf("the numbers do not add up: %+v", q)
	}
	return rep
}

func limit(metric scenario.Metric, stat string, quantile, limit float64, written string) scenario.Threshold {
	return scenario.Threshold{Metric: metric, Stat: stat, Quantile: quantile, Limit: limit, Written: written}
}

var (
	noErrors     = limit(scenario.ErrorRate, "", 0, 0, "0%")
	noViolations = limit(scenario.ViolationRate, "", 0, 0, "0%")
	achieved     = limit(scenario.AchievedRate, "", 0, 0.99, "99%")
	p95          = limit(scenario.Response, "p95", 95, 0.3, "300ms")
)

func failed(o *measure.Observation) { o.Failed, o.AsExpected, o.Label = true, false, "timeout" }

func lost(o *measure.Observation) {
	o.Failed, o.AsExpected, o.Label = true, false, "idle connection closed"
}

func unprocessed(o *measure.Observation) {
	o.Failed, o.AsExpected, o.Label = true, false, "request not processed"
}

func unexpected(o *measure.Observation) { o.AsExpected, o.Label = false, "503" }

func violating(o *measure.Observation) {
	o.Violations = []measure.RuleViolation{{Rule: "echo.user", Pointer: "/user/id", Fails: true,
		Expected: `"788d4931-6936-43f2-82ff-178f5762298a"`,
		Got:      `string "788d4931-6936-43f3-82ff-178f5762298a"`}}
	o.Example = func(bool) measure.Example {
		return measure.Example{UserID: "a", CorrelationID: "c", Method: "POST", URL: "http://127.0.0.1/x",
			Body: `{"it's":1}`}
	}
}

func TestVerdicts(t *testing.T) {
	all := []scenario.Threshold{p95, noErrors, noViolations, achieved}
	for _, test := range []struct {
		name    string
		run     func(*run)
		verdict report.Verdict
		reasons []string
	}{
		{"all well", func(r *run) { r.send(100, 50*ms, nil) }, report.Pass, nil},
		// The last request went out 300 ms late. Where mfaload held it up, that is no
		// rate that the service did not keep.
		{"the last sent late", func(r *run) {
			r.send(100, 50*ms, nil)
			r.finish = func(m *measure.Measurement) { m.Main.LastSent = m.Main.Start + 10300*ms }
		}, report.Fail, []string{"achievedRate >= 99%: observed 97.1%"}},
		{"the last sent late by mfaload itself", func(r *run) {
			r.send(99, 50*ms, nil).send(1, 50*ms, func(o *measure.Observation) { o.Own = 300 * ms })
			r.finish = func(m *measure.Measurement) { m.Main.LastSent = m.Main.Start + 10300*ms }
		}, report.Inconclusive, []string{
			"achievedRate >= 99%: observed 97.1%; undecided: it may be met without what mfaload itself " +
				"did: mfaload itself was late, by up to 300 ms; use an idler machine, or run longer"}},
		{"and errors next to it", func(r *run) {
			r.send(98, 50*ms, nil).send(1, 50*ms, failed).send(1, 50*ms,
				func(o *measure.Observation) { o.Own = 300 * ms })
			r.finish = func(m *measure.Measurement) { m.Main.LastSent = m.Main.Start + 10300*ms }
		}, report.Fail, []string{
			"errorRate <= 0%: observed 1% (1 of 100): 1 × timeout",
			"achievedRate >= 99%: observed 97.1%; undecided: it may be met without what mfaload itself " +
				"did: mfaload itself was late, by up to 300 ms; use an idler machine, or run longer",
			"1 arrivals were never served (1 failed): they count as slower than any limit, and times that " +
				"are theirs are lower bounds (≥)"}},
		{"slow", func(r *run) { r.send(94, 50*ms, nil).send(6, 400*ms, nil) }, report.Fail,
			[]string{"response p95 <= 300ms: observed 401 ms"}},
		{"no response", func(r *run) { r.send(99, 50*ms, nil).send(1, 50*ms, failed) }, report.Fail,
			[]string{"errorRate <= 0%: observed 1% (1 of 100): 1 × timeout",
				"1 arrivals were never served (1 failed): they count as slower than any limit, and times " +
					"that are theirs are lower bounds (≥)"}},
		{"unexpected", func(r *run) { r.send(97, 50*ms, nil).send(3, 50*ms, unexpected) }, report.Fail,
			[]string{"errorRate <= 0%: observed 3% (3 of 100): 3 × 503"}},
		// What the service can't have got says nothing of it, in either direction.
		{"lost on idle connections", func(r *run) { r.send(90, 50*ms, nil).send(10, 50*ms, lost) },
			report.Pass, []string{
				"10 requests met an idle connection that the service was just closing; it cannot have " +
					"received " +
					"them, " +
					"so they count in no errorRate, and none was sent twice: its keep-alive time is about " +
					"as " +
					"long as connections were idle here"}},
		{"not processed", func(r *run) { r.send(90, 50*ms, nil).send(10, 50*ms, unprocessed) },
			report.Pass, []string{
				"the service said of 10 requests that it did not process them (HTTP/2: GOAWAY or " +
					"REFUSED_STREAM); they count in no errorRate, and none was sent twice: check how often " +
					"it closes connections, and whether it refuses load"}},
		{"some waited for a connection", func(r *run) {
			r.send(100, 50*ms, nil)
			for i := range 10 {
				r.recorder.RecordWait(false, time.Duration(i+1)*10*ms)
			}
		}, report.Pass, []string{
			"10 requests waited for a connection (p99 100 ms, max 100 ms), because target.connections " +
				"allows no more: the wait is in their response time, not in their service time; raise " +
				"target.connections to send them at once"}},
		{"failed next to those lost",
			func(r *run) { r.send(49, 50*ms, nil).send(1, 50*ms, failed).send(50, 50*ms, lost) }, report.Fail,
			[]string{
				"errorRate <= 0%: observed 2% (1 of 50): 1 × timeout",
				"1 arrivals were never served (1 failed): they count as slower than any limit, and times " +
					"that " +
					"are theirs are lower bounds (≥)",
				"50 requests met an idle connection that the service was just closing; it cannot have " +
					"received " +
					"them, " +
					"so they count in no errorRate, and none was sent twice: its keep-alive time is about " +
					"as " +
					"long as connections were idle here"}},
		{"violating", func(r *run) { r.send(98, 50*ms, nil).send(2, 50*ms, violating) }, report.Fail,
			[]string{"violationRate <= 0%: observed 2% (2 of 100): 2 × echo.user at /user/id"}},
		{"unsent", func(r *run) { r.send(80, 50*ms, nil) }, report.Fail, []string{
			"response p95 <= 300ms: observed ≥ 51 ms (20 of 100 arrivals were never served)",
			"errorRate <= 0%: observed 20% (20 of 100): 20 × unsent", "achievedRate >= 99%: observed 80%",
			"20 arrivals were never served (20 unsent): they count as slower than any limit, and times " +
				"that are theirs are lower bounds (≥)"}},
		{"sent late", func(r *run) {
			r.send(100, 50*ms, nil)
			r.finish = func(m *measure.Measurement) { m.Main.LastSent = 12500 * ms }
		}, report.Fail, []string{"achievedRate >= 99%: observed 80%"}},
		{"late by itself", func(r *run) {
			r.send(100, 280*ms, func(o *measure.Observation) {
				o.Own, o.Harmed, o.Sent, o.Done = 51*ms, 51*ms, o.Sent+50*ms, o.Done+50*ms
			})
		}, report.Inconclusive, []string{
			"mfaload itself was late: more than 1% of the sends, and at least 10, by over 50 ms (p99 51 " +
				"ms); use a machine with more or idler processors, a lower rate, or several machines",
			"response p95 <= 300ms: observed 331 ms; undecided: it may be met without what mfaload itself " +
				"did: 100 requests were sent late by mfaload itself, or were in flight while it " +
				"stood still"}},
		// Where it is missed by more than that, it is the service's doing all the same.
		{"late by itself, and slow", func(r *run) {
			r.send(100, 400*ms, func(o *measure.Observation) {
				o.Own, o.Harmed, o.Sent, o.Done = 51*ms, 51*ms, o.Sent+50*ms, o.Done+50*ms
			})
		}, report.Fail, []string{
			"response p95 <= 300ms: observed 451 ms",
			"mfaload itself was late: more than 1% of the sends, and at least 10, by over 50 ms (p99 51 " +
				"ms); use a machine with more or idler processors, a lower rate, or several machines"}},
		{"late now and then", func(r *run) {
			r.send(91, 50*ms, nil).send(9, 50*ms, func(o *measure.Observation) { o.Own = 300 * ms })
		}, report.Pass, nil},
		{"out of processor time", func(r *run) {
			r.send(100, 50*ms, nil)
			r.finish = func(m *measure.Measurement) { m.Generator.CPU = 19500 * ms }
		}, report.Inconclusive, []string{
			"mfaload itself was out of processor time: it used 98% of 2 processors and waited for 0%; " +
				"use a larger or idler machine, a lower rate, or several machines"}},
		{"too few", func(r *run) {
			r.send(10, 50*ms, nil)
			r.finish = func(m *measure.Measurement) {
				m.Main.Scheduled, m.Main.Planned = []uint64{5, 5},
					time.Second
			}
		}, report.Inconclusive,
			[]string{"too few requests to judge response p95 <= 300ms: 10 of at least 20; run longer or " +
				"faster"}},
		// Even if ten more had been fast, two of 20 would be too many.
		{"too few, and too many slow", func(r *run) {
			r.send(8, 50*ms, nil).send(2, 400*ms, nil)
			r.finish = func(m *measure.Measurement) {
				m.Main.Scheduled, m.Main.Planned = []uint64{5, 5},
					time.Second
			}
		}, report.Fail, []string{"response p95 <= 300ms: observed 401 ms"}},
		{"too few, and one slow", func(r *run) {
			r.send(9, 50*ms, nil).send(1, 400*ms, nil)
			r.finish = func(m *measure.Measurement) {
				m.Main.Scheduled, m.Main.Planned = []uint64{5, 5},
					time.Second
			}
		}, report.Inconclusive,
			[]string{"too few requests to judge response p95 <= 300ms: 10 of at least 20; run longer or " +
				"faster"}},
		{"nothing", func(r *run) {
			r.finish = func(m *measure.Measurement) { m.Main.Scheduled = []uint64{0, 0} }
		}, report.Inconclusive, []string{
			"response p95 <= 300ms: no data: no request was served",
			"errorRate <= 0%: no data: no request was sent",
			"violationRate <= 0%: no data: no request got a complete response, so the contract was never " +
				"checked",
			"achievedRate >= 99%: no data: no request was due"}},
		{"interrupted", func(r *run) {
			r.send(40, 400*ms, nil)
			r.finish = func(m *measure.Measurement) {
				m.Interrupted, m.Main.Scheduled, m.Main.Planned = true, []uint64{20, 20}, 4*time.Second
			}
		}, report.Interrupted, []string{
			"stopped 4.0 s into the schedule: only what was due by then is counted",
			"response p95 <= 300ms: observed 401 ms"}},
		{"rebuilt", func(r *run) {
			r.send(40, 50*ms, nil)
			r.finish = func(m *measure.Measurement) {
				m.Interrupted, m.Main.Scheduled, m.Main.Planned = true, []uint64{25, 20}, 4*time.Second
				m.Rebuilt, m.Main.InFlight = &measure.Rebuilt{Unread: 1234}, []uint64{5, 0}
			}
		}, report.Interrupted, []string{
			"stopped 4.0 s into the schedule: only what was due by then is counted",
			"mfaload was ended before it could write the results: they were rebuilt from the journal, up " +
				"to its last second; 5 requests were in flight then, count as unsent and in " +
				"no errorRate",
			"the last 1,234 bytes of the journal are not a whole record and were left out"}},
		{"rebuilt to its end", func(r *run) {
			r.send(100, 50*ms, nil)
			r.finish = func(m *measure.Measurement) { m.Rebuilt = &measure.Rebuilt{} }
		}, report.Pass, []string{
			"the run came to its end, but mfaload was ended before it could write the results: they were " +
				"rebuilt from the journal"}},
		{"users who had enough", func(r *run) {
			r.send(90, 50*ms, nil)
			r.finish = func(m *measure.Measurement) {
				m.Main.Scheduled = []uint64{50, 45}
				m.Users = []measure.GroupUsers{{Users: 4, Order: "shuffle", Exhausted: "wrap", MaxPerUser: 10,
					Turns: 45}, {Users: 40, Order: "sequential", Exhausted: "wrap", Turns: 45}}
				m.Main.Withheld = []measure.Withheld{{Group: 0, Reason: measure.Capped, Count: 5}}
			}
		}, report.Fail, []string{
			"achievedRate >= 99%: observed 94.7%",
			"group email: 5 arrivals were not sent because each of its 4 users had as many requests as " +
				"maxPerUser allows (10 a day); it needs more users or fewer requests"}},
		{"too few workers", func(r *run) {
			r.send(100, 50*ms, nil)
			r.finish = func(m *measure.Measurement) {
				m.Generator.AllBusy,
					m.Generator.Workers = 3*time.Second, 0
			}
		}, report.Pass, []string{
			"all 0 workers were in flight for 3 s while arrivals waited; the load needs about 1 (arrival " +
				"rate × service time); raise load.workers, or remove it"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRun(t)
			test.run(r)
			got := r.judge(all...)
			if got.Verdict != test.verdict {
				t.Errorf("verdict %s, want %s", got.Verdict, test.verdict)
			}
			if diff := cmp.Diff(append([]string{}, test.reasons...), got.Reasons); diff != "" {
				t.Error(diff)
			}
			valid(t, got)
		})
	}
}

func TestThresholdOfAGroup(t *testing.T) {
	r := newRun(t).send(100, 50*ms, func(o *measure.Observation) {
		if o.Group == 1 {
			o.Done += time.Second
		}
	})
	email, sms := p95, p95
	email.Group, sms.Group = "email", "sms"
	rep := r.judge(email, sms)
	want := []report.Threshold{
		{Expression: "email: response p95 <= 300ms", Group: "email", Observed: 51, Limit: 300, Unit: "ms",
			State: report.Met, Passed: true, Of: 50},
		{Expression: "sms: response p95 <= 300ms", Group: "sms", Observed: 1051, Limit: 300, Unit: "ms",
			State: report.Missed, Of: 50},
	}
	if diff := cmp.Diff(want, rep.Thresholds); diff != "" {
		t.Error(diff)
	}
}

// A share that is above 0 is never shown as 0.
func TestSmallSharesAreShown(t *testing.T) {
	r := newRun(t).send(99, ms, nil).send(1, ms, failed)
	r.finish = func(m *measure.Measurement) { m.Main.Scheduled = []uint64{5_000_000, 5_000_000} }
	rate := noErrors
	rate.Limit = 1
	if got := r.judge(rate, noViolations).Thresholds[0].Observed; got <= 0 || got > 100 {
		t.Errorf("observed %v", got)
	}
	r = newRun(t).send(100, ms, nil)
	r.finish = func(m *measure.Measurement) {
		m.Main.Cells[0].AsExpected, m.Main.Cells[0].Clean = 49, 49
	}
	if got := r.judge(noErrors).Thresholds[0]; got.Passed || got.Observed != 1 {
		t.Errorf("%+v", got)
	}
}

func valid(t *testing.T, r *report.Report) {
	t.Helper()
	data, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	schematest.Valid(t, report.JSONSchema(), data)
}

// full is a run with something of everything.
func full(t *testing.T) *report.Report {
	r := newRun(t).send(60, 50*ms, nil).send(20, 120*ms, violating).send(10, 9*ms, unexpected).send(8,
		10*time.Second, failed)
	r.recorder.Record(0,
		&measure.Observation{Warmup: true, Done: 40 * ms, Label: "201 OTP_REQUIRED", AsExpected: true})
	r.finish = func(m *measure.Measurement) {
		m.Warmup.Scheduled, m.Warmup.Planned = []uint64{1, 0}, time.Second
		m.Generator.AllBusy, m.Generator.Workers = 1500*ms, 4
	}
	return r.judge(p95, noErrors, noViolations, achieved)
}

func TestGoldenFiles(t *testing.T) {
	r := full(t)
	valid(t, r)
	data, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "report.json", data)
	for name, terminal := range map[string]render.Terminal{
		"terminal.txt": {Width: 100}, "terminal-color.txt": {Width: 80, Color: true},
		"terminal-narrow.txt": {Width: 40, Full: true},
	} {
		var b bytes.Buffer
		if err := terminal.Write(&b, r); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.Bytes())
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); diff != "" {
		t.Errorf("%s: %s", name, diff)
	}
}

// Others rely on these members of report.json.
func TestReportHasTheDocumentedMembers(t *testing.T) {
	data, err := full(t).JSON()
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]any
	if err := json.Unmarshal(data, &tree); err != nil {
		t.Fatal(err)
	}
	for path, members := range map[string]string{
		"": "schema scenario started duration_s verdict reasons requests rate " +
			"response_ms service_ms lateness_ms groups statuses errors violations thresholds " +
			"generator warmup",
		"requests":             "scheduled sent answered as_expected violating failed unsent",
		"rate":                 "planned achieved",
		"response_ms":          "min mean p50 p90 p95 p99 p99.9 max",
		"groups.0":             "name requests response_ms service_ms lateness_ms statuses",
		"violations.0":         "rule pointer level count expected got example",
		"violations.0.example": "userID correlationID curl",
		"thresholds.0":         "expression observed passed",
		"generator":            "cpu_s peak_rss_mb gc_pause_ms_max busy_workers_max",
	} {
		object := at(t, tree, path)
		for member := range strings.FieldsSeq(members) {
			if _, ok := object[member]; !ok {
				t.Errorf("%s has no %s", path, member)
			}
		}
	}
}

func at(t *testing.T, value any, path string) map[string]any {
	t.Helper()
	for _, step := range slices.DeleteFunc(strings.Split(path, "."), func(s string) bool { return s == "" }) {
		switch v := value.(type) {
		case map[string]any:
			value = v[step]
		case []any:
			var i int
			if _, err := fmt.Sscan(step, &i); err != nil || i >= len(v) {
				t.Fatalf("no %s", path)
			}
			value = v[i]
		}
	}
	object, ok := value.(map[string]any)
	if !ok {
		t.Fatalf("%s is no object", path)
	}
	return object
}
