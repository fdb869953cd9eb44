package report

import (
	"fmt"

	"mfaload/measure"
)

// A second is a burst where much more was sent in it than was due around it: what
// was late goes out at once when it can.
const (
	burstTimes = 1.2
	burstMore  = 5
)

// burst is what was sent in bursts.
type burst struct {
	seconds       int
	most, due     uint64 // sent in the fullest of them, and due in a second around it
	limited       uint64 // 429s of requests that were sent in one, or right after
	limitedBeside uint64 // all others
}

func bursts(m *measure.Measurement) (b burst) {
	isBurst := func(second int) (due uint64, is bool) {
		if second < 0 || second >= len(m.Flow.Sent) {
			return 0, false
		}
		for i := max(second-1, 0); i < min(second+2, len(m.Profile.Due)); i++ {
			due = max(due, m.Profile.Due[i])
		}
		sent := m.Flow.Sent[second]
		return due, sent >= due+burstMore && float64(sent) > burstTimes*float64(due)
	}
	for second, sent := range m.Flow.Sent {
		due, is := isBurst(second)
		if is {
			b.seconds++
		}
		if is && sent > b.most {
			b.most, b.due = sent, due
		}
		limited := uint64(0)
		if second < len(m.Flow.Limited) {
			limited = m.Flow.Limited[second]
		}
		if _, before := isBurst(second - 1); is || before {
			b.limited += limited
		} else {
			b.limitedBeside += limited
		}
	}
	return b
}

// burstRemarks name the 429s that catching up brought: at the planned rate alone
// the service may not have sent them.
func (j *judgement) burstRemarks() []string {
	m := j.measurement
	if len(m.Profile.Due) == 0 || len(m.Flow.Limited) == 0 {
		return nil
	}
	b := bursts(m)
	if b.limited == 0 {
		return nil
	}
	which, what := fmt.Sprintf("%s of the 429s", count(b.limited)), "the others came at the planned rate"
	if b.limitedBeside == 0 {
		which, what = fmt.Sprintf("all %s 429s", count(b.limited)), "at the planned rate there were none"
	}
	return []string{fmt.Sprintf(
		"%s came while mfaload caught up: up to %s requests were sent in a second in which at most %s were "+
			"due (%s); %s. Requests that wait for a worker go out in a burst: leave load.workers out, "+
			"or raise it",
		which, count(b.most), count(b.due), inSeconds(b.seconds), what)}
}

func inSeconds(n int) string {
	if n == 1 {
		return "in one second"
	}
	return fmt.Sprintf("in %d seconds", n)
}
