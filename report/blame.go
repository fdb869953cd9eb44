package report

import (
	"fmt"
	"strings"

	"mfaload/internal/number"
	"mfaload/measure"
	"mfaload/scenario"
)

// doubtful returns the seconds in which mfaload itself may be to blame.
func (j *assessment) doubtful() *measure.DoubtfulSeconds {
	if j.seconds == nil {
		j.seconds = j.findDoubtful()
	}
	return j.seconds
}

// excuse says why a threshold that is missed may be missed for mfaload's own sake
// only.
func (j *assessment) excuse(t scenario.Threshold) string {
	var why []string
	s := j.of(t)
	if n := j.harmed(j.groupOf(t)); n > 0 {
		why = append(why, fmt.Sprintf("%s requests were sent late by mfaload itself, or were in flight "+
			"while it stood still", number.Count(n)))
	}
	if n := s.Own; n > 0 {
		why = append(why, fmt.Sprintf("mfaload could not send %s arrivals", number.Count(n)))
	}
	if n := j.lostArrivals(); n > 0 {
		why = append(why, fmt.Sprintf("about %s arrivals were those of lost shards", number.Count(n)))
	}
	d := j.doubtful()
	if n := len(d.Short); n > 0 {
		why = append(why, fmt.Sprintf("mfaload was out of processor time in %d seconds", n))
	}
	if n := len(d.Capped); n > 0 {
		g := &j.measurement.Generator
		why = append(why, fmt.Sprintf("all %s workers were in flight in %s seconds, and the load needs "+
			"about %s: %s",
			number.Count(uint64(g.Workers)), number.Count(uint64(n)), number.Count(uint64(d.Needed)),
			workersRemedy(g, d.Needed)))
	}
	if late := j.measurement.Main.Own.Max(); t.Metric == scenario.AchievedRate && late >= measure.HarmFloor {
		why = append(why, fmt.Sprintf("mfaload itself was late, by up to %s ms; use an idler machine, "+
			"or run longer", number.Significant(Milliseconds(late))))
	}
	if d.All {
		why = append(why, "mfaload itself was short of processor time through the run")
	}
	return harmedBy + strings.Join(why, "; ")
}

const harmedBy = "it may be met without what mfaload itself did: "

// unclearText says why a threshold is neither met nor missed; what the reason of an
// earlier one has said, it does not say again.
func (j *assessment) unclearText(t Threshold) string {
	if strings.HasPrefix(t.Why, harmedBy) {
		rest, same := strings.CutPrefix(t.Why, j.excused)
		switch {
		case j.excused == "":
			j.excused = t.Why
		case same:
			t.Why = "as above" + rest
		}
	}
	return t.Text()
}

// harmed counts the requests of a group, or of all, that mfaload itself harmed.
func (j *assessment) harmed(group int) (n uint64) {
	for _, c := range j.measurement.Main.Cells {
		if c.Harmed != nil && (group < 0 || c.Group == group) {
			n += c.Harmed.Response.Count()
		}
	}
	return n
}

// lostArrivals is how many arrivals were due, at most, on shards that are lost.
func (j *assessment) lostArrivals() uint64 {
	m := j.measurement.Merged
	if m == nil {
		return 0
	}
	most := uint64(0)
	for _, p := range m.Parts {
		most = max(most, p.Scheduled+1)
	}
	return uint64(len(m.Missing())) * most
}

// findDoubtful finds the seconds in which mfaload itself may be to blame. What it
// did not measure second by second leaves the whole run in doubt.
func (j *assessment) findDoubtful() *measure.DoubtfulSeconds {
	m := j.measurement
	d := m.Doubtful()
	d.All = unclear(&m.Generator)
	if m.Merged != nil {
		d.All = false
		for _, p := range m.Merged.Parts {
			d.All = d.All || unclear(&p.Generator)
		}
	}
	return d
}

// unclear says that a generator was short of processor time, and nobody knows when.
func unclear(g *measure.Generator) bool {
	return !bySecond(g) && len(doubtsOf(g, measure.NewSparse())) > 0 // late sends are known one by one
}
