package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// maxDepthOfText is how deep a body may nest where no rule says less. The recursion of
// a check is bounded by it.
const maxDepthOfText = 1000

type textKind uint8

// The first ones are those of textWords.
const (
	textWhole textKind = iota
	textNoBOM
	textJSON
	textUTF8
	textSingle
	textNames
	textObject
	textDepth
	textKinds
)

type textFault struct {
	kind          textKind
	location      location // of a member name that comes again
	expected, got string
}

type bodyText struct {
	value  any  // the first value; numbers as json.Number
	whole  bool // value was read to its end
	values int  // read so far
	faults []textFault
}

var errTooDeep, errTooMany = errors.New("too deep"), errors.New("too many values")

// maxValues bounds the values of a body, and with them the time and memory that
// a check takes. It is far above what any documented response has.
const maxValues = 20_000

var byteOrderMark = []byte("\xef\xbb\xbf")

// read reads the body as far as possible: of a text that breaks one rule the
// others can still be judged, except after a syntax error.
func (r *checker) read(body []byte, cut bool) {
	t := &r.text
	if cut {
		t.fault(textWhole, "a body within the transport's limit",
			fmt.Sprintf("more than %d bytes", len(body)))
		return
	}
	if rest, found := bytes.CutPrefix(body, byteOrderMark); found {
		t.fault(textNoBOM, "the first byte of a JSON text", "a byte-order mark")
		body = rest
	}
	r.buffer = *bytes.NewBuffer(body)
	r.decoder.Reset(&r.buffer, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	value, err := r.readValue(1)
	r.location = r.location[:0]
	switch {
	case errors.Is(err, errTooDeep):
		t.fault(textDepth, fmt.Sprintf("at most %d levels", r.contract.maxDepth), "more levels")
		return
	case errors.Is(err, errTooMany):
		t.fault(textWhole, fmt.Sprintf("at most %d values", maxValues), "more values")
		return
	case err != nil:
		t.fault(textJSON, "a JSON text", r.brokenText(body, err))
		return
	}
	t.value, t.whole = value, true
	r.readRest(body)
}

func (r *checker) readRest(body []byte) {
	t := &r.text
	end := int(r.decoder.InputOffset())
	switch _, err := r.decoder.ReadValue(); {
	case err == nil:
		t.fault(textSingle, "one JSON value", "another one after it")
	case !errors.Is(err, io.EOF):
		t.fault(textJSON, "nothing after the value", r.brokenText(body, err))
		t.value, t.whole = nil, false
		return
	}
	first := body[:end]
	if !utf8.Valid(body) || bytes.Contains(first, []byte(`\u`)) &&
		!jsontext.Value(first).IsValid(jsontext.AllowDuplicateNames(true)) {
		t.fault(textUTF8, "valid UTF-8, surrogates in pairs", "bytes or escapes that are no characters")
		// Different broken names look alike once they are decoded.
		t.faults = slices.DeleteFunc(t.faults, func(f textFault) bool {
			return f.kind == textNames && strings.ContainsRune(f.location[len(f.location)-1].name,
				utf8.RuneError)
		})
	}
	if _, ok := t.value.(map[string]any); !ok {
		t.fault(textObject, "a JSON object", r.show(t.value, ""))
	}
}

func (t *bodyText) fault(kind textKind, expected, got string) {
	t.faults = append(t.faults, textFault{kind: kind, expected: expected, got: got})
}

func (r *checker) readValue(depth int) (any, error) {
	if r.text.values++; r.text.values > maxValues {
		return nil, errTooMany
	}
	tok, err := r.decoder.ReadToken()
	if err != nil {
		return nil, err
	}
	switch tok.Kind() {
	case '{':
		return r.readObject(depth)
	case '[':
		return r.readArray(depth)
	case '"':
		return tok.String(), nil
	case '0':
		return number(tok.String()), nil
	case 't':
		return true, nil
	case 'f':
		return false, nil
	}
	return nil, nil
}

func (r *checker) readObject(depth int) (any, error) {
	if depth > r.contract.maxDepth {
		return nil, errTooDeep
	}
	object := make(map[string]any, 8)
	for r.decoder.PeekKind() != '}' {
		tok, err := r.decoder.ReadToken()
		if err != nil {
			return nil, err
		}
		name := tok.String()
		r.location = append(r.location, locationStep{name: name, index: -1})
		if _, twice := object[name]; twice {
			r.text.faults = append(r.text.faults, textFault{textNames, slices.Clone(r.location),
				"no member name twice", "the name again"})
		}
		value, err := r.readValue(depth + 1)
		if err != nil {
			return nil, err
		}
		r.location = r.location[:len(r.location)-1]
		object[name] = value
	}
	_, err := r.decoder.ReadToken()
	return object, err
}

func (r *checker) readArray(depth int) (any, error) {
	if depth > r.contract.maxDepth {
		return nil, errTooDeep
	}
	list := []any{}
	for r.decoder.PeekKind() != ']' {
		r.location = append(r.location, locationStep{index: len(list)})
		value, err := r.readValue(depth + 1)
		if err != nil {
			return nil, err
		}
		r.location = r.location[:len(r.location)-1]
		list = append(list, value)
	}
	_, err := r.decoder.ReadToken()
	return list, err
}

// brokenText describes a body that is not JSON. The library's message is left
// out, for it repeats the text unmasked.
func (r *checker) brokenText(body []byte, err error) string {
	if len(body) == 0 {
		return "an empty body"
	}
	at := len(body)
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		at = int(syntax.ByteOffset)
	}
	return bound(fmt.Sprintf("%d bytes, broken after %d: %s", len(body), at, r.quote(string(body))))
}

// maxExactNumber is how many bytes a number has that keeps all its digits.
const maxExactNumber = 32

// number returns a JSON number that can be computed with in little
// time and memory: it is exact, so a few bytes such as 1e999999999 could keep
// it busy for minutes. Numbers beyond 32 bytes or three digits of exponent are
// rounded to double precision; what is out of its range becomes ±1e400, or
// 1e-400 where it is nearly zero.
func number(text string) json.Number {
	mantissa, exponent := text, ""
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		mantissa, exponent = text[:i], strings.TrimLeft(text[i+1:], "+-")
	}
	if len(text) <= maxExactNumber && len(exponent) <= 3 {
		return json.Number(text)
	}
	f, _ := strconv.ParseFloat(text, 64) // ±Inf where out of range
	switch {
	case math.IsInf(f, 1):
		return "1e400"
	case math.IsInf(f, -1):
		return "-1e400"
	case f == 0 && strings.ContainsAny(mantissa, "123456789"):
		return "1e-400"
	}
	return json.Number(strconv.FormatFloat(f, 'g', -1, 64))
}
