//go:build linux

package main

import (
	"fmt"
	"slices"
)

// bar is what mfaload has to reach: so many times the requests a second of a peer.
type bar struct {
	peer   string
	factor float64
}

// throughput compares how many requests a second each tool sends to nginx on one
// processor, 64 at once, each after the response to the one before.
func (b *bench) throughput() error {
	for _, t := range []struct {
		title   string
		attack  attack
		costMax float64 // of mfaload, in µs a request; 0 for no bar
		bars    []bar
	}{
		{"plain HTTP/1.1, 64 connections", attack{origin: "http://" + plainHost}, 0, []bar{{"wrk", 0.75}}},
		{"HTTPS, HTTP/1.1, 64 connections", attack{origin: "https://" + secureHost}, 0, []bar{{"wrk", 0.9}}},
		{"HTTPS, HTTP/2, 64 requests at once", attack{origin: "https://" + http2Host, http2: true}, 18,
			[]bar{{"h2load", 0.9}, {"hey", 2}}},
	} {
		b.print("\n## Throughput: %s\n\nnginx is the server. *Server busy* is its processor's: at 100%% the "+
			"server is what limits a tool.", t.title)
		t.attack.connections, t.attack.length = 64, b.length
		all, err := b.compare(t.attack)
		if err != nil {
			return err
		}
		b.print("")
		mine := all["mfaload"]
		if cost := mine.median(outcome.cost); t.costMax > 0 {
			b.bar(fmt.Sprintf("≤ %v µs a request", t.costMax), cost <= t.costMax, number(cost, 1)+" µs",
				fmt.Sprintf("on this machine h2load, which checks nothing, takes %.1f µs",
					all["h2load"].median(outcome.cost)))
		}
		for _, bar := range t.bars {
			demand := fmt.Sprintf("≥ %v × the requests/s of %s", bar.factor, bar.peer)
			its, tried := all[bar.peer]
			if !tried {
				b.bar(demand, false, "not measured", bar.peer+" is not installed")
				continue
			}
			ratio := mine.over(its)
			b.bar(demand, ratio >= bar.factor, number(ratio, 2)+" ×", fmt.Sprintf("a request takes mfaload "+
				"%.1f µs and %s, which checks nothing, %.1f µs", mine.median(outcome.cost), bar.peer,
				its.median(outcome.cost)))
		}
	}
	return nil
}

// outcomes are those of one tool, in the order of the runs.
type outcomes []outcome

func (list outcomes) figures(of func(outcome) float64) (figures []float64) {
	for _, o := range list {
		figures = append(figures, of(o))
	}
	return figures
}

func (list outcomes) median(of func(outcome) float64) float64 { return median(list.figures(of)) }

// over is the median of the ratios of rates, run by run.
func (list outcomes) over(others outcomes) float64 {
	var ratios []float64
	for i, o := range list {
		ratios = append(ratios, o.rate/max(others[i].rate, 1))
	}
	return median(ratios)
}

// compare attacks with every tool in turn, again and again, and prints the outcomes.
func (b *bench) compare(a attack) (map[string]outcomes, error) {
	all := map[string]outcomes{}
	for range b.runs {
		for _, p := range b.peers {
			if a.http2 && !p.http2 {
				continue
			}
			before := b.server.worked()
			o, err := b.try(p, a)
			if err != nil {
				return nil, err
			}
			o.busy = 100 * (b.server.worked() - before).Seconds() / a.length.Seconds()
			all[p.name] = append(all[p.name], o)
		}
	}
	b.header("tool", "checked of each response", "requests/s (median)", "min", "max",
		"mfaload ÷ it (median of pairs)", "CPU µs a request", "server busy")
	for _, p := range b.peers {
		list := all[p.name]
		if len(list) == 0 {
			continue
		}
		rates := list.figures(func(o outcome) float64 { return o.rate })
		b.row(p.name, p.checked, number(median(rates), 0), number(slices.Min(rates), 0),
			number(slices.Max(rates), 0), number(all["mfaload"].over(list), 2),
			number(list.median(outcome.cost), 1),
			number(list.median(func(o outcome) float64 { return o.busy }), 0)+"%")
	}
	return all, nil
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
