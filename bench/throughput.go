//go:build linux

package main

import "fmt"

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
	b.header("tool", "checked of each answer", "requests/s (median)", "least", "most",
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
