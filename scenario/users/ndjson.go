package users

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
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
	s.user.Expect, s.user.Policy = PlacedText{}, PlacedText{}
	if len(line) == len(objectStart)+idLength+len(objectEnd) && bytes.HasPrefix(line, objectStart) &&
		bytes.HasSuffix(line, objectEnd) {
		if _, ok := ParseID(line[len(objectStart) : len(objectStart)+idLength]); ok {
			return s.found(PlacedText{line[len(objectStart) : len(objectStart)+idLength], s.number,
				len(objectStart)})
		}
	}
	o := jsonLine{scanner: s, line: line, d: jsontext.NewDecoder(bytes.NewReader(line))}
	if err := o.read(); err != nil {
		o.refuse(o.fault(err), "no JSON object: "+plainError(err), o.remedy())
	}
	if o.sound && !o.hasUser {
		o.refuse(0, "userID is missing", `add "userID": "`+exampleID+`"`)
	}
	return o.sound
}

// remedy is what to do about a line that is no object.
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

// jsonLine is a line of NDJSON.
type jsonLine struct {
	*scanner
	line           []byte
	d              *jsontext.Decoder
	sound, hasUser bool
}

// refuse notes a problem at an offset of the line.
func (o *jsonLine) refuse(offset int, text, remedy string) {
	o.sound = false
	o.bad(RowProblem{o.number, o.column(offset), text, remedy})
}

func (o *jsonLine) column(offset int) int {
	return 1 + utf8.RuneCount(o.line[:min(offset, len(o.line))])
}

// fault is where the decoder met an error.
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

// member reads the value of the member whose name stands at an offset.
func (o *jsonLine) member(name string, before int) error {
	if name != columnUser && name != columnExpect && name != columnPolicy {
		if !strings.HasPrefix(name, "_") {
			trusted := namesUsers(o.line)
			o.refuse(before, fmt.Sprintf("unknown member %s", shown([]byte(name), trusted)),
				columnRemedy(name, trusted))
		}
		return o.d.SkipValue()
	}
	kind := o.d.PeekKind()
	value, err := o.d.ReadValue()
	if err != nil {
		return err
	}
	at := int(o.d.InputOffset()) - len(value)
	if kind != '"' {
		o.refuse(at, name+" is not a text", "put it in quotes")
		return nil
	}
	text, err := jsontext.AppendUnquote(nil, value)
	if err != nil {
		return err
	}
	cell := PlacedText{text, o.number, o.column(at)}
	switch name {
	case columnExpect:
		o.user.Expect = cell
	case columnPolicy:
		o.user.Policy = cell
	default:
		o.hasUser = true
		if !o.found(cell) {
			o.sound = false
		}
	}
	return nil
}
