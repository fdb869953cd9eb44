package compare_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"mfaload/measure"
	"mfaload/report/compare"
)

// model is a service whose times are correlated: a level that follows an
// autoregression on the logarithmic scale, a drift over the run, and stalls that
// all requests wait for. Times are in seconds.
type model struct {
	seconds, rate int
	phi, sd       float64 // of the level from second to second, and its standard deviation
	drift         float64 // standard deviation of the logarithm's slope over a run
	stalls        float64 // expected number in a run
	stall         float64 // mean length of one, exponential
	scale         float64 // all times are so much longer
	slowShare     float64 // of the requests form a second mode, slowTimes as slow
	slowTimes     float64
	errors        float64 // share of responses that are not as expected
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
			took := 0.08 * math.Exp(level[s]+spread*random.NormFloat64()) * max(m.scale, 1)
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
	for s := range level {
		x = m.phi*x + m.sd*math.Sqrt(1-m.phi*m.phi)*random.NormFloat64()
		level[s] = x + slope*(float64(s)/float64(m.seconds)-0.5)
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
		if limits := r.m.GoodWithin; len(limits) > 0 && took <= limits[0] {
			s.Good++
			r.cell.Good++
		}
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

func with(m model, change func(*model)) model {
	change(&m)
	return m
}

func slower(m *model) { m.scale = 1.1 }

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
