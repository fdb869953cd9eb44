package report

import (
	"fmt"
	"math"
	"strings"
	"time"

	"mfaload/internal/number"
	"mfaload/measure"
)

// sureForbidden is how many 403s the slower seconds would have had, had their
// responses been refused as often as those of the faster ones, for it to be no
// chance that they had none: the odds are one in 150 then.
const sureForbidden = 5

// forbiddenSeconds is the fewest seconds, faster and slower ones each, that tell.
const forbiddenSeconds = 3

// forbiddenRemarks say of unexpected 403s that they were received only above some rate. The
// service limits rates by 429, but some users of it saw 403 in its place.
func (j *judgement) forbiddenRemarks() []string {
	var unexpected uint64
	for _, c := range j.measurement.Main.Cells {
		if !c.Failed && isForbidden(c.Label) {
			unexpected += c.Response.Count() - min(c.AsExpected, c.Response.Count())
		}
	}
	if unexpected == 0 {
		return nil
	}
	seconds := wholeSeconds(j.measurement)
	from := math.Inf(1) // the slowest second with a 403
	for _, s := range seconds {
		if s.forbidden > 0 {
			from = min(from, s.sent)
		}
	}
	var faster, slower float64 // requests of the seconds from there on, and below
	var refused, fast, slow float64
	for _, s := range seconds {
		if s.sent >= from {
			faster, refused, fast = faster+s.sent, refused+s.forbidden, fast+1
		} else {
			slower, slow = slower+s.sent, slow+1
		}
	}
	if fast < forbiddenSeconds || slow < forbiddenSeconds || slower*refused/faster < sureForbidden {
		return nil
	}
	return []string{fmt.Sprintf("%s responses were 403, and only in seconds with %s or more requests; %s "+
		"requests of slower seconds got none: "+
		"it may be a rate limit, which some see as 403 in place of 429; look for the licence's limit, or "+
		"run at a lower rate",
		number.Count(unexpected), number.Fixed(from), number.Count(uint64(slower)))}
}

func isForbidden(label string) bool { return label == "403" || strings.HasPrefix(label, "403 ") }

// forbiddenSecond is a second with its requests and those of them that were
// refused with 403.
type forbiddenSecond struct{ sent, forbidden float64 }

// wholeSeconds are the seconds that lie within the judged part.
func wholeSeconds(m *measure.Measurement) (all []forbiddenSecond) {
	for s := range m.Seconds.All() {
		from := time.Duration(s.Second) * time.Second
		if from < m.Main.Start || from+time.Second > m.Main.Start+m.Main.Planned {
			continue
		}
		one := forbiddenSecond{sent: float64(s.Response.Count())}
		for _, end := range s.Ends {
			if !end.Failed && isForbidden(end.Label) {
				one.forbidden += float64(end.Count)
			}
		}
		all = append(all, one)
	}
	return all
}
