package users

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"mfaload/scenario/form"
)

// What a column or member is, by the names that files of mfaload have for it.
const (
	columnUser         = "userID"
	columnExpect       = "expect"
	columnPolicy       = "policy"
	columnGroup        = "group"
	columnTime         = "time"
	columnSeconds      = "seconds"
	columnMilliseconds = "milliseconds"
	columnNanoseconds  = "intended_ns" // of samples
)

// fileLayout is what a kind of file has in its columns or members; names that begin with an
// underscore are left alone in all of them.
type fileLayout struct {
	columns map[string]string // what each is, by its name in the file
	names   string            // of all of them, for messages
	timed   bool              // each row has a time, and need not have a user
	open    bool              // columns of other names are left alone, too
}

var (
	userLayout = fileLayout{names: "userID, expect and policy", columns: map[string]string{
		columnUser: columnUser, columnExpect: columnExpect, columnPolicy: columnPolicy}}
	recordingLayout = fileLayout{timed: true,
		names: "time (or seconds, or milliseconds), userID, group, expect and policy",
		columns: map[string]string{columnTime: columnTime, columnSeconds: columnSeconds,
			columnMilliseconds: columnMilliseconds, columnUser: columnUser, columnGroup: columnGroup,
			columnExpect: columnExpect, columnPolicy: columnPolicy}}
	samplesLayout = fileLayout{timed: true, open: true, columns: map[string]string{
		columnNanoseconds: columnNanoseconds, "user": columnUser, columnGroup: columnGroup}}
)

// meaning is what a column of a name is, "" for one that is left alone.
func (l *fileLayout) meaning(name string) (column string, known bool) {
	column, known = l.columns[name]
	return column, known || l.open || strings.HasPrefix(name, "_")
}

// csv reads RFC 4180: commas, quotes that are doubled within quotes, lines
// that end in LF or CRLF. Blank lines are left out. The first line is known.
func (s *scanner) csv(first []byte) error {
	c := &csvFile{scanner: s}
	if mark := separator.FindSubmatch(first); mark != nil {
		if string(mark[1]) != "," {
			s.bad(RowProblem{s.number, 1,
				fmt.Sprintf("%s asks a spreadsheet for another separator", Quote(first)),
				"remove this line, and separate the columns with commas"})
			return nil
		}
		var err error
		if first, err = s.filled(); err != nil {
			return c.end(err)
		}
	}
	if err := c.record(first); err != nil || !c.header() {
		return c.end(err)
	}
	for {
		line, err := s.filled()
		if err != nil {
			return c.end(err)
		}
		if len(c.columns) == 1 && !c.timed &&
			bytes.IndexByte(line, '"') < 0 && bytes.IndexByte(line, ',') < 0 {
			if s.found(PlacedText{line, s.number, 1}) {
				err = s.emit()
			}
		} else if err = c.record(line); err == nil {
			err = c.take()
		}
		if err != nil {
			return c.end(err)
		}
	}
}

type csvFile struct {
	*scanner
	columns []string // by index; "" for one that is left alone
	fields  []PlacedText
	whole   []byte // a record of several lines
	text    []byte // of the record's quoted fields
}

// errBroken ends a scan of a file whose quotes are wrong: the rest can't be read.
var errBroken = errors.New("the quotes are wrong")

func (t *csvFile) end(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, errBroken) || errors.Is(err, errEnough) {
		return nil
	}
	return err
}

func (t *csvFile) header() bool {
	known := map[string]bool{}
	sound, trusted := true,
		slices.ContainsFunc(t.fields, func(f PlacedText) bool { return t.trusts(f.Text) })
	if t.timed && slices.ContainsFunc(t.fields, func(f PlacedText) bool {
		return string(f.Text) == columnNanoseconds
	}) {
		t.fileLayout = samplesLayout
	}
	refuse := func(f PlacedText, text, remedy string) {
		sound = false
		t.bad(RowProblem{f.Line, f.Column, text, remedy})
	}
	for _, f := range t.fields {
		name := string(f.Text)
		switch column, ok := t.meaning(name); {
		case ok && known[column]:
			refuse(f, fmt.Sprintf("the column %s is a duplicate", name), "keep one of them")
		case ok && isTime(column) && known[columnTime]:
			refuse(f, "a second column says the time: "+name, "keep one of time, seconds and milliseconds")
		case ok:
			t.columns = append(t.columns, column)
			known[column], known[columnTime] = column != "", known[columnTime] || isTime(column)
		case strings.TrimSpace(name) == "":
			if sound { // one of a row of them
				refuse(f, fmt.Sprintf("column %d has no name", len(t.columns)+1),
					"remove the comma at the end of every line, or give the column a name that starts with "+
						"an underscore")
			}
		default:
			refuse(f, fmt.Sprintf("unknown column %s", t.shown(f.Text, trusted)),
				t.columnRemedy(name, trusted))
		}
	}
	switch {
	case !sound:
	case t.timed && !known[columnTime]:
		sound = false
		refuse(t.fields[0], "the header has no column time", timeRemedy)
	case !t.timed && !known[columnUser]:
		refuse(t.fields[0], "the header has no column userID", "name the column of the users' IDs userID")
	}
	return sound
}

// isTime says whether a column says when something was.
func isTime(column string) bool {
	return column == columnTime || column == columnSeconds || column == columnMilliseconds ||
		column == columnNanoseconds
}

const timeRemedy = "name the column time if it has RFC 3339 times, such as 2026-03-29T08:00:00.25+02:00, " +
	"and seconds or milliseconds if it has numbers since any start"

// trusts says whether a text has the name of the column of users in it, or that of times: then
// the file is of such rows. What stands in any other file, such as one of passwords
// that was named by mistake, is shown to nobody.
func (l *fileLayout) trusts(text []byte) bool {
	text = bytes.ToLower(text)
	return bytes.Contains(text, []byte("userid")) || l.timed && (bytes.Contains(text, []byte("time")) ||
		bytes.Contains(text, []byte("seconds")))
}

// shown is a column's name, where it is one of a file of users, or can't be else.
func (l *fileLayout) shown(name []byte, trusted bool) string {
	if _, isID := ParseID(name); trusted || isID || l.meant(string(name)) != "" {
		return Quote(name)
	}
	return "(its name is not shown: the file may not be one of users)"
}

func (l *fileLayout) columnRemedy(name string, trusted bool) string {
	if _, isID := ParseID(name); isID {
		return "the header is missing: write userID into a line above"
	}
	switch known := l.meant(name); {
	case strings.ContainsAny(name, ";\t|"):
		return "separate the columns with commas"
	case strings.HasPrefix(name, "#"):
		return "remove the line: a file of users has no comments"
	case known != "":
		return fmt.Sprintf("did you mean %q?", known)
	}
	remedy := "use " + l.names + "; a column is left alone if its name starts with an underscore"
	if !trusted {
		return remedy
	}
	return remedy + ": _" + strings.TrimSpace(clip(form.HideNumber(name)))
}

func clip(name string) string {
	if len(name) > 40 || !utf8.ValidString(name) {
		return "name"
	}
	return name
}

func (t *csvFile) take() error {
	if len(t.fields) != len(t.columns) {
		remedy := "write as many; a comma within a field needs quotes around the field"
		if extra := t.fields[min(len(t.columns), len(t.fields)):]; len(extra) > 0 &&
			!slices.ContainsFunc(extra, func(c PlacedText) bool { return len(c.Text) > 0 }) {
			remedy = "remove the comma at the end of the row"
		}
		t.bad(RowProblem{t.fields[0].Line, 1,
			fmt.Sprintf("the row has %d fields, the header %d", len(t.fields), len(t.columns)), remedy})
		return nil
	}
	t.user = Row{}
	sound := true
	for i, f := range t.fields {
		sound = t.cell(t.columns[i], f) && sound
	}
	if !sound {
		return nil
	}
	return t.emit()
}

// record splits a record into its fields. One with quotes may have many lines.
func (t *csvFile) record(line []byte) error {
	t.fields = t.fields[:0]
	if bytes.IndexByte(line, '"') < 0 {
		t.plain(line)
		return nil
	}
	first := t.number
	t.whole = append(t.whole[:0], line...)
	for {
		place, err := t.quoted(first)
		if err == nil || !errors.Is(err, errOpen) {
			return err
		}
		next, err := t.next()
		if err == nil && len(t.whole)+len(next) > MaxRow {
			err = errLong
		}
		switch {
		case errors.Is(err, errLong):
			t.bad(RowProblem{place.Line, place.Column,
				fmt.Sprintf("a quote is not closed within %d KB", MaxRow>>10),
				`close it; a quote within quotes is written twice: ""`})
			return errBroken
		case errors.Is(err, io.EOF):
			t.bad(RowProblem{place.Line, place.Column, "a quote is not closed",
				`close it; a quote within quotes is written twice: ""`})
			return errBroken
		case err != nil:
			return err
		}
		t.whole = append(append(t.whole, '\n'), next...)
	}
}

func (t *csvFile) plain(line []byte) {
	for start := 0; ; {
		end := bytes.IndexByte(line[start:], ',')
		column := 1 + utf8.RuneCount(line[:start])
		if end < 0 {
			t.fields = append(t.fields, PlacedText{line[start:], t.number, column})
			return
		}
		t.fields = append(t.fields, PlacedText{line[start : start+end], t.number, column})
		start += end + 1
	}
}

// errOpen says that a record goes on in the next line.
var errOpen = errors.New("a quote is open")

// quoted splits a record with quotes. With errOpen it returns the place of the
// quote that is open.
func (t *csvFile) quoted(line int) (PlacedText, error) {
	t.fields, t.text = t.fields[:0], t.text[:0]
	rest, lineStart := t.whole, t.whole
	for {
		c := PlacedText{Line: line, Column: 1 + utf8.RuneCount(lineStart[:len(lineStart)-len(rest)])}
		if len(rest) == 0 || rest[0] != '"' {
			end := bytes.IndexByte(rest, ',')
			last := end < 0
			if last {
				end = len(rest)
			}
			c.Text = rest[:end]
			if at := bytes.IndexByte(c.Text, '"'); at >= 0 {
				remedy := `put the whole field in quotes, and write the quote twice: ""`
				if c.Text[0] == '=' {
					remedy = "write the value alone, without the formula around it"
				}
				t.bad(RowProblem{line, c.Column + utf8.RuneCount(c.Text[:at]),
					"a quote stands within a field",
					remedy})
				return c, errBroken
			}
			t.fields = append(t.fields, c)
			if last {
				return c, nil
			}
			rest = rest[end+1:]
			continue
		}
		text, after, closed := t.unquote(rest[1:])
		if !closed {
			return c, errOpen
		}
		c.Text = text
		t.fields = append(t.fields, c)
		for consumed := rest[:len(rest)-len(after)]; ; { // a field of several lines
			at := bytes.IndexByte(consumed, '\n')
			if at < 0 {
				break
			}
			line++
			consumed = consumed[at+1:]
			lineStart = t.whole[len(t.whole)-len(after)-len(consumed):]
		}
		switch {
		case len(after) == 0:
			return c, nil
		case after[0] != ',':
			t.bad(RowProblem{line, 1 + utf8.RuneCount(lineStart[:len(lineStart)-len(after)]),
				"something stands between a quote and the comma",
				`remove it; a quote within quotes is written twice: ""`})
			return c, errBroken
		}
		rest = after[1:]
	}
}

func (t *csvFile) unquote(rest []byte) (text, after []byte, closed bool) {
	start := len(t.text)
	for {
		end := bytes.IndexByte(rest, '"')
		if end < 0 {
			return nil, nil, false
		}
		t.text = append(t.text, rest[:end]...)
		rest = rest[end+1:]
		if len(rest) == 0 || rest[0] != '"' {
			return t.text[start:len(t.text):len(t.text)], rest, true
		}
		t.text = append(t.text, '"')
		rest = rest[1:]
	}
}

// Whole files whose lines end as those of no system do today.
const (
	loneCR       = "the lines end in CR alone"
	loneCRRemedy = "save the file with line ends LF or CRLF"
)

// separator is the line that tells a spreadsheet which separator a file has.
var separator = regexp.MustCompile(`(?i)^"?sep=(.?)"?[,;\t]*$`)

// aliases are what people and exports call the columns.
var aliases = map[string]string{
	"userid": columnUser, "userids": columnUser, "id": columnUser, "ids": columnUser, "user": columnUser,
	"uuid": columnUser, "guid": columnUser,
	"useruuid": columnUser, "pingoneuserid": columnUser, "pingoneid": columnUser,
	"expect": columnExpect, "expected": columnExpect, "status": columnExpect, "policy": columnPolicy,
	"policyid": columnPolicy, "timestamp": columnTime, "at": columnTime, "date": columnTime,
	"datetime": columnTime, "second": columnSeconds, "sec": columnSeconds, "unix": columnSeconds,
	"epoch": columnSeconds, "ms": columnMilliseconds, "millis": columnMilliseconds,
	"groups": columnGroup, "time": columnTime, "seconds": columnSeconds, "group": columnGroup,
	"milliseconds": columnMilliseconds,
}

// meant is the column that a name means, "" for none.
func (l *fileLayout) meant(name string) string {
	plain := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
	column, _ := l.meaning(aliases[plain])
	return column
}

// hashed is how samples name users unless they are to show them.
var hashed = regexp.MustCompile(`^[0-9a-f]{16}$`)

var plainHyphens = strings.NewReplacer("\u2010", "-", "\u2011", "-", "\u2012", "-", "\u2013", "-",
	"\u2014", "-", "\u2212", "-")

func invisible(r rune) bool { return unicode.Is(unicode.Cf, r) || r == 0 }

func malformed(id []byte) (text, remedy string) {
	const noID = "is not an ID: 36 characters, 8-4-4-4-12 hexadecimal digits"
	remedy = "write an ID such as " + exampleID
	whole := string(id)
	if strings.ContainsRune(whole, '\r') {
		return "has a CR in it", "save the file with line ends LF or CRLF"
	}
	sound := func(text string) bool { _, ok := ParseID(text); return ok }
	seen := strings.Map(func(r rune) rune {
		if invisible(r) {
			return -1
		}
		return r
	}, whole)
	bare := strings.Trim(seen,
		" \t\u00a0\u202f\u2007'\"`{}()<>[]=;\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb")
	switch {
	case len(strings.TrimSpace(whole)) == idLength && len(whole) > idLength:
		return "has spaces around it", "remove them"
	case seen != whole && sound(strings.TrimSpace(seen)):
		return "has invisible characters in it", "remove them, or write the ID again"
	case sound(bare):
		return "has other characters around it", "remove them: write " + fmt.Sprintf("%q", bare)
	case sound(plainHyphens.Replace(bare)):
		return "has hyphens of a word processor", "write plain ones: " + plainHyphens.Replace(bare)
	case hashed.MatchString(whole):
		return "is the hash of a user, not an ID", "write the samples with --users, or remove the column " +
			"to take users from the group's list"
	case len(bare) == 32 && sound(bare[:8]+"-"+bare[8:12]+"-"+bare[12:16]+"-"+bare[16:20]+"-"+bare[20:]):
		return "has no hyphens", "write them: 8-4-4-4-12 hexadecimal digits"
	}
	return noID, remedy
}
