// Package model holds servers of known behaviour: when a server that got
// requests at given times answers them. The bench server waits as a model says,
// and the truth that a load generator's percentiles are held against comes from
// the same model and the schedule, by arithmetic.
package model

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// Model returns when the request that came at a time is answered. Times count
// from the first request. It is asked in the order of the requests and keeps
// what it must remember of them; two models of the same text answer alike.
type Model func(at time.Duration) (done time.Duration)

// Forms are the texts that Parse takes.
const Forms = "none, constant:D, bimodal:D,D,SHARE (of the second), stall:D,EVERY,LENGTH, " +
	"queue:constant,MEAN or queue:exponential,MEAN"

// Parse returns the model that a text describes; see [Forms].
func Parse(text string) (Model, error) {
	kind, list, _ := strings.Cut(text, ":")
	var args []string
	if list != "" {
		args = strings.Split(list, ",")
	}
	m, err := parse(kind, args)
	if err != nil {
		return nil, fmt.Errorf("server model %q: %w: use %s", text, err, Forms)
	}
	return m, nil
}

func parse(kind string, args []string) (Model, error) {
	random := rand.New(rand.NewPCG(1, 2))
	switch {
	case kind == "none" && len(args) == 0:
		return func(at time.Duration) time.Duration { return at }, nil
	case kind == "constant" && len(args) == 1:
		d, err := durations(args)
		return func(at time.Duration) time.Duration { return at + d[0] }, err
	case kind == "bimodal" && len(args) == 3:
		d, err := durations(args[:2])
		if err != nil {
			return nil, err
		}
		share, err := strconv.ParseFloat(args[2], 64)
		return bimodal(random, d[0], d[1], share), err
	case kind == "stall" && len(args) == 3:
		d, err := durations(args)
		return func(at time.Duration) time.Duration { return stall(at, d[0], d[1], d[2]) }, err
	case kind == "queue" && len(args) == 2 && (args[0] == "constant" || args[0] == "exponential"):
		d, err := durations(args[1:])
		if err != nil {
			return nil, err
		}
		service := func() time.Duration { return d[0] }
		if args[0] == "exponential" {
			service = func() time.Duration { return time.Duration(random.ExpFloat64() * float64(d[0])) }
		}
		return queue(service), nil
	}
	return nil, fmt.Errorf("no such model with %d values", len(args))
}

func durations(texts []string) ([]time.Duration, error) {
	d := make([]time.Duration, len(texts))
	for i, text := range texts {
		var err error
		if d[i], err = time.ParseDuration(text); err != nil {
			return d, err
		}
	}
	return d, nil
}

func bimodal(random *rand.Rand, fast, slow time.Duration, share float64) Model {
	return func(at time.Duration) time.Duration {
		if random.Float64() < share {
			return at + slow
		}
		return at + fast
	}
}

// stall answers after d, but stands still for length in the middle of each
// period: answers that fall due then come at its end.
func stall(at, d, every, length time.Duration) time.Duration {
	due := at + d
	begin := due.Truncate(every) + (every-length)/2
	if due >= begin && due < begin+length {
		return begin + length
	}
	return due
}

// queue serves one request after the other (Lindley's recursion).
func queue(service func() time.Duration) Model {
	var free time.Duration
	return func(at time.Duration) time.Duration {
		free = max(free, at) + service()
		return free
	}
}
