//go:build linux

package main

import (
	"fmt"
	"slices"
	"time"
)

// punctuality compares how far arrivals are off the ideal grid, as the server
// sees them.
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

// at is a percentile of sorted figures.
func at(sorted []float64, percentile float64) float64 {
	i := int(float64(len(sorted))*percentile/100 + 0.999999)
	return sorted[min(max(i, 1), len(sorted))-1]
}
