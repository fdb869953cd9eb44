package compare_test

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"mfaload/measure"
	"mfaload/report/compare"
)

// model is a service whose times hang together: a level that follows an
// autoregression on the logarithmic scale, a drift over the run, and stalls that
// all requests wait for. Times are in seconds.
type model struct {
	seconds, rate int
	phi, sd       float64 // of the level from second to second, and its standard deviation
	drift         float64 // standard deviation of the logarithm's slope over a run
	stalls        float64 // expected number in a run
	stall         float64 // mean length of one, exponential
	scale         float64 // all times are so much longer
	tail          float64 // added to the logarithm's spread among the requests of a second
	slowShare     float64 // of the requests form a second mode, slowTimes as slow
	slowTimes     float64
	between       float64 // standard deviation of the logarithm from run to run
	errors        float64 // share of answers that are not as expected
}

// noisy is the noise of the bars: runs of 5 minutes at 200/s, whose level half
// forgets itself in three seconds; one stall of half a second, on average.
var noisy = model{seconds: 300, rate: 200, phi: 0.8, sd: 0.05, drift: 0.03, stalls: 1, stall: 0.5}

const spread = 0.35 // of the logarithm among the requests of a second

// run simulates a run.
func (m model) run(random *rand.Rand, name string) compare.Run {
	level := m.levels(random)
	starts := m.stallTimes(random)
	out := newRun(name, m.seconds, m.rate)
	for s := range m.seconds {
		for i := range m.rate {
			at := float64(s) + float64(i)/float64(m.rate)
			took := 0.08 * math.Exp(level[s]+(spread+m.tail)*random.NormFloat64()) * max(m.scale, 1)
			if m.slowShare > 0 && random.Float64() < m.slowShare {
				took *= m.slowTimes
			}
			for _, stall := range starts {
				if at >= stall[0] && at < stall[1] {
					took += stall[1] - at
				}
			}
			out.record(s, time.Duration(took*1e9), m.errors == 0 || random.Float64() >= m.errors)
		}
	}
	return out.finish(random)
}

func (m model) levels(random *rand.Rand) []float64 {
	level := make([]float64, m.seconds)
	slope := m.drift * random.NormFloat64()
	x := m.sd * random.NormFloat64()
	run := 0.0
	if m.between > 0 {
		run = m.between * random.NormFloat64()
	}
	for s := range level {
		x = m.phi*x + m.sd*math.Sqrt(1-m.phi*m.phi)*random.NormFloat64()
		level[s] = run + x + slope*(float64(s)/float64(m.seconds)-0.5)
	}
	return level
}

func (m model) stallTimes(random *rand.Rand) (all [][2]float64) {
	if m.stalls == 0 {
		return nil
	}
	for at := random.ExpFloat64() * float64(m.seconds) / m.stalls; at < float64(
		m.seconds); at += random.ExpFloat64() * float64(m.seconds) / m.stalls {
		all = append(all, [2]float64{at, at + m.stall*random.ExpFloat64()})
	}
	return all
}

// recording is a run that is being made.
type recording struct {
	name    string
	m       *measure.Measurement
	cell    *measure.Cell
	seconds []*measure.Second
}

func newRun(name string, seconds, rate int) *recording {
	empty := func() measure.Phase {
		return measure.Phase{Scheduled: []uint64{0}, Own: measure.NewSparse(),
			Connections: measure.Connections{Dial: measure.NewSparse(), Handshake: measure.NewSparse()}}
	}
	r := &recording{name: name, m: &measure.Measurement{Schema: measure.Schema, Scenario: "simulated",
		Hash: "simulated", Version: "test",
		Groups: []string{"all"}, Main: empty(), Warmup: empty(),
		Generator: measure.Generator{Hiccups: measure.NewSparse(), Cores: 2,
			Elapsed: time.Duration(seconds) * time.Second},
		Parts: map[string]string{"load": "l", "users": "u", "contract": "c"}}}
	r.cell = &measure.Cell{Label: "201 OTP_REQUIRED", Response: measure.NewHistogram(),
		Service: measure.NewHistogram(), Lateness: measure.NewHistogram()}
	for s := range seconds {
		r.seconds = append(r.seconds, &measure.Second{Second: int64(s), Response: measure.NewSparse(),
			Service: measure.NewSparse(), Lateness: measure.NewSparse()})
		r.m.Profile.Due = append(r.m.Profile.Due, uint64(rate))
	}
	r.m.Main.Planned = time.Duration(seconds) * time.Second
	r.m.Main.LastSent = r.m.Main.Planned
	return r
}

func (r *recording) record(second int, took time.Duration, expected bool) {
	s := r.seconds[second]
	s.Response.Record(took)
	r.cell.Response.Record(took)
	r.m.Main.Scheduled[0]++
	if expected {
		s.Expected++
		s.Clean++
		r.cell.AsExpected++
		r.cell.Clean++
	}
}

// finish fills in the rest: service times are response times.
func (r *recording) finish(random *rand.Rand) compare.Run {
	for _, s := range r.seconds {
		s.Service, s.Lateness = s.Response, s.Response
	}
	r.cell.Service, r.cell.Lateness, r.m.Main.Own = r.cell.Response, r.cell.Response, measure.NewSparse()
	r.m.Main.Cells = []*measure.Cell{r.cell}
	for _, s := range r.seconds {
		r.m.Seconds.Append(s)
	}
	r.m.Started = time.Unix(1_800_000_000+int64(random.IntN(1e9)), 0).UTC()
	return compare.Run{Name: r.name, Measurement: r.m}
}

// tally counts what the comparisons of many pairs called: any figure better or
// worse, the 95th percentile of the response time worse, and not left open; and
// what a rank test on single requests calls different.
type tally struct{ any, p95, told, requests, pairs int }

// compareMany compares pairs of so many runs a side, the seed's and the next
// ones.
func compareMany(t testing.TB, base, fresh model, runs, seed, pairs int, o compare.Options) (sum tally) {
	t.Helper()
	var mu sync.Mutex
	var workers sync.WaitGroup
	for first := range 2 {
		workers.Go(func() {
			for i := first; i < pairs; i += 2 {
				one, err := comparePair(base, fresh, runs, uint64(seed+i), o)
				mu.Lock()
				if err != nil {
					t.Error(err)
				}
				sum.add(one)
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	return sum
}

func comparePair(base, fresh model, runs int, seed uint64, o compare.Options) (one tally, err error) {
	random := rand.New(rand.NewPCG(seed, 42))
	var a, b []compare.Run
	for range runs {
		a, b = append(a, base.run(random, "a")), append(b, fresh.run(random, "b"))
	}
	c, err := compare.Compare(a, b, o)
	if err != nil {
		return one, err
	}
	one.pairs = 1
	for _, r := range c.Rows {
		if r.Judgement == compare.Worse || r.Judgement == compare.Better {
			one.any = 1
		}
		if r.Metric == "response.p95" && r.Judgement == compare.Worse {
			one.p95 = 1
		}
		if r.Metric == "response.p95" && r.Judgement != compare.Unclear {
			one.told = 1
		}
	}
	if requestTest(a[0], b[0]) < compare.Level {
		one.requests = 1
	}
	return one, nil
}

func (t *tally) add(o tally) {
	t.any += o.any
	t.p95 += o.p95
	t.told += o.told
	t.requests += o.requests
	t.pairs += o.pairs
}

func (t tally) String() string {
	percent := func(n int) string { return fmt.Sprintf("%5.1f %%", 100*float64(n)/float64(t.pairs)) }
	return fmt.Sprintf("| %d | %s | %s | %s | %s |", t.pairs, percent(t.any), percent(t.p95), percent(t.told),
		percent(t.requests))
}

// requestTest is Mann and Whitney's test on single requests, by its normal
// approximation: what a comparison must not do.
func requestTest(a, b compare.Run) (p float64) {
	counts := map[time.Duration][2]float64{}
	pooled := measure.NewSparse()
	var n [2]float64
	for i, r := range []compare.Run{a, b} {
		h := measure.NewSparse()
		_ = h.Merge(r.Measurement.Main.Cells[0].Response)
		_ = pooled.Merge(h)
		for v, c := range h.Buckets {
			e := counts[v]
			e[i] += float64(c)
			counts[v] = e
			n[i] += float64(c)
		}
	}
	below, u := 0.0, 0.0
	for v := range pooled.Buckets {
		c := counts[v]
		u += c[1] * (below + c[0]/2)
		below += c[0]
	}
	z := (u - n[0]*n[1]/2) / math.Sqrt(n[0]*n[1]*(n[0]+n[1]+1)/12)
	return math.Erfc(math.Abs(z) / math.Sqrt2)
}

func with(m model, change func(*model)) model {
	change(&m)
	return m
}

func slower(m *model) { m.scale = 1.1 }

// longTail moves the 95th percentile by 10 % and leaves the median.
func longTail(m *model) { m.tail = math.Log(1.1) / 1.6449 }

// TestCalibration is a small part of the table that make compare-table makes:
// enough to see when judging goes wrong, not to see by how much.
func TestCalibration(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: it makes hundreds of comparisons")
	}
	small := with(noisy, func(m *model) { m.rate = 50 })
	o := compare.Options{Metrics: []string{"response.p50", "response.p95"}, Resamples: 500}
	const pairs = 30
	if same := compareMany(t, small, small, 1, 0, pairs, o); same.any > 4 || same.requests < pairs/4 {
		t.Errorf("of %d pairs that are alike, %d were called different; by single requests, %d", pairs,
			same.any, same.requests)
	}
	if shifted := compareMany(t, small, with(small, slower), 1, 1000, pairs, o); shifted.p95 < 24 {
		t.Errorf("of %d true shifts by 10 %%, %d were found", pairs, shifted.p95)
	}
}

var long = flag.Bool("long", false, "make the whole table of docs/compare.md: it takes minutes")

// TestTable makes the table in docs/compare.md and holds it against its bars.
func TestTable(t *testing.T) {
	if !*long {
		t.Skip("it takes minutes: make compare-table")
	}
	harsh := with(noisy, func(m *model) { m.sd, m.drift, m.stalls, m.stall = 0.10, 0.05, 2, 1 })
	moody := with(noisy, func(m *model) { m.between = 0.03 })
	gate := compare.Options{Metrics: []string{"response.p95"}}
	for _, row := range []struct {
		name                 string
		base, fresh          model
		runs, pairs          int
		options              compare.Options
		mostCalled, leastP95 float64
	}{
		{"alike", noisy, noisy, 1, 1000, compare.Options{}, 0.05, 0},
		{"alike, p95 alone", noisy, noisy, 1, 1000, gate, 0.05, 0},
		{"alike, margins of 0", noisy, noisy, 1, 1000, compare.Options{Margins: compare.Margins{{Name: "*"}}},
			0.05, 0},
		{"all 10 % slower", noisy, with(noisy, slower), 1, 300, compare.Options{}, 1, 0.9},
		{"p95 10 % slower, p50 not", noisy, with(noisy, longTail), 1, 300, compare.Options{}, 1, 0.9},
		{"the same, p95 alone", noisy, with(noisy, longTail), 1, 300, gate, 1, 0.9},
		{"harsh, alike", harsh, harsh, 1, 300, compare.Options{}, 0.08, 0},
		{"harsh, all 10 % slower", harsh, with(harsh, slower), 1, 300, compare.Options{}, 1, 0},
		{"harsh, all 30 % slower", harsh, with(harsh, func(m *model) { m.scale = 1.3 }), 1, 300,
			compare.Options{}, 1, 0},
		{"runs differ by 3 %, alike, one a side", moody, moody, 1, 300, compare.Options{}, 1, 0},
		{"runs differ by 3 %, alike, four a side", moody, moody, 4, 300, compare.Options{}, 0.05, 0},
		{"runs differ by 3 %, all 10 % slower, four a side", moody, with(moody, slower), 4, 200,
			compare.Options{}, 1, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			sum := compareMany(t, row.base, row.fresh, row.runs, 0, row.pairs, row.options)
			fmt.Printf("| %s %s\n", row.name, sum)
			if float64(sum.any) > row.mostCalled*float64(sum.pairs) ||
				float64(sum.p95) < row.leastP95*float64(sum.pairs) {
				t.Errorf("out of its bar: %s", sum)
			}
		})
	}
}

// BenchmarkCompare compares two runs of 5 minutes at 200/s in all figures.
func BenchmarkCompare(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 1))
	base, fresh := []compare.Run{noisy.run(random, "a")}, []compare.Run{noisy.run(random, "b")}
	for b.Loop() {
		if _, err := compare.Compare(base, fresh, compare.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
