package contract

import (
	"bytes"
	"net/url"
	"slices"
	"strings"

	"mfaload/internal/redact"
)

// accept judges a response by the accept path: right, wrong with s.wrong as the
// fingerprint of what is wrong, or unsure.
func (a *acceptPath) accept(r *checker, s *scan) decision {
	ex := r.ex
	if ex.Cut || len(ex.Framing) > 0 || ex.encoded() {
		return unsure
	}
	s.start(a, ex.Body)
	if !a.noSecrets(r, s) {
		return unsure
	}
	s.reportUnnamed = r.contract.unnamed != nil
	if !s.document(a.root) {
		return unsure
	}
	if a.recognize != 0 && !s.recognized {
		return unsure
	}
	for _, ru := range a.headers {
		s.header(r, ru)
	}
	for _, f := range a.reference {
		s.reference(r, f)
	}
	for _, f := range a.rules {
		if !s.rule(r, f) {
			return unsure
		}
	}
	if s.faults > 0 {
		return wrong
	}
	return right
}

// noSecrets says whether no secret is in the header or the body, plain or escaped.
func (a *acceptPath) noSecrets(r *checker, s *scan) bool {
	mayEscape := redact.MayBeEscaped(view(s.body))
	for _, ru := range a.secrets {
		secret, ok := r.fill(ru.text)
		if !ok || len(secret) < shortestSecret {
			continue
		}
		s.marks.add(ru)
		for _, f := range r.ex.Header {
			if strings.Contains(f.Value, secret) || nameHolds(f.Name, secret) ||
				redact.MayBeEscaped(f.Value) && r.secrets().Shown(f.Value) {
				return false
			}
		}
		// The end of a token is random; its beginning is that of many words.
		if tail := secret[len(secret)-shortestSecret:]; bytes.Contains(s.body, unsafeBytes(tail)) &&
			bytes.Contains(s.body, unsafeBytes(secret)) {
			return false
		}
		if mayEscape && r.secrets().Shown(view(s.body)) {
			return false
		}
	}
	return true
}

// header holds a response against a rule about a header field.
func (s *scan) header(r *checker, ru *rule) {
	value, count := r.ex.Header.Get(ru.header)
	holds, looked := r.headerHolds(ru, value, count)
	if !looked {
		return
	}
	s.marks.add(ru)
	if !holds {
		s.fault(5, uint64(ru.index))
	}
}

// reference holds a response against a rule about what a header field refers to.
func (s *scan) reference(r *checker, f *acceptRule) {
	value, count := r.ex.Header.Get(f.rule.header)
	if count == 0 {
		return
	}
	v, looked := s.equals(r, f.text, &capture{text: value})
	if !looked {
		return
	}
	s.marks.add(f.rule)
	if v != right && !refersTo(value, s.joined(r, f.text)) {
		s.fault(5, uint64(f.index))
	}
}

// rule holds a response against one rule about its body. It returns false where
// only the explain path can tell.
func (s *scan) rule(r *checker, f *acceptRule) bool {
	if f.when >= 0 && !slices.Contains(f.rule.when.values, s.text(f.when)) {
		return true
	}
	if !r.isAsked(f.rule) {
		return true
	}
	for i, slot := range f.at {
		at := s.first[slot]
		if f.required {
			if at < 0 && len(f.rule.at[i]) > 1 {
				return false // whether what it would be in is there, only the explain path sees
			}
			s.marks.add(f.rule)
			if at < 0 && f.instead >= 0 && s.first[f.instead] >= 0 {
				continue
			}
			if at < 0 || s.captured[at].typ == typeNull {
				s.fault(uint64(i), 7<<32|uint64(f.index))
				continue
			}
		}
		for before := int32(-1); at >= 0; before, at = at, s.captured[at].next {
			if f.predicate == predicateURLOrigin && before >= 0 && s.faults == 0 &&
				s.captured[before].text == s.captured[at].text {
				continue // the same text again, and it was right
			}
			switch s.assert(r, f, &s.captured[at]) {
			case wrong:
				s.fault(s.captured[at].place, 8<<32|uint64(f.index))
			case unsure:
				return false
			}
		}
	}
	return true
}

// text is the string at a slot, or "".
func (s *scan) text(slot int32) string {
	if at := s.first[slot]; at >= 0 && s.captured[at].typ == typeString {
		return s.captured[at].text
	}
	return ""
}

func (s *scan) assert(r *checker, f *acceptRule, c *capture) decision {
	switch f.predicate {
	case predicateNotNull:
		s.marks.add(f.rule)
		return decisionOf(c.typ != typeNull)
	case predicateMembers:
		if c.typ == typeObject {
			s.assertMembers(f, c)
		}
		return right
	}
	if c.typ != typeString {
		return right
	}
	v, looked := s.assertString(r, f, c)
	if looked {
		s.marks.add(f.rule)
		return v
	}
	return right
}

func decisionOf(holds bool) decision {
	if holds {
		return right
	}
	return wrong
}

func (s *scan) assertMembers(f *acceptRule, c *capture) {
	row := ""
	if f.rows >= 0 {
		row = s.text(f.rows)
	}
	for _, m := range f.members {
		if m.row != row {
			continue
		}
		for i, slot := range m.slots {
			s.marks.add(f.rule)
			if s.first[slot] < 0 {
				s.fault(c.place, 9<<32|uint64(f.index)<<8|uint64(i))
			}
		}
	}
}

// assertString evaluates the words about strings as the explain path does.
func (s *scan) assertString(r *checker, f *acceptRule, c *capture) (v decision, looked bool) {
	switch f.predicate {
	case predicateEquals:
		return s.equals(r, f.text, c)
	case predicateURLPath:
		return s.urlPath(r, f.text, c)
	case predicateURLOrigin:
		return s.urlOrigin(r, f.text, c)
	case predicateIn:
		return s.among(f.among, c.text)
	case predicateLTE:
		later := s.text(f.operand)
		looked = isUTC(c.text) && isUTC(later)
		return decisionOf(!looked || !isAfter(c.text, later)), looked
	case predicateKnown:
		list := f.rule.list
		if f.rule.rows.http {
			list = f.listFor(r)
		} else if f.rows >= 0 {
			list = f.rule.rows.rows[s.text(f.rows)]
		}
		return decisionOf(slices.Contains(list, c.text)), list != nil
	case predicatePattern:
		return decisionOf(f.matches(c.text)), true
	case predicateHoldsJSON:
		return decisionOf(isJSON(c.text)), true
	case predicateHoldsMember:
		want := r.fact(f.rule.text.only())
		if want == "" {
			return right, false
		}
		holds, looked := holdsMember(c.text, f.rule.inner, want)
		return decisionOf(holds || !looked), looked
	case predicateMasked:
		return decisionOf(isMasked(c.text, r.hidden(f.rule))), true
	case predicateUnique:
		return decisionOf(!s.before(f.at, c)), true
	}
	return right, false
}

// before says whether the string of a capture stands at an earlier place of
// the rule.
func (s *scan) before(slots []int32, c *capture) bool {
	for _, slot := range slots {
		for at := s.first[slot]; at >= 0; at = s.captured[at].next {
			if other := &s.captured[at]; other == c {
				return false
			} else if other.typ == typeString && SameText(other.text, c.text) {
				return true
			}
		}
	}
	return false
}

func (s *scan) among(slots []int32, text string) (v decision, looked bool) {
	v = wrong
	for _, slot := range slots {
		for at := s.first[slot]; at >= 0; at = s.captured[at].next {
			if other := &s.captured[at]; other.typ == typeString {
				looked = true
				if SameText(other.text, text) {
					v = right
				}
			}
		}
	}
	if !looked {
		v = right
	}
	return v, looked
}

// equals compares with a template without building its text.
func (s *scan) equals(r *checker, t acceptTemplate, c *capture) (v decision, looked bool) {
	if !s.known(r, t, c) {
		return right, false
	}
	rest, ok := c.text, true
	for i := range t {
		if rest, ok = strings.CutPrefix(rest, s.partText(r, &t[i])); !ok {
			return decisionOf(s.sameAs(r, t, c.text)), true
		}
	}
	return decisionOf(rest == ""), true
}

// sameAs compares a text with a template's where they differ in a byte: that may
// be the case of a letter of an ID.
func (s *scan) sameAs(r *checker, t acceptTemplate, text string) bool {
	n := 0
	for i := range t {
		n += len(s.partText(r, &t[i]))
	}
	return n == len(text) && SameText(text, s.joined(r, t))
}

func (s *scan) joined(r *checker, t acceptTemplate) string {
	var b strings.Builder
	for i := range t {
		b.WriteString(s.partText(r, &t[i]))
	}
	return b.String()
}

// known says whether all operands of a template are there, and none of them is
// the very value under check.
func (s *scan) known(r *checker, t acceptTemplate, c *capture) bool {
	for i := range t {
		switch p := &t[i]; {
		case p.slot >= 0:
			at := s.first[p.slot]
			if at < 0 || s.captured[at].typ != typeString || s.captured[at].place == c.place {
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

func (s *scan) partText(r *checker, p *acceptTemplatePart) string {
	switch {
	case p.slot >= 0:
		return s.text(p.slot)
	case p.fact >= 0:
		return r.fact(p.fact)
	}
	return p.templatePart.text
}

// urlPath takes URLs of plain characters apart itself; others are left to the
// explain path.
func (s *scan) urlPath(r *checker, t acceptTemplate, c *capture) (v decision, looked bool) {
	if !s.known(r, t, c) {
		return right, false
	}
	_, path, ok := splitURL(c.text)
	if !ok {
		return unsure, true
	}
	rest := path
	for i := range t {
		if rest, ok = strings.CutPrefix(rest, s.partText(r, &t[i])); !ok {
			return decisionOf(s.sameAs(r, t, path)), true
		}
	}
	return decisionOf(rest == ""), true
}

// splitURL splits an absolute http URL of plain characters.
func splitURL(text string) (origin, path string, ok bool) {
	rest, ok := strings.CutPrefix(text, "https://")
	if !ok {
		if rest, ok = strings.CutPrefix(text, "http://"); !ok {
			return "", "", false
		}
	}
	end := 0
	for end < len(rest) && plainHost[rest[end]] == 1 {
		end++
	}
	if end == 0 || end == len(rest) || rest[end] != '/' || rest[0] == ':' {
		return "", "", false
	}
	path = rest[end:]
	if !isPlainPath(path) {
		return "", "", false
	}
	colon := strings.IndexByte(rest[:end], ':')
	if colon >= 0 && (colon+1 == end || strings.Trim(rest[colon+1:end], "0123456789") != "") {
		return "", "", false
	}
	return text[:len(text)-len(path)], path, true
}

// isPlainPath says whether a URL's path reads the same in every form.
func isPlainPath(path string) bool {
	for i := range len(path) {
		if plainPath[path[i]] == 0 {
			return false
		}
	}
	return true
}

var plainPath = func() (t [256]byte) {
	t = plainHost
	t['/'], t[':'] = 1, 0
	return t
}()

// plainHost has 1 for letters, digits, dots, hyphens and the port's colon.
var plainHost = func() (t [256]byte) {
	for _, b := range []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:") {
		t[b] = 1
	}
	return t
}()

func (s *scan) urlOrigin(r *checker, t acceptTemplate, c *capture) (v decision, looked bool) {
	if !s.known(r, t, c) {
		return right, false
	}
	if path, ok := strings.CutPrefix(c.text, s.partText(r, &t[0])); ok && len(t) == 1 &&
		strings.HasPrefix(path, "/") && isPlainPath(path) {
		return right, true
	}
	if _, err := url.Parse(c.text); err != nil {
		return unsure, true
	}
	return decisionOf(urlOrigin(c.text) == urlOrigin(s.joined(r, t))), true
}
