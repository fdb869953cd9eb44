package users

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"mfaload/scenario/form"
)

// ndjson reads one JSON object a line. Blank lines are left out.
func (s *scanner) ndjson(line []byte) error {
	for {
		if s.object(line) {
			if err := s.emit(); err != nil {
				if errors.Is(err, errEnough) {
					return nil
				}
				return err
			}
		}
		var err error
		if line, err = s.filled(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// The shape that most lines have, which needs no JSON decoder.
var objectStart, objectEnd = []byte(`{"userID":"`), []byte(`"}`)

// jsonLine reads a line into the row, and says whether it is sound.
func (s *scanner) object(line []byte) bool {
	s.user = Row{}
	if !s.timed && len(line) == len(objectStart)+idLength+len(objectEnd) &&
		bytes.HasPrefix(line, objectStart) &&
		bytes.HasSuffix(line, objectEnd) {
		if _, ok := ParseID(line[len(objectStart) : len(objectStart)+idLength]); ok {
			return s.found(PlacedText{line[len(objectStart) : len(objectStart)+idLength], s.number,
				len(objectStart)})
		}
	}
	o := jsonLine{scanner: s, line: line, d: jsontext.NewDecoder(bytes.NewReader(line))}
	if err := o.read(); err != nil {
		o.refuse(o.fault(err), "not a JSON object: "+plainError(err), o.remedy())
	}
	switch {
	case !o.sound:
	case s.timed && s.user.Clock == "":
		o.refuse(0, "time is missing", `add "time": "2026-03-29T08:00:00.25+02:00", or "seconds": 0.25`)
	case !s.timed && !s.user.HasID:
		o.refuse(0, "userID is missing", `add "userID": "`+exampleID+`"`)
	}
	return o.sound
}

func (o *jsonLine) remedy() string {
	line := bytes.TrimSpace(o.line)
	switch {
	case bytes.IndexByte(line, '\r') >= 0:
		return loneCRRemedy
	case bytes.HasSuffix(line, []byte("},")):
		return "remove the comma at the end of the line"
	case bytes.HasPrefix(line, []byte("{")) && bytes.IndexByte(line, '}') < 0:
		return "write each object in one line: jq -c . makes that of any JSON"
	}
	return `write one object a line, such as {"userID": "` + exampleID + `"}`
}

type jsonLine struct {
	*scanner
	line  []byte
	d     *jsontext.Decoder
	sound bool
}

func (o *jsonLine) refuse(offset int, text, remedy string) {
	o.sound = false
	o.bad(RowProblem{o.number, o.column(offset), text, remedy})
}

func (o *jsonLine) column(offset int) int {
	return 1 + utf8.RuneCount(o.line[:min(offset, len(o.line))])
}

func (o *jsonLine) fault(err error) int {
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) {
		return int(syntactic.ByteOffset)
	}
	return int(o.d.InputOffset())
}

// plainError is the decoder's error without what only programmers read.
func plainError(err error) string {
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) && syntactic.Err != nil {
		err = syntactic.Err
	}
	return strings.TrimPrefix(err.Error(), "jsontext: ")
}

var errNoObject = errors.New("the line does not hold one object")

func (o *jsonLine) read() error {
	o.sound = true
	if token, err := o.d.ReadToken(); err != nil {
		return err
	} else if token.Kind() != '{' {
		return errNoObject
	}
	for o.d.PeekKind() == '"' {
		before := o.line[o.d.InputOffset():]
		at := len(o.line) - len(bytes.TrimLeft(before, ", \t"))
		name, err := o.d.ReadToken()
		if err != nil {
			return err
		}
		if err := o.member(name.String(), at); err != nil {
			return err
		}
	}
	if _, err := o.d.ReadToken(); err != nil {
		return err
	}
	if _, err := o.d.ReadToken(); !errors.Is(err, io.EOF) {
		return errNoObject
	}
	return nil
}

func (o *jsonLine) member(name string, before int) error {
	column, known := o.meaning(name)
	if column == "" {
		if !known {
			trusted := o.trusts(o.line)
			o.refuse(before, fmt.Sprintf("unknown member %s", o.shown([]byte(name), trusted)),
				o.columnRemedy(name, trusted))
		}
		return o.d.SkipValue()
	}
	kind := o.d.PeekKind()
	value, err := o.d.ReadValue()
	if err != nil {
		return err
	}
	at := int(o.d.InputOffset()) - len(value)
	switch {
	case isTime(column) && o.user.Clock != "":
		o.refuse(at, "a second member says the time: "+name, "keep one of time, seconds and milliseconds")
		return nil
	case kind == '0' && isTime(column):
		o.cell(column, PlacedText{o.line[at:][:len(value)], o.number, o.column(at)})
		return nil
	case kind != '"':
		o.refuse(at, name+" is not a text", "put it in quotes")
		return nil
	}
	text, err := jsontext.AppendUnquote(nil, value)
	if err != nil {
		return err
	}
	if !o.cell(column, PlacedText{text, o.number, o.column(at)}) {
		o.sound = false
	}
	return nil
}

// Row is one user as a file has it, or one request of a recording.
type Row struct {
	ID   ID
	Case Case
	// HasID says that there is a user: always but in recordings.
	HasID bool
	// Time is when the request was, in a recording, and Clock the name of its column or member:
	// what it counts in.
	Time  PlacedText
	Clock string
	// Group is the name of the user's group; empty where the recording does not say it.
	Group PlacedText
	// Expect and Policy are empty where the file does not say them.
	Expect, Policy PlacedText
	// Line and Column are where the ID is, or else the time, from 1; the last column is 65,535.
	Line   uint32
	Column uint16
}

// PlacedText is a text of a row. It is valid until the next row is read.
type PlacedText struct {
	Text         []byte
	Line, Column int
}

// RowProblem is what is wrong at a place of a file.
type RowProblem struct {
	Line, Column int
	Text, Remedy string
}

// Scan reads a file of users as it streams by: NDJSON where the first character
// that is no space is a {, CSV with a header otherwise. It calls row for each
// user and bad for each problem, and holds one row in memory at a time. The
// error is one of reading, or that of row, which ends the scan.
func Scan(r io.Reader, row func(*Row) error, bad func(RowProblem)) error {
	return scan(r, userLayout, row, bad)
}

// ScanRecording is [Scan] of a recording: rows of times and perhaps users, or samples of a run.
func ScanRecording(r io.Reader, row func(*Row) error, bad func(RowProblem)) error {
	return scan(r, recordingLayout, row, bad)
}

func scan(r io.Reader, of fileLayout, row func(*Row) error, bad func(RowProblem)) error {
	s := &scanner{lines: lines{r: bufio.NewReaderSize(r, MaxRow)}, fileLayout: of, row: row, bad: bad}
	mark := []byte("\uFEFF")
	start, err := s.r.Peek(startLength)
	for ; bytes.HasPrefix(start, mark); start, err = s.r.Peek(startLength) {
		s.r.Discard(len(mark)) // files that were put together have several
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if text, remedy := form.Foreign(start); text != "" {
		bad(RowProblem{1, 1, text, remedy})
		return nil
	}
	err = s.scan()
	switch {
	case errors.Is(err, errLong) && s.cr:
		bad(RowProblem{s.number, 1, loneCR, loneCRRemedy})
		return nil
	case errors.Is(err, errLong):
		bad(RowProblem{s.number, 1, fmt.Sprintf("a row has more than %d KB", MaxRow>>10),
			"shorten it, or close the quote that holds it together"})
		return nil
	}
	return err
}

const startLength = 64

type scanner struct {
	lines
	fileLayout
	row  func(*Row) error
	bad  func(RowProblem)
	user Row // the one that is shown to row
	rows int
}

func (s *scanner) scan() error {
	line, err := s.filled()
	switch {
	case errors.Is(err, io.EOF):
		remedy := "write a first line userID, and one user's ID in each line below"
		if s.timed {
			remedy = "write a first line time,userID, and one request in each line below"
		}
		s.bad(RowProblem{1, 1, "the file is empty", remedy})
		return nil
	case err != nil:
		return err
	case bytes.TrimLeft(line, " \t")[0] == '{':
		if s.timed && bytes.Contains(line, []byte(`"`+columnNanoseconds+`":`)) {
			s.fileLayout = samplesLayout
		}
		return s.ndjson(line)
	case bytes.TrimLeft(line, " \t")[0] == '[':
		s.bad(RowProblem{s.number, 1, "the file is a JSON array",
			"write one object a line, without brackets and commas: jq -c '.[]' makes that of an array of " +
				"objects"})
		return nil
	case bytes.IndexByte(line, '\r') >= 0:
		s.bad(RowProblem{s.number, 1, loneCR, loneCRRemedy})
		return nil
	}
	return s.csv(line)
}

func (s *scanner) emit() error {
	if s.rows++; s.rows > MaxRows {
		s.bad(RowProblem{int(s.user.Line), int(s.user.Column),
			fmt.Sprintf("the file has more than %d rows", MaxRows), "split it into several files"})
		return errEnough
	}
	return s.row(&s.user)
}

// errEnough ends a scan whose problem was told.
var errEnough = errors.New("too many users")

// cell takes in what a column of a row has, and says whether it is sound.
func (s *scanner) cell(column string, c PlacedText) bool {
	switch {
	case column == columnUser:
		return s.timed && len(c.Text) == 0 || s.found(c)
	case column == columnExpect:
		s.user.Expect = c
	case column == columnPolicy:
		s.user.Policy = c
	case column == columnGroup:
		s.user.Group = c
	case isTime(column):
		s.user.Time, s.user.Clock = c, column
		if !s.user.HasID {
			s.place(c)
		}
	}
	return true
}

func (s *scanner) place(c PlacedText) {
	s.user.Line, s.user.Column = uint32(c.Line), uint16(min(c.Column, 1<<16-1))
}

func (s *scanner) found(c PlacedText) bool {
	id, ok := ParseID(c.Text)
	if !ok {
		s.badID(c)
		return false
	}
	s.user.ID, s.user.Case, s.user.HasID = id, CaseOf(c.Text), true
	s.place(c)
	return true
}

const exampleID = "788d4931-6936-43f2-82ff-178f5762298a"

func (s *scanner) badID(c PlacedText) {
	if len(bytes.TrimSpace(c.Text)) == 0 {
		s.bad(RowProblem{c.Line, c.Column, "userID is empty",
			"write an ID such as " + exampleID + ", or remove the row"})
		return
	}
	text, remedy := malformed(c.Text)
	s.bad(RowProblem{c.Line, c.Column, fmt.Sprintf("userID: %s %s", Quote(c.Text), text), remedy})
}

// Quote is a text of a file as a message shows it, without people.
func Quote(text []byte) string {
	const most = 80
	text = []byte(form.HideNumber(string(text)))
	if len(text) > most {
		cut := most
		for cut > most-utf8.UTFMax && !utf8.RuneStart(text[cut]) {
			cut--
		}
		return fmt.Sprintf("%q…", text[:cut])
	}
	return fmt.Sprintf("%q", text)
}

type lines struct {
	r      *bufio.Reader
	number int  // of the line that was read last, from 1
	cr     bool // a line that was too long has a CR in it
}

var errLong = errors.New("the line is too long")

// next returns the next line without its end. It is valid until the next call.
func (l *lines) next() ([]byte, error) {
	line, err := l.r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		l.number++
		l.cr = bytes.IndexByte(line, '\r') >= 0
		return nil, errLong
	case errors.Is(err, io.EOF) && len(line) > 0:
	case err != nil:
		return nil, err
	}
	l.number++
	line = bytes.TrimSuffix(line, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r")), nil
}

func (l *lines) filled() ([]byte, error) {
	for {
		line, err := l.next()
		if err != nil || len(bytes.TrimLeft(line, " \t")) > 0 {
			return line, err
		}
	}
}
