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

func checkLoad(d *form.Decoder, n *form.Node, l *Load) {
	checkTimes(d, n, l)
	if !n.Bad {
		checkReach(d, n, l)
	}
}

func checkTimes(d *form.Decoder, n *form.Node, l *Load) {
	if n.Get("replay") != nil {
		checkReplay(d, n, l)
		return
	}
	if n.Get("concurrency") != nil {
		checkClosed(d, n, l)
		return
	}
	for _, key := range []string{"think", "duration"} {
		if e := n.Get(key); e != nil {
			d.FailKey(e, d.Label(e)+" is for the closed model only",
				"give each stage a duration, or write concurrency: 50 instead of stages for a closed model")
		}
	}
	if n.Get("stages") == nil {
		d.Missing(n, "stages", "a list of stages such as [{rate: 50/s, duration: 2m}]")
		return
	}
	if n.Sound("stages") && fillStages(d, n, l) && checkWarmup(d, n, l) {
		checkSum(d, n, l)
	}
}

// checkWarmup refuses loads of which no warm-up can be told from what the load itself does, and fills in
// how long it may be.
func checkWarmup(d *form.Decoder, n *form.Node, l *Load) (ok bool) {
	if !l.AutoWarmup || !n.Sound("warmup") {
		return true
	}
	e, length := n.Get("warmup"), l.Duration
	if !l.Closed() {
		length = l.cycle()
	}
	auto := d.Label(e) + ": auto "
	switch {
	case l.Closed() && l.Duration == 0 || !l.Closed() && !l.isConstant():
		d.Fail(e, auto+"is for one stage with a constant rate and a duration, or a closed model with a "+
			"duration: where the load changes, times change with it", "write a duration such as warmup: 30s")
	case length < autoWarmupLength:
		d.Fail(e, fmt.Sprintf("%sneeds a load of at least %s to compare its start with", auto,
			seconds(autoWarmupLength)), "let it last longer, or write a duration such as warmup: 5s")
	case l.Warmup > length:
		d.Fail(e, auto+"may not be longer than the load after it, because mfaload compares the two",
			"write a shorter time, or let the load last longer")
	case l.Warmup > 0 && l.Warmup < autoWarmupMin || l.Warmup%time.Second != 0:
		d.Fail(e, fmt.Sprintf("%stakes whole seconds, %s or more", auto, seconds(autoWarmupMin)),
			"write for example {auto: 30s}")
	default:
		if l.Warmup == 0 {
			l.Warmup = max(min(length/5, time.Minute).Truncate(time.Second), autoWarmupMin)
		}
		return true
	}
	return false
}

// How long a load has to be at least for its warm-up to be found, and that at most.
const (
	autoWarmupLength = 20 * time.Second
	autoWarmupMin    = 5 * time.Second
)

// isConstant says that a part of the load is like any other.
func (l *Load) isConstant() bool {
	return len(l.Stages) == 1 && l.Repeat <= 1 && l.Stages[0].steady() && l.Requests == 0
}

func checkClosed(d *form.Decoder, n *form.Node, l *Load) {
	l.Workers = l.Concurrency
	n.Forget("repeat", "arrivals", "workers", "rateFactor")
	for _, key := range []string{"stages", "repeat", "arrivals", "workers", "rateFactor"} {
		if e := n.Get(key); e != nil {
			d.FailKey(e,
				d.Label(e)+" cannot be combined with concurrency: a user of a closed load waits for a "+
					"response before the next request",
				"remove it, or remove concurrency for a load with a schedule")
		}
	}
	length, requests := n.Get("duration"), n.Get("requests")
	switch {
	case length != nil && requests != nil:
		d.FailKey(requests, d.Label(n)+" combines requests with duration",
			"keep one of them; maxRequests caps a load that has a duration")
	case n.Lacks("duration") && n.Lacks("requests"):
		d.Fail(n, "duration is missing in "+d.Label(n), "add duration: 2m, or requests: 10000")
	}
	checkWarmup(d, n, l)
	if l.Warmup+l.Duration > maxRun {
		d.Fail(length, d.Label(n)+".duration and the warm-up are longer than "+days(maxRun)+" together",
			"shorten them, or split the run")
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
		if peak := s.scale(l.RateFactor); peak > MaxRate {
			d.Fail(n.Get("rateFactor"), fmt.Sprintf("%s.rateFactor makes a rate of %v: at most %d/s",
				d.Label(n), peak, MaxRate), "write a smaller factor")
			return false
		}
		switch {
		case s.Requests > 0:
			ok = s.last(float64(s.Requests), d, e) && ok
		case s.Duration > 0 || e.Get("pause") != nil:
		case l.Requests > 0 && i == len(l.Stages)-1 && e.Get("rate") != nil && s.Spike == nil &&
			l.Repeat == 1:
			if before >= float64(l.Requests) {
				d.Fail(n.Get("requests"), d.Label(n)+".requests are all sent before the last stage",
					"raise it, or shorten the stages before")
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
		d.Fail(n, d.Label(n)+" never sends a request",
			"raise its rate, or write a duration instead of requests")
		return false
	}
	seconds := requests / mean
	if seconds > maxRun.Seconds() {
		d.Fail(n, d.Label(n)+" takes longer than "+days(maxRun)+" for its requests",
			"raise its rate, or write fewer requests")
		return false
	}
	s.Duration = max(time.Duration(math.Ceil(seconds*1e9)), 1)
	return true
}

// fillRepeat repeats the stages until the load has its requests.
func fillRepeat(d *form.Decoder, n *form.Node, l *Load, once float64) (ok bool) {
	if e := n.Get("repeat"); e != nil {
		d.FailKey(e, d.Label(n)+" combines repeat with requests",
			"keep one of them: with requests the stages are repeated as often as it takes")
		return false
	}
	if once == 0 {
		d.Fail(n.Get("stages"), d.Label(n.Get("stages"))+" send less than one request",
			"raise a rate or a duration")
		return false
	}
	times := math.Ceil((float64(l.Requests) - once*1e-12) / once)
	if times > maxRepeat {
		d.Fail(n.Get("requests"),
			fmt.Sprintf("%s.requests: the stages would have to be repeated more than %d times", d.Label(n),
				maxRepeat), "raise a rate or a duration")
		return false
	}
	l.Repeat = max(int(times), 1)
	return true
}

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
		d.Fail(n.Get("warmup"),
			d.Label(n)+".warmup is too short: at the first stage's rate it sends no request",
			"start the first stage at a higher rate, or remove the warm-up")
	case l.MaxRequests > 0 && float64(begins)*l.Warmup.Seconds() >= float64(l.MaxRequests):
		d.Fail(n.Get("maxRequests"), d.Label(n)+".maxRequests: the warm-up alone sends as many",
			"raise it, or shorten the warm-up")
	default:
		checkCap(d, n, l)
	}
}

func checkCap(d *form.Decoder, n *form.Node, l *Load) {
	if l.MaxRequests > 0 && l.Requests > l.MaxRequests {
		d.Fail(n.Get("requests"), d.Label(n)+".requests is above maxRequests",
			"raise maxRequests, or write fewer requests")
	}
}

// kinds are the keys that say what a stage is.
var kinds = []string{"rate", "from", "to", "sine", "profile", "pause"}

var allowedBeside = map[string][]string{
	"rate": {"duration", "requests", "spike"}, "from": {"to", "duration", "requests", "steps"},
	"to":   {"from", "duration", "requests", "steps"},
	"sine": {"duration"}, "profile": {}, "pause": {},
}

func checkStage(d *form.Decoder, n *form.Node, s *Stage) {
	constant, from, to := n.Get("rate"), n.Get("from"), n.Get("to")
	kind := slices.IndexFunc(kinds, func(k string) bool { return n.Get(k) != nil })
	switch {
	case constant != nil && (from != nil || to != nil):
		d.FailKey(constant, d.Label(n)+" combines rate with from or to",
			"write rate for a constant stage, from and to for a ramp")
		return
	case kind < 0:
		if !slices.ContainsFunc(kinds, func(k string) bool { return !n.Lacks(k) }) {
			d.Fail(n, "rate is missing in "+d.Label(n),
				"add rate: 50/s, or from: 50/s and to: 200/s for a ramp")
		}
		return
	case from != nil && to == nil:
		d.Missing(n, "to", rate(false).Want())
	case to != nil && from == nil:
		d.Missing(n, "from", rate(false).Want())
	}
	for _, e := range n.Entries {
		if e.Key != kinds[kind] && e.Key != "name" &&
			slices.ContainsFunc(stageKeys, func(k string) bool { return k == e.Key }) &&
			!slices.Contains(allowedBeside[kinds[kind]], e.Key) {
			d.FailKey(e, fmt.Sprintf("%s combines %s with %s", d.Label(n), e.Key, kinds[kind]),
				"keep one of them, or split it into two stages")
		}
	}
	if e := n.Get("requests"); e != nil && n.Get("duration") != nil {
		d.FailKey(e, d.Label(n)+" combines requests with duration",
			"keep one of them: the other follows from the rate")
	}
	if !n.Bad {
		s.complete(d, n)
	}
}

var stageKeys = append(slices.Clone(kinds), "steps", "spike", "duration", "requests")

func (s *Stage) complete(d *form.Decoder, n *form.Node) {
	switch {
	case s.Profile != nil:
		s.Duration = s.Profile.duration()
	case s.Spike != nil && n.Get("requests") != nil:
		d.FailKey(n.Get("requests"), d.Label(n)+" combines requests with spike", "write a duration")
	case s.Spike != nil && s.Duration > 0 && s.Spike.At+s.Spike.For > s.Duration:
		d.Fail(n.Get("spike"), d.Label(n.Get("spike"))+" ends after its stage",
			"start it earlier, or make the stage longer")
	case s.Steps > 0 && s.From == s.To:
		d.FailKey(n.Get("steps"), d.Label(n)+" has steps between equal rates",
			"let from and to differ, or write rate")
	}
}

// Limits of loads.
const (
	maxRepeat   = 1_000_000
	maxRequests = 1_000_000_000_000
	maxSteps    = 1000
)

var requestCount = form.Whole[uint64](1, maxRequests)

var loadForm = form.Mapping(checkLoad, []form.Field{
	form.Key("arrivals", form.OneOf("an arrival process", Uniform, Poisson),
		"Whether requests are evenly spaced (uniform) or come at random (poisson).").Default("uniform"),
	form.Key("seed", seed, "Makes random schedules repeatable.").Default("1"),
	form.Set("warmup", form.Either(plainWarmup, warmupForm),
		func(l *Load, v warmup) { l.Warmup, l.AutoWarmup = v.most, v.auto },
		"Time before the first stage, at the rate with which that begins. Reported apart, "+
			"not judged. auto: it ends where response times become steady, which is found after the run, "+
			"and after a fifth of the load's duration at the latest (5s to 1m); {auto: 2m} sets another "+
			"limit. For one stage with a constant rate, or a closed model with a duration.").Default("0s"),
	form.Key("workers", form.Whole(1, 100_000),
		"The maximum number of requests in flight; in a run on several machines, on each of them. "+
			"Default: as many as "+
			"are needed, up to 10000 or what open files and local ports allow."),
	form.Key("drain", duration(false, maxWait),
		"How long after the last stage requests may still be sent or received. After a signal, or a stop, "+
			"that is how long mfaload waits for responses in flight; neither ever "+
			"prolongs the wait.").Default("10s"),
	form.Key("stages", form.ListOf("a list of stages", "such as [{rate: 50/s, duration: 2m}]", stageForm),
		"Parts of the load that follow one another: {rate: 50/s, duration: 2m}, {from: 50/s, to: 200/s, "+
			"duration: 5m} or {pause: 30s}; also steps, spike, sine and profile."),
	form.Set("replay", replayForm, func(l *Load, v Replay) { l.Stages = []Stage{{Replay: &v}} },
		"Instead of stages: a recording whose requests are sent again, each at its own time and for its own "+
			"user. A warm-up sends its first requests once more, before it. A row without a user gets the "+
			"next one of its group, which then needs ids or file."),
	form.Key("rateFactor", shareWithin(0.001, 100),
		"Multiplies all rates of the stages, such as 50% for half the load; durations stay. Of a replay, "+
			"10% sends every tenth request, and 300% sends each three times, evenly up to the next.").
		Default("100%"),
	form.Key("repeat", form.Whole(1, maxRepeat), "How many times the list of stages is run.").Default("1"),
	form.Key("requests", requestCount,
		"Exactly how many requests to send after the warm-up. The last stage then may have a rate and no "+
			"duration; if all have one, the stages are repeated."),
	form.Key("maxRequests", requestCount,
		"The maximum number of requests of the whole run, the warm-up's included."),
	form.Key("maxPerUser", perDay,
		"The maximum number of requests for the same user within 24 hours, such as 50/d; a group may have "+
			"its own. "+
			"Default: 10/d for a host that is not this machine, 5/d for groups there that expect a push, "+
			"and no limit for this machine. A run that would send more is refused before it starts."),
	form.Key("concurrency", form.Whole(1, 100_000),
		"Instead of stages: a closed model with as many users, each of whom waits for a response before the "+
			"next request. A slow service slows this load down."),
	form.Key("think", duration(false, maxWait),
		"How long a user of the closed model waits before each request. Default: not at all."),
	form.Key("duration", duration(true, maxRun), "How long the closed model lasts."),
	form.Key("on429", form.OneOf("a way to go on", Continue429, Pause429, Stop429),
		"What a response with 429 (too many requests) does to the run: nothing (continue), nothing is sent "+
			"for as long as Retry-After says, from 1s to 1m, and arrivals of that time are counted as "+
			"unsent (pause), or it ends as failed (stop).").Default("continue"),
	form.Set("stopOn", form.ListOf("a list of conditions",
		"such as [{errorRate: 10%, window: 10s}, {connectionFailures: 20}]", stopForm),
		func(l *Load, v []stopItem) { l.StopOn = conditions(v) },
		"What ends the run early as failed: limits that the last seconds broke, by at least 5 of at least "+
			"20 requests that came to an end in them."),
	form.Key("until", form.OneOf("an end", UntilDecided),
		"decided: the run ends as soon as its thresholds are, with their confidence, and at the latest as "+
			"planned. It is looked at after half of its length, a quarter and so on, not before a minute. "+
			"For one stage with a constant rate."),
}).OneWay([]any{"stages"}, []any{"concurrency"}, []any{"replay"})

// warmup is how long a warm-up is, or at most if its end is to be found; 0 for as long as the load allows.
type warmup struct {
	most time.Duration
	auto bool
}

var plainWarmup = form.UnitText("a duration", "such as 10s, or auto",
	form.SchemaObject{"anyOf": []any{form.Reference("duration"), form.SchemaObject{"const": "auto"}}},
	func(text string) (w warmup, f *form.Flaw) {
		if w.auto = text == "auto"; !w.auto {
			w.most, f = parseDurationUpTo(text, maxRun)
		}
		if f != nil && f.Reason == "is not a duration" {
			f = form.NewFlaw("is neither a duration nor auto", f.Remedy)
		}
		return w, f
	})

var warmupForm = form.Mapping[warmup](nil, []form.Field{
	form.Set("auto", duration(true, maxRun), func(w *warmup, v time.Duration) { *w = warmup{v, true} },
		"The most that a warm-up may take whose end is found after the run: 5s or more, and not longer than "+
			"the load after it.").Required(),
})

var stageForm = form.Mapping(checkStage, []form.Field{
	form.Key("name", nameText, "What progress and plans call the stage."),
	form.Set("rate", rate(false), func(s *Stage, v Rate) { s.From, s.To = v, v },
		"A constant rate. 0/s is a pause."),
	form.Key("from", rate(false), "The rate at the stage's start."),
	form.Key("to", rate(false), "The rate at the stage's end."),
	form.Key("steps", form.Whole(2, maxSteps),
		"Goes from from to to in as many equally long steps instead of a ramp; the first step has the rate "+
			"from, the last one the rate to."),
	form.Key("spike", spikeForm,
		"A jump from rate to another rate, and back: {rate: 500/s, at: 1m, for: 10s}."),
	form.Key("sine", waveForm, "A rate that swings as a sine, such as that of a day: {low: 10/s, high: "+
		"200/s, period: 1d}.").Into("Wave"),
	form.Key("profile", profileForm, "A recorded rate: a CSV file with rows of second,rate."),
	form.Key("pause", duration(true, maxRun), "Sends nothing for a while.").Into("Duration"),
	form.Key("duration", duration(true, maxRun),
		"How long the stage is. A profile and a pause say that themselves."),
	form.Key("requests", requestCount,
		"How many requests the stage has, instead of a duration: with rate, or with from and to. With "+
			"poisson arrivals that is their mean."),
}).OneWay([]any{"rate"}, []any{"from", "to"}, []any{"sine"}, []any{"profile"}, []any{"pause"})

var spikeForm = form.Mapping[Spike](nil, []form.Field{
	form.Key("rate", rate(false), "The rate of the spike.").Required(),
	form.Key("at", duration(false, maxRun), "When it begins, since the start of the stage.").Required(),
	form.Key("for", duration(true, maxRun), "How long it is.").Required(),
})

var waveForm = form.Mapping(checkWave, []form.Field{
	form.Key("low", rate(false), "The lowest rate.").Required(),
	form.Key("high", rate(true), "The highest rate.").Required(),
	form.Key("period", duration(true, maxRun), "The time from peak to peak, at least a second.").Required(),
	form.Key("crest", duration(false, maxRun),
		"When the rate is highest, since the start of the stage. Default: after half a period, so that "+
			"the stage begins with the lowest rate."),
})

func checkWave(d *form.Decoder, n *form.Node, w *Wave) {
	if n.Sound("low") && n.Sound("high") && w.Low > w.High {
		d.Fail(n.Get("low"), d.Label(n.Get("low"))+": "+n.Get("low").Shown()+" is above high",
			"swap low and high")
	}
	if n.Sound("period") && w.Period < time.Second {
		d.Fail(n.Get("period"), d.Label(n.Get("period"))+": "+n.Get("period").Shown()+" is below a second",
			"write at least 1s")
	}
	if n.Get("crest") == nil {
		w.Crest = w.Period / 2
	}
}
