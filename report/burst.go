package report

import (
	"fmt"

	"mfaload/internal/number"
	"mfaload/measure"
)

// A second is a burst where more was sent in it than was due around it, and either
// much more, or much of what was due before had not been sent: what was late goes out
// at once when it can, in a part of a second.
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
	waiting := waitingAt(m)
	isBurst := func(second int) (due uint64, is bool) {
		if second < 0 || second >= len(m.Flow.Sent) {
			return 0, false
		}
		for i := max(second-1, 0); i < min(second+2, len(m.Profile.Due)); i++ {
			due = max(due, m.Profile.Due[i])
		}
		sent := m.Flow.Sent[second]
		much := (burstTimes - 1) * float64(due)
		return due, sent >= due+burstMore && (float64(sent-due) > much || float64(waiting[second]) > much)
	}
	for second, sent := range m.Flow.Sent {
		due, is := isBurst(second)
		if is {
			b.seconds++
		}
		if is && sent > b.most {
			b.most, b.due = sent, due
		}
		limited := at(m.Flow.Limited, second)
		if _, before := isBurst(second - 1); is || before {
			b.limited += limited
		} else {
			b.limitedBeside += limited
		}
	}
	return b
}

// waitingAt counts for each second the arrivals that were due before it, were to be
// sent, and had not been sent when it began.
func waitingAt(m *measure.Measurement) []int64 {
	all, waiting := make([]int64, len(m.Flow.Sent)), int64(0)
	for second, sent := range m.Flow.Sent {
		all[second] = waiting
		waiting += int64(at(m.Profile.Due, second)) - int64(at(m.Profile.Withheld, second)) - int64(sent)
	}
	return all
}

// at is a count of a second; 0 beyond the last.
func at(counts []uint64, second int) uint64 {
	if second >= len(counts) {
		return 0
	}
	return counts[second]
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
	which, what := fmt.Sprintf("%s of the 429s", number.Count(b.limited)), "the others came in seconds in which no more was sent than planned"
	if b.limitedBeside == 0 {
		which, what = fmt.Sprintf("all %s 429s", number.Count(b.limited)), "in other seconds there were none"
	}
	return []string{fmt.Sprintf(
		"%s came while mfaload caught up: up to %s requests were sent in a second in which at most %s were "+
			"due (%s); %s. Requests that wait for a worker go out in a burst: leave load.workers out, "+
			"or raise it",
		which, number.Count(b.most), number.Count(b.due), inSeconds(b.seconds), what)}
}

func inSeconds(n int) string {
	if n == 1 {
		return "in one second"
	}
	return fmt.Sprintf("in %d seconds", n)
}
