// Package samples writes each request of a run as a row, for tools that ask questions of
// data: it streams the run's journal to CSV or NDJSON, in memory that does not grow.
package samples

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"mfaload/measure"
)

// RequestRow is one request that was sent. Times are nanoseconds since the start of the run.
type RequestRow struct {
	// Index is the number of the request's arrival in the schedule.
	Index  uint64 `json:"index"`
	Group  string `json:"group"`
	User   string `json:"user"`
	Warmup bool   `json:"warmup"`
	// Intended is when the schedule wanted the request sent.
	Intended int64 `json:"intended_ns"`
	Sent     int64 `json:"sent_ns"`
	// FirstByte is when the first byte of the response was there; 0 if none came.
	FirstByte int64 `json:"first_byte_ns"`
	// End is when the last byte was there, or when the request failed.
	End int64 `json:"end_ns"`
	// The same times, in UTC; FirstByteAt is empty if no byte came.
	IntendedAt  string `json:"intended_at"`
	SentAt      string `json:"sent_at"`
	FirstByteAt string `json:"first_byte_at"`
	EndAt       string `json:"end_at"`
	// Status is that of HTTP; 0 for a request that failed.
	Status int `json:"status"`
	// Outcome is "as expected", "unexpected", "violating" or "failed".
	Outcome string `json:"outcome"`
	// Error is why it failed, such as "timeout".
	Error string `json:"error"`
	// Rules are the rules of level fail that the response breaks, with a space in between.
	Rules string `json:"rules"`
	// Connection is the number of the connection in its process; 0 for none. ConnectionAge is
	// its age when the request was sent, in milliseconds.
	Connection    uint64 `json:"connection"`
	ConnectionAge int64  `json:"connection_age_ms"`
	// Bytes are those of the response, head and body.
	Bytes         uint64 `json:"bytes"`
	CorrelationID string `json:"correlation_id"`
	TraceID       string `json:"trace_id"`
}

func (r *RequestRow) fill(about *measure.Measurement, o *measure.Observation, c *rowClock) {
	*r = RequestRow{Index: o.Index, Group: about.Groups[o.Group], User: o.User, Warmup: o.Warmup,
		Intended: int64(o.Intended), Sent: int64(o.Sent), End: int64(o.Done), Outcome: "unexpected",
		Connection: o.Connection, ConnectionAge: o.Age.Milliseconds(), Bytes: o.Bytes,
		CorrelationID: o.CorrelationID, TraceID: o.TraceID}
	if o.FirstByte > 0 {
		r.FirstByte = int64(o.Sent + o.FirstByte)
	}
	c.fill(r)
	var rules []string
	for i := range o.Violations {
		if v := &o.Violations[i]; v.Fails && !slices.Contains(rules, v.Rule) {
			rules = append(rules, v.Rule)
		}
	}
	r.Rules = strings.Join(rules, " ")
	switch {
	case o.Failed:
		r.Outcome, r.Error = "failed", o.Label
		return
	case len(rules) > 0:
		r.Outcome = "violating"
	case o.AsExpected:
		r.Outcome = "as expected"
	}
	status, _, _ := strings.Cut(o.Label, " ")
	r.Status, _ = strconv.Atoi(status)
}

// rowClock writes times of a run in UTC, to the nanosecond. Rows that follow one another mostly
// share their seconds.
type rowClock struct {
	started time.Time
	seconds [4]int64 // of the last row's times
	texts   [4]string
	buffer  []byte
}

// fill writes the times of a row into one string, of which each has a part.
func (c *rowClock) fill(r *RequestRow) {
	b := c.buffer[:0]
	for i, since := range [...]int64{r.Intended, r.Sent, r.FirstByte, r.End} {
		at := c.started.Add(time.Duration(since))
		if second := at.Unix(); second != c.seconds[i] || c.texts[i] == "" {
			c.seconds[i], c.texts[i] = second, at.UTC().Format("2006-01-02T15:04:05")
		}
		dot := len(b) + len(c.texts[i])
		b = strconv.AppendInt(append(b, c.texts[i]...), int64(1e9+at.Nanosecond()), 10)
		b[dot] = '.' // in place of the 1 that keeps the zeros
		b = append(b, 'Z')
	}
	const length = len("2006-01-02T15:04:05.000000000Z")
	all := string(b)
	r.IntendedAt, r.SentAt, r.EndAt = all[:length], all[length:2*length], all[3*length:]
	if r.FirstByte != 0 {
		r.FirstByteAt = all[2*length : 3*length]
	}
	c.buffer = b
}

// HashUser names a user in samples: the same user has the same name in all runs, and the name
// does not tell the ID.
func HashUser(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:8])
}

// Format is a form of samples, of a file with a known end of its name.
type Format struct {
	suffix, head string
	row          func([]byte, *RequestRow) []byte
	zipped       bool
}

var formats = []Format{
	{".csv", csvHead, appendCSV, false}, {".csv.gz", csvHead, appendCSV, true},
	{".ndjson", "", appendNDJSON, false}, {".ndjson.gz", "", appendNDJSON, true},
}

// FormatOf returns the format that a file's name asks for.
func FormatOf(file string) (*Format, error) {
	for i := range formats {
		if strings.HasSuffix(file, formats[i].suffix) {
			return &formats[i], nil
		}
	}
	return nil, fmt.Errorf("%q ends in none of .csv, .csv.gz, .ndjson and .ndjson.gz", file)
}
