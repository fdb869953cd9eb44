package contract

import (
	"encoding/json"
	"math/big"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

type jsonType uint8

const (
	typeNull jsonType = 1 << iota
	typeBoolean
	typeInteger
	typeNumber
	typeString
	typeArray
	typeObject

	anyType = typeNull | typeBoolean | typeInteger | typeNumber | typeString | typeArray | typeObject
)

var typeNames = []struct {
	name string
	t    jsonType
}{
	{"null", typeNull}, {"boolean", typeBoolean}, {"integer", typeInteger}, {"number", typeNumber},
	{"string", typeString}, {"array", typeArray}, {"object", typeObject},
}

// assertions are the keywords that check a value, with the types of the values
// that they look at. This table is the one definition of what they demand: test
// makes it from the keyword's value. Those without a test look at members or at
// branches, see validate.
var assertions = []struct {
	name  string
	types jsonType
	check func(d *sourceText, n *yaml.Node)
	test  func(value any) valueTest
}{
	{"type", anyType, nil, testType},
	{"required", typeObject, (*sourceText).checkTexts, nil},
	{"enum", anyType, (*sourceText).checkList, testEnum},
	{"const", anyType, nil, testConst},
	{"pattern", typeString, (*sourceText).checkPattern, testPattern},
	{"format", typeString, (*sourceText).checkFormat, testFormat},
	{"minLength", typeString, (*sourceText).checkCount, testMin(characters)},
	{"maxLength", typeString, (*sourceText).checkCount, testMax(characters)},
	{"minimum", typeNumber | typeInteger, (*sourceText).checkNumber,
		testNumber(func(order int) bool { return order >= 0 })},
	{"maximum", typeNumber | typeInteger, (*sourceText).checkNumber,
		testNumber(func(order int) bool { return order <= 0 })},
	{"exclusiveMinimum", typeNumber | typeInteger, (*sourceText).checkNumber,
		testNumber(func(order int) bool { return order > 0 })},
	{"exclusiveMaximum", typeNumber | typeInteger, (*sourceText).checkNumber,
		testNumber(func(order int) bool { return order < 0 })},
	{"minItems", typeArray, (*sourceText).checkCount, testMin(elements)},
	{"maxItems", typeArray, (*sourceText).checkCount, testMax(elements)},
	{"uniqueItems", typeArray, (*sourceText).checkTrue, func(any) valueTest { return areUnique }},
	{"minProperties", typeObject, (*sourceText).checkCount, testMin(elements)},
	{"maxProperties", typeObject, (*sourceText).checkCount, testMax(elements)},
	{"additionalProperties", typeObject, nil, nil},
	{"anyOf", anyType, nil, nil},
	{"oneOf", anyType, nil, nil},
}

// structure are the other keywords that are followed, annotations those that
// say nothing about values.
var (
	structure   = []string{"$ref", "properties", "items", "allOf", "x-rule"}
	annotations = []string{"title", "description", "$comment", "deprecated", "readOnly", "writeOnly",
		"examples",
		"example", "default", "externalDocs"}
)

// checkAnnotation demands the type that the meta-schema has for it.
func (d *sourceText) checkAnnotation(name string, n *yaml.Node) {
	switch name {
	case "title", "description", "$comment":
		if n.ShortTag() != "!!str" {
			d.fail(n, "%s must be a text: write one, in quotes if need be", name)
		}
	case "deprecated", "readOnly", "writeOnly":
		if n.ShortTag() != "!!bool" {
			d.fail(n, "%s must be true or false: write one", name)
		}
	case "examples":
		if n.Kind != yaml.SequenceNode {
			d.fail(n, "examples must be a list of values: write [a, b]")
		}
	}
}

func isAssertion(keyword string) bool {
	for _, a := range assertions {
		if a.name == keyword {
			return true
		}
	}
	return false
}

func keywords() []string {
	names := slices.Concat(structure, annotations)
	for _, a := range assertions {
		names = append(names, a.name)
	}
	return names
}

func (d *sourceText) types(n *yaml.Node) (set jsonType) {
	for _, name := range d.texts(n, "type") {
		known := false
		for _, t := range typeNames {
			if t.name == name {
				set |= t.t
				known = true
			}
		}
		if !known {
			d.fail(n, "unknown type %q: use null, boolean, integer, number, string, array or object",
				clip(name))
		}
	}
	return set
}

func (d *sourceText) checkTexts(n *yaml.Node) {
	if n.Kind != yaml.SequenceNode {
		d.fail(n, "required must be a list of names: write [a, b]")
		return
	}
	d.texts(n, "required")
}

func (d *sourceText) checkList(n *yaml.Node) {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		d.fail(n, "enum must be a list of values: write [a, b]")
	}
}

func (d *sourceText) checkTrue(n *yaml.Node) { d.isTrue(n, "the keyword") }

func (d *sourceText) checkPattern(n *yaml.Node) { d.regexp(n) }

// regexp compiles a pattern in the syntax that Go and ECMA-262 share.
func (d *sourceText) regexp(n *yaml.Node) *regexp.Regexp {
	if n.ShortTag() != "!!str" {
		d.fail(n, "a pattern must be a text: put it in quotes")
		return nil
	}
	re, err := regexp.Compile(d.text(n, "pattern"))
	if err != nil {
		d.fail(n, "%v: fix the pattern (lookarounds and back references are not supported)", err)
	}
	return re
}

func (d *sourceText) checkFormat(n *yaml.Node) {
	if name := d.text(n, "format"); formats[name] == nil {
		d.fail(n, "format %q is not checked: use one of date-time, date, uuid, uri, email, or a pattern",
			clip(name))
	}
}

var countForm = regexp.MustCompile(`^(0|[1-9][0-9]{0,8})$`)

func (d *sourceText) checkCount(n *yaml.Node) {
	if n.ShortTag() != "!!int" || !countForm.MatchString(n.Value) {
		d.fail(n, "the keyword takes a count: write a whole number from 0")
	}
}

func (d *sourceText) checkNumber(n *yaml.Node) {
	if tag := n.ShortTag(); tag != "!!int" && tag != "!!float" {
		d.fail(n, "the keyword takes a number: write one")
	}
}

// valueTest says whether a value, of the types that a keyword looks at, is what
// the keyword demands. Numbers are a json.Number.
type valueTest func(v any) bool

func testType(value any) valueTest {
	names, list := value.([]any)
	if !list {
		names = []any{value}
	}
	var set jsonType
	for _, t := range typeNames {
		for _, name := range names {
			if name == t.name {
				set |= t.t
			}
		}
	}
	set = widen(set)
	return func(v any) bool {
		t := typeOf(v)
		if t == typeNumber && set&typeInteger != 0 {
			return set&typeNumber != 0 || rational(v).IsInt() // 1.0 is an integer
		}
		return set&t != 0
	}
}

func testEnum(value any) valueTest {
	known := map[string]bool{}
	list, _ := value.([]any)
	for _, one := range list {
		known[canonical(one)] = true
	}
	return func(v any) bool { return known[canonical(v)] }
}

func testConst(value any) valueTest {
	want := canonical(value)
	return func(v any) bool { return canonical(v) == want }
}

func testPattern(value any) valueTest {
	text, _ := value.(string)
	pattern, err := regexp.Compile(text)
	if err != nil {
		return nil // the compiler reports it
	}
	matches := matcher(pattern)
	return func(v any) bool { s, _ := v.(string); return matches(s) }
}

func testFormat(value any) valueTest {
	name, _ := value.(string)
	holds := formats[name]
	return func(v any) bool { s, _ := v.(string); return holds(s) }
}

// testNumber tests the order of a number and the keyword's: below 0, 0 or above.
func testNumber(holds func(order int) bool) func(value any) valueTest {
	return func(value any) valueTest {
		limit := rational(value)
		return func(v any) bool { return holds(rational(v).Cmp(limit)) }
	}
}

func testMin(count func(v any) int) func(value any) valueTest {
	return func(value any) valueTest {
		limit := countOf(value)
		return func(v any) bool { return count(v) >= limit }
	}
}

func testMax(count func(v any) int) func(value any) valueTest {
	return func(value any) valueTest {
		limit := countOf(value)
		return func(v any) bool { return count(v) <= limit }
	}
}

func countOf(value any) int {
	number, _ := value.(json.Number)
	n, _ := strconv.Atoi(string(number))
	return n
}

// characters are those of a string, elements the members or items of a value.
func characters(v any) int { s, _ := v.(string); return utf8.RuneCountInString(s) }

func elements(v any) int {
	switch v := v.(type) {
	case map[string]any:
		return len(v)
	case []any:
		return len(v)
	}
	return 0
}

// rational is a number's exact value; 0 for what is none.
func rational(v any) *big.Rat {
	number, _ := v.(json.Number)
	if exact, ok := new(big.Rat).SetString(string(number)); ok {
		return exact
	}
	return new(big.Rat)
}

func areUnique(v any) bool {
	list, _ := v.([]any)
	known := make(map[string]bool, len(list))
	for _, item := range list {
		text := canonical(item)
		if known[text] {
			return false
		}
		known[text] = true
	}
	return true
}

// canonical is a text that equal JSON values have in common and no others:
// members are in order, numbers are exact fractions.
func canonical(v any) string {
	var b strings.Builder
	writeCanonical(&b, v)
	return b.String()
}

func writeCanonical(b *strings.Builder, v any) {
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case json.Number:
		b.WriteString(rational(v).RatString())
	case string:
		b.WriteString(strconv.Quote(v))
	case []any:
		b.WriteByte('[')
		for _, item := range v {
			writeCanonical(b, item)
			b.WriteByte(',')
		}
		b.WriteByte(']')
	case map[string]any:
		b.WriteByte('{')
		for _, name := range sortedNames(v) {
			b.WriteString(strconv.Quote(name))
			writeCanonical(b, v[name])
			b.WriteByte(',')
		}
		b.WriteByte('}')
	}
}

// formats are what the keyword format can demand of a string (JSON Schema
// 2020-12 Validation, section 7.3).
var formats = map[string]func(string) bool{
	"date-time": isDateTime, "date": isDate, "uuid": isID, "uri": isURI, "email": isEmail,
}

// isDate and isDateTime are full-date and date-time of RFC 3339, section 5.6.
func isDate(s string) bool {
	_, err := time.Parse("2006-01-02", s)
	return err == nil
}

func isDateTime(s string) bool {
	const date, clock = len("2006-01-02"), len("15:04:05")
	if isUTC(s) && isRealTime(s) {
		return true
	}
	if len(s) < date+1+clock+1 || s[date]|0x20 != 't' || !isDate(s[:date]) {
		return false
	}
	hour, minute, second, ok := parseClock(s[date+1 : date+1+clock])
	rest := s[date+1+clock:]
	if fraction, has := strings.CutPrefix(rest, "."); has {
		rest = strings.TrimLeft(fraction, "0123456789")
		ok = ok && len(rest) < len(fraction)
	}
	if !ok {
		return false
	}
	if rest == "z" || rest == "Z" {
		return second < 60 || hour == 23 && minute == 59
	}
	if len(rest) != len("+00:00") || rest[0] != '+' && rest[0] != '-' {
		return false
	}
	hours, minutes, _, ok := parseClock(rest[1:] + ":00")
	offset := hours*60 + minutes
	if rest[0] == '+' {
		offset = -offset
	}
	const day = 24 * 60
	utc := hour*60 + minute + offset
	if utc < 0 {
		utc += day
	}
	return ok && (second < 60 || utc == day-1)
}

// parseClock reads hh:mm:ss, where a leap second may be.
func parseClock(s string) (hour, minute, second int, ok bool) {
	if s[2] != ':' || s[5] != ':' {
		return 0, 0, 0, false
	}
	ok = true
	number := func(digits string) int {
		n, err := strconv.Atoi(digits)
		ok = ok && err == nil && n >= 0
		return n
	}
	hour, minute, second = number(s[:2]), number(s[3:5]), number(s[6:])
	return hour, minute, second, ok && hour <= 23 && minute <= 59 && second <= 60
}

// isURI says whether s is an absolute URI (RFC 3986).
func isURI(s string) bool {
	u, err := url.Parse(s)
	if err != nil || !u.IsAbs() {
		return false
	}
	host := u.Hostname()
	return !strings.Contains(host, ":") ||
		strings.Contains(u.Host, "[") && strings.Contains(u.Host, "]") && isIPv6(host)
}

func isIPv6(s string) bool {
	address, err := netip.ParseAddr(s)
	return err == nil && strings.Contains(s, ":") && address.Zone() == ""
}

// isEmail says whether s is an e-mail address (RFC 5321, section 4.1.2).
func isEmail(s string) bool {
	at := strings.LastIndexByte(s, '@')
	if at < 0 || len(s) > 254 || at > 64 {
		return false
	}
	local, domain := s[:at], s[at+1:]
	if len(local) > 1 && local[0] == '"' && local[len(local)-1] == '"' {
		if strings.ContainsAny(local[1:len(local)-1], `\"`) {
			return false
		}
	} else if strings.HasPrefix(local, ".") || strings.HasSuffix(local, ".") ||
		strings.Contains(local, "..") ||
		strings.Trim(local, letters+digits+".!#$%&'*+-/=?^_`{|}~") != "" {
		return false
	}
	if literal, bracket := strings.CutPrefix(domain, "["); bracket && strings.HasSuffix(domain, "]") {
		literal = strings.TrimSuffix(literal, "]")
		if v6, is := strings.CutPrefix(literal, "IPv6:"); is {
			return isIPv6(v6)
		}
		address, err := netip.ParseAddr(literal)
		return err == nil && address.Is4()
	}
	return isHostname(domain)
}

const (
	letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits  = "0123456789"
)

// isHostname says whether s is a host name (RFC 1123, section 2.1).
func isHostname(s string) bool {
	s = strings.TrimSuffix(s, ".")
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.Trim(label, letters+digits+"-") != "" {
			return false
		}
	}
	return true
}
