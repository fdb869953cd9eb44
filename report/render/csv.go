package render

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"slices"
	"strconv"
	"time"

	"mfaload/internal/number"
	"mfaload/internal/text"
	"mfaload/measure"
	"mfaload/report"
)

// CSV writes the run second by second, the warm-up included. A request belongs to
// the second of its intended time: what was due, what became of it, and times in
// milliseconds. Response and service times are those of the requests that were
// served, which the column served counts; lateness is that of all that were sent.
// Times of no request are empty. The last columns have the parts of requests on the network, each with the
// count of requests that had it. Only sent_in_second and
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
	for name := range (&measure.TransferTimes{}).All() {
		head = append(head, name+"_count", name+"_p50_ms", name+"_p99_ms", name+"_max_ms")
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
	parts := s.TransferTimes()
	for _, h := range parts.All() {
		cells = append(cells, strconv.FormatUint(h.Count(), 10))
		for _, d := range []time.Duration{h.Percentile(50), h.Percentile(99), h.Max()} {
			if h.Count() == 0 {
				cells = append(cells, "")
				continue
			}
			cells = append(cells, number.Plain(report.Milliseconds(d)))
		}
	}
	return cells
}

// Distribution is a percentile distribution as a file.
type Distribution struct {
	// Name is the file's, such as "response.hgrm" or "email-otp.first_byte.hgrm".
	Name string
	Text []byte
}

// Distributions returns the percentile distributions of response and service
// time of the requests of the judged part that were served, and of the parts that requests had on the
// network, as text that HdrHistogram's plotter reads: of the whole, and of each group where there are
// several.
func Distributions(m *measure.Measurement) (all []Distribution, err error) {
	add := func(name string, h *measure.Histogram) {
		var b bytes.Buffer
		if err == nil {
			err = h.WriteDistribution(&b)
		}
		all = append(all, Distribution{name + ".hgrm", b.Bytes()})
	}
	addAll := func(prefix string, group int) {
		for i, name := range []string{"response", "service"} {
			sum, waits := measure.NewHistogram(), m.Main.Waits(group, i == 1)
			for _, h := range waits.Served {
				sum.Merge(h)
			}
			add(prefix+name, sum)
		}
		parts := m.Main.TransferTimes(group)
		for name, h := range parts.All() {
			if h.Count() > 0 {
				add(prefix+name, h)
			}
		}
	}
	addAll("", -1)
	if len(m.Groups) > 1 {
		for i, name := range m.Groups {
			addAll(name+".", i)
		}
	}
	return all, err
}

// DistributionKinds are what distributions are of: the end of their names, before ".hgrm".
func DistributionKinds() []string {
	kinds := []string{"response", "service"}
	for name := range (&measure.TransferTimes{}).All() {
		kinds = append(kinds, name)
	}
	return kinds
}

// What bounds violations.ndjson, in bytes. A violation is written without the
// response that was kept with it once the file has maxResponses, and not at all
// beyond maxLines.
const (
	maxResponses = 32 << 20
	maxLines     = 64 << 20
)

type line struct {
	// At is the time of the send in seconds since the start of the run.
	At         float64 `json:"at_s"`
	Rule       string  `json:"rule"`
	Pointer    string  `json:"pointer"`
	Level      string  `json:"level"`
	Expected   string  `json:"expected"`
	Got        string  `json:"got"`
	HTTPStatus int     `json:"httpStatus"`
	report.Example
	Answer *measure.MaskedResponse `json:"answer,omitempty"`
	// LeftOut says that measurement.json.gz has a response for which there is no room.
	LeftOut bool `json:"answer_left_out,omitempty"`
}

// NDJSON returns the first violations of each group, the warm-up's included, then those by responses to
// steps, as a JSON text a line. If there is no room for all, the last line says how many
// measurement.json.gz has more.
func NDJSON(m *measure.Measurement) ([]byte, error) {
	var b bytes.Buffer
	left, full := 0, false
	groups := m.Violations
	if m.Steps != nil {
		groups = slices.Concat(groups, m.Steps.Violations)
	}
	for _, g := range groups {
		for _, i := range g.Instances {
			text, err := compact(lineOf(g, i, !full))
			if full = full || b.Len()+len(text) > maxResponses; full && err == nil {
				text, err = compact(lineOf(g, i, false))
			}
			if err != nil {
				return nil, err
			}
			if left > 0 || b.Len()+len(text) > maxLines {
				left++
				continue
			}
			b.Write(text)
		}
	}
	if left == 0 {
		return b.Bytes(), nil
	}
	last, err := compact(struct {
		LeftOut int    `json:"left_out"`
		In      string `json:"in"`
	}{left, "measurement.json.gz"})
	b.Write(last)
	return b.Bytes(), err
}

func lineOf(g *measure.ViolationGroup, i measure.Instance, whole bool) line {
	l := line{
		At: number.Round(i.Example.At.Seconds()), Rule: text.Clip(g.Rule, report.MaxText),
		Pointer: text.Clip(g.Pointer, report.MaxText), Level: report.LevelOf(g),
		Expected: text.Clip(i.Expected, report.MaxText), Got: text.Clip(i.Got, report.MaxText),
		HTTPStatus: i.Example.Status, Example: report.ExampleOf(i.Example),
	}
	if l.Answer = i.Example.Answer; !whole && l.Answer != nil {
		l.Answer, l.LeftOut = nil, true
	}
	return l
}

// compact writes a value as a line of JSON.
func compact(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}
