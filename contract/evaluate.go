package contract

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Each rule is evaluated by one piece of code, over the values that were captured
// of a response. The accept path captures them from the bytes, notes a fault for
// what is wrong, and leaves to the explain path what it can't tell. The explain
// path captures them from the tree, leaves out places that break another rule, and
// reports what is wrong.

type captures struct {
	captured []capture
	first    []int32 // by slot: index of its first capture, or -1
}

// capture is one of them.
type capture struct {
	place uint64 // the same for the same place; in the explain path an index of checker.places
	text  string // of a string
	next  int32  // the next capture of the slot, or -1
	typ   jsonType
}

// noPlace is the place of no value of the body.
const noPlace = ^uint64(0)

type capturedPlace struct {
	location location
	key      string
	value    any
}

func (v *captures) text(slot int32) string {
	if at := v.first[slot]; at >= 0 && v.captured[at].typ == typeString {
		return v.captured[at].text
	}
	return ""
}

func (v *captures) empty(nothing []int32) {
	v.captured, v.first = v.captured[:0], append(v.first[:0], nothing...)
}

func (r *checker) captureTree(a *acceptPath) {
	v := &r.tree
	v.empty(a.nothing)
	clear(r.places)
	r.places = r.places[:0]
	clear(r.placeOf)
	if !r.readable {
		return
	}
	for slot, p := range a.paths {
		began := len(v.captured)
		r.location = r.location[:0]
		r.captureBelow(p, r.value)
		if end := len(v.captured); end > began {
			v.first[slot], v.captured[end-1].next = int32(began), -1
		}
	}
}

func (r *checker) captureBelow(p path, v any) {
	if len(p) == 0 {
		text, _ := v.(string)
		r.tree.captured = append(r.tree.captured, capture{next: int32(len(r.tree.captured) + 1),
			place: r.placeHere(v), text: text, typ: typeOf(v)})
		return
	}
	below := func(to locationStep, child any) {
		r.location = append(r.location, to)
		r.captureBelow(p[1:], child)
		r.location = r.location[:len(r.location)-1]
	}
	switch v := v.(type) {
	case map[string]any:
		if !p[0].any {
			if child, has := v[p[0].name]; has {
				below(locationStep{name: p[0].name, index: -1}, child)
			}
			return
		}
		for _, name := range sortedNames(v) {
			if p[0].fits(name) {
				below(locationStep{name: name, index: -1}, v[name])
			}
		}
	case []any:
		for i, item := range v {
			if p[0].any && p[0].suffix == "" {
				below(locationStep{index: i}, item)
			}
		}
	}
}

func (r *checker) placeHere(v any) uint64 {
	key := r.location.key()
	place, known := r.placeOf[key]
	if !known {
		place = uint64(len(r.places))
		r.placeOf[key] = place
		r.places = append(r.places, capturedPlace{slices.Clone(r.location), key, v})
	}
	return place
}

// breaksRule says whether the place of a capture breaks a rule of level fail. The
// accept path does not ask: there it never does.
func (r *checker) breaksRule(c *capture) bool {
	return len(r.bad) > 0 && !r.accepting && r.bad[r.places[c.place].key]
}

func (r *checker) wrong(f *acceptRule, c *capture, fact uint64, expected, got func() string) {
	if r.accepting {
		r.scan.fault(c.place, fact)
		return
	}
	r.location = append(r.location[:0], r.places[c.place].location...)
	if v := r.report(f.rule); v != nil {
		v.Expected, v.Got = expected(), got()
	}
}

// evaluate holds a response against one rule about its body. It returns false where
// only the explain path can tell.
func (r *checker) evaluate(f *acceptRule) bool {
	v := r.values
	for _, slot := range f.first {
		if at := v.first[slot]; r.accepting && at >= 0 && v.captured[at].next >= 0 {
			return false // the tree has its members in order, the text has not
		}
	}
	if f.when >= 0 && !slices.Contains(f.rule.when.values, v.text(f.when)) || !r.isAsked(f.rule) {
		return true
	}
	for i, slot := range f.at {
		at := v.first[slot]
		if f.required {
			there, decided := r.demand(f, i, at)
			if !decided {
				return false
			}
			if !there {
				continue
			}
		}
		for before := int32(-1); at >= 0; before, at = at, v.captured[at].next {
			if r.accepting && f.predicate == predicateURLOrigin && before >= 0 && r.scan.faults == 0 &&
				v.captured[before].text == v.captured[at].text &&
				v.captured[before].typ == v.captured[at].typ {
				continue // the same text again, and it was right
			}
			if !r.assert(f, &v.captured[at]) {
				return false
			}
		}
	}
	if f.predicate == predicateUnique {
		clear(r.strings)
	}
	return true
}

func (r *checker) isAsked(ru *rule) bool { return ru.asked < 0 || r.fact(ru.asked) != "" }

// demand says whether there is what a rule requires, and whether that could be
// told. What is missing breaks no second rule.
func (r *checker) demand(f *acceptRule, i int, at int32) (there, decided bool) {
	if at >= 0 {
		c := &r.values.captured[at]
		if r.breaksRule(c) {
			return false, true
		}
		r.mark(f.rule)
		if c.typ == typeNull {
			r.wrong(f, &capture{place: r.placeOfDemand(i, c)}, factDemand|uint64(f.index), f.says, isNull)
		}
		return c.typ != typeNull, true
	}
	p := f.rule.at[i]
	if r.accepting && len(p) > 1 {
		return false, false // whether what it would be in is there, only the explain path sees
	}
	if !r.accepting {
		parent, _ := p[:len(p)-1].find(r.value)
		if _, object := parent.(map[string]any); !object {
			return false, true
		}
	}
	switch {
	case f.instead >= 0 && r.values.first[f.instead] >= 0:
		r.mark(f.rule)
	case r.accepting:
		r.mark(f.rule)
		r.scan.fault(uint64(i), factDemand|uint64(f.index))
	default:
		r.location = r.location[:0]
		for _, s := range p[:len(p)-1] {
			r.location = append(r.location, locationStep{name: s.name, index: -1})
		}
		r.missing(f.rule, p[len(p)-1].name)
	}
	return false, true
}

// placeOfDemand is the place of a null that a rule's i-th place has.
func (r *checker) placeOfDemand(i int, c *capture) uint64 {
	if r.accepting {
		return uint64(i)
	}
	return c.place
}

func isNull() string { return "null" }

func (r *checker) missing(ru *rule, name string) {
	r.location = append(r.location, locationStep{name: name, index: -1})
	if !r.isBad() {
		r.violate(ru, ru.says(), "nothing")
	}
	r.location = r.location[:len(r.location)-1]
}

// assert evaluates a rule's predicate of one value. It returns false where only
// the explain path can tell.
func (r *checker) assert(f *acceptRule, c *capture) bool {
	if r.breaksRule(c) {
		return true
	}
	broken := factBroken | uint64(f.index)
	switch {
	case f.predicate == predicateNotNull:
		r.mark(f.rule)
		if c.typ == typeNull {
			r.wrong(f, c, broken, f.says, isNull)
		}
	case f.predicate == predicateMembers:
		if c.typ == typeObject {
			r.assertMembers(f, c)
		}
	case c.typ == typeString:
		holds, looked := r.assertString(f, c)
		if holds == unsure && looked {
			return false
		}
		if looked {
			r.mark(f.rule)
			if holds == wrong {
				r.wrong(f, c, broken, func() string { return r.wanted(f) },
					func() string { return r.show(c.text, lastName(r.location)) })
			}
		}
	}
	return true
}

func decisionOf(holds bool) decision {
	if holds {
		return right
	}
	return wrong
}

func (r *checker) assertMembers(f *acceptRule, c *capture) {
	var slots []int32
	if r.accepting {
		slots = f.members[r.rowOf(f)]
	}
	for i, name := range r.listFor(f) {
		r.mark(f.rule)
		if r.accepting {
			if r.values.first[slots[i]] < 0 {
				r.scan.fault(c.place, factLacks|uint64(f.index)<<32|uint64(i))
			}
			continue
		}
		place := &r.places[c.place]
		object, _ := place.value.(map[string]any)
		if _, has := object[name]; !has {
			r.location = append(r.location[:0], place.location...)
			r.missing(f.rule, name)
		}
	}
}

// rowOf is the row of a rule's table that applies, listFor the list.
func (r *checker) rowOf(f *acceptRule) string {
	switch {
	case f.rule.rows.http:
		return strconv.Itoa(r.status)
	case f.rows >= 0:
		return r.values.text(f.rows)
	}
	return ""
}

func (r *checker) listFor(f *acceptRule) []string {
	if f.rule.rows.rows != nil {
		return f.rule.rows.rows[r.rowOf(f)]
	}
	return f.list
}

// assertString evaluates the predicates about strings: whether one holds, and
// whether that could be judged at all. One that lacks an operand is not evaluated.
func (r *checker) assertString(f *acceptRule, c *capture) (holds decision, looked bool) {
	if !r.known(f.text, c) {
		return right, false
	}
	switch f.predicate {
	case predicateEquals:
		return decisionOf(r.equals(f.text, c.text)), true
	case predicateURLPath:
		return r.urlPath(f.text, c.text), true
	case predicateURLOrigin:
		return r.urlOrigin(f.text, c.text), true
	case predicateIn:
		return r.isAmong(f.among, c.text)
	case predicateLTE:
		return r.notAfter(f, c)
	case predicateKnown:
		list := r.listFor(f)
		return decisionOf(slices.Contains(list, c.text)), list != nil
	case predicatePattern:
		return decisionOf(f.matches(c.text)), true
	case predicateHoldsJSON:
		return decisionOf(isJSON(c.text)), true
	case predicateHoldsMember:
		held, looked := holdsMember(c.text, f.rule.inner, r.joined(f.text))
		return decisionOf(held), looked
	case predicateMasked:
		return decisionOf(isMasked(c.text, r.hidden(f, c))), true
	case predicateUnique:
		return decisionOf(!r.isAgain(f, c)), true
	}
	return right, false
}

func (r *checker) wanted(f *acceptRule) string {
	switch f.predicate {
	case predicateEquals:
		return bound(r.quote(r.joined(f.text)))
	case predicateURLPath:
		return bound(r.safe("an absolute URL with the path " + r.joined(f.text)))
	case predicateURLOrigin:
		return bound(r.safe("a URL of " + r.joined(f.text)))
	case predicateKnown:
		return bound("one of " + strings.Join(r.listFor(f), ", "))
	}
	return f.says()
}

// isAgain says whether the string of a capture stands at another place of the rule,
// earlier than this one.
func (r *checker) isAgain(f *acceptRule, c *capture) bool {
	place, before := r.metBefore(f.at, c)
	if !before || place == c.place {
		return false // two paths may lead to one place
	}
	if r.accepting {
		r.scan.fault(place, mix(factAgain+c.place)) // which of them are the same
	}
	return true
}

// metBefore says whether the string of a capture is that of an earlier one of some
// slots, and where the first such is. The explain path remembers what it met until
// strings is cleared, for there may be very many.
func (r *checker) metBefore(slots []int32, c *capture) (place uint64, before bool) {
	if !r.accepting {
		text := foldID(c.text)
		if place, before = r.strings[text]; !before {
			r.strings[text] = c.place
		}
		return place, before
	}
	for _, slot := range slots {
		for at := r.values.first[slot]; at >= 0; at = r.values.captured[at].next {
			if other := &r.values.captured[at]; other == c {
				return 0, false
			} else if other.typ == typeString && SameText(other.text, c.text) {
				return other.place, true
			}
		}
	}
	return 0, false
}

// isAmong says whether a text is one of the strings at some slots. Where there is
// none, or one of the places breaks a rule, nothing can be said.
func (r *checker) isAmong(slots []int32, text string) (holds decision, looked bool) {
	holds = wrong
	for _, slot := range slots {
		for at := r.values.first[slot]; at >= 0; at = r.values.captured[at].next {
			other := &r.values.captured[at]
			if r.breaksRule(other) {
				return right, false
			}
			if other.typ == typeString {
				looked = true
				if SameText(other.text, text) {
					holds = right
				}
			}
		}
	}
	return holds, looked
}

func (r *checker) notAfter(f *acceptRule, c *capture) (holds decision, looked bool) {
	at := r.values.first[f.operand]
	if at < 0 || r.breaksRule(&r.values.captured[at]) {
		return right, false
	}
	later := r.values.text(f.operand)
	if !isUTC(c.text) || !isUTC(later) {
		return right, false
	}
	return decisionOf(!isAfter(c.text, later)), true
}

func (r *checker) hidden(f *acceptRule, c *capture) (texts []string) {
	for _, t := range f.hidden {
		if r.known(t, c) {
			if text := r.joined(t); text != "" {
				texts = append(texts, text)
			}
		}
	}
	return texts
}

// known says whether all operands of a template are there: strings at places that
// break no rule and are not the very value under check.
func (r *checker) known(t acceptTemplate, c *capture) bool {
	for i := range t {
		switch p := &t[i]; {
		case p.slot >= 0:
			at := r.values.first[p.slot]
			if at < 0 {
				return false
			}
			operand := &r.values.captured[at]
			if operand.typ != typeString || operand.place == c.place || r.breaksRule(operand) {
				return false
			}
		case p.fact >= 0:
			if r.fact(p.fact) == "" && !p.optional {
				return false
			}
		}
	}
	return true
}

// equals compares with a template without building its text. Where they differ in
// a byte, that may be the case of a letter of an ID.
func (r *checker) equals(t acceptTemplate, text string) bool {
	rest, same, length := text, true, 0
	for i := range t {
		part := r.partText(&t[i])
		length += len(part)
		if same {
			rest, same = strings.CutPrefix(rest, part)
		}
	}
	if same {
		return rest == ""
	}
	return length == len(text) && SameText(text, r.joined(t))
}

func (r *checker) joined(t acceptTemplate) string {
	if len(t) == 1 {
		return r.partText(&t[0])
	}
	var b strings.Builder
	for i := range t {
		b.WriteString(r.partText(&t[i]))
	}
	return b.String()
}

func (r *checker) partText(p *acceptTemplatePart) string {
	switch {
	case p.slot >= 0:
		return r.values.text(p.slot)
	case p.fact >= 0:
		return r.fact(p.fact)
	}
	return p.templatePart.text
}

// urlPath takes URLs of plain characters apart itself; the accept path leaves
// others to the explain path.
func (r *checker) urlPath(t acceptTemplate, text string) decision {
	_, path, plain := splitURL(text)
	if !plain {
		if r.accepting {
			return unsure
		}
		var absolute bool
		if path, absolute = urlPath(text); !absolute {
			return wrong
		}
	}
	return decisionOf(r.equals(t, path))
}

func (r *checker) urlOrigin(t acceptTemplate, text string) decision {
	path, begins := strings.CutPrefix(text, r.partText(&t[0]))
	if r.accepting && begins && len(t) == 1 && strings.HasPrefix(path, "/") && isPlainPath(path) {
		return right
	}
	if _, err := url.Parse(text); r.accepting && err != nil {
		return unsure
	}
	return decisionOf(urlOrigin(text) == urlOrigin(r.joined(t)))
}
