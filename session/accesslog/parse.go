package accesslog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// logEntry is a line of a log. Its user is empty if the log tells none.
type logEntry struct {
	at                 time.Time
	decimals           uint8
	user, method, path string
}

// parse reads a line. A flaw says why it can't be read, and shows nothing of the line.
func (c *Conversion) parse(line []byte) (r logEntry, flaw string) {
	line = bytes.TrimSpace(bytes.TrimPrefix(line, []byte("\uFEFF")))
	if bytes.HasPrefix(line, []byte("{")) {
		r, flaw = c.parseJSON(line)
	} else {
		r, flaw = c.parseCommon(string(line))
	}
	if r.user == "-" || r.user == `""` {
		r.user = ""
	}
	r.path, _, _ = strings.Cut(r.path, "?")
	r.path, _, _ = strings.Cut(r.path, "#")
	return r, flaw
}

// parseCommon reads the common log format of Apache and nginx, and what has more fields after it (combined)
// or a virtual host in front:
//
//	host ident user [02/Jan/2006:15:04:05 -0700] "POST /path HTTP/1.1" ...
func (c *Conversion) parseCommon(line string) (r logEntry, flaw string) {
	// Servers escape the quotes of users, so that the first ] " is the end of the time.
	head, rest, found := strings.Cut(line, `] "`)
	about, clock, opens := cutLast(head, " [")
	fields := strings.SplitN(about, " ", 3)
	if !found || !opens || len(fields) < 3 {
		return r, "it has neither the common format nor the combined one, and is no JSON object"
	}
	r.user = strings.TrimPrefix(fields[2], "- ")
	end := 0
	for end < len(rest) && rest[end] != '"' {
		if rest[end] == '\\' {
			end++
		}
		end++
	}
	r.method, r.path = splitRequest(rest[:min(end, len(rest))])
	flaw = r.setTime(clock, "")
	return r, flaw
}

// cutLast is [strings.Cut] at the last separator.
func cutLast(s, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(s, separator); i >= 0 {
		return s[:i], s[i+len(separator):], true
	}
	return s, "", false
}

// splitRequest splits the line that a request begins with; what is none has no method.
func splitRequest(line string) (method, target string) {
	line, _, found := cutLast(line, " HTTP/")
	method, target, split := strings.Cut(line, " ")
	if !found || !split {
		return "", ""
	}
	return method, target
}

// parseJSON reads a JSON object. The member of the path may have the whole request line.
func (c *Conversion) parseJSON(line []byte) (r logEntry, flaw string) {
	values := map[string]string{}
	d := jsontext.NewDecoder(bytes.NewReader(line), jsontext.AllowInvalidUTF8(true),
		jsontext.AllowDuplicateNames(true))
	err := c.readMembers(d, "", values)
	if err == nil {
		if _, err = d.ReadToken(); errors.Is(err, io.EOF) {
			err = nil
		} else if err == nil {
			err = errors.New("there is more after the object")
		}
	}
	if err != nil {
		return r, "it is not a JSON object"
	}
	for _, name := range []string{c.TimeField, c.PathField, c.MethodField} {
		_, has := values[name]
		whole := name == c.MethodField && strings.Contains(values[c.PathField], " HTTP/")
		if name != "" && !has && !whole {
			return r, fmt.Sprintf("it has no text or number %q", name)
		}
	}
	r.method, r.path = splitRequest(values[c.PathField])
	if r.method == "" {
		r.method, r.path = "POST", values[c.PathField]
		if c.MethodField != "" {
			r.method = values[c.MethodField]
		}
	}
	if c.UserField != "" {
		r.user = values[c.UserField]
	}
	flaw = r.setTime(values[c.TimeField], c.TimeUnit)
	return r, flaw
}

// readMembers reads an object's members that have a name of a field, by that name: with the names of the
// objects that it is in, and dots between them.
func (c *Conversion) readMembers(d *jsontext.Decoder, prefix string, values map[string]string) error {
	fields := []string{c.TimeField, c.UserField, c.PathField, c.MethodField}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for d.PeekKind() != '}' {
		key, err := d.ReadToken()
		if err != nil {
			return err
		}
		name, kind := prefix+key.String(), d.PeekKind()
		switch {
		case (kind == '"' || kind == '0') && slices.Contains(fields, name):
			var value jsontext.Token
			value, err = d.ReadToken()
			if err == nil {
				values[name] = value.String()
			}
		case kind == '{' && slices.ContainsFunc(fields, func(f string) bool {
			return strings.HasPrefix(f, name+".")
		}):
			err = c.readMembers(d, name+".", values)
		default:
			err = d.SkipValue()
		}
		if err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

// timeLayouts are those of access logs that say the offset from UTC.
var timeLayouts = [...]string{"02/Jan/2006:15:04:05 -0700", time.RFC3339, "2006-01-02T15:04:05-0700",
	"2006-01-02 15:04:05Z07:00"}

// setTime reads a time, and how many decimals of a second it has.
func (r *logEntry) setTime(clock, unit string) (flaw string) {
	decimals := 0
	if dot := strings.LastIndexAny(clock, ".,"); dot >= 0 {
		for _, digit := range clock[dot+1:] {
			if digit < '0' || digit > '9' {
				break
			}
			decimals++
		}
	}
	switch {
	case clock == "" || strings.Trim(clock, "0123456789.") != "":
		known := false
		for _, layout := range timeLayouts {
			if at, err := time.Parse(layout, clock); err == nil {
				r.at, known = at, true
			}
		}
		if !known {
			return "its time has no format that mfaload reads, or no offset from UTC"
		}
	case unit == "":
		return "its time is a number: say with --time-unit what it counts, s or ms"
	default:
		since, err := time.ParseDuration(clock + unit)
		if err != nil {
			return "its time is no number of " + unit
		}
		if r.at = time.Unix(0, int64(since)); unit == "ms" {
			decimals += 3
		}
	}
	if year := r.at.UTC().Year(); year < 1970 || year > 2199 {
		return "its time is not from 1970 to 2199"
	}
	r.decimals = uint8(min(decimals, 9))
	return ""
}
