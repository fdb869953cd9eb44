package contract

import (
	"encoding/binary"
	"math/bits"
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
	node  *acceptPath
	marks ruleSet
	captures
	unescape   []byte // texts of strings with escapes
	wrong      uint64 // fingerprint of the facts that are wrong
	faults     int    // how many there are
	values     int    // read so far
	maxDepth   int    // levels of nesting
	recognized bool   // the root has a member by which bodies are known
	inBranch   bool   // within a branch: nothing is captured or marked
	inner      *scan  // of branches
}

func (s *scan) start(a *acceptPath, body []byte) {
	s.body, s.i, s.node = body, 0, a
	s.marks = a.always
	s.unescape, s.maxDepth = s.unescape[:0], a.maxDepth
	s.wrong, s.faults, s.values, s.inBranch, s.recognized = 0, 0, 0, false, false
	s.empty(len(a.paths))
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

// document reads the whole body.
func (s *scan) document(root *acceptNode) bool {
	s.space()
	if !s.value(root, mix(1), 1) {
		return false
	}
	s.space()
	return s.i == len(s.body)
}

func (s *scan) space() {
	for s.i < len(s.body) {
		switch b := s.body[s.i]; {
		case b > ' ':
			return
		case b == ' ', b == '\n', b == '\t', b == '\r':
			s.i++
		default:
			return
		}
	}
}

// value reads one value, which begins at the position.
func (s *scan) value(n *acceptNode, place uint64, depth int) bool {
	if s.values++; s.i >= len(s.body) || depth > s.maxDepth || s.values > maxValues {
		return false
	}
	began := s.i
	var typ jsonType
	var text string
	ok := false
	switch b := s.body[s.i]; {
	case b == '"':
		typ = typeString
		text, ok = s.str()
	case b == '{':
		typ = typeObject
		ok = s.object(n, place, depth)
	case b == '[':
		typ = typeArray
		ok = s.array(n, place, depth)
	case b == 't':
		typ, ok = typeBoolean, s.literal("true")
	case b == 'f':
		typ, ok = typeBoolean, s.literal("false")
	case b == 'n':
		typ, ok = typeNull, s.literal("null")
	default:
		typ, ok = s.number()
	}
	if !ok || n == nil {
		return ok
	}
	return s.judge(n, place, typ, text, s.body[began:s.i])
}

// judge holds a value against the schemas at its place.
func (s *scan) judge(n *acceptNode, place uint64, typ jsonType, text string, raw []byte) bool {
	if !s.inBranch {
		s.marks.union(&n.marks[typ.index()])
		for _, slot := range n.captures {
			if !s.capture(slot, place, typ, text) {
				return false
			}
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
		switch s.choose(&n.choices[i], raw) {
		case wrong:
			s.fault(place, factChoice|uint64(i))
		case unsure:
			return false
		}
	}
	return true
}

func (t jsonType) index() int {
	i := 0
	for t > 1 {
		t >>= 1
		i++
	}
	return i
}

// choose says whether a value fits one of the branches, and where that is
// demanded only one.
func (s *scan) choose(c *choice, raw []byte) decision {
	if s.inner == nil {
		s.inner = &scan{inBranch: true, maxDepth: maxScanned}
	}
	fit := 0
	for _, branch := range c.branches {
		in := s.inner
		in.body, in.i, in.faults, in.values, in.unescape = raw, 0, 0, 0, in.unescape[:0]
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
	s.captured = append(s.captured, capture{slot: slot, next: -1, place: place, text: text, typ: typ})
	if s.first[slot] < 0 {
		s.first[slot] = at
		return true
	}
	last := s.first[slot]
	for s.captured[last].next >= 0 {
		last = s.captured[last].next
	}
	s.captured[last].next = at
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

// str reads a string and returns its text, which is valid until the scan starts
// anew.
func (s *scan) str() (string, bool) {
	s.i++
	end := s.i + plainLength(s.body[s.i:])
	if end < len(s.body) && s.body[end] == '"' {
		text := view(s.body[s.i:end])
		s.i = end + 1
		return text, true
	}
	return s.specialString()
}

// plainLength is how many bytes stand for themselves in a string: ASCII without
// control characters, quotes and backslashes. It looks at eight at a time.
func plainLength(b []byte) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		quote, slash := w^ones*'"', w^ones*'\\'
		// The lowest bit that is set belongs to the first odd byte; above it,
		// borrowing may set more.
		invalid := ((w-ones*0x20)&^w | (quote-ones)&^quote | (slash-ones)&^slash | w) & highs
		if invalid != 0 {
			return i + bits.TrailingZeros64(invalid)/8
		}
	}
	for ; i < len(b); i++ {
		if b[i] < 0x20 || b[i] >= 0x80 || b[i] == '"' || b[i] == '\\' {
			return i
		}
	}
	return i
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

// unnamed are the names of an object's members that no schema names.
type unnamed struct {
	names [maxUnnamed]string
	n     int
}

// add says whether the name is new and there was room for it.
func (u *unnamed) add(name string) bool {
	for _, known := range u.names[:u.n] {
		if known == name {
			return false
		}
	}
	if u.n == len(u.names) {
		return false
	}
	u.names[u.n] = name
	u.n++
	return true
}

func (s *scan) object(n *acceptNode, place uint64, depth int) bool {
	s.i++
	var seen uint64
	var others unnamed
	s.space()
	if s.peek() == '}' {
		s.i++
	} else {
		for more := true; more; {
			name, ok := s.name()
			if !ok {
				return false
			}
			var child *acceptNode
			childPlace := place
			if n != nil {
				child, childPlace, ok = s.member(n, place, name, &seen, &others)
			} else {
				ok = others.add(name)
			}
			if !ok || !s.value(child, childPlace, depth+1) {
				return false
			}
			s.space()
			switch s.peek() {
			case ',':
				s.i++
				s.space()
			case '}':
				s.i++
				more = false
			default:
				return false
			}
		}
	}
	if n != nil {
		if depth == 1 && !s.inBranch {
			s.recognized = s.node.recognize&seen != 0
		}
		for missing := n.required &^ seen; missing != 0; missing &= missing - 1 {
			s.fault(place, factMissing|uint64(bits.TrailingZeros64(missing)))
		}
	}
	return true
}

// name reads a member's name and the colon.
func (s *scan) name() (string, bool) {
	if s.peek() != '"' {
		return "", false
	}
	name, ok := s.str()
	if !ok {
		return "", false
	}
	s.space()
	if s.peek() != ':' {
		return "", false
	}
	s.i++
	s.space()
	return name, true
}

// member finds the node of a member.
func (s *scan) member(n *acceptNode, place uint64, name string, seen *uint64, others *unnamed) (*acceptNode,
	uint64, bool) {
	for i := n.index[bucket(name)]; i > 0; i = n.members[i-1].next {
		m := &n.members[i-1]
		if m.name == name {
			bit := uint64(1) << (i - 1)
			if *seen&bit != 0 {
				return nil, 0, false
			}
			*seen |= bit
			if m.unnamed {
				s.fault(place+m.node.id, factUnnamed)
			}
			return m.node, place + m.node.id, true
		}
	}
	if !others.add(name) {
		return nil, 0, false
	}
	childPlace := mix(place + hash(name))
	if n.named {
		s.fault(childPlace, factUnnamed)
	}
	for i := range n.suffixNodes {
		if strings.HasSuffix(name, n.suffixNodes[i].suffix) {
			return n.suffixNodes[i].node, childPlace, true
		}
	}
	return n.others, childPlace, true
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
	s.i++
	var items *acceptNode
	if n != nil {
		items = n.items
	}
	s.space()
	if s.peek() == ']' {
		s.i++
		return true
	}
	for index := uint64(0); ; index++ {
		if !s.value(items, mix(place+index+0x51ed), depth+1) {
			return false
		}
		s.space()
		switch s.peek() {
		case ',':
			s.i++
			s.space()
		case ']':
			s.i++
			return true
		default:
			return false
		}
	}
}
