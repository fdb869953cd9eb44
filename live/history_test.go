package live_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"mfaload/internal/machine"
	"mfaload/internal/testkit"
	"mfaload/live"
	"mfaload/report"
	"mfaload/runner"
	"mfaload/scenario"
)

// stream reads events one by one.
type stream struct {
	t     *testing.T
	lines *bufio.Scanner
}

func watch(t *testing.T, url string) *stream {
	t.Helper()
	resp, err := http.Get(url + "events?history")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	return &stream{t, lines}
}

// next reads the next event into a value, and wants it to be of a kind; "" is a status.
func (s *stream) next(kind string, into any) {
	s.t.Helper()
	got := ""
	for s.lines.Scan() {
		if name, is := strings.CutPrefix(s.lines.Text(), "event: "); is {
			got = name
		}
		if data, is := strings.CutPrefix(s.lines.Text(), "data: "); is {
			if err := json.Unmarshal([]byte(data), into); err != nil || got != kind {
				s.t.Fatalf("a %q instead of a %q: %v", got, kind, err)
			}
			return
		}
	}
	s.t.Fatalf("no more events: %v", s.lines.Err())
}

type points struct {
	Whole   bool
	Seconds int
	Points  []live.HistoryPoint
}

// sumOf adds up what ended in points, and wants them to follow one another without a gap.
func sumOf(t *testing.T, all []live.HistoryPoint) (sum live.HistoryPoint) {
	t.Helper()
	for i, p := range all {
		if i > 0 && p.From != all[i-1].To || p.To <= p.From {
			t.Fatalf("point %d is from %v to %v, after one to %v", i, p.From, p.To, all[max(i-1, 0)].To)
		}
		sum.AsExpected += p.AsExpected
		sum.Unexpected += p.Unexpected
		sum.Violating += p.Violating
		sum.Refused += p.Refused
		sum.Failed += p.Failed
		sum.Sent += p.Sent * (p.To - p.From)
		sum.Response.Count += p.Response.Count
	}
	return sum
}

// Who comes late sees the whole run, however long it was, in few points whose figures add up to those of
// the status.
func TestHistoryHasTheWholeRunInFewPoints(t *testing.T) {
	for _, seconds := range []int{30, 480, 1000} {
		t.Run(fmt.Sprint(seconds), func(t *testing.T) {
			var s *live.Sampler
			synctest.Test(t, func(t *testing.T) {
				r := newRunner(100*ms, testkit.Constant(2, time.Duration(seconds)*time.Second))
				s = live.New(r, func() string { return "" })
				sampled(t, s, r, time.Duration(seconds+2)*time.Second, nil)
			})
			events := watch(t, serve(t, s))
			var run live.Outline
			var all points
			var st live.Status
			events.next("run", &run)
			events.next("points", &all)
			events.next("", &st)
			if n := len(all.Points); !all.Whole || n > 480 || n < min(seconds, 200) {
				t.Errorf("%d points, whole: %v", n, all.Whole)
			}
			sum := sumOf(t, all.Points)
			if last := all.Points[len(all.Points)-1]; all.Points[0].From != 0 || last.To != st.Elapsed {
				t.Errorf("from %v to %v of %v", all.Points[0].From, last.To, st.Elapsed)
			}
			got := live.EndedCounts{AsExpected: sum.AsExpected, Unexpected: sum.Unexpected,
				Violating: sum.Violating,
				Refused:   sum.Refused, Failed: sum.Failed, Ended: uint64(math.Round(sum.Sent))}
			if diff := cmp.Diff(st.EndedCounts, got); diff != "" || st.Ended != 2*uint64(seconds) {
				t.Error(diff)
			}
			if served := st.AsExpected; sum.Response.Count != served || all.Points[3].Response.P99 < 100 {
				t.Errorf("times of %d of %d", sum.Response.Count, served)
			}
		})
	}
}

// A reader gets the whole run first, then what it lacks, and all of it again when points become longer.
func TestReaderGetsWhatItLacks(t *testing.T) {
	r := newRunner(0, testkit.Constant(1000, time.Second))
	s := live.New(r, func() string { return "" })
	over := make(chan error)
	go func() {
		_, err := r.Run(t.Context(), runner.Start{})
		over <- err
	}()
	for r.Progress().Sent < 10 { // it has begun
		time.Sleep(ms)
	}
	for range 478 {
		s.Sample()
	}
	events := watch(t, serve(t, s))
	var run live.Outline
	var got points
	var st live.Status
	events.next("run", &run)
	events.next("points", &got)
	events.next("", &st)
	if !got.Whole || len(got.Points) != 478 || got.Seconds != 1 || run.Drain != 1 || run.MayStop {
		t.Fatalf("%d points of %d s; %+v", len(got.Points), got.Seconds, run)
	}
	for _, want := range []points{{Seconds: 1, Points: make([]live.HistoryPoint, 1)},
		{Whole: true, Seconds: 2, Points: make([]live.HistoryPoint, 240)}} {
		s.Sample()
		events.next("points", &got)
		events.next("", &st)
		if got.Whole != want.Whole || len(got.Points) != len(want.Points) || got.Seconds != want.Seconds {
			t.Errorf("whole: %v, %d points of %d s", got.Whole, len(got.Points), got.Seconds)
		}
	}
	if err := <-over; err != nil {
		t.Fatal(err)
	}
}

// When nothing is to come any more, the page says of thresholds, outcomes and rules what the report says.
func TestFiguresAreThoseOfTheReport(t *testing.T) {
	sc := testkit.OneGroup(testkit.Load(testkit.Constant(10, 20*time.Second)))
	sc.Load.Drain, sc.Load.Warmup = time.Second, 4*time.Second
	sc.Thresholds = []scenario.Threshold{
		{Metric: scenario.Response, Stat: "p50", Quantile: 50, Limit: 0.2, Written: "200ms"},
		{Metric: scenario.Response, Stat: "p99", Quantile: 99, Limit: 0.2, Written: "200ms"},
		{Metric: scenario.Service, Stat: "max", Limit: 0.05, Written: "50ms"},
		{Metric: scenario.ErrorRate, Limit: 0.01, Written: "1%"},
		{Metric: scenario.ViolationRate, Limit: 0, Written: "0%"},
		{Metric: scenario.RateLimitedRate, Limit: 0.5, Written: "50%"},
		{Metric: scenario.AchievedRate, Limit: 0.99, Written: "99%"},
		{Group: sc.Groups[0].Name, Metric: scenario.ErrorRate, Limit: 0.5, Written: "50%"},
	}
	var st live.Status
	var judged *report.Report
	wrong := map[string]uint64{}
	synctest.Test(t, func(t *testing.T) {
		r := runner.New(runner.Config{Wait: machine.TimerWait, Scenario: sc,
			Operation: &service{takes: 100 * ms, violates: true}})
		s := live.New(r, func() string { return "" })
		m := sampled(t, s, r, 25*time.Second, nil)
		m.Terms = report.TermsOf(sc).Encode()
		st = s.Status()
		for _, v := range m.Violations {
			wrong[v.Rule] += v.Count
		}
		var err error
		if judged, err = report.Judge(m); err != nil {
			t.Fatal(err)
		}
	})
	if diff := cmp.Diff(judged.Thresholds, st.Thresholds,
		cmpopts.IgnoreFields(report.Threshold{}, "Causes", "Interval")); diff != "" {
		t.Error(diff)
	}
	for i, rule := range []string{"echo.user", "field.unknown"} {
		if v := st.Violations[i]; v.Rule != rule || v.Count != wrong[rule] || v.Fails != (i == 0) {
			t.Errorf("violations %+v, want %v", st.Violations, wrong)
		}
	}
	counts := map[string]uint64{}
	for _, o := range st.Outcomes {
		counts[o.Outcome] += o.Count
	}
	ended := map[string]uint64{"violating": st.Violating, "failed": st.Failed}
	if diff := cmp.Diff(ended, counts); diff != "" || st.Violating+st.Failed != st.Ended {
		t.Errorf("%+v: %s", st, diff)
	}
}

// The run ends for who has the token, once, and for nobody else: neither for who reaches the address, nor
// for a page of another origin whose browser has the cookie.
func TestOnlyTheTokenStopsTheRun(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "0.0.0.0:0"} {
		stopped := 0
		s := finished(t)
		server, err := live.Listen(address)
		if err != nil {
			t.Fatal(err)
		}
		server.Serve(s, func() { stopped++ })
		defer server.Close()
		base, token, _ := strings.Cut(server.URL(), "?token=")
		port := base[strings.LastIndex(base, ":")+1 : len(base)-1]
		header := func(pairs ...string) func(*http.Request) {
			return func(r *http.Request) {
				for i := 0; i < len(pairs); i += 2 {
					r.Header.Set(pairs[i], pairs[i+1])
				}
			}
		}
		cookie, bearer := "mfaload-"+port+"="+token, "Bearer "+token
		post := func(path string, change func(*http.Request)) int {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			change(r)
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			return resp.StatusCode
		}
		for name, test := range map[string]struct {
			path   string
			change func(*http.Request)
			want   int
		}{
			"no token":         {"stop", header(), 401},
			"a wrong token":    {"stop", header("Authorization", bearer+"x"), 401},
			"a wrong cookie":   {"stop", header("Cookie", "mfaload-"+port+"=x"), 401},
			"in the address":   {"stop?token=" + token, header(), 401},
			"another site":     {"stop", header("Cookie", cookie, "Sec-Fetch-Site", "cross-site"), 403},
			"another port":     {"stop", header("Cookie", cookie, "Sec-Fetch-Site", "same-site"), 403},
			"an old browser":   {"stop", header("Cookie", cookie, "Origin", "http://127.0.0.1:1"), 403},
			"no origin at all": {"stop", header("Cookie", cookie, "Origin", "null"), 403},
		} {
			if got := post(test.path, test.change); got != test.want {
				t.Errorf("%s, %s: %d, want %d", address, name, got, test.want)
			}
		}
		if resp, _ := get(t, base+"stop", header("Authorization", bearer)); resp.StatusCode != 405 {
			t.Errorf("to read it: %s", resp.Status)
		}
		if stopped != 0 || s.Status().Stopping {
			t.Fatalf("%s: it was stopped", address)
		}
		for _, change := range []func(*http.Request){
			header("Cookie", cookie, "Sec-Fetch-Site", "same-origin", "Origin", base[:len(base)-1]),
			header("Authorization", bearer), header("Cookie", cookie),
		} {
			if got := post("stop", change); got != 202 || stopped != 1 || !s.Status().Stopping {
				t.Errorf("%s: %d, stopped %d times", address, got, stopped)
			}
		}
		var run live.Outline
		resp, text := get(t, base+"events?history", header("Authorization", bearer))
		_, data, _ := strings.Cut(text, "data: ")
		data, _, _ = strings.Cut(data, "\n")
		if err := json.Unmarshal([]byte(data), &run); err != nil || !run.MayStop || resp.StatusCode != 200 {
			t.Errorf("%s: %v, %+v", address, err, run)
		}
	}
}
