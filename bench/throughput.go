//go:build linux

package main

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"mfaload/bench/model"
	"mfaload/runner/schedule"
	"mfaload/scenario"
)

// throughput compares how many requests a second each tool sends on one
// processor, with 64 connections over plain HTTP/1.1.
func (b *bench) throughput() error {
	b.print("\n## Throughput: 64 connections, plain HTTP/1.1, as fast as each can")
	return b.compare(attack{origin: "http://" + plainHost, connections: 64, length: b.length})
}

// compare attacks with every tool in turn, again and again, and prints what
// they made of it.
func (b *bench) compare(a attack) error {
	peers := b.peers()
	all := map[string][]outcome{}
	for range b.runs {
		for _, p := range peers {
			if a.http2 && !p.http2 {
				continue
			}
			if err := b.server.behave("none"); err != nil {
				return err
			}
			o, err := b.try(p, a)
			if err != nil {
				return err
			}
			all[p.name] = append(all[p.name], o)
		}
	}
	b.header("tool", "checked of each response", "requests/s (median)", "least", "most",
		"mfaload ÷ it (median of pairs)", "CPU µs a request")
	for _, p := range peers {
		outcomes := all[p.name]
		if len(outcomes) == 0 {
			continue
		}
		var rates, ratios, costs []float64
		for i, o := range outcomes {
			rates, costs = append(rates, o.rate), append(costs, o.cost())
			ratios = append(ratios, all["mfaload"][i].rate/max(o.rate, 1))
		}
		least, most := rates[0], rates[0]
		for _, r := range rates {
			least, most = min(least, r), max(most, r)
		}
		b.row(p.name, p.checked, number(median(rates), 0), number(least, 0), number(most, 0),
			fmt.Sprintf("%.2f", median(ratios)), number(median(costs), 1))
	}
	return nil
}

// clients compares the HTTP/1.1 clients that mfaload could send with. It is a
// program of its own, so that mfaload does not depend on those.
func (b *bench) clients() error {
	b.print("\n## Clients: what a request costs before anything is checked, 64 connections\n")
	if err := b.server.behave("none"); err != nil {
		return err
	}
	var o outcome
	text, err := b.execute(&o, nil, "bench/.peers/clients", "-origin", "http://"+plainHost, "-runs",
		fmt.Sprint(b.runs), "-length", b.length.String())
	if err != nil {
		return err
	}
	b.print("%s", text)
	return nil
}

// memory measures the largest resident memory of the whole process, results
// written, with 1,000 workers and 20 groups, for a short run and a long one.
func (b *bench) memory() error {
	b.print("\n## Memory: 1,000 workers, 20 groups")
	b.header("requests", "peak RSS MB")
	const rate = 20_000
	for _, requests := range []int{100_000, 3_000_000} {
		length := time.Duration(requests) * time.Second / rate
		var groups strings.Builder
		for g := range 20 {
			fmt.Fprintf(&groups, "  - {name: group-%d, ids: [%08d-6936-43f2-82ff-178f5762298a], expect: "+
				"{httpStatus: 201, status: OTP_REQUIRED}}\n", g, g)
		}
		scenario := fmt.Sprintf("name: memory\ntarget: {authPath: 'http://%s', envID: %s, accessToken: "+
			"token-0123456789}\nusers:\n%sload: {workers: 1000, warmup: 2s, stages: [{rate: %d/s, "+
			"duration: %v}]}\n",
			plainHost, envID, groups.String(), rate, length)
		if err := os.WriteFile(b.path("memory.yaml"), []byte(scenario), 0o600); err != nil {
			return err
		}
		if err := b.server.behave("constant:20ms"); err != nil {
			return err
		}
		results := b.path("memory")
		_ = os.RemoveAll(results)
		var o outcome
		// Whatever the verdict, the requests were sent.
		_, _ = b.execute(&o, nil, b.mfaload, "run", "-q", "--out", results, b.path("memory.yaml"))
		report, err := readReport(results)
		if err != nil {
			return err
		}
		b.row(fmt.Sprint(report.Requests.Sent), number(o.peak, 1))
	}
	return b.server.behave("none")
}

// punctuality compares how far arrivals at the server are off the ideal grid.
func (b *bench) punctuality() error {
	b.print("\n## Punctuality: arrivals as the server sees them, against the ideal grid")
	b.header("rate", "tool", "achieved/planned", "deviation p50 ms", "p99 ms", "max ms",
		"own word: lateness p50 ms", "p99 ms")
	for _, rate := range []int{1, 100, 1000, 10_000, 20_000} {
		length := b.length
		if rate == 1 {
			length = 4 * b.length
		}
		for _, p := range b.peers() {
			if !p.paced || rate == 1 && p.name != "mfaload" {
				continue
			}
			if err := b.punctual(p, attack{origin: "http://" + plainHost, connections: 64, rate: rate,
				length: length}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) punctual(p peer, a attack) error {
	var p50, p99, most, achieved, own50, own99 []float64
	for range b.runs {
		if err := b.server.behave("none"); err != nil {
			return err
		}
		o, err := b.try(p, a)
		if err != nil {
			return err
		}
		arrivals, err := b.server.arrivals()
		if err != nil {
			return err
		}
		off := deviations(arrivals, float64(a.rate))
		if len(off) == 0 {
			return fmt.Errorf("%s: no request came", p.name)
		}
		p50, p99, most = append(p50, at(off, 50)), append(p99, at(off, 99)), append(most, at(off, 100))
		achieved = append(achieved, float64(len(arrivals))/(float64(a.rate)*a.length.Seconds()))
		if o.lateness != nil {
			own50, own99 = append(own50, o.lateness[50]), append(own99, o.lateness[99])
		}
	}
	own := []string{"", ""}
	if own50 != nil {
		own = []string{number(median(own50), 3), number(median(own99), 3)}
	}
	b.row(append([]string{fmt.Sprintf("%d/s", a.rate), p.name, fmt.Sprintf("%.4f", median(achieved)),
		number(median(p50), 3), number(median(p99), 3), number(median(most), 2)}, own...)...)
	return nil
}

// deviations are how far arrivals are off a grid with the rate, in milliseconds,
// in order of size. The grid lies where half of them come before it.
func deviations(arrivals []time.Duration, rate float64) []float64 {
	sorted := slices.Sorted(slices.Values(arrivals))
	off := make([]float64, len(sorted))
	for k, t := range sorted {
		off[k] = t.Seconds()*1000 - float64(k)/rate*1000
	}
	middle := median(off)
	for k := range off {
		off[k] = max(off[k]-middle, middle-off[k])
	}
	slices.Sort(off)
	return off
}

func at(sorted []float64, percentile float64) float64 {
	i := int(float64(len(sorted))*percentile/100 + 0.999999)
	return sorted[min(max(i, 1), len(sorted))-1]
}

// truths are servers of known behaviour and what they are asked.
var truths = []struct {
	name    string
	model   string
	rate    int
	poisson bool
	load    float64 // of a queue; 0: none
}{
	{"constant 20 ms", "constant:20ms", 500, false, 0},
	{"bimodal: 5 ms, three in twenty 50 ms", "bimodal:5ms,50ms,0.15", 500, false, 0},
	{"stalls of 200 ms every second", "stall:1ms,1s,200ms", 500, false, 0},
	{"queue of one server (1 ms), 50 % load", "queue:exponential,1ms", 500, true, 0.50},
	{"queue of one server (1 ms), 80 % load", "queue:exponential,1ms", 800, true, 0.80},
	{"queue of one server (1 ms), 95 % load", "queue:exponential,1ms", 950, true, 0.95},
}

var judged = []float64{50, 90, 95, 99}

func (b *bench) truth() error {
	b.print("\n## Truth: reported response times in ms, against arithmetic")
	b.print("\nThe truth is what the server's model does with the schedule's arrivals, computed without a " +
		"clock or a socket. For queues, the percentiles that theory gives an endless run stand next to it. " +
		"The bar is 3 %% or 0.2 ms, whichever is larger.")
	b.header("server", "source", "p50", "p90", "p95", "p99", "within the bar")
	for _, t := range truths {
		length := 4 * b.length
		truth, err := arithmetic(t.model, t.rate, length, t.poisson)
		if err != nil {
			return err
		}
		b.row(append(append([]string{t.name, "**truth**"}, shown(truth)...), "")...)
		if t.load > 0 {
			theory := map[float64]float64{}
			for _, p := range judged {
				theory[p] = -math.Log(1-p/100) / (1 - t.load)
			}
			b.row(append(append([]string{"", "theory, endless run"}, shown(theory)...), "")...)
		}
		for _, p := range b.peers() {
			if !p.paced || t.poisson && p.name != "mfaload" {
				continue
			}
			if err := b.server.behave(t.model); err != nil {
				return err
			}
			o, err := b.try(p, attack{origin: "http://" + plainHost, connections: 512, rate: t.rate,
				length: length, poisson: t.poisson})
			if err != nil {
				return err
			}
			if o.intended != nil {
				b.verdict("mfaload, response time", o.intended, truth)
				b.row(append(append([]string{"", "mfaload, service time"}, shown(o.times)...), "")...)
			} else {
				b.verdict(p.name, o.times, truth)
			}
		}
	}
	return b.server.behave("none")
}

// arithmetic returns the percentiles of the response times, in milliseconds,
// that a server's model gives the arrivals of a schedule.
func arithmetic(text string, rate int, length time.Duration, poisson bool) (map[float64]float64, error) {
	m, err := model.Parse(text)
	if err != nil {
		return nil, err
	}
	s := &scenario.Scenario{
		Groups: []scenario.Group{{Name: "all", IDs: []string{userID}, Weight: 1}},
		Load: scenario.Load{Arrivals: scenario.Uniform, Seed: 1,
			Stages: []scenario.Stage{{From: scenario.Rate(rate), To: scenario.Rate(rate), Duration: length}}},
	}
	if poisson {
		s.Load.Arrivals = scenario.Poisson
	}
	var times []float64
	first := time.Duration(-1)
	for a := range schedule.New(s).All() {
		if first < 0 {
			first = a.At // the server's time begins with the first request
		}
		at := a.At - first
		times = append(times, (m(at)-at).Seconds()*1000)
	}
	slices.Sort(times)
	truth := map[float64]float64{}
	for _, p := range judged {
		truth[p] = at(times, p)
	}
	return truth, nil
}

func shown(times map[float64]float64) (cells []string) {
	for _, p := range judged {
		cell := "–"
		if x, known := times[p]; known {
			cell = number(x, 3)
		}
		cells = append(cells, cell)
	}
	return cells
}

func (b *bench) verdict(name string, got, truth map[float64]float64) {
	within := "yes"
	for _, p := range judged {
		x, known := got[p]
		if bar := max(0.03*truth[p], 0.2); !known || math.Abs(x-truth[p]) > bar {
			within = fmt.Sprintf("no: p%v off by %.1f %%", p, 100*(x/truth[p]-1))
			break
		}
	}
	b.row(append(append([]string{"", name}, shown(got)...), within)...)
}
