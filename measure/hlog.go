package measure

import (
	"bytes"
	"fmt"
	"io"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// HLog returns the times as an HdrHistogram log, version 1.3, as other tools
// read it. Each second of the run has a line with the tag "response" and one
// with "service", the warm-up included; then each group has a line for the whole
// of its judged part: "email-otp/response", "email-otp/service". Values are in
// nanoseconds, times in seconds since the start.
func (m *Measurement) HLog() ([]byte, error) {
	var b bytes.Buffer
	l := hlog{writer: hdrhistogram.NewHistogramLogWriter(&b)}
	l.head(m)
	for _, s := range m.Seconds {
		start := time.Duration(s.Second) * time.Second
		l.line("response", start, start+time.Second, s.Response)
		l.line("service", start, start+time.Second, s.Service)
	}
	end := m.Main.Start + max(m.Main.Planned, m.Main.LastSent-m.Main.Start)
	for g, name := range m.Groups {
		response, service := NewSparse(), NewSparse()
		for _, c := range m.Main.Cells {
			if c.Group != g {
				continue
			}
			if err := mergeAll([]*Histogram{response, service}, []*Histogram{c.Response, c.Service}); err != nil {
				return nil, err
			}
		}
		l.line(name+"/response", m.Main.Start, end, response)
		l.line(name+"/service", m.Main.Start, end, service)
	}
	if l.above > 0 {
		l.comment("[%d values above %v are in no line]", l.above, time.Duration(highest))
	}
	return b.Bytes(), l.err
}

// hlog writes lines until one fails.
type hlog struct {
	writer *hdrhistogram.HistogramLogWriter
	above  uint64
	err    error
}

// head writes what comes before the lines. The library's own lines of time drop
// the fraction of a second.
func (l *hlog) head(m *Measurement) {
	l.comment("[Histogram log format version %s]", hdrhistogram.HISTOGRAM_LOG_FORMAT_VERSION)
	seconds := float64(m.Started.UnixMilli()) / 1000
	l.comment("[StartTime: %.3f (seconds since epoch), %s]", seconds, m.Started.UTC().Format(time.RFC3339Nano))
	l.comment("[BaseTime: %.3f (seconds since epoch)]", seconds)
	l.comment("[response and service: by second; GROUP/response and GROUP/service: the whole judged part]")
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
	packed := hdrhistogram.NewPacked(lowest, highest, digits)
	if h.dense != nil {
		packed.MergeFrom(h.dense)
	} else {
		packed.Merge(h.sparse())
	}
	packed.SetTag(tag)
	packed.SetStartTimeMs(start.Milliseconds())
	packed.SetEndTimeMs(end.Milliseconds())
	l.err = l.writer.OutputIntervalPackedHistogram(packed)
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
