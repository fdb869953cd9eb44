package report

import (
	"fmt"
	"math"

	"mfaload/internal/number"
	"mfaload/internal/stat"
	"mfaload/measure"
	"mfaload/report/units"
)

// WarmupEnd says where a warm-up was found to end, and whether response times are steady after that.
type WarmupEnd struct {
	// When the judged part begins, and when it does at the latest, in seconds.
	At     float64 `json:"at_s"`
	Latest float64 `json:"latest_s"`
	// Whether response times are steady from there on. If not, the warm-up was as long as it may be.
	State string `json:"state"            schema:"enum=steady|not steady|not known"`
	// Why that is not known.
	Why string `json:"why,omitempty"`
	// The rule that it was found by.
	Rule string `json:"rule"`
	// Geometric means of the response times of served requests in the warm-up and in the judged part;
	// 0 if there are none.
	Before float64 `json:"before_ms"`
	After  float64 `json:"after_ms"`
	// By how much response times rise from the beginning of the judged part to its end, in percent; below 0
	// if they fall. Left out if chance may be the reason.
	Rise float64 `json:"rise,omitempty"   schema:"minimum=-100"`
}

// States of a [WarmupEnd].
const (
	steady    = "steady"
	notSteady = "not steady"
	notKnown  = "not known"
)

// warmupEnd is nil for a warm-up of a fixed length.
func warmupEnd(m *measure.Measurement) *WarmupEnd {
	w := &WarmupEnd{At: m.Main.Start.Seconds(), Latest: m.Main.Start.Seconds(), State: steady}
	found := m.FoundWarmup
	switch {
	case found == nil && len(m.WarmupParts) == 0:
		return nil
	case found == nil:
		w.State, w.Why = notKnown, "the run ended before that, or its shards are not merged"
		return w
	case found.Unknown != "":
		w.State, w.Why = notKnown, found.Unknown
	case found.Unsteady:
		w.State = notSteady
	}
	w.Latest, w.Rule = found.Most.Seconds(), fmt.Sprintf("MSER, steps of %s s",
		number.Plain(found.Each.Seconds()))
	w.Before, w.After = Milliseconds(found.Before), Milliseconds(found.After)
	if level := m.Level(units.Judged(m)); len(level) >= units.Min {
		w.Rise = number.Round(100 * math.Expm1(stat.Rise(level)))
	}
	return w
}

// Text says where the warm-up ended.
func (w *WarmupEnd) Text() string {
	at, latest := number.Plain(w.At), number.Plain(w.Latest)
	levels := ""
	if w.Before > 0 && w.After > 0 {
		levels = fmt.Sprintf("; typical response %s ms before, %s ms after", number.Significant(w.Before),
			number.Significant(w.After))
	}
	switch {
	case w.State == notKnown:
		return fmt.Sprintf("where the warm-up ends is not known (%s): judged after %s s", w.Why, at)
	case w.State == notSteady:
		return fmt.Sprintf("response times were not steady within the %s s that the warm-up may take (%s): "+
			"judged after %s s%s", latest, w.Rule, at, levels)
	case w.At == 0:
		return fmt.Sprintf("no warm-up found in the first %s s (%s): all of the run is judged", latest,
			w.Rule)
	}
	return fmt.Sprintf("the warm-up was found to end after %s s of at most %s s (%s)%s", at, latest, w.Rule,
		levels)
}

// remarks say what is not as it ought to be.
func (w *WarmupEnd) remarks() (remarks []string) {
	if w == nil {
		return nil
	}
	if w.State == notSteady {
		remarks = append(remarks, w.Text()+"; let it be longer, such as load.warmup: {auto: 2m}")
	} else if w.State == notKnown {
		remarks = append(remarks, w.Text())
	}
	if w.Rise != 0 {
		verb := "rise"
		if w.Rise < 0 {
			verb = "fall"
		}
		remarks = append(remarks, fmt.Sprintf("response times still %s by about %s%% over the judged part: "+
			"a longer run would have other figures", verb, number.Significant(math.Abs(w.Rise))))
	}
	return remarks
}
