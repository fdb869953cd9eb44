package scenario

import "time"

// Duration is the sum of the stages, without the warm-up.
func (s *Scenario) Duration() (sum time.Duration) {
	for _, stage := range s.Load.Stages {
		sum += stage.Duration
	}
	return sum
}

func checkStage(d *decoder, n *node, s *Stage) {
	constant, from, to := n.get("rate"), n.get("from"), n.get("to")
	switch {
	case constant != nil && (from != nil || to != nil):
		d.failKey(constant, d.label(n)+" has rate beside from or to", "write rate for a constant stage, from and to for a ramp")
	case n.lacks("rate") && n.lacks("from") && n.lacks("to"):
		d.fail(n, "rate is missing in "+d.label(n), "add rate: 50/s, or from: 50/s and to: 200/s for a ramp")
	case from != nil && to == nil:
		d.missing(n, "to", rate(false).want())
	case to != nil && from == nil:
		d.missing(n, "from", rate(false).want())
	}
}

// leastArrivals is one request, less what a sum may be off by rounding.
const leastArrivals = 1 - 1e-6

// checkLoad refuses loads that can't be or that send nothing.
func checkLoad(d *decoder, n *node, l *Load) {
	if !n.sound("stages") {
		return
	}
	stages := n.get("stages")
	length, arrivals := l.Warmup, 0.0
	for _, s := range l.Stages {
		arrivals += float64(s.From+s.To) / 2 * s.Duration.Seconds()
		if length += s.Duration; length > maxRun {
			d.fail(stages, d.label(stages)+" and the warm-up are longer than "+days(maxRun)+" together", "shorten them, or split the run")
			return
		}
	}
	if arrivals < leastArrivals {
		d.fail(stages, d.label(stages)+" send less than one request", "raise a rate or a duration")
	} else if l.Warmup > 0 && float64(l.Stages[0].From)*l.Warmup.Seconds() < leastArrivals {
		d.fail(n.get("warmup"), d.label(n)+".warmup sends less than one request at the rate with which the first stage begins",
			"let the first stage begin faster, or leave the warm-up out")
	}
}
