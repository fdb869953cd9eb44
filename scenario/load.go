package scenario

import (
	"fmt"
	"math"
	"slices"
	"time"

	"mfaload/scenario/form"
)

// Duration is how long the load lasts, without the warm-up: the sum of the
// stages, as often as they are repeated. 0 where the number of requests ends a
// closed load. Where that ends a repeated list of stages, the last time may
// stay incomplete.
func (s *Scenario) Duration() time.Duration {
	if s.Load.Closed() {
		return s.Load.Duration
	}
	return s.Load.cycle() * time.Duration(max(s.Load.Repeat, 1))
}

// cycle is how long the stages last once. It stops adding up beyond what a run
// may last, so that it can't overflow.
func (l *Load) cycle() (sum time.Duration) {
	for i := range l.Stages {
		if sum += l.Stages[i].Duration; sum > maxRun {
			break
		}
	}
	return sum
}

// minArrivals is one request, less what a sum may be off by rounding.
const minArrivals = 1 - 1e-6

// checkLoad refuses loads that can't be or that send nothing.
func checkLoad(d *form.Decoder, n *form.Node, l *Load) {
	checkTimes(d, n, l)
	if !n.Bad {
		checkReach(d, n, l)
	}
}

// checkTimes looks at when requests are sent.
func checkTimes(d *form.Decoder, n *form.Node, l *Load) {
	if n.Get("concurrency") != nil {
		checkClosed(d, n, l)
		return
	}
	for _, key := range []string{"think", "duration"} {
		if e := n.Get(key); e != nil {
			d.FailKey(e, d.Label(e)+" is for the closed model only", "give each stage a duration, or write concurrency: 50 instead of stages for a closed model")
		}
	}
	if n.Get("stages") == nil {
		d.Missing(n, "stages", "a list of stages such as [{rate: 50/s, duration: 2m}]")
		return
	}
	if n.Sound("stages") && fillStages(d, n, l) {
		checkSum(d, n, l)
	}
}

// checkClosed looks at a load without stages.
func checkClosed(d *form.Decoder, n *form.Node, l *Load) {
	l.Workers = l.Concurrency
	n.Forget("repeat", "arrivals", "workers")
	for _, key := range []string{"stages", "repeat", "arrivals", "workers"} {
		if e := n.Get(key); e != nil {
			d.FailKey(e, d.Label(e)+" has no meaning beside concurrency: in a closed model each user waits for an answer before the next request",
				"leave it out, or leave concurrency out for a load with a schedule")
		}
	}
	length, requests := n.Get("duration"), n.Get("requests")
	switch {
	case length != nil && requests != nil:
		d.FailKey(requests, d.Label(n)+" has requests beside duration", "keep one of them; maxRequests is a cap beside a duration")
	case n.Lacks("duration") && n.Lacks("requests"):
		d.Fail(n, "duration is missing in "+d.Label(n), "add duration: 2m, or requests: 10000")
	}
	if l.Warmup+l.Duration > maxRun {
		d.Fail(length, d.Label(n)+".duration and the warm-up are longer than "+days(maxRun)+" together", "shorten them, or split the run")
	}
	checkCap(d, n, l)
}

// fillStages gives each stage the duration that follows from its requests or
// from those of the load.
func fillStages(d *form.Decoder, n *form.Node, l *Load) (ok bool) {
	list, ok := n.Get("stages"), true
	before := 0.0
	for i := range l.Stages {
		s, e := &l.Stages[i], list.Entries[i]
		switch {
		case s.Requests > 0:
			ok = s.last(float64(s.Requests), d, e) && ok
		case s.Duration > 0 || e.Get("pause") != nil:
		case l.Requests > 0 && i == len(l.Stages)-1 && e.Get("rate") != nil && s.Spike == nil && l.Repeat == 1:
			if before >= float64(l.Requests) {
				d.Fail(n.Get("requests"), d.Label(n)+".requests are all sent before the last stage", "write more of them, or shorten the stages before")
				return false
			}
			ok = s.last(float64(l.Requests)-before, d, e) && ok
		default:
			d.Missing(e, "duration", duration(true, maxRun).Want())
			ok = false
		}
		if ok {
			before += s.Total()
		}
	}
	if ok && l.Requests > 0 {
		n.Forget("repeat")
		return fillRepeat(d, n, l, before)
	}
	return ok
}

// last makes the stage as long as so many requests take. It may be a fraction
// of a nanosecond longer.
func (s *Stage) last(requests float64, d *form.Decoder, n *form.Node) (ok bool) {
	mean := float64(s.From+s.To) / 2
	if mean == 0 {
		d.Fail(n, d.Label(n)+" sends nothing, however long it is", "raise its rate, or write a duration instead of requests")
		return false
	}
	seconds := requests / mean
	if seconds > maxRun.Seconds() {
		d.Fail(n, d.Label(n)+" takes longer than "+days(maxRun)+" for its requests", "raise its rate, or write fewer requests")
		return false
	}
	s.Duration = max(time.Duration(math.Ceil(seconds*1e9)), 1)
	return true
}

// fillRepeat repeats the stages until there are as many requests as the load
// shall have.
func fillRepeat(d *form.Decoder, n *form.Node, l *Load, once float64) (ok bool) {
	if e := n.Get("repeat"); e != nil {
		d.FailKey(e, d.Label(n)+" has repeat beside requests", "keep one of them: with requests the stages are repeated as often as it takes")
		return false
	}
	if once == 0 {
		d.Fail(n.Get("stages"), d.Label(n.Get("stages"))+" send less than one request", "raise a rate or a duration")
		return false
	}
	times := math.Ceil((float64(l.Requests) - once*1e-12) / once)
	if times > maxRepeat {
		d.Fail(n.Get("requests"), fmt.Sprintf("%s.requests: the stages would have to be repeated more than %d times", d.Label(n), maxRepeat),
			"raise a rate or a duration")
		return false
	}
	l.Repeat = max(int(times), 1)
	return true
}

// checkSum refuses loads that are too long or send nothing.
func checkSum(d *form.Decoder, n *form.Node, l *Load) {
	stages := n.Get("stages")
	total := 0.0
	for i := range l.Stages {
		total += l.Stages[i].Total()
	}
	length := float64(l.cycle()) * float64(max(l.Repeat, 1))
	if l.Requests > 0 { // the last time ends early
		length -= float64(l.cycle())
	}
	switch begins := l.Stages[0].Begins(); {
	case l.cycle() > maxRun || length+float64(l.Warmup) > float64(maxRun):
		subject := d.Label(stages) + " and the warm-up"
		if l.Repeat > 1 {
			subject = fmt.Sprintf("%s, %d times, and the warm-up", d.Label(stages), l.Repeat)
		}
		d.Fail(stages, subject+" are longer than "+days(maxRun)+" together", "shorten them, or split the run")
	case total*float64(max(l.Repeat, 1)) < minArrivals:
		d.Fail(stages, d.Label(stages)+" send less than one request", "raise a rate or a duration")
	case l.Warmup > 0 && float64(begins)*l.Warmup.Seconds() < minArrivals:
		d.Fail(n.Get("warmup"), d.Label(n)+".warmup sends less than one request at the rate with which the first stage begins",
			"let the first stage begin faster, or leave the warm-up out")
	case l.MaxRequests > 0 && float64(begins)*l.Warmup.Seconds() >= float64(l.MaxRequests):
		d.Fail(n.Get("maxRequests"), d.Label(n)+".maxRequests: the warm-up alone sends as many", "write more of them, or shorten the warm-up")
	default:
		checkCap(d, n, l)
	}
}

// checkCap refuses a number of requests that a cap does not let through.
func checkCap(d *form.Decoder, n *form.Node, l *Load) {
	if l.MaxRequests > 0 && l.Requests > l.MaxRequests {
		d.Fail(n.Get("requests"), d.Label(n)+".requests is above maxRequests", "raise maxRequests, or write fewer requests")
	}
}

// kinds are the keys that say what a stage is.
var kinds = []string{"rate", "from", "to", "sine", "profile", "pause"}

// allowedBeside are the keys that a kind of stage takes.
var allowedBeside = map[string][]string{
	"rate": {"duration", "requests", "spike"}, "from": {"to", "duration", "requests", "steps"}, "to": {"from", "duration", "requests", "steps"},
	"sine": {"duration"}, "profile": {}, "pause": {},
}

func checkStage(d *form.Decoder, n *form.Node, s *Stage) {
	constant, from, to := n.Get("rate"), n.Get("from"), n.Get("to")
	kind := slices.IndexFunc(kinds, func(k string) bool { return n.Get(k) != nil })
	switch {
	case constant != nil && (from != nil || to != nil):
		d.FailKey(constant, d.Label(n)+" has rate beside from or to", "write rate for a constant stage, from and to for a ramp")
		return
	case kind < 0:
		if !slices.ContainsFunc(kinds, func(k string) bool { return !n.Lacks(k) }) {
			d.Fail(n, "rate is missing in "+d.Label(n), "add rate: 50/s, or from: 50/s and to: 200/s for a ramp")
		}
		return
	case from != nil && to == nil:
		d.Missing(n, "to", rate(false).Want())
	case to != nil && from == nil:
		d.Missing(n, "from", rate(false).Want())
	}
	for _, e := range n.Entries {
		if e.Key != kinds[kind] && e.Key != "name" && slices.ContainsFunc(stageKeys, func(k string) bool { return k == e.Key }) &&
			!slices.Contains(allowedBeside[kinds[kind]], e.Key) {
			d.FailKey(e, fmt.Sprintf("%s has %s beside %s", d.Label(n), e.Key, kinds[kind]), "keep one of them, or make two stages of it")
		}
	}
	if e := n.Get("requests"); e != nil && n.Get("duration") != nil {
		d.FailKey(e, d.Label(n)+" has requests beside duration", "keep one of them: the other follows from the rate")
	}
	if !n.Bad {
		s.complete(d, n)
	}
}

// stageKeys are all keys that may be at odds with a stage's kind.
var stageKeys = append(slices.Clone(kinds), "steps", "spike", "duration", "requests")

// complete looks at the parts of a stage together.
func (s *Stage) complete(d *form.Decoder, n *form.Node) {
	switch {
	case s.Profile != nil:
		s.Duration = s.Profile.duration()
	case s.Spike != nil && n.Get("requests") != nil:
		d.FailKey(n.Get("requests"), d.Label(n)+" has requests beside spike", "write a duration")
	case s.Spike != nil && s.Duration > 0 && s.Spike.At+s.Spike.For > s.Duration:
		d.Fail(n.Get("spike"), d.Label(n.Get("spike"))+" ends after its stage", "let it begin earlier, or make the stage longer")
	case s.Steps > 0 && s.From == s.To:
		d.FailKey(n.Get("steps"), d.Label(n)+" has steps between equal rates", "let from and to differ, or write rate")
	}
}
