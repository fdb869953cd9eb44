package measure

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// MaxRun is the longest run that can be read back: a day more than a scenario may be
// long, for what is late and for drains.
const MaxRun = 31 * 24 * time.Hour

// Bounds on a measurement that is read. They are on what memory holds at once, and none
// is on a file's size, packed or not: a month of seconds that are all alike packs to
// next to nothing, and is read second by second.
const (
	// maxValue bounds the text of a single value.
	maxValue = 16 << 20
	// maxUntimed bounds the text of all that does not grow with the time of a run.
	maxUntimed = 256 << 20
	// maxTimed bounds what there is one of for each second.
	maxTimed = int(MaxRun / time.Second)
	// maxListed bounds all other lists.
	maxListed = 1_000_000
	// MaxGroups and MaxRules bound the groups of users, and the rules of a contract.
	MaxGroups = 10_000
	MaxRules  = 10_000
)

// Write writes the measurement as the file measurement.json.gz: what
// [Measurement.Encode] returns, compressed, second by second. The same measurement
// gives the same bytes.
func (m *Measurement) Write(w io.Writer) error {
	packed := gzip.NewWriter(w)
	if err := m.encode(packed); err != nil {
		return err
	}
	return packed.Close()
}

func (m *Measurement) encode(w io.Writer) error {
	rest := *m
	rest.Seconds = Seconds{}
	text, err := json.Marshal(&rest)
	if err != nil {
		return err
	}
	if !m.Seconds.Empty() {
		// No text in it has quotes that are not escaped, and no member before has
		// seconds.
		const seconds = `,"seconds":`
		before, after, _ := bytes.Cut(text, []byte(seconds+"null"))
		if _, err := w.Write(append(before, seconds...)); err != nil {
			return err
		}
		if err := m.Seconds.encode(w); err != nil {
			return err
		}
		text = after
	}
	_, err = w.Write(text)
	return err
}

func (l *Seconds) encode(w io.Writer) error {
	separator := byte('[')
	for s := range l.All() {
		text, err := json.Marshal(s)
		if err != nil {
			return err
		}
		if _, err := w.Write(append([]byte{separator}, text...)); err != nil {
			return err
		}
		separator = ','
	}
	if err := l.Err(); err != nil {
		return err
	}
	_, err := w.Write([]byte{']'})
	return err
}

// Pack returns what [Measurement.Write] writes.
func (m *Measurement) Pack() ([]byte, error) {
	var packed bytes.Buffer
	err := m.Write(&packed)
	return packed.Bytes(), err
}

// Encode writes the measurement as JSON.
func (m *Measurement) Encode() ([]byte, error) {
	var text bytes.Buffer
	err := m.encode(&text)
	return text.Bytes(), err
}

// Unpack reads what [Measurement.Pack] returned.
func Unpack(data []byte) (*Measurement, error) { return Read(bytes.NewReader(data)) }

// Read reads what [Measurement.Write] wrote, to the end. A file that is damaged, cut
// off, or contradicts itself is an error; so is one that takes more memory than any run
// of mfaload does.
func Read(r io.Reader) (*Measurement, error) {
	unpacked, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("unpack measurement: %w: the file is damaged or no measurement of mfaload",
			err)
	}
	return decode(unpacked)
}

// Decode reads a measurement that Encode wrote.
func Decode(data []byte) (*Measurement, error) { return decode(bytes.NewReader(data)) }

func decode(r io.Reader) (*Measurement, error) {
	m, err := decodeText(r)
	if err == nil {
		err = m.Check()
	}
	if err != nil {
		return nil, fmt.Errorf("read measurement: %w: the file is damaged or from another version", err)
	}
	return m, nil
}

func decodeText(r io.Reader) (*Measurement, error) {
	in := &bounded{Reader: r}
	in.decoder = jsontext.NewDecoder(in, jsonv1.FormatDurationAsNano(true))
	var m Measurement
	if err := jsonv2.UnmarshalDecode(in.decoder, &m, jsonv2.WithUnmarshalers(in.lists())); err != nil {
		return nil, err
	}
	switch _, err := in.decoder.ReadToken(); {
	case errors.Is(err, io.EOF):
		if len(m.Labels) == 0 {
			m.Labels = nil
		}
		return &m, nil
	case err == nil:
		return nil, errors.New("data follows it")
	default:
		return nil, err
	}
}

// bounded is a text of which memory holds a bounded part.
type bounded struct {
	io.Reader
	decoder *jsontext.Decoder
	read    int64
	timed   int64 // of what grows with the time of a run
}

// Read implements [io.Reader].
func (b *bounded) Read(p []byte) (n int, err error) {
	switch done := b.decoder.InputOffset(); {
	case b.read-done > maxValue:
		return 0, fmt.Errorf("a value has more than %d MB", maxValue>>20)
	case done-b.timed > maxUntimed:
		return 0, fmt.Errorf("it has more than %d MB apart from its seconds", maxUntimed>>20)
	}
	n, err = b.Reader.Read(p)
	b.read += int64(n)
	return n, err
}

// lists are how lists of a measurement are read, by element. The first are by second.
func (b *bounded) lists() *jsonv2.Unmarshalers {
	return jsonv2.JoinUnmarshalers(
		jsonv2.UnmarshalFromFunc(func(in *jsontext.Decoder, l *Seconds) error {
			return l.decode(in, b.timedFrom(in))
		}),
		listOf[uint64](b, maxTimed), listOf[time.Duration](b, maxTimed), listOf[OwnSecond](b, maxTimed),
		listOf[Pause](b, maxTimed), listOf[StageSpan](b, maxTimed),
		listOf[*GroupSecond](nil, MaxGroups), listOf[End](nil, 2*maxLabels), listOf[string](nil, maxListed),
		listOf[GroupUsers](nil, MaxGroups), listOf[Withheld](nil, maxListed), listOf[*Cell](nil, maxListed),
		listOf[*ViolationGroup](nil, maxListed), listOf[Instance](nil, maxListed),
		listOf[RuleCount](nil, MaxRules), listOf[TransferTimes](nil, MaxGroups),
		listOf[*Shape](nil, maxListed), listOf[*Part](nil, MaxShards), listOf[LostShard](nil, maxListed),
	)
}

// timedFrom returns what counts the text since it was last called, or from here on, as
// text that grows with the time of a run.
func (b *bounded) timedFrom(in *jsontext.Decoder) (more func()) {
	from := in.InputOffset()
	return func() {
		b.timed += in.InputOffset() - from
		from = in.InputOffset()
	}
}

// listOf reads lists of a type, with at most so many elements. Where timed is not nil
// they grow with the time of a run.
func listOf[T any](timed *bounded, maxLength int) *jsonv2.Unmarshalers {
	return jsonv2.UnmarshalFromFunc(func(in *jsontext.Decoder, list *[]T) error {
		if in.PeekKind() == 'n' {
			*list = nil
			return in.SkipValue()
		}
		more := func() {}
		if timed != nil {
			more = timed.timedFrom(in)
		}
		*list = []T{}
		return eachElement(in, func(element T) error {
			if len(*list) == maxLength {
				return fmt.Errorf("a list has more than %d elements", maxLength)
			}
			*list = append(*list, element)
			more()
			return nil
		})
	})
}

// eachElement reads the elements of a list; null has none.
func eachElement[T any](in *jsontext.Decoder, take func(T) error) error {
	switch start, err := in.ReadToken(); {
	case err != nil:
		return err
	case start.Kind() == 'n':
		return nil
	case start.Kind() != '[':
		return fmt.Errorf("a list begins with %q", start.Kind())
	}
	for in.PeekKind() != ']' {
		var element T
		if err := jsonv2.UnmarshalDecode(in, &element); err != nil {
			return err
		}
		if err := take(element); err != nil {
			return err
		}
	}
	_, err := in.ReadToken()
	return err
}

// SetNotStarted says why a run did not start.
func (m *Measurement) SetNotStarted(why string) { m.NotStarted = asText(why) }

// HLog writes the times as an HdrHistogram log, version 1.3, as other tools
// read it. Each second of the run has a line with the tag "response" and one
// with "service", the warm-up included; then each group has a line for the whole
// of its judged part: "email-otp/response", "email-otp/service". They are of the
// requests that were served, as everywhere; what was refused or failed in a group
// has lines of its own: "email-otp/refused/service". The parts that requests had on the
// network have lines in the same way: "first_byte", "email-otp/first_byte". Values are in
// nanoseconds, times in seconds since the start.
func (m *Measurement) HLog(w io.Writer) error {
	l := hlog{to: w, writer: hdrhistogram.NewHistogramLogWriter(w)}
	l.head(m)
	for s := range m.Seconds.All() {
		start := time.Duration(s.Second) * time.Second
		response, service := s.Of(s.Response, s.Service)
		l.line("response", start, start+time.Second, response)
		l.line("service", start, start+time.Second, service)
		parts := s.TransferTimes()
		l.parts("", start, start+time.Second, &parts)
	}
	end := m.Main.Start + m.Main.Sending()
	for g, name := range m.Groups {
		for _, o := range m.Main.outcomes(g) {
			l.line(name+o.tag+"/response", m.Main.Start, end, o.Response)
			l.line(name+o.tag+"/service", m.Main.Start, end, o.Service)
		}
		parts := m.Main.TransferTimes(g)
		l.parts(name+"/", m.Main.Start, end, &parts)
	}
	if l.above > 0 {
		l.comment("[%d values above %v are in no line]", l.above, time.Duration(highest))
	}
	return errors.Join(l.err, m.Seconds.Err())
}

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
		to.merge(c.Response, c.Service)
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
	l.comment("[connect, tls, first_byte, body, told_service, outside_service: parts that requests had on " +
		"the network, in the same way]")
	if l.err == nil {
		l.err = l.writer.OutputLegend()
	}
}

func (l *hlog) comment(format string, args ...any) {
	if l.err == nil {
		l.err = l.writer.OutputComment(fmt.Sprintf(format, args...))
	}
}

// parts writes a line for each part that requests had on the network.
func (l *hlog) parts(prefix string, start, end time.Duration, t *TransferTimes) {
	for name, h := range t.All() {
		if h.Count() > 0 {
			l.line(prefix+name, start, end, h)
		}
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
