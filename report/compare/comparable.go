package compare

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"mfaload/internal/text"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/report/units"
)

// obstacles say why runs can't be compared: nothing where they can.
func obstacles(base, fresh []Run) []string {
	all := []string{}
	runs := slices.Concat(base, fresh)
	for _, r := range runs {
		all = append(all, r.doubts()...)
	}
	for i, r := range runs {
		if j := slices.IndexFunc(runs, func(o Run) bool {
			return sameRun(o.Measurement, r.Measurement)
		}); j < i {
			all = append(all, fmt.Sprintf("%s and %s are the same run", runs[j].Name, r.Name))
		}
	}
	for _, r := range runs[1:] {
		all = append(all, differences(runs[0], r)...)
	}
	if min(len(base), len(fresh)) < runsMin {
		all = append(all, tooShort(base)...)
		all = append(all, tooShort(fresh)...)
	}
	return all
}

// tooShort says which runs, all of a side that is compared by its seconds, have none
// of them whole.
func tooShort(runs []Run) (all []string) {
	for _, r := range runs {
		from, to := units.Judged(r.Measurement)
		if to > from {
			return nil
		}
		all = append(all, r.Name+" has no whole second in its judged part: run longer")
	}
	return all
}

func sameRun(a, b *measure.Measurement) bool {
	return a.Started.Equal(b.Started) && a.Hash == b.Hash && a.Main.Sent() == b.Main.Sent()
}

// doubts say why a run says nothing of the service.
func (r Run) doubts() (all []string) {
	m := r.Measurement
	if m.Interrupted {
		all = append(all, r.Name+" was interrupted")
	}
	if m.Stopped != nil && m.Stopped.Early {
		all = append(all, r.Name+" was ended early by its scenario")
	}
	if m.SecondsLost != "" {
		all = append(all, r.Name+" has lost its seconds, and comparing needs them")
	}
	for _, d := range report.Doubts(m) {
		all = append(all, fmt.Sprintf("%s is inconclusive: %s", r.Name, d))
	}
	if m.Merged != nil && len(all) == 0 && len(m.Merged.Missing()) > 0 {
		all = append(all, fmt.Sprintf("%s lacks %d of its %d shards", r.Name, len(m.Merged.Missing()),
			m.Merged.Count))
	}
	if len(all) == 0 && r.Verdict == report.Inconclusive {
		all = append(all, r.Name+" is inconclusive")
	}
	if m.Main.Sent() == 0 {
		all = append(all, r.Name+" sent no request in its judged part")
	}
	return all
}

// differences name what two runs do not have in common, but have to.
func differences(a, b Run) (all []string) {
	say := func(format string, args ...any) {
		all = append(all, fmt.Sprintf("%s and %s ", a.Name, b.Name)+fmt.Sprintf(format, args...))
	}
	x, y := a.Measurement, b.Measurement
	if !slices.Equal(x.Groups, y.Groups) {
		say("have different groups: %v and %v", x.Groups, y.Groups)
	}
	if portion(x) != portion(y) {
		say("are not the same part of a run: %s and %s", portion(x), portion(y))
	}
	for _, part := range slices.Sorted(maps.Keys(partNames)) {
		switch {
		case x.Parts[part] == "" || y.Parts[part] == "":
			say("do not both say which %s they had", partNames[part])
		case x.Parts[part] != y.Parts[part]:
			say("had a different %s", partNames[part])
		}
	}
	return append(all, lengths(a, b)...)
}

// portion is how much of its scenario's load a measurement has.
func portion(m *measure.Measurement) string {
	if m.Alternating {
		return "its seconds of an alternating run"
	}
	if m.Shard != nil {
		return "shard " + m.Shard.String()
	}
	return "the whole"
}

// length is how long a run was judged; with a warm-up whose end was found, how long it was in all.
func length(m *measure.Measurement) time.Duration {
	if m.FoundWarmup != nil {
		return m.Main.Start + m.Main.Planned
	}
	return m.Main.Planned
}

// lengths compares how long two runs lasted. A closed load that ends by its
// number of requests lasts as long as it takes, and a number of random arrivals
// nearly so.
func lengths(a, b Run) []string {
	x, y := length(a.Measurement), length(b.Measurement)
	if len(a.Measurement.Profile.Due) == 0 || len(b.Measurement.Profile.Due) == 0 || max(x, y)-min(x,
		y) <= max(x, y)/100 {
		return nil
	}
	return []string{fmt.Sprintf("%s and %s lasted %v and %v", a.Name, b.Name, x, y)}
}

// ComparableTo returns those of some earlier runs that can be compared with one that is still to come, in the
// order in which they were started, and why the others can't.
func ComparableTo(earlier []Run, coming Run) (kept []Run, leftOut []string) {
	for _, r := range earlier {
		if why := ObstaclesTo(r, coming); len(why) > 0 {
			leftOut = append(leftOut, strings.Join(why, "; "))
			continue
		}
		kept = append(kept, r)
	}
	slices.SortStableFunc(kept, func(a, b Run) int {
		return a.Measurement.Started.Compare(b.Measurement.Started)
	})
	return kept, leftOut
}

// ObstaclesTo says why a run can't be compared with one that is still to come, of
// which the groups and the parts are known.
func ObstaclesTo(run, coming Run) []string {
	return slices.Concat(run.doubts(), differences(run, coming), tooShort([]Run{run}))
}

// partNames of the parts of a measurement that have to be equal.
var partNames = map[string]string{"load": "load", "users": "set of users", "contract": "contract"}

// LabelChange is a label that two runs do not have alike. A run without it has "".
type LabelChange struct {
	Label string `json:"label"`
	Base  string `json:"base,omitempty"`
	New   string `json:"new,omitempty"`
}

// labelChanges are the labels that differ, by name.
func labelChanges(base, fresh measure.RunLabels) (all []LabelChange) {
	for _, label := range slices.Sorted(maps.Keys(base.With(fresh))) {
		if base[label] != fresh[label] {
			all = append(all, LabelChange{label, base[label], fresh[label]})
		}
	}
	return all
}

// What bounds what is shown of labels: how many a change names, and the characters of a text.
const (
	maxLabels    = 6
	maxLabelText = 400
)

// labelsText names labels: "commit=4f2a1c (before: 91c04e), branch=main (before: none)".
func labelsText(changes []LabelChange) string {
	var texts []string
	for i, c := range changes {
		if i == maxLabels {
			texts = append(texts, fmt.Sprintf("… %d more", len(changes)-i))
			break
		}
		now, before := c.Label+"="+c.New, c.Base
		if c.New == "" {
			now = "no " + c.Label
		}
		if before == "" {
			before = "none"
		}
		texts = append(texts, fmt.Sprintf("%s (before: %s)", now, before))
	}
	return text.Brief(strings.Join(texts, ", "), maxLabelText)
}

// about says when the runs of a side were started, with which mfaload and against what, and the labels that
// all of them share.
func (s Side) about() string {
	if len(s.Runs) == 0 {
		return "none"
	}
	first, last := s.Runs[0].Started, s.Runs[0].Started
	versions, targets := map[string]bool{}, map[string]bool{}
	for _, r := range s.Runs {
		if r.Started.Before(first) {
			first = r.Started
		}
		if r.Started.After(last) {
			last = r.Started
		}
		versions["mfaload "+r.Version], targets[r.Target] = true, true
	}
	when := first.UTC().Format("2006-01-02 15:04")
	if to := last.UTC().Format("2006-01-02 15:04"); to != when {
		when += " to " + to
	}
	facts := slices.Concat([]string{when + " UTC"}, slices.Sorted(maps.Keys(versions)),
		slices.Sorted(maps.Keys(targets)), s.labels().List())
	facts = slices.DeleteFunc(facts, func(fact string) bool { return fact == "" || fact == "mfaload " })
	return text.Brief(strings.Join(facts, ", "), maxLabelText)
}

// labels are those that all runs of the side have alike.
func (s Side) labels() measure.RunLabels {
	shared := s.Runs[0].Labels
	for _, r := range s.Runs[1:] {
		shared = shared.Shared(r.Labels)
	}
	return shared
}
