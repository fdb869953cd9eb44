package capacity

import (
	"math"
	"time"

	"mfaload/scenario"
)

// Criterion is a threshold as a search looks at it: a share of requests that is
// allowed, or a mean.
type Criterion struct {
	Name string
	// Group is the index of the group that it judges; -1 is all.
	Group  int
	Metric scenario.Metric
	// Over is the time that requests may take, in seconds; 0 for rates.
	Over float64
	// Allowed is the share of requests that may be over it, or that may fail.
	Allowed float64
	// Mean says that the mean of the times is judged against Over.
	Mean bool
}

// Criteria are a scenario's thresholds.
func Criteria(s *scenario.Scenario) (all []Criterion) {
	for _, t := range s.Thresholds {
		l := Criterion{Name: t.String(), Group: -1, Metric: t.Metric}
		for i, g := range s.Groups {
			if g.Name == t.Group {
				l.Group = i
			}
		}
		switch {
		case t.Metric == scenario.AchievedRate:
			l.Allowed = 1 - t.Limit
		case !l.timed():
			l.Allowed = t.Limit
		default:
			l.Over = t.Limit
			switch t.Stat {
			case "mean":
				l.Mean = true
			case "max":
			case "min":
				l.Allowed = math.Nextafter(1, 0)
			default:
				l.Allowed = max(1-t.Quantile/100, 0)
			}
		}
		all = append(all, l)
	}
	return all
}

func (l *Criterion) timed() bool {
	return l.Metric == scenario.Response || l.Metric == scenario.Service
}

// TrialSecond is a second of a trial, by the times at which requests were due.
type TrialSecond struct {
	// Sent are the requests that were sent, Expected the answers among them that
	// the scenario expects, and Response the sum of their response times in
	// seconds.
	Sent, Expected, Response float64
	// Tallies are one for each limit.
	Tallies []Tally
}

// Requests are counted above each of several times: the limit, some above it,
// and ever lower ones, by the square root of a half.
const (
	levels  = 22
	atLimit = 4 // the level that is the limit itself
)

// level is the i-th time, in seconds.
func (l *Criterion) level(i int) float64 { return l.Over * ofLimit[i] }

// ofLimit are the levels as parts of the limit.
var ofLimit = func() (parts [levels]float64) {
	for i := range parts {
		parts[i] = math.Pow(2, float64(atLimit-i)/2)
	}
	return parts
}()

// Tally counts the requests of a second that a limit judges.
type Tally struct {
	// Of is how many there are.
	Of float64
	// Over counts those above each level of the limit. Where the limit is of no
	// time, only that of the limit counts: those that fail.
	Over [levels]float64
	// Sum is the sum of their times, in seconds.
	Sum float64
}

// Add counts requests that took a time.
func (t *Tally) Add(l *Criterion, took time.Duration, n float64) {
	seconds := took.Seconds()
	t.Of += n
	t.Sum += seconds * n
	for i := levels - 1; i >= 0 && seconds > l.level(i); i-- {
		t.Over[i] += n
	}
}

// Fail counts requests for a limit of a rate: all of them, and those that fail.
func (t *Tally) Fail(of, failed float64) {
	t.Of += of
	t.Over[atLimit] += failed
}
