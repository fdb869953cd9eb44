package scenario

import (
	"time"

	"mfaload/scenario/form"
)

// Capacity says how the highest rate is looked for that keeps the thresholds. The
// keys of the file have the same names.
type Capacity struct {
	MaxRate, StartRate Rate
	StopOn429          bool
	// Trial is how long a trial is judged at least, after its Warmup. Settle is the
	// pause between two trials, and Budget bounds the whole search.
	Trial, Warmup, Settle, Budget time.Duration
	// Trials is the most trials, from 3 to 1,000.
	Trials int
	// Width and Confidence are shares: 0.005 to 0.5, and 0.5 to 0.999.
	Width, Confidence float64
}

// NewCapacity returns the defaults for a highest rate.
func NewCapacity(most Rate) Capacity {
	return Capacity{MaxRate: most, StartRate: most / defaultRange, Trial: 30 * time.Second,
		Warmup: 10 * time.Second, Settle: 5 * time.Second,
		Budget: 30 * time.Minute, Trials: 15, Width: 0.05, Confidence: 0.95}
}

var capacityForm = form.Mapping(checkCapacity, []form.Field[Capacity]{
	form.Key("maxRate", rate(true), func(c *Capacity, v Rate) { c.MaxRate = v },
		"The highest rate that may be tried.").Required(),
	form.Key("startRate", rate(true), func(c *Capacity, v Rate) { c.StartRate = v },
		"The rate of the first trial. Left out: a 32nd of maxRate."),
	form.Key("stopOn429", form.YesOrNo, func(c *Capacity, v bool) { c.StopOn429 = v },
		"Whether 429 ends the search upwards: no trial goes to a rate that was refused before, and the "+
			"rate limit is what was found.").Default("false"),
	form.Key("trial", duration(true, maxRun), func(c *Capacity, v time.Duration) { c.Trial = v },
		"How long a trial is judged at least. It gets longer where percentiles need more requests and near "+
			"the limit.").Default("30s"),
	form.Key("warmup", duration(false, maxRun), func(c *Capacity, v time.Duration) { c.Warmup = v },
		"Time at the start of each trial that is not judged.").Default("10s"),
	form.Key("settle", duration(false, maxRun), func(c *Capacity, v time.Duration) { c.Settle = v },
		"The pause between two trials.").Default("5s"),
	form.Key("budget", duration(true, maxRun), func(c *Capacity, v time.Duration) { c.Budget = v },
		"The most time that the search may take.").Default("30m"),
	form.Key("trials", form.Whole(3, 1000), func(c *Capacity, v int) { c.Trials = v },
		"The most trials.").Default("15"),
	form.Key("width", shareAboveZero, func(c *Capacity, v float64) { c.Width = v },
		"How wide the interval may be that is looked for, as a share of its middle.").Default("5%"),
	form.Key("confidence", shareAboveZero, func(c *Capacity, v float64) { c.Confidence = v },
		"How sure the interval has to be.").Default("95%"),
})

const (
	minTrial     = 5 * time.Second
	defaultRange = 32 // of maxRate to startRate
)

func checkCapacity(d *form.Decoder, n *form.Node, c *Capacity) {
	if n.Get("startRate") == nil {
		c.StartRate = c.MaxRate / defaultRange
	} else if n.Sound("startRate") && n.Sound("maxRate") && c.StartRate > c.MaxRate {
		d.Fail(n.Get("startRate"),
			d.Label(n.Get("startRate"))+": "+n.Get("startRate").Shown()+" is above maxRate",
			"write a lower rate, or leave it out")
	}
	if n.Sound("trial") && c.Trial < minTrial {
		d.Fail(n.Get("trial"),
			d.Label(n.Get("trial"))+": "+n.Get("trial").Shown()+
				" is too short to tell a steady load from none", "write at least 5s")
	}
	for _, k := range []struct {
		name       string
		v          float64
		least, end float64
		remedy     string
	}{
		{"width", c.Width, 0.005, 0.5, "write from 0.5% to 50%"},
		{"confidence", c.Confidence, 0.5, 0.999, "write from 50% to 99.9%"},
	} {
		if n.Sound(k.name) && (k.v < k.least || k.v > k.end) {
			d.Fail(n.Get(k.name), d.Label(n.Get(k.name))+": "+n.Get(k.name).Shown()+" is out of range",
				k.remedy)
		}
	}
}
