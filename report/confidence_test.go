package report_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"mfaload/internal/stat"
	"mfaload/internal/testkit/noise"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/scenario"
)

var (
	long    = flag.Bool("long", false, "make the table of docs/verdicts.md: it takes minutes")
	runs    = flag.Int("runs", 200, "with -long: runs of each row")
	only    = flag.String("only", "", "with -long: these services alone, such as b,d,until:b")
	lasting = flag.String("seconds", "", "with -long: these lengths alone, such as 60,120")
)

// judgedWith is the report of a run by one threshold.
func judgedWith(t *testing.T, m *measure.Measurement, confidence float64,
	limit scenario.Threshold) *report.Report {
	t.Helper()
	judged := *m
	judged.Terms = report.Terms{Thresholds: []scenario.Threshold{limit}, Confidence: confidence,
		Token: report.GivenToken}.Encode()
	r, err := report.Judge(&judged)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func p95Limit(seconds float64) scenario.Threshold {
	return scenario.Threshold{Metric: scenario.Response, Stat: "p95", Quantile: 95, Limit: seconds,
		Written: fmt.Sprintf("%gs", seconds)}
}

// trueP95 is that of a run without end, nearly.
func trueP95(s noise.Service) float64 {
	random := rand.New(rand.NewPCG(77, 0))
	sum := measure.NewHistogram()
	if s.RateEnd == 0 { // else the length is part of the service
		s.Seconds = 10_000
	}
	for sum.Count() < 2_000_000 { // 0.06 % of the p95 of independent requests
		for o := range s.Requests(random, time.Unix(1_800_000_000, 0)) {
			sum.Record(o.Done - o.Intended)
		}
	}
	return sum.Percentile(95).Seconds()
}

// verdictCounts are how often runs of a service came to each verdict, and how often the
// interval held the truth.
type verdictCounts struct{ pass, fail, undecided, held, runs int }

func (c verdictCounts) String() string {
	share := func(n int) string { return fmt.Sprintf("%.1f", 100*float64(n)/float64(c.runs)) }
	return fmt.Sprintf("%d | %s | %s | %s | %s |", c.runs, share(c.pass), share(c.fail), share(c.undecided),
		share(c.held))
}

// count judges runs of a service by limits such that the true p95 is as many times each.
func count(t *testing.T, s noise.Service, times []float64, runs int, seed uint64) []verdictCounts {
	t.Helper()
	truth, all := trueP95(s), make([]verdictCounts, len(times))
	for i := range runs {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		base, _ := s.Starts(random, 1, 1)
		m := s.Run(random, base[0])
		for k, x := range times {
			r, c := judgedWith(t, m, 0.95, p95Limit(truth/x)), &all[k]
			c.runs++
			switch r.Verdict {
			case report.Pass:
				c.pass++
			case report.Fail:
				c.fail++
			default:
				c.undecided++
			}
			if in := r.Thresholds[0].Interval; in != nil && in.Low <= 1000*truth && 1000*truth <= in.High {
				c.held++
			}
		}
	}
	return all
}

// TestConfidenceKeepsItsWord is a small part of the table that make verdict-table makes.
func TestConfidenceKeepsItsWord(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: it takes seconds")
	}
	for _, name := range []string{"b", "d"} {
		c := count(t, noise.Find(name, 120), []float64{0.95, 1, 1.05}, 15, 1000)
		if c[0].fail > 0 || c[2].pass > 0 || c[1].pass+c[1].fail > 4 || c[1].held < 11 {
			t.Errorf("%s: %v", name, c)
		}
		if name == "b" && c[0].undecided+c[2].undecided > 6 {
			t.Errorf("b is undecided in %d and %d of %d", c[0].undecided, c[2].undecided, c[0].runs)
		}
	}
}

// endings are how runs that end when they are decided came out.
type endings struct {
	pass, fail, undecided int
	lengths               []float64 // s
}

// untilDecided runs services for up to ten minutes, by a limit such that the true p95 is so many times it.
func untilDecided(t *testing.T, s noise.Service, times float64, runs int, seed uint64) (all endings) {
	t.Helper()
	sc := &scenario.Scenario{Groups: []scenario.Group{{Name: "all"}}, Confidence: 0.95,
		Thresholds: []scenario.Threshold{p95Limit(trueP95(s) / times)},
		Load: scenario.Load{Until: scenario.UntilDecided,
			Stages: []scenario.Stage{{From: 100, To: 100, Duration: 10 * time.Minute}}}}
	looks := report.NewLooks(sc)
	for i := range runs {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		base, _ := s.Starts(random, 1, 1)
		m := s.Run(random, base[0])
		seconds, length := slices.Collect(m.Seconds.All()), s.Seconds
		for look, at := range looks.At {
			n := int(at.Seconds())
			if what, decided := looks.Decided(look, seconds[:n]); decided {
				m.Stopped = &measure.Stop{At: at, Condition: "load.until: decided", Observed: what,
					Early: true, Decided: true}
				m, length = noise.Cut(m, n), n
				break
			}
		}
		m.Terms = report.TermsOf(sc).Encode()
		r, err := report.Judge(m)
		if err != nil {
			t.Fatal(err)
		}
		switch r.Verdict {
		case report.Pass:
			all.pass++
		case report.Fail:
			all.fail++
		default:
			all.undecided++
		}
		all.lengths = append(all.lengths, float64(length))
	}
	return all
}

// TestUntilDecided is a small part of the second table that make verdict-table makes.
func TestUntilDecided(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: it takes seconds")
	}
	s := noise.Find("b", 600)
	if e := untilDecided(t, s, 1, 8, 5); e.pass+e.fail > 2 {
		t.Errorf("at the limit: %+v", e)
	}
	if e := untilDecided(t, s, 1.05, 8, 6); e.pass > 0 || e.fail < 8 || stat.Median(e.lengths) > 300 {
		t.Errorf("5 %% above: %+v", e)
	}
}

// TestVerdictTable makes the table in docs/verdicts.md.
func TestVerdictTable(t *testing.T) {
	if !*long {
		t.Skip("it takes minutes: make verdict-table")
	}
	services := strings.Fields("a b b.8 b.9 b.95 d f i j m sawtooth cache walk queue " +
		"until:a until:b until:b.9 until:d until:f until:cache")
	lengths := strings.Fields("60 120 300 600")
	if *only != "" {
		services = strings.Split(*only, ",")
	}
	if *lasting != "" {
		lengths = strings.Split(*lasting, ",")
	}
	times := []float64{0.9, 0.95, 0.98, 1, 1.02, 1.05, 1.1}
	for _, name := range services {
		if name, ok := strings.CutPrefix(name, "until:"); ok {
			for _, x := range times {
				e := untilDecided(t, noise.Find(name, 600), x, *runs, 2000)
				fmt.Printf("| until decided: %s | %.2f | %d | %d | %d | %d | %.0f s |\n", name, x,
					len(e.lengths), e.pass, e.fail, e.undecided, stat.Median(e.lengths))
			}
			continue
		}
		for _, length := range lengths {
			seconds, err := strconv.Atoi(length)
			if err != nil {
				t.Fatal(err)
			}
			for k, c := range count(t, noise.Find(name, seconds), times, *runs, 1000) {
				fmt.Printf("| %s | %d s | %.2f | %s\n", name, seconds, times[k], c)
			}
		}
	}
}
