package samples

import (
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// csvHead names the columns: the members of a [RequestRow].
var csvHead = func() string {
	var names []string
	for field := range reflect.TypeFor[RequestRow]().NumField() {
		names = append(names, reflect.TypeFor[RequestRow]().Field(field).Tag.Get("json"))
	}
	return strings.Join(names, ",") + "\n"
}()

// appendCSV appends a line. What a row has none of is empty: the first byte, a status, a
// connection.
func appendCSV(b []byte, r *RequestRow) []byte {
	b = strconv.AppendUint(b, r.Index, 10)
	b = appendCell(append(b, ','), r.Group)
	b = appendCell(append(b, ','), r.User)
	b = strconv.AppendBool(append(b, ','), r.Warmup)
	b = strconv.AppendInt(append(b, ','), r.Intended, 10)
	b = strconv.AppendInt(append(b, ','), r.Sent, 10)
	b = appendKnown(append(b, ','), r.FirstByte, r.FirstByte != 0)
	b = strconv.AppendInt(append(b, ','), r.End, 10)
	for _, at := range [...]string{r.IntendedAt, r.SentAt, r.FirstByteAt, r.EndAt} {
		b = append(append(b, ','), at...)
	}
	b = appendKnown(append(b, ','), int64(r.Status), r.Status != 0)
	for _, text := range [...]string{r.Outcome, r.Error, r.Rules} {
		b = appendCell(append(b, ','), text)
	}
	b = appendKnown(append(b, ','), int64(r.Connection), r.Connection != 0)
	b = appendKnown(append(b, ','), r.ConnectionAge, r.Connection != 0)
	b = strconv.AppendUint(append(b, ','), r.Bytes, 10)
	b = appendCell(append(b, ','), r.CorrelationID)
	b = appendCell(append(b, ','), r.TraceID)
	return append(b, '\n')
}

func appendKnown(b []byte, n int64, known bool) []byte {
	if !known {
		return b
	}
	return strconv.AppendInt(b, n, 10)
}

// appendCell appends a text. A spreadsheet takes one that begins with =, +, -, @, a tab or a
// line end for a formula, so that gets an apostrophe.
func appendCell(b []byte, text string) []byte {
	formula := text != "" && strings.IndexByte("=+-@\t\r\n", text[0]) >= 0
	if !strings.ContainsAny(text, "\",\r\n") {
		if formula {
			b = append(b, '\'')
		}
		return append(b, text...)
	}
	b = append(b, '"')
	if formula {
		b = append(b, '\'')
	}
	return append(append(b, strings.ReplaceAll(text, `"`, `""`)...), '"')
}

// appendNDJSON appends an object. Members that a row has none of are left out.
func appendNDJSON(b []byte, r *RequestRow) []byte {
	b = strconv.AppendUint(append(b, `{"index":`...), r.Index, 10)
	b = appendText(b, "group", r.Group)
	b = appendText(b, "user", r.User)
	b = strconv.AppendBool(append(b, `,"warmup":`...), r.Warmup)
	b = strconv.AppendInt(append(b, `,"intended_ns":`...), r.Intended, 10)
	b = strconv.AppendInt(append(b, `,"sent_ns":`...), r.Sent, 10)
	if r.FirstByte != 0 {
		b = strconv.AppendInt(append(b, `,"first_byte_ns":`...), r.FirstByte, 10)
	}
	b = strconv.AppendInt(append(b, `,"end_ns":`...), r.End, 10)
	b = appendText(b, "intended_at", r.IntendedAt)
	b = appendText(b, "sent_at", r.SentAt)
	b = appendText(b, "first_byte_at", r.FirstByteAt)
	b = appendText(b, "end_at", r.EndAt)
	if r.Status != 0 {
		b = strconv.AppendInt(append(b, `,"status":`...), int64(r.Status), 10)
	}
	b = appendText(b, "outcome", r.Outcome)
	b = appendText(b, "error", r.Error)
	b = appendText(b, "rules", r.Rules)
	if r.Connection != 0 {
		b = strconv.AppendUint(append(b, `,"connection":`...), r.Connection, 10)
		b = strconv.AppendInt(append(b, `,"connection_age_ms":`...), r.ConnectionAge, 10)
	}
	b = strconv.AppendUint(append(b, `,"bytes":`...), r.Bytes, 10)
	b = appendText(b, "correlation_id", r.CorrelationID)
	b = appendText(b, "trace_id", r.TraceID)
	return append(b, "}\n"...)
}

func appendText(b []byte, name, text string) []byte {
	if text == "" {
		return b
	}
	b = append(append(append(b, `,"`...), name...), `":`...)
	quoted, _ := jsontext.AppendQuote(b, text)
	return quoted
}
