package compare

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"mfaload/internal/stat"
	"mfaload/measure"
	"mfaload/report/units"
)

// Drift is one way in which the responses look different.
type Drift struct {
	// What appeared, vanished or became rarer: a kind of response, a header, a
	// member, a type or a code.
	What string `json:"what"`
	// Base and New count the responses that had it, of BaseOf and NewOf that were
	// looked at.
	Base   uint64 `json:"base"`
	BaseOf uint64 `json:"base_of"`
	New    uint64 `json:"new"`
	NewOf  uint64 `json:"new_of"`
	// Seconds is in how many seconds of a run a response had it, at least: of what only samples tell, their
	// share of the seconds.
	Seconds float64 `json:"seconds"`
	// Clear says that it was seen in too many seconds for chance. Responses that come together, in one bad
	// second, are no evidence of many.
	Clear bool `json:"clear"`
}

// shareMin is how much of a side a kind of response has to be.
const shareMin = 0.01

// chanceMax is below which probability a fact that only one side has is none.
const chanceMax = 1e-4

// drift finds what the responses of one side have and those of the other have
// not: kinds of responses from all that came, the rest from samples.
func drift(base, fresh []Run) []Drift {
	all := []Drift{}
	a, b := responsesOf(base), responsesOf(fresh)
	for _, label := range keys(a.kinds, b.kinds) {
		d, found := oneSided("responses "+label, a.kind(label), b.kind(label))
		if found {
			d.Clear = d.Clear && stat.Ratio(float64(d.Base), float64(d.BaseOf))+stat.Ratio(float64(d.New),
				float64(d.NewOf)) >= shareMin
			all = append(all, d)
			continue
		}
		x, y := a.shapes[label], b.shapes[label]
		if x == nil || y == nil {
			continue
		}
		all = append(all, shapeDrift(label, x, y, a.secondsOf(label), b.secondsOf(label))...)
	}
	return all
}

// sideResponses are those of a side.
type sideResponses struct {
	kinds, kindSeconds map[string]uint64
	total, seconds     uint64
	shapes             map[string]*measure.Shape
}

func responsesOf(runs []Run) sideResponses {
	a := sideResponses{kinds: map[string]uint64{}, kindSeconds: map[string]uint64{},
		shapes: map[string]*measure.Shape{}}
	for _, r := range runs {
		for _, c := range r.Measurement.Main.Cells {
			if !c.Failed { // the others are errors, not responses
				a.kinds[c.Label] += c.Response.Count()
				a.total += c.Response.Count()
			}
		}
		from, to := units.Judged(r.Measurement)
		for s := range r.Measurement.Seconds.Between(from, to) {
			if s.Response.Count() > s.Failed {
				a.seconds++
			}
			for _, e := range s.Ends {
				if !e.Failed && e.Count > 0 {
					a.kindSeconds[e.Label]++
				}
			}
		}
		for _, s := range r.Measurement.Shapes {
			to := a.shapes[s.Label]
			if to == nil {
				to = &measure.Shape{Label: s.Label, Facts: map[string]uint64{}}
				a.shapes[s.Label] = to
			}
			to.Answers += s.Answers
			for f, n := range s.Facts {
				to.Facts[f] += n
			}
		}
	}
	return a
}

// secondsOf is in how many seconds a kind of response was received. Measurements of versions that do not tell
// have a share of the seconds.
func (a sideResponses) secondsOf(label string) float64 {
	if n := a.kindSeconds[label]; n > 0 {
		return float64(n)
	}
	return float64(a.seconds) * stat.Ratio(float64(a.kinds[label]), float64(a.total))
}

func (a sideResponses) kind(label string) occurrence {
	return occurrence{a.kinds[label], a.total, a.secondsOf(label), float64(a.seconds)}
}

// occurrence is how many of how many responses have something, in how many seconds of how many.
type occurrence struct {
	n, of               uint64
	seconds, secondsAll float64
}

// sampled is one of which only samples are known, by which seconds are shared.
func sampled(n, of uint64, seconds float64) occurrence {
	return occurrence{n, of, seconds * stat.Ratio(float64(n), float64(of)), seconds}
}

// shapeDrift finds facts about a kind of response, which was received in so many seconds of each side.
func shapeDrift(label string, a, b *measure.Shape, secondsA, secondsB float64) (all []Drift) {
	for _, fact := range keys(a.Facts, b.Facts) {
		if repeats(fact, all, label) {
			continue
		}
		x, y := a.Facts[fact], b.Facts[fact]
		with, found := oneSided(label+": "+fact, sampled(x, a.Answers, secondsA),
			sampled(y, b.Answers, secondsB))
		if found {
			all = append(all, with)
			continue
		}
		without, found := oneSided(label+" without "+fact, sampled(a.Answers-x, a.Answers, secondsA),
			sampled(b.Answers-y, b.Answers, secondsB))
		if found && without.Clear {
			all = append(all, without)
		}
	}
	return all
}

// repeats says whether a fact only repeats one about the object that it is in.
func repeats(fact string, all []Drift, label string) bool {
	return slices.ContainsFunc(all, func(d Drift) bool {
		before, found := strings.CutPrefix(d.What, label+": ")
		if !found {
			before, found = strings.CutPrefix(d.What, label+" without ")
		}
		pointer, _, _ := strings.Cut(before, " ")
		return found && strings.HasPrefix(pointer, "/") && (strings.HasPrefix(fact, pointer+"/") ||
			strings.HasPrefix(fact, pointer+" = "))
	})
}

// oneSided finds what one side has and the other has not at all. It is clear
// where as many seconds, dealt to both sides by chance, would hardly all have come to
// one.
func oneSided(what string, a, b occurrence) (Drift, bool) {
	if (a.n == 0) == (b.n == 0) || a.of == 0 || b.of == 0 {
		return Drift{}, false
	}
	side, seconds := a.secondsAll, a.seconds
	if b.n > 0 {
		side, seconds = b.secondsAll, b.seconds
	}
	return Drift{What: what, Base: a.n, BaseOf: a.of, New: b.n, NewOf: b.of, Seconds: seconds,
		Clear: allDealtTo(side, a.secondsAll+b.secondsAll, seconds) < chanceMax}, true
}

// allDealtTo is the probability that so many of all seconds fall on one side, which has a number of
// them, if they are dealt by chance.
func allDealtTo(side, all, seconds float64) float64 {
	p := 1.0
	for i := range int(seconds) {
		p *= max(side-float64(i), 0) / max(all-float64(i), 1)
	}
	return p
}

func keys[V any](a, b map[string]V) []string {
	names := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(names)
	return slices.Compact(names)
}

// String says it in one line.
func (d Drift) String() string {
	verb := "vanished"
	if d.Base == 0 {
		verb = "appeared"
	}
	text := fmt.Sprintf("%s %s: in %d of %d, now in %d of %d", d.What, verb, d.Base, d.BaseOf, d.New, d.NewOf)
	if !d.Clear {
		text += " (too few seconds to tell)"
	}
	return text
}
