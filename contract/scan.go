package contract

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// maxCaptured is how many values of a response the accept path keeps, and
// maxUnnamed how many members without a name of its own an object may have
// before the accept path leaves the response to the explain path.
const (
	maxCaptured = 256
	maxUnnamed  = 24
	maxScanned  = 64 // levels of nesting
)

// scan is one pass over a body. Its methods return false when they can't decide.
type scan struct {
	body  []byte
	i     int
	marks ruleSet
	captures
	unescape []byte   // texts of strings with escapes
	wrong    uint64   // fingerprint of the facts that are wrong
	faults   int      // how many there are
	values   int      // read so far
	maxDepth int      // levels of nesting
	root     uint64   // members of the outermost object, by the bits of its node
	unnamed  []string // names that no node lists, of the objects around the position
	inner    *scan    // of branches
}

func (s *scan) start(a *acceptPath, body []byte) {
	s.body, s.i, s.marks, s.maxDepth = body, 0, a.always, a.maxDepth
	s.unescape, s.unnamed = s.unescape[:0], s.unnamed[:0]
	s.wrong, s.faults, s.values, s.root = 0, 0, 0, 0
	s.empty(a.nothing)
}

// Kinds of facts, to which the number of a rule, member, type, … is added.
const (
	factType = (1 + iota) << 48
	factUnnamed
	factMissing
	factText
	factChoice
	factHeader
	factDemand
	factBroken
	factLacks
	factAgain
)

// fault notes a fact that is wrong: what, at which place. The order in which
// facts are found does not matter.
func (s *scan) fault(place, what uint64) {
	s.wrong += mix(place ^ mix(what))
	s.faults++
}

func (s *scan) document(root *acceptNode) bool {
	return s.value(root, mix(1), 1) && s.next() == 0 && s.i == len(s.body)
}

// next is the next byte that is no white space, or 0 at the end.
func (s *scan) next() (b byte) {
	if s.i < len(s.body) {
		b = s.body[s.i]
	}
	if b > ' ' {
		return
	}
	return s.afterSpace()
}

// afterSpace passes over white space, of which texts for people have much: a line's
// end and many spaces.
func (s *scan) afterSpace() byte {
	const white uint64 = 1<<' ' | 1<<'\n' | 1<<'\r' | 1<<'\t'
	body, i := s.body, s.i
	for i >= 0 && i < len(body) {
		if b := body[i]; b > ' ' || white>>b&1 == 0 {
			s.i = i
			return b
		}
		for i++; i <= len(body)-8; i += 8 {
			if others := binary.LittleEndian.Uint64(body[i:i+8]) ^ ones*' '; others != 0 {
				i += bits.TrailingZeros64(others) / 8
				break
			}
		}
	}
	s.i = len(body)
	return 0
}

// value reads one value, which begins after white space.
func (s *scan) value(n *acceptNode, place uint64, depth int) bool {
	first := s.next()
	if s.values++; depth > s.maxDepth || s.values > maxValues {
		return false
	}
	began := s.i
	var typ jsonType
	var text string
	ok := false
	switch first {
	case '"':
		typ = typeString
		text, ok = s.str()
	case '{':
		typ = typeObject
		ok = s.object(n, place, depth)
	case '[':
		typ = typeArray
		ok = s.array(n, place, depth)
	case 't':
		typ, ok = typeBoolean, s.literal("true")
	case 'f':
		typ, ok = typeBoolean, s.literal("false")
	case 'n':
		typ, ok = typeNull, s.literal("null")
	default:
		typ, ok = s.number()
	}
	if !ok || n == nil {
		return ok
	}
	return s.judge(n, place, typ, text, began)
}

// judge holds a value, which began at a position, against the schemas at its place.
func (s *scan) judge(n *acceptNode, place uint64, typ jsonType, text string, began int) bool {
	s.marks.union(&n.marks[typ.index()])
	for _, slot := range n.captures {
		if !s.capture(slot, place, typ, text) {
			return false
		}
	}
	if n.types&typ == 0 {
		if typ == typeNumber && n.types&typeInteger != 0 {
			return false // 1.0 is an integer to a schema
		}
		s.fault(place, factType|uint64(typ)) // the type says which of several schemas it breaks
	}
	if typ == typeString {
		for i, test := range n.texts {
			switch test(text) {
			case wrong:
				s.fault(place, factText|uint64(i))
			case unsure:
				return false
			}
		}
	}
	for i := range n.choices {
		switch s.choose(&n.choices[i], s.body[began:s.i]) {
		case wrong:
			s.fault(place, factChoice|uint64(i))
		case unsure:
			return false
		}
	}
	return true
}

// index is the number of a single type: anyType has seven.
func (t jsonType) index() int { return bits.TrailingZeros8(uint8(t)) % 8 }

// choose says whether a value fits one of the branches, and where that is
// demanded only one.
func (s *scan) choose(c *choice, raw []byte) decision {
	if s.inner == nil {
		s.inner = &scan{maxDepth: maxScanned}
	}
	fit := 0
	for _, branch := range c.branches {
		in := s.inner
		in.body, in.i, in.faults, in.values = raw, 0, 0, 0
		in.unescape, in.unnamed = in.unescape[:0], in.unnamed[:0]
		if !in.value(branch, 0, 1) {
			return unsure
		}
		if in.faults == 0 {
			fit++
		}
	}
	return decisionOf(fit == 1 || fit > 1 && !c.one)
}

func (s *scan) capture(slot int32, place uint64, typ jsonType, text string) bool {
	if len(s.captured) == maxCaptured {
		return false
	}
	at := int32(len(s.captured))
	s.captured = append(s.captured, capture{next: -1, place: place, text: text, typ: typ})
	to := &s.first[slot]
	for *to >= 0 {
		to = &s.captured[*to].next
	}
	*to = at
	return true
}

func (s *scan) literal(text string) bool {
	if len(s.body)-s.i < len(text) || string(s.body[s.i:s.i+len(text)]) != text {
		return false
	}
	s.i += len(text)
	return true
}

// number reads a number (RFC 8259, section 6).
func (s *scan) number() (jsonType, bool) {
	typ, began := typeInteger, s.i
	if s.peek() == '-' {
		s.i++
	}
	if s.peek() == '0' {
		s.i++
	} else if !s.digits() {
		return 0, false
	}
	if s.peek() == '.' {
		s.i++
		typ = typeNumber
		if !s.digits() {
			return 0, false
		}
	}
	if b := s.peek(); b == 'e' || b == 'E' {
		s.i++
		typ = typeNumber
		if b := s.peek(); b == '+' || b == '-' {
			s.i++
		}
		if !s.digits() {
			return 0, false
		}
	}
	if s.i-began > maxExactNumber {
		typ = typeNumber
	}
	return typ, true
}

// peek is the next byte, or 0 at the end.
func (s *scan) peek() byte {
	if s.i < len(s.body) {
		return s.body[s.i]
	}
	return 0
}

func (s *scan) digits() bool {
	began := s.i
	for s.i < len(s.body) && s.body[s.i]-'0' < 10 {
		s.i++
	}
	return s.i > began
}

// Words of eight bytes: each byte is 1, or has its highest bit set.
const ones, highs = 0x0101010101010101, 0x8080808080808080

// str reads a string and returns its text, which is valid until the next scan. It searches
// eight bytes at a time for quotes, backslashes, control characters and those beyond ASCII.
func (s *scan) str() (string, bool) {
	body, began := s.body, s.i+1
	i := began
	for i >= 0 && i <= len(body)-8 {
		w := binary.LittleEndian.Uint64(body[i : i+8])
		// The lowest bit that is set belongs to the first such byte; above it,
		// borrowing may set more.
		special := ((w - ones*' ') | (w ^ ones*'"' - ones) | (w ^ ones*'\\' - ones) | w) & highs
		if special != 0 {
			i += bits.TrailingZeros64(special) / 8
			break
		}
		i += 8
	}
	for s.i = began; i >= began && i < len(body); i++ {
		switch b := body[i]; {
		case b == '"':
			s.i = i + 1
			return view(body[began:i]), true
		case b < ' ', b >= 0x80, b == '\\':
			return s.specialString()
		}
	}
	return "", false
}

// specialString reads a string with escapes or with characters beyond ASCII.
func (s *scan) specialString() (string, bool) {
	end, escaped := s.i, false
	for {
		if end >= len(s.body) || s.body[end] < 0x20 {
			return "", false
		}
		if s.body[end] == '"' {
			break
		}
		if s.body[end] == '\\' {
			escaped = true
			end++
		}
		end++
	}
	raw := s.body[s.i:min(end, len(s.body))]
	s.i = end + 1
	if !utf8.Valid(raw) {
		return "", false
	}
	if !escaped {
		return view(raw), true
	}
	began := len(s.unescape)
	for i := 0; i < len(raw); i++ {
		b := raw[i]
		if b == '\\' {
			i++
			if b = simpleEscape[raw[i]]; b == 0 {
				return "", false // \u, or no escape at all
			}
		}
		s.unescape = append(s.unescape, b)
	}
	return view(s.unescape[began:]), true
}

// unescaped says whether a text lies in the memory of texts with escapes, which the
// next response overwrites.
func (s *scan) unescaped(text string) bool {
	if text == "" || cap(s.unescape) == 0 {
		return false
	}
	at := uintptr(unsafe.Pointer(unsafe.StringData(text)))
	from := uintptr(unsafe.Pointer(unsafe.SliceData(s.unescape)))
	return from <= at && at < from+uintptr(cap(s.unescape))
}

var simpleEscape = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r',
	't': '\t'}

// view shows bytes as a string without copying them. The bytes outlive the
// check and do not change during it.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// unsafeBytes shows a string as bytes that nobody may change.
func unsafeBytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

func (s *scan) object(n *acceptNode, place uint64, depth int) bool {
	var seen uint64
	outer := len(s.unnamed)
	s.i++
	more := s.next() != '}'
	for more {
		if s.next() != '"' {
			return false
		}
		name, ok := s.str()
		if !ok || s.next() != ':' {
			return false
		}
		s.i++
		child, childPlace := n, place
		if i := n.member(name); i >= 0 {
			if seen&(1<<i) != 0 {
				return false
			}
			seen |= 1 << i
			child = n.members[i].node
			childPlace += child.id
			if n.members[i].unnamed {
				s.fault(childPlace, factUnnamed)
			}
		} else if child, childPlace, ok = s.unlisted(n, place, name, outer); !ok {
			return false
		}
		if !s.value(child, childPlace, depth+1) {
			return false
		}
		switch s.next() {
		case ',':
			s.i++
		case '}':
			more = false
		default:
			return false
		}
	}
	s.i++
	s.unnamed = s.unnamed[:outer]
	if depth == 1 {
		s.root = seen
	}
	if n != nil {
		for missing := n.required &^ seen; missing != 0; missing &= missing - 1 {
			s.fault(place, factMissing|uint64(bits.TrailingZeros64(missing)))
		}
	}
	return true
}

// member is the index of the member with a name, or -1.
func (n *acceptNode) member(name string) int {
	if n == nil {
		return -1
	}
	i := int(n.index[bucket(name)]) - 1
	for i >= 0 && n.members[i].name != name {
		i = int(n.members[i].next) - 1
	}
	return i
}

// unlisted finds the node of a member that the node of its object does not list.
// The object's other such names are those from outer on.
func (s *scan) unlisted(n *acceptNode, place uint64, name string, outer int) (*acceptNode, uint64, bool) {
	others := s.unnamed[outer:]
	if len(others) == maxUnnamed || slices.Contains(others, name) {
		return nil, 0, false
	}
	s.unnamed = append(s.unnamed, name)
	if n == nil {
		return nil, place, true
	}
	place = mix(place + hash(name))
	if n.named {
		s.fault(place, factUnnamed)
	}
	for i := range n.suffixNodes {
		if strings.HasSuffix(name, n.suffixNodes[i].suffix) {
			return n.suffixNodes[i].node, place, true
		}
	}
	return n.others, place, true
}

// hash is FNV-1a.
func hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

func (s *scan) array(n *acceptNode, place uint64, depth int) bool {
	var items *acceptNode
	if n != nil {
		items = n.items
	}
	s.i++
	more := s.next() != ']'
	for index := uint64(0); more; index++ {
		if !s.value(items, mix(place+index+0x51ed), depth+1) {
			return false
		}
		switch s.next() {
		case ',':
			s.i++
		case ']':
			more = false
		default:
			return false
		}
	}
	s.i++
	return true
}
