package scenario

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"mfaload/scenario/form"
)

// Profile is a recorded rate.
type Profile struct {
	// File is the path of the file that it was read from.
	File string `json:"-"`
	// Interpolate says that the rate changes linearly from point to point;
	// else it holds until the next point.
	Interpolate bool
	// Points are at least two, in the order of their times, the first at 0.
	Points []Point
}

// Point is a row of a profile.
type Point struct {
	At   time.Duration
	Rate Rate
	// Before is how many requests, in fractions, are due before it.
	Before float64
}

// Limits of profiles.
const (
	maxPoints       = 1_000_000 // eleven days second by second
	maxProfile      = 64 << 20  // bytes
	maxRowsReported = 10
)

// pieces is one for each point that a rate follows: the last point holds as
// long as the one before, or is the end where the rate is interpolated.
func (p *Profile) pieces() int {
	if p.Interpolate {
		return len(p.Points) - 1
	}
	return len(p.Points)
}

func (p *Profile) piece(i int) Piece {
	a := p.Points[i]
	piece := Piece{Start: a.At.Seconds(), From: float64(a.Rate), To: float64(a.Rate), Before: a.Before}
	if i+1 < len(p.Points) {
		next := p.Points[i+1]
		piece.Length = (next.At - a.At).Seconds()
		if p.Interpolate {
			piece.To = float64(next.Rate)
		}
		return piece
	}
	piece.Length = (a.At - p.Points[i-1].At).Seconds()
	return piece
}

func (p *Profile) duration() time.Duration {
	last := p.Points[len(p.Points)-1].At
	if p.Interpolate {
		return last
	}
	return last + last - p.Points[len(p.Points)-2].At
}

// sum fills in Before, with the rounding of each sum carried over to the next:
// a million rows add up as exactly as one.
func (p *Profile) sum() {
	total, lost := 0.0, 0.0
	for i := range p.Points {
		p.Points[i].Before = total
		if i < p.pieces() {
			piece := p.piece(i)
			add := piece.Total() - lost
			sum := total + add
			total, lost = sum, (sum-total)-add
		}
	}
}

var profileForm = form.Either(
	form.Form[Profile]{Noun: "a file", Detail: "such as traffic.csv", Schema: fileText.Schema,
		Read: func(d *form.Decoder, n *form.Node) Profile {
			p := Profile{File: fileText.Read(d, n)}
			readProfile(d, n, &p)
			return p
		}}, form.Mapping(func(d *form.Decoder, n *form.Node, p *Profile) {
		if n.Sound("file") {
			readProfile(d, n.Get("file"), p)
		}
	}, []form.Field{
		form.Key("file", fileText, "A CSV file with a row second,rate for each point, relative to the "+
			"scenario's folder.").Required(),
		form.Key("interpolate", form.YesOrNo,
			"Whether the rate changes linearly from row to row; else it holds until "+
				"the next row.").Default("false"),
	}))

var fileText = form.Text("a file", "such as traffic.csv", "", func(text string) (string, *form.Flaw) {
	if text == "" || strings.ContainsRune(text, 0) {
		return "", &form.Flaw{Reason: "is not the name of a file"}
	}
	return text, nil
})

// readProfile reads the profile's file. Its problems are the scenario's, at the
// place that names the file.
func readProfile(d *form.Decoder, n *form.Node, p *Profile) {
	if n.Bad || p.File == "" {
		return
	}
	shown := n.Shown() // never the value of a variable
	if !filepath.IsAbs(p.File) {
		p.File = filepath.Join(filepath.Dir(d.File), p.File)
	}
	data, err := readRegular(p.File, maxProfile)
	if err != nil {
		d.Fail(n, fmt.Sprintf("%s: %s can't be read: %v", d.Label(n), shown, err),
			"check the path; it is relative to the scenario's folder")
		return
	}
	points, err := ParseProfile("line", data)
	var problems form.Problems
	if errors.As(err, &problems) {
		for _, q := range problems {
			d.Fail(n, fmt.Sprintf("%s: %s, line %d, column %d: %s", d.Label(n), shown, q.Pos.Line,
				q.Pos.Column, q.Text), q.Remedy)
		}
		return
	}
	p.Points = points
	p.sum()
}

// readRegular reads a file of a bounded size. Pipes and devices are refused:
// they may never end.
func readRegular(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, errors.New("there is no such file")
	case err != nil:
		return nil, errors.New("it can't be looked at")
	case !info.Mode().IsRegular():
		return nil, errors.New("it is not a regular file")
	case info.Size() > most:
		return nil, fmt.Errorf("it has more than %d MiB", most>>20)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, errors.New("it can't be opened")
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return nil, errors.New("reading it failed")
	}
	return data, nil
}

// ParseProfile reads rows of second,rate: seconds go up, rates are in requests
// a second from 0 to [MaxRate]. The first row's second counts as 0, so that a
// profile may be written with Unix time. A first row without numbers is a
// heading, and what follows a # is left out. The file's name is for places
// only. The error is [form.Problems], of which the first ten are listed.
func ParseProfile(file string, data []byte) ([]Point, error) {
	for bytes.HasPrefix(data, []byte("\uFEFF")) {
		data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	}
	if text, remedy := ofAnother(data); text != "" {
		return nil, form.Problems{{Pos: form.Pos{File: file, Line: 1, Column: 1}, Text: text, Remedy: remedy}}
	}
	rows := csv.NewReader(bytes.NewReader(data))
	rows.Comment, rows.FieldsPerRecord, rows.ReuseRecord, rows.TrimLeadingSpace = '#', -1, true, true
	p := profileParser{file: file, rows: rows}
	for len(p.problems) < maxRowsReported {
		fields, err := rows.Read()
		if err == io.EOF {
			break
		}
		p.read(fields, err)
		if p.halted {
			break
		}
	}
	if len(p.problems) == 0 && len(p.points) < 2 {
		p.fail(1, 1, "a profile needs at least two rows of second,rate", "write rows such as 0,50 and 60,80")
	}
	if len(p.problems) > 0 {
		return nil, p.problems
	}
	return p.points, nil
}

// ofAnother says what is wrong with a whole profile that another program wrote.
func ofAnother(data []byte) (text, remedy string) {
	if text, remedy = form.Foreign(data[:min(len(data), 64)]); text != "" {
		return text, remedy
	}
	first, _, _ := bytes.Cut(data, []byte("\n"))
	switch line := bytes.TrimSpace(first); {
	case bytes.IndexByte(line, '\r') >= 0:
		return "the lines end in CR alone", "save the file with line ends LF or CRLF"
	case len(line) > 4 && bytes.EqualFold(line[:4], []byte("sep=")) && line[4] != ',':
		return "the line sep= asks a spreadsheet for another separator",
			"remove this line, and separate the columns with commas"
	case bytes.HasPrefix(line, []byte("[")) || bytes.HasPrefix(line, []byte("{")):
		return "the file is JSON", "write rows of CSV such as 60,80"
	}
	return "", ""
}

type profileParser struct {
	file     string
	rows     *csv.Reader
	row      int
	first    float64 // second of the first row
	points   []Point
	problems form.Problems
	halted   bool
}

func (p *profileParser) fail(line, column int, text, remedy string) {
	p.problems = append(p.problems,
		form.Problem{Pos: form.Pos{File: p.file, Line: line, Column: column}, Text: text, Remedy: remedy})
}

func (p *profileParser) read(fields []string, err error) {
	p.row++
	var broken *csv.ParseError
	switch {
	case errors.As(err, &broken):
		p.fail(broken.Line, max(broken.Column, 1), "is not CSV: "+broken.Err.Error(),
			"write rows such as 60,80")
		p.halted = true
		return
	case len(fields) != 2:
		line, column := p.rows.FieldPos(0)
		remedy := "write rows such as 60,80"
		switch text := strings.Join(fields, ","); {
		case strings.ContainsAny(text, ";\t"):
			remedy = "separate the columns with commas, and write decimal points: 60,80.5"
		case len(fields) > 2 && strings.Trim(fields[len(fields)-1], " ") == "":
			remedy = "remove the comma at the end of the row"
		}
		p.fail(line, column, fmt.Sprintf("a row has %d columns, not second,rate", len(fields)), remedy)
		return
	}
	second, bad1 := strconv.ParseFloat(strings.TrimSpace(fields[0]), 64)
	rate, bad2 := strconv.ParseFloat(strings.TrimSpace(fields[1]), 64)
	if p.row == 1 && strings.EqualFold(fields[0], "sep=") && fields[1] == "" {
		p.row = 0 // of a spreadsheet; the heading may follow
		return
	}
	if p.row == 1 && errors.Is(bad1, strconv.ErrSyntax) && errors.Is(bad2, strconv.ErrSyntax) {
		return // a heading
	}
	if p.check(fields, second, bad1, rate, bad2) {
		p.add(second, Rate(rate))
	}
}

// shown is a field of a file that is a profile. Of one that has no row of numbers
// nothing is shown: it may be another file, one of passwords say.
func (p *profileParser) shown(field string) string {
	if len(p.points) == 0 {
		return "a field"
	}
	return fmt.Sprintf("%q", form.Clip(field))
}

// check refuses numbers that can't be. Comparisons are written such that "not a
// number" is refused too.
func (p *profileParser) check(fields []string, second float64, bad1 error, rate float64,
	bad2 error) (ok bool) {
	if cmp.Or(bad1, bad2) != nil {
		for i, bad := range []error{bad1, bad2} {
			if bad != nil {
				line, column := p.rows.FieldPos(i)
				p.fail(line, column, p.shown(fields[i])+" is not a number",
					"write rows such as 60,80: seconds, and requests a second without a unit")
			}
		}
		return false
	}
	line, column := p.rows.FieldPos(0)
	if !(math.Abs(second) <= 1e12) {
		p.fail(line, column, fmt.Sprintf("second %q is out of range", form.Clip(fields[0])),
			"write seconds since the start, or Unix time")
		return false
	}
	if !(rate >= 0 && rate <= MaxRate) {
		line, column = p.rows.FieldPos(1)
		p.fail(line, column, fmt.Sprintf("rate %q is not from 0 to %d", form.Clip(fields[1]), MaxRate),
			"write requests a second")
		return false
	}
	return true
}

// add adds a row. Times are to the microsecond: finer digits are noise.
func (p *profileParser) add(second float64, rate Rate) {
	line, column := p.rows.FieldPos(0)
	if len(p.points) == 0 {
		p.first = second
	}
	since := second - p.first
	at := time.Duration(math.Round(min(since, maxRun.Seconds()+1)*1e6)) * time.Microsecond
	switch {
	case len(p.points) > 0 && at <= p.points[len(p.points)-1].At:
		p.fail(line, column, "the second is not after that of the row before",
			"sort the rows by their seconds, each one once")
	case at > maxRun:
		p.fail(line, column, "the row is more than "+days(maxRun)+" after the first",
			"shorten the profile, or split the run")
		p.halted = true
	case len(p.points) == maxPoints:
		p.fail(line, column, fmt.Sprintf("the profile has more than %d rows", maxPoints),
			"write fewer rows, for example one in ten seconds")
		p.halted = true
	default:
		p.points = append(p.points, Point{At: at, Rate: rate})
	}
}
