package measure

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// HLog writes the times as an HdrHistogram log, version 1.3, as other tools
// read it. Each second of the run has a line with the tag "response" and one
// with "service", the warm-up included; then each group has a line for the whole
// of its judged part: "email-otp/response", "email-otp/service". They are of the
// requests that were served, as everywhere; what was refused or failed in a group
// has lines of its own: "email-otp/refused/service". Values are in nanoseconds,
// times in seconds since the start.
func (m *Measurement) HLog(w io.Writer) error {
	l := hlog{to: w, writer: hdrhistogram.NewHistogramLogWriter(w)}
	l.head(m)
	for s := range m.Seconds.All() {
		start := time.Duration(s.Second) * time.Second
		response, service := s.Of(s.Response, s.Service)
		l.line("response", start, start+time.Second, response)
		l.line("service", start, start+time.Second, service)
	}
	end := m.Main.Start + m.Main.Sending()
	for g, name := range m.Groups {
		for _, o := range m.Main.outcomes(g) {
			l.line(name+o.tag+"/response", m.Main.Start, end, o.Response)
			l.line(name+o.tag+"/service", m.Main.Start, end, o.Service)
		}
	}
	if l.above > 0 {
		l.comment("[%d values above %v are in no line]", l.above, time.Duration(highest))
	}
	return errors.Join(l.err, m.Seconds.Err())
}

// tagged are the times of requests of a group that ended alike.
type tagged struct {
	tag string
	*RequestTimes
}

// outcomes are those of a group by outcome: of the served always, of the others
// where there are any.
func (p *Phase) outcomes(group int) []tagged {
	all := []tagged{{"", newRequestTimes()}, {"/refused", newRequestTimes()}, {"/failed", newRequestTimes()}}
	for _, c := range p.Cells {
		to := all[0].RequestTimes
		switch {
		case c.Group != group:
			continue
		case c.Refused:
			to = all[1].RequestTimes
		case c.Failed:
			to = all[2].RequestTimes
		}
		_, _ = to.Response.Merge(c.Response), to.Service.Merge(c.Service) // one geometry: nothing is dropped
	}
	return slices.DeleteFunc(all, func(t tagged) bool { return t.tag != "" && t.Response.Count() == 0 })
}

// hlog writes lines until one fails.
type hlog struct {
	to     io.Writer
	writer *hdrhistogram.HistogramLogWriter // of what is not in histograms
	above  uint64
	err    error
}

// head writes what comes before the lines. The library's own lines of time drop
// the fraction of a second.
func (l *hlog) head(m *Measurement) {
	l.comment("[Histogram log format version %s]", hdrhistogram.HISTOGRAM_LOG_FORMAT_VERSION)
	seconds := float64(m.Started.UnixMilli()) / 1000
	l.comment("[StartTime: %.3f (seconds since epoch), %s]", seconds,
		m.Started.UTC().Format(time.RFC3339Nano))
	l.comment("[BaseTime: %.3f (seconds since epoch)]", seconds)
	l.comment("[response and service: by second; GROUP/response and GROUP/service: the whole judged " +
		"part; of requests that were served]")
	if l.err == nil {
		l.err = l.writer.OutputLegend()
	}
}

func (l *hlog) comment(format string, args ...any) {
	if l.err == nil {
		l.err = l.writer.OutputComment(fmt.Sprintf(format, args...))
	}
}

func (l *hlog) line(tag string, start, end time.Duration, h *Histogram) {
	l.above += h.above
	if l.err != nil {
		return
	}
	top := int64(0)
	for value := range h.eachBucket {
		top = value
	}
	top = lowestOf(bucket(top)+1) - 1
	buckets, err := h.encodeBuckets()
	if err == nil {
		from, to := float64(start.Milliseconds())/1000, float64(end.Milliseconds())/1000
		_, err = fmt.Fprintf(l.to, "Tag=%s,%f,%f,%f,%s\n", tag, from, to-from, float64(top)/1e6, buckets)
	}
	l.err = err
}

// WriteDistribution writes the percentiles of the times in milliseconds, as
// text in the form of an HdrHistogram's percentile distribution: five lines each
// time the distance to 100 % halves.
func (h *Histogram) WriteDistribution(w io.Writer) error {
	dense := hdrhistogram.New(lowest, highest, digits)
	if h.dense != nil {
		dense.Merge(h.dense)
	} else {
		h.sparse().MergeInto(dense)
	}
	if _, err := dense.PercentilesPrint(w, 5, float64(time.Millisecond)); err != nil {
		return err
	}
	if h.above > 0 {
		_, err := fmt.Fprintf(w, "#[%d values above %v are in no line]\n", h.above, time.Duration(highest))
		return err
	}
	return nil
}
