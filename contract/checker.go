package contract

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Bounds on what one response reports, so that a hostile one costs no more than a
// broken one. Places beyond them are still known to be broken.
const (
	maxViolations = 1000 // of one response
	maxPlaces     = 100  // of one rule at one pointer
)

// checker is the check of one response, and the memory that checks reuse.
type checker struct {
	contract  *Contract
	accepting bool      // in the accept path
	values    *captures // the scan's in the accept path, tree in the explain path
	ex        *Exchange
	status    int       // that the response is judged by
	response  *response // nil: none for this status
	plan      *acceptPath
	ours      bool // the body is, or must be, the service's own
	value     any  // the body, where its text breaks no rule
	readable  bool // value is set

	buffer   bytes.Buffer
	decoder  *jsontext.Decoder
	text     bodyText
	location location
	scan     scan
	tree     captures
	places   []capturedPlace
	placeOf  map[string]uint64 // by key
	secret   knownSecrets

	out     []Violation
	bad     map[string]bool // places that break a rule of level fail, by key
	seen    map[placeRule]bool
	groups  map[placeRule]int
	strings map[string]uint64 // that a rule with unique has met, and the place of the first
}

type placeRule struct {
	rule  int
	place string
}

func newChecker(c *Contract) *checker {
	return &checker{
		contract: c,
		decoder:  jsontext.NewDecoder(&bytes.Buffer{}),
		bad:      map[string]bool{},
		seen:     map[placeRule]bool{},
		groups:   map[placeRule]int{},
		strings:  map[string]uint64{},
		placeOf:  map[string]uint64{},
	}
}

// Check judges a response and appends its violations to dst, sorted by pointer
// and rule: all of them, up to 100 places of one rule at one pointer and 1,000
// in all. It fills ex.Evaluated. Whatever the response holds, Check does not
// panic and takes time and memory in proportion to its length. It may be called
// from many goroutines, for different exchanges.
func (c *Contract) Check(ex *Exchange, dst []Violation) []Violation {
	return c.CheckAs(ex.Status, ex, dst)
}

// CheckAs judges a response as [Contract.Check] does, by what the document says
// about another HTTP status: for responses of the same shape to other operations.
func (c *Contract) CheckAs(status int, ex *Exchange, dst []Violation) []Violation {
	r := c.checkers.Get().(*checker)
	defer r.release()
	r.ex, r.status = ex, status
	r.out = dst
	r.checkResponse()
	return r.out
}

// checkResponse takes the accept path where it decides.
func (r *checker) checkResponse() {
	c := r.contract
	before, decided := len(r.out), false
	r.ex.Captured = r.ex.Captured[:0]
	a := c.acceptPath(r.status)
	r.plan = a
	if a.root != nil {
		r.response = a.response
		switch a.accept(r, &r.scan) {
		case right:
			r.ex.Evaluated = append(r.ex.Evaluated[:0], r.scan.marks[:c.markWords()]...)
			decided = true
		case wrong:
			c.explanations.violations(r)
			decided = true
		}
	}
	if !decided {
		r.explain()
	} else {
		r.accepting, r.values = true, &r.scan.captures // even if it was explained too
		for _, slot := range a.captured {
			text := r.values.text(slot)
			if r.scan.unescaped(text) {
				text = strings.Clone(text) // it outlives the check
			}
			r.ex.Captured = append(r.ex.Captured, text)
		}
	}
	if len(c.acrossResponses) > 0 {
		r.checkAcross(a.across)
		sortViolations(r.out[before:])
	}
}

// Explain judges a response as [Contract.Check] does, by the explain path alone.
// It is the oracle of the accept path, and looks at no rule over the run.
func (c *Contract) Explain(ex *Exchange, dst []Violation) []Violation {
	r := c.checkers.Get().(*checker)
	defer r.release()
	r.ex, r.status, r.out, r.plan = ex, ex.Status, dst, c.acceptPath(ex.Status)
	return r.explain()
}

// Mark notes that the caller of this package held a response against a rule.
func (c *Contract) Mark(ex *Exchange, rule string) {
	for _, ru := range c.rules {
		if ru.Name == rule && ru.index/64 < len(ex.Evaluated) {
			ex.Evaluated[ru.index/64] |= 1 << (ru.index % 64)
		}
	}
}

func (c *Contract) markWords() int { return (len(c.rules) + 63) / 64 }

// explain appends all violations, sorted, to those that were there before.
func (r *checker) explain() []Violation {
	before, words := len(r.out), r.contract.markWords()
	r.ex.Evaluated = slices.Grow(r.ex.Evaluated[:0], words)[:words]
	clear(r.ex.Evaluated)
	r.accepting, r.values, r.ours = false, &r.tree, false
	r.check()
	sortViolations(r.out[before:])
	return r.out
}

func sortViolations(all []Violation) {
	slices.SortFunc(all, func(a, b Violation) int {
		return cmp.Or(strings.Compare(a.Pointer, b.Pointer), strings.Compare(a.Rule, b.Rule),
			strings.Compare(a.At, b.At))
	})
}

// release gives the memory back, without what belongs to the response. What grew
// for an unusual response is not kept: clearing it would slow down every other.
func (r *checker) release() {
	if len(r.places) > 2*maxCaptured || len(r.bad) > maxPlaces || len(r.seen) > maxPlaces ||
		cap(r.text.faults) > maxPlaces {
		return
	}
	r.ex, r.response, r.value, r.out = nil, nil, nil, nil
	r.scan.body = nil
	r.ours, r.readable = false, false
	clear(r.text.faults)
	r.text = bodyText{faults: r.text.faults[:0]}
	clear(r.places)
	r.places = r.places[:0]
	clear(r.placeOf)
	clear(r.location[:cap(r.location)])
	r.location = r.location[:0]
	r.buffer = bytes.Buffer{}
	clear(r.seen)
	clear(r.bad)
	clear(r.groups)
	r.contract.checkers.Put(r)
}

func (r *checker) check() {
	r.response = r.contract.responses.of(r.status)
	r.framing()
	if r.response != nil && r.response.schema != nil && !r.ex.encoded() && !r.ex.Unframed {
		r.body()
	} else {
		r.ours = r.response != nil
	}
	if r.readable {
		r.validate(r.response.schema, r.value, true)
		r.walk(r.response.root, r.value)
	}
	r.captureTree(r.plan)
	for _, f := range r.plan.ordered {
		switch {
		case f.predicate == predicateHasResponse:
			r.hasResponse(f.rule)
		case f.predicate == predicateNowhere:
			r.nowhere(f)
		case f.header != "":
			r.headerRule(f)
		case r.readable:
			r.evaluate(f)
		}
	}
	r.location = r.location[:0]
	if r.readable {
		r.unnamed()
	}
}

func (r *checker) hasResponse(ru *rule) {
	r.mark(ru)
	if r.response == nil {
		r.violateAt(ru, "", "", "", ru.says(), "HTTP status "+strconv.Itoa(r.ex.Status))
	}
}

// encoded says whether the body is not the text itself. Nobody asks for an
// encoding, so nothing is said of what is behind it.
func (ex *Exchange) encoded() bool {
	coding, count := ex.Header.Get("Content-Encoding")
	return count > 0 && !strings.EqualFold(coding, "identity")
}

func (ru *rule) holdsFor(status int) bool {
	return len(ru.on) == 0 || slices.ContainsFunc(ru.on, func(s statuses) bool { return s.has(status) })
}

// framing takes over what the transport found.
func (r *checker) framing() {
	for _, ru := range r.contract.transport {
		if !ru.over(r.ex.HTTP2) {
			continue
		}
		r.mark(ru)
		for _, v := range r.ex.Framing {
			if v.Rule == ru.Name {
				r.violateAt(ru, "", "", "", r.safe(v.Expected), r.safe(v.Got))
			}
		}
	}
}

// body reads the body and decides whether it is the service's own, and whether
// it can be looked into.
func (r *checker) body() {
	r.read(r.ex.Body, r.ex.Cut)
	if resp := r.response; !resp.recognizes(r.text.value) {
		if resp.otherwise != nil && resp.otherwise.Level != Off {
			r.violateAt(resp.otherwise, "", "", "", "an object with "+strings.Join(resp.recognize, " or "),
				r.bodyShown())
		}
		return
	}
	if ru := r.response.otherwise; ru != nil && ru.Level != Off {
		r.mark(ru)
	}
	r.ours = true
	r.readable = r.text.whole
	for kind, ru := range r.contract.texts {
		if ru != nil && (r.text.whole || textKind(kind) <= textNoBOM) {
			r.mark(ru)
		}
	}
	for _, f := range r.text.faults {
		if ru := r.contract.texts[f.kind]; ru != nil {
			pointer, at := r.shown(f.location)
			r.violateAt(ru, f.location.key(), pointer, at, f.expected, f.got)
			r.readable = false
		}
	}
	r.value = r.text.value
}

// recognizes says whether a body is to be taken for the service's own.
func (resp *response) recognizes(v any) bool {
	if resp.recognize == nil {
		return true
	}
	object, _ := v.(map[string]any)
	return slices.ContainsFunc(resp.recognize, func(name string) bool { _, has := object[name]; return has })
}

func (r *checker) bodyShown() string {
	switch {
	case r.text.whole:
		return r.show(r.text.value, "")
	case len(r.ex.Body) == 0:
		return "an empty body"
	}
	return bound(r.quote(string(r.ex.Body)))
}

func (r *checker) mark(ru *rule) {
	if r.accepting {
		r.scan.marks.add(ru)
		return
	}
	r.markEvaluated(ru)
}

func (r *checker) markEvaluated(ru *rule) { r.ex.Evaluated[ru.index/64] |= 1 << (ru.index % 64) }

// fact is a value of the request; "" for one it does not have.
func (r *checker) fact(slot int) string {
	if slot < len(r.ex.Facts) {
		return r.ex.Facts[slot]
	}
	return ""
}

// violate reports a violation at the place that the trail leads to.
func (r *checker) violate(ru *rule, expected, got string) {
	if v := r.report(ru); v != nil {
		v.Expected, v.Got = expected, got
	}
}

func (r *checker) violateAt(ru *rule, key, pointer, at, expected, got string) {
	if v := r.reportAt(ru, key, pointer, at); v != nil {
		v.Expected, v.Got = expected, got
	}
}

// report notes a violation at the place that the trail leads to. It returns
// what is left to fill in, or nil where the violation is not reported.
func (r *checker) report(ru *rule) *Violation {
	if ru.Level == Off {
		return nil
	}
	pointer, at := r.shown(r.location)
	return r.reportAt(ru, r.location.key(), pointer, at)
}

// reportAt leaves out rules that are off or have been reported at this place.
func (r *checker) reportAt(ru *rule, key, pointer, at string) *Violation {
	if ru.Level == Off {
		return nil
	}
	r.mark(ru)
	if ru.Level == Fail {
		r.bad[key] = true
	}
	place, group := placeRule{ru.index, key}, placeRule{ru.index, pointer}
	if r.seen[place] || r.groups[group] >= maxPlaces || len(r.seen) >= maxViolations {
		return nil
	}
	r.seen[place] = true
	r.groups[group]++
	r.out = append(r.out, Violation{Rule: ru.Name, Level: ru.Level, Pointer: pointer, At: at})
	return &r.out[len(r.out)-1]
}

// isBad says whether the trail's place breaks a rule of level fail.
func (r *checker) isBad() bool { return len(r.bad) > 0 && r.bad[r.location.key()] }

func sortedNames(object map[string]any) []string { return slices.Sorted(maps.Keys(object)) }
