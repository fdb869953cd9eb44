package users

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"mfaload/scenario/form"
)

// Row is one user as a file has it.
type Row struct {
	ID   ID
	Case Case
	// Expect and Policy are empty where the file does not say them.
	Expect, Policy PlacedText
	// Line and Column are where the ID is, from 1. A column beyond 65,535 is
	// that one.
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
	s := &scanner{lines: lines{r: bufio.NewReaderSize(r, MaxRow)}, row: row, bad: bad}
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

// startLength is how much of a file tells what it is.
const startLength = 64

// scanner is a scan under way.
type scanner struct {
	lines
	row  func(*Row) error
	bad  func(RowProblem)
	user Row // the one that is shown to row
	rows int
}

func (s *scanner) scan() error {
	line, err := s.filled()
	switch {
	case errors.Is(err, io.EOF):
		s.bad(RowProblem{1, 1, "the file is empty",
			"write a first line userID, and one user's ID in each line below"})
		return nil
	case err != nil:
		return err
	case bytes.TrimLeft(line, " \t")[0] == '{':
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

// emit hands a row over.
func (s *scanner) emit() error {
	if s.rows++; s.rows > MaxRows {
		s.bad(RowProblem{int(s.user.Line), int(s.user.Column),
			fmt.Sprintf("the file has more than %d users", MaxRows), "split the users over several files"})
		return errEnough
	}
	return s.row(&s.user)
}

// errEnough ends a scan whose problem was told.
var errEnough = errors.New("too many users")

// found takes the ID out of a cell, or tells what is wrong with it.
func (s *scanner) found(c PlacedText) bool {
	id, ok := ParseID(c.Text)
	if !ok {
		s.badID(c)
		return false
	}
	s.user.ID, s.user.Case = id, CaseOf(c.Text)
	s.user.Line, s.user.Column = uint32(c.Line), uint16(min(c.Column, 1<<16-1))
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

// lines reads a text line by line.
type lines struct {
	r      *bufio.Reader
	number int  // of the line that was read last, from 1
	cr     bool // a line that was too long has a CR in it
}

// errLong says that a line does not fit into memory.
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

// filled returns the next line that is not blank.
func (l *lines) filled() ([]byte, error) {
	for {
		line, err := l.next()
		if err != nil || len(bytes.TrimLeft(line, " \t")) > 0 {
			return line, err
		}
	}
}
