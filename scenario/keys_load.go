package scenario

import (
	"time"

	"mfaload/scenario/form"
)

// Limits of loads.
const (
	maxRepeat   = 1_000_000
	maxRequests = 1_000_000_000_000
	maxSteps    = 1000
)

var requestCount = form.Whole[uint64](1, maxRequests)

var loadForm = form.Mapping(checkLoad, []form.Field[Load]{
	form.Key("arrivals", form.OneOf("an arrival process", Uniform, Poisson), func(l *Load, v Arrivals) { l.Arrivals = v },
		"Whether requests are evenly spaced (uniform) or come at random (poisson).").Default("uniform"),
	form.Key("seed", seed, func(l *Load, v uint64) { l.Seed = v },
		"Makes random schedules repeatable.").Default("1"),
	form.Key("warmup", duration(false, maxRun), func(l *Load, v time.Duration) { l.Warmup = v },
		"Time before the first stage, at the rate with which that begins. Reported apart, not judged.").Default("0s"),
	form.Key("workers", form.Whole(1, 100_000), func(l *Load, v int) { l.Workers = v },
		"The most requests in flight; in a run on several machines, on each of them. Left out: as many as are needed, up to 10000 or what open files and local ports allow."),
	form.Key("drain", duration(false, maxWait), func(l *Load, v time.Duration) { l.Drain = v },
		"How long after the last stage requests may still be sent or answered. After a signal, or a stop, that is how long responses in flight are waited for; neither ever prolongs the wait.").Default("10s"),
	form.Key("stages", form.ListOf("a list of stages", "such as [{rate: 50/s, duration: 2m}]", stageForm), func(l *Load, v []Stage) { l.Stages = v },
		"Parts of the load that follow one another: {rate: 50/s, duration: 2m}, {from: 50/s, to: 200/s, duration: 5m} or {pause: 30s}; also steps, spike, sine and profile."),
	form.Key("repeat", form.Whole(1, maxRepeat), func(l *Load, v int) { l.Repeat = v },
		"How many times the list of stages is run.").Default("1"),
	form.Key("requests", requestCount, func(l *Load, v uint64) { l.Requests = v },
		"Exactly how many requests to send after the warm-up. The last stage then may have a rate and no duration; if all have one, the stages are repeated."),
	form.Key("maxRequests", requestCount, func(l *Load, v uint64) { l.MaxRequests = v },
		"The most requests of the whole run, the warm-up's included, whatever the rest says."),
	form.Key("maxPerUser", perDay, func(l *Load, v uint64) { l.MaxPerUser = v },
		"The most requests for the same user within 24 hours, such as 50/d; a group may have its own. Left out: 10/d for a host that is not this machine, and no limit for others. A run that would send more is refused before it starts."),
	form.Key("concurrency", form.Whole(1, 100_000), func(l *Load, v int) { l.Concurrency = v },
		"Instead of stages: a closed model with as many users, each of whom waits for an answer before the next request. A slow service slows this load down."),
	form.Key("think", duration(false, maxWait), func(l *Load, v time.Duration) { l.Think = v },
		"How long a user of the closed model waits before each request. Left out: not at all."),
	form.Key("duration", duration(true, maxRun), func(l *Load, v time.Duration) { l.Duration = v },
		"How long the closed model lasts."),
	form.Key("on429", form.OneOf("a way to go on", Continue429, Pause429, Stop429), func(l *Load, v On429) { l.On429 = v },
		"What an answer with 429 (too many requests) does to the run: nothing (continue), nothing is sent for as long as Retry-After says, from 1s to 1m, and arrivals of that time are counted as unsent (pause), or it ends as failed (stop).").Default("continue"),
	form.Key("stopOn", form.ListOf("a list of conditions", "such as [{errorRate: 10%, window: 10s}, {connectionFailures: 20}]", stopForm), func(l *Load, v []stopItem) { l.StopOn = conditions(v) },
		"What ends the run early as failed: limits that the last seconds broke, by at least 5 of at least 20 requests that came to an end in them."),
}).OneWay([]any{"stages"}, []any{"concurrency"})

var stageForm = form.Mapping(checkStage, []form.Field[Stage]{
	form.Key("name", nameText, func(s *Stage, v string) { s.Name = v },
		"What progress and plans call the stage."),
	form.Key("rate", rate(false), func(s *Stage, v Rate) { s.From, s.To = v, v },
		"A constant rate. 0/s is a pause."),
	form.Key("from", rate(false), func(s *Stage, v Rate) { s.From = v },
		"The rate at the stage's start."),
	form.Key("to", rate(false), func(s *Stage, v Rate) { s.To = v },
		"The rate at the stage's end."),
	form.Key("steps", form.Whole(2, maxSteps), func(s *Stage, v int) { s.Steps = v },
		"Goes from from to to in as many equally long steps instead of a ramp; the first step has the rate from, the last one the rate to."),
	form.Key("spike", spikeForm, func(s *Stage, v Spike) { s.Spike = &v },
		"A jump from rate to another rate, and back: {rate: 500/s, at: 1m, for: 10s}."),
	form.Key("sine", waveForm, func(s *Stage, v Wave) { s.Wave = &v },
		"A rate that swings as a sine, such as that of a day: {low: 10/s, high: 200/s, period: 1d}."),
	form.Key("profile", profileForm, func(s *Stage, v Profile) { s.Profile = &v },
		"A recorded rate: a CSV file with rows of second,rate."),
	form.Key("pause", duration(true, maxRun), func(s *Stage, v time.Duration) { s.Duration = v },
		"Sends nothing for a while."),
	form.Key("duration", duration(true, maxRun), func(s *Stage, v time.Duration) { s.Duration = v },
		"How long the stage is. A profile and a pause say that themselves."),
	form.Key("requests", requestCount, func(s *Stage, v uint64) { s.Requests = v },
		"How many requests the stage has, instead of a duration: with rate, or with from and to. With poisson arrivals that is their mean."),
}).OneWay([]any{"rate"}, []any{"from", "to"}, []any{"sine"}, []any{"profile"}, []any{"pause"})

var spikeForm = form.Mapping(nil, []form.Field[Spike]{
	form.Key("rate", rate(false), func(s *Spike, v Rate) { s.Rate = v },
		"The rate of the spike.").Required(),
	form.Key("at", duration(false, maxRun), func(s *Spike, v time.Duration) { s.At = v },
		"When it begins, since the start of the stage.").Required(),
	form.Key("for", duration(true, maxRun), func(s *Spike, v time.Duration) { s.For = v },
		"How long it is.").Required(),
})

var waveForm = form.Mapping(checkWave, []form.Field[Wave]{
	form.Key("low", rate(false), func(w *Wave, v Rate) { w.Low = v },
		"The lowest rate.").Required(),
	form.Key("high", rate(true), func(w *Wave, v Rate) { w.High = v },
		"The highest rate.").Required(),
	form.Key("period", duration(true, maxRun), func(w *Wave, v time.Duration) { w.Period = v },
		"The time from crest to crest, at least a second.").Required(),
	form.Key("crest", duration(false, maxRun), func(w *Wave, v time.Duration) { w.Crest = v },
		"When the rate is highest, since the start of the stage. Left out: after half a period, so that the stage begins with the lowest rate."),
})

func checkWave(d *form.Decoder, n *form.Node, w *Wave) {
	if n.Sound("low") && n.Sound("high") && w.Low > w.High {
		d.Fail(n.Get("low"), d.Label(n.Get("low"))+": "+n.Get("low").Shown()+" is above high", "swap low and high")
	}
	if n.Sound("period") && w.Period < time.Second {
		d.Fail(n.Get("period"), d.Label(n.Get("period"))+": "+n.Get("period").Shown()+" is below a second", "write at least 1s")
	}
	if n.Get("crest") == nil {
		w.Crest = w.Period / 2
	}
}
