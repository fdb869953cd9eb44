//go:build linux

package main

import (
	"fmt"
	"math"
	"slices"
	"time"

	"mfaload/bench/model"
	"mfaload/runner/schedule"
	"mfaload/scenario"
)

// truths are servers of known behaviour and at which rate they are sent requests.
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
		"clock or a socket. For queues, the percentiles that theory gives an endless run are next to it. " +
		"The bar is 3%% or 0.2 ms, whichever is larger.")
	b.header("server", "source", "p50", "p90", "p95", "p99", "within the bar")
	for _, t := range truths {
		length := 2 * b.length
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
		for _, p := range b.peers {
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

// verdict prints a tool's percentiles, and whether they are near enough to the truth.
func (b *bench) verdict(name string, got, truth map[float64]float64) (within bool) {
	text := "yes"
	for _, p := range judged {
		x, known := got[p]
		if bar := max(0.03*truth[p], 0.2); !known || math.Abs(x-truth[p]) > bar {
			text = fmt.Sprintf("no: p%v off by %.1f%%", p, 100*(x/truth[p]-1))
			break
		}
	}
	b.row(append(append([]string{"", name}, shown(got)...), text)...)
	return text == "yes"
}

// stall is the truth about a server that stands still, over HTTPS and both protocols.
func (b *bench) stall() error {
	const text, rate, length = "stall:1ms,3s,1s", 1000, 9 * time.Second
	b.print("\n## Stall over HTTPS: 1000/s, and for one second of three nothing responds\n\nmfaload's " +
		"response times in ms, with at most 64 requests in flight.")
	truth, err := arithmetic(text, rate, length, false)
	if err != nil {
		return err
	}
	b.header("", "source", "p50", "p90", "p95", "p99", "within the bar")
	b.row(append(append([]string{"", "**truth**"}, shown(truth)...), "")...)
	var first map[float64]float64
	same := false
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2"} {
		if err := b.server.behave(text); err != nil {
			return err
		}
		o, err := b.try(b.peers[0], attack{origin: "https://" + secureHost, connections: 64, rate: rate,
			length: length, http2: protocol == "HTTP/2"})
		if err != nil {
			return err
		}
		b.verdict("mfaload, "+protocol, o.intended, truth)
		if first == nil {
			first = o.intended
			continue
		}
		same = b.verdict("HTTP/2, against HTTP/1.1", o.intended, first)
	}
	b.print("")
	b.bar("HTTP/2 as HTTP/1.1, by the bar of the truth", same, "the last row", "")
	return nil
}
