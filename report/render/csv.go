package render

import (
	"encoding/csv"
	"errors"
	"io"
	"iter"
	"strconv"
	"time"

	"mfaload/internal/number"
	"mfaload/measure"
	"mfaload/report"
)

// CSV writes the run second by second, the warm-up included. A request belongs to
// the second of its intended time: what was due, what became of it, and times in
// milliseconds. Response and service times are those of the requests that were
// served, which the column served counts; lateness is that of all that were sent.
// Times of no request are empty. Only sent_in_second and
// ended_in_second count what was sent and what ended in the second itself; they are
// empty where that is not known. Due is empty where nothing was planned.
func CSV(to io.Writer, m *measure.Measurement) error {
	w := csv.NewWriter(to)
	head := []string{"second", "time", "stage", "warmup", "due", "sent", "sent_in_second", "ended_in_second",
		"as_expected", "unexpected", "violating", "failed", "rate_limited", "served"}
	for _, of := range []string{"response", "service", "lateness"} {
		for _, statistic := range []string{"min", "mean", "p50", "p90", "p95", "p99", "max"} {
			head = append(head, of+"_"+statistic+"_ms")
		}
	}
	if err := w.Write(head); err != nil {
		return err
	}
	empty := measure.Second{Response: measure.NewSparse(), Service: measure.NewSparse(),
		Lateness: measure.NewSparse()}
	next, stop := iter.Pull(m.Seconds.All())
	defer stop()
	ahead, _ := next()
	for n := range max(seconds(m), int64(len(m.Flow.Sent)), int64(len(m.Flow.Ended))) {
		s := &empty
		if ahead != nil && ahead.Second == n {
			s = ahead
			ahead, _ = next()
		}
		if err := w.Write(row(m, n, s)); err != nil {
			return err
		}
	}
	w.Flush()
	return errors.Join(w.Error(), m.Seconds.Err())
}

// countOf is a count of a second of the run, empty where there are none.
func countOf(counts []uint64, second int64) string {
	switch {
	case len(counts) == 0:
		return ""
	case second >= int64(len(counts)):
		return "0"
	}
	return strconv.FormatUint(counts[second], 10)
}

// seconds is how many seconds a run has, those without a request too.
func seconds(m *measure.Measurement) int64 {
	n := int64(len(m.Profile.Due))
	if stages := m.Profile.Stages; len(stages) > 0 { // the last one may be a pause
		n = max(n, int64((stages[len(stages)-1].End+time.Second-1)/time.Second))
	}
	return max(n, m.Seconds.Last()+1)
}

func row(m *measure.Measurement, n int64, s *measure.Second) []string {
	at := time.Duration(n) * time.Second
	stage := ""
	for _, st := range m.Profile.Stages {
		if at >= st.Start && at < st.End {
			stage = st.Name
		}
	}
	sent := s.Response.Count()
	cells := []string{strconv.FormatInt(n, 10), m.Started.Add(at).UTC().Format("2006-01-02T15:04:05.000Z"),
		stage,
		strconv.FormatBool(at < m.Main.Start), countOf(m.Profile.Due, n),
		strconv.FormatUint(sent, 10), countOf(m.Flow.Sent, n), countOf(m.Flow.Ended, n)}
	response, service := s.Of(s.Response, s.Service)
	for _, n := range []uint64{s.Clean, sent - s.Clean - s.Violating - s.Failed, s.Violating, s.Failed,
		s.RateLimited, response.Count()} {
		cells = append(cells, strconv.FormatUint(n, 10))
	}
	for _, h := range []*measure.Histogram{response, service, s.Lateness} {
		t := report.TimesOf(h)
		for _, x := range []float64{t.Min, t.Mean, t.P50, t.P90, t.P95, t.P99, t.Max} {
			if h.Count() == 0 {
				cells = append(cells, "")
				continue
			}
			cells = append(cells, number.Plain(x))
		}
	}
	return cells
}
