//go:build linux

package main

import (
	"fmt"
	"slices"
	"time"
)

// punctuality compares how far arrivals at the server are off the ideal grid.
func (b *bench) punctuality() error {
	b.print("\n## Punctuality: arrivals as the server sees them, against the ideal grid")
	b.punctualHeader()
	for _, rate := range []int{1, 1000, 10_000} {
		a := attack{origin: "http://" + plainHost, connections: 64, rate: rate, length: b.length}
		if rate == 1 {
			a.length *= 2
		}
		for _, p := range b.peers {
			if p.paced && (rate > 1 || p.name == "mfaload") {
				if _, err := b.punctual(p, a); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// punctualityTLS is punctuality over HTTPS and HTTP/2.
func (b *bench) punctualityTLS() error {
	b.print("\n## Punctuality over HTTPS, HTTP/2")
	b.punctualHeader()
	a := attack{origin: "https://" + secureHost, connections: 64, rate: 1000, length: b.length, http2: true}
	p99 := map[string]float64{}
	for _, p := range b.peers {
		if p.name == "mfaload" || p.name == "vegeta" {
			var err error
			if p99[p.name], err = b.punctual(p, a); err != nil {
				return err
			}
		}
	}
	b.print("")
	limit := p99["vegeta"] / 3
	b.bar("p99 ≤ 1/3 of vegeta's", p99["mfaload"] <= limit, fmt.Sprintf("%.3f ms of %.3f ms",
		p99["mfaload"], limit), "the server's own delay is in both")
	return nil
}

func (b *bench) punctualHeader() {
	b.header("rate", "tool", "achieved/planned", "deviation p50 ms", "p99 ms", "max ms",
		"own figure: lateness p50 ms", "p99 ms")
}

// punctual prints how punctual a tool is, and returns the p99 of the deviation.
func (b *bench) punctual(p peer, a attack) (float64, error) {
	var p50, p99, highest, achieved, own50, own99 []float64
	for range b.runs {
		if err := b.server.behave("none"); err != nil {
			return 0, err
		}
		o, err := b.try(p, a)
		if err != nil {
			return 0, err
		}
		arrivals, err := b.server.arrivals()
		if err != nil {
			return 0, err
		}
		off := deviations(arrivals, float64(a.rate))
		if len(off) == 0 {
			return 0, fmt.Errorf("%s: no request arrived", p.name)
		}
		p50, p99, highest = append(p50, at(off, 50)), append(p99, at(off, 99)), append(highest, at(off, 100))
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
		number(median(p50), 3), number(median(p99), 3), number(median(highest), 2)}, own...)...)
	return median(p99), nil
}

// deviations are how far arrivals are off a grid with the rate, in milliseconds,
// in order of size. Half of them arrive before their place in it.
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
