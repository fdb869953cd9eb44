package generate

import (
	"fmt"
	"slices"
	"strings"
)

// faults adds, for each keyword of each member, requests that are wrong in that alone.
func (g *generator) faults() {
	g.Schema.Body.walk(nil, func(path []string, v *Value) {
		if len(path) == 0 {
			return // see brokenBodies
		}
		g.turn++
		body, user, _ := g.carrier(path)
		f := &faulty{g, path, v, body, user}
		f.types()
		f.values()
		f.members()
		f.nesting()
		f.twice()
		if v.Refers {
			f.unknown()
		}
	})
}

// faulty makes faults at one path of a valid body.
type faulty struct {
	*generator
	path []string
	v    *Value
	body *tree
	user string
}

// Keywords of faults that no schema names.
const (
	keywordNull    = "null"
	keywordNesting = "nesting"
	keywordUnique  = "unique"
)

// add adds a fault. A lenient one is that of which no documentation says that it is refused. Rank is
// that of the goal to try the variant: ofPlace, ofAny or ranks for none.
func (f *faulty) add(keyword, variant string, rank int, lenient bool, body []byte) {
	c := Case{Place: dotted(f.path), Keyword: keyword, Variant: variant, Expect: Refused, User: f.user,
		Statuses: []int{400}, Target: dotted(f.path), Request: f.request(body)}
	if lenient {
		c.Rule = ruleLenient
	}
	if f.v.Refers && keyword != "type" && keyword != "required" {
		c.Statuses = []int{400, 404}
	}
	f.generator.add(c, c.goals(rank)...)
}

func (f *faulty) value(keyword, variant, text string, rank int, lenient bool) {
	f.add(keyword, variant, rank, lenient, f.body.with(f.path, scalar(text)).text())
}

// types puts a value of each other type there: at each text a number, which libraries turn into one,
// and at each place null, which they take for nothing.
func (f *faulty) types() {
	if len(f.v.Types) == 0 {
		return
	}
	if number := ofAny; !f.v.is("number") && !f.v.is("integer") {
		if f.v.is("string") {
			number = ofPlace
		}
		f.value("type", "a number", "5", number, false)
	}
	if !f.v.is("null") {
		f.value(keywordNull, "null", "null", ofPlace, true)
	}
	for _, other := range []struct{ kind, variant, text string }{
		{"number", "a large number", "1e400"}, {"boolean", "a boolean", "true"}, {"array", "an array", "[]"},
		{"array", "an array of one", "[" + string(f.body.at(f.path).text()) + "]"},
		{"object", "an object", `{"mfaload":1}`}, {"string", "a string", `"mfaload"`},
		{"string", "an empty string", `""`},
	} {
		if !f.v.is(other.kind) {
			f.value("type", other.variant, other.text, ofAny, false)
		}
	}
	if f.v.is("boolean") {
		f.value("type", "its text", `"true"`, ofPlace, false)
	}
}

// values breaks what is demanded of strings.
func (f *faulty) values() {
	v, inferred := f.v, f.v.Inferred
	if len(v.Enum) > 0 {
		first := v.Enum[0]
		f.wrong("enum", ofPlace, "MFALOAD", strings.ToLower(first), first+" ")
		f.wrong("enum", ranks, "", first+"S")
	}
	switch {
	case v.Pattern != nil && v.holds(unknownID):
		f.idForms()
	case v.Pattern != nil:
		f.wrong("pattern", ofPlace, "", "+1413555O150", "1234", strings.Repeat("1", 33), Marker)
		f.wrong("pattern", ranks, "mfaload", "+", "1+413555")
	case v.Format == "email":
		f.wrong("format", ofPlace, "", "mfaload", "a@b@example.com", Marker)
		f.wrong("format", ranks, "mfaload@exa mple.com", "@example.com", "mfaload@", "mfaload@example..com")
	}
	if v.MinLength > 0 {
		f.value("minLength", "one shorter", quote(strings.Repeat("a", v.MinLength-1)), ofPlace, inferred)
	}
	if v.MaxLength > 0 {
		f.value("maxLength", "one longer", quote(strings.Repeat("a", v.MaxLength+1)), ofPlace, inferred)
	}
}

// wrong tries texts that the keyword does not allow.
func (f *faulty) wrong(keyword string, rank int, texts ...string) {
	for _, text := range texts {
		if !f.v.holds(text) {
			f.value(keyword, shown(text), quote(text), rank, f.v.Inferred)
		}
	}
}

func shown(s string) string {
	if s == "" {
		return "empty"
	}
	return clip(s)
}

func clip(s string) string {
	if len(s) > 30 {
		return fmt.Sprintf("%s… (%d characters)", s[:20], len(s))
	}
	return s
}

// idForms are texts that are almost an ID, at each place those that are one step from one. The
// pattern lets one length and one form through.
func (f *faulty) idForms() {
	s, is := unquote(f.body.at(f.path).scalar)
	if !is || len(s) != len(unknownID) {
		return
	}
	for _, near := range []struct{ variant, text string }{
		{"one character less", s[:35]}, {"one character more", s + "0"},
		{"a letter that is not hexadecimal", "g" + s[1:]}, {"no hyphens", strings.ReplaceAll(s, "-", "")},
		{"in braces", "{" + s + "}"}, {"a space before it", " " + s}, {"a line end after it", s + "\n"},
		{"markup", Marker},
	} {
		f.value("pattern", near.variant, quote(near.text), ofPlace, false)
	}
	for _, far := range []struct{ variant, text string }{
		{"a hyphen moved", s[:7] + "-" + s[7:8] + s[9:]}, {"a digit of another script", "٣" + s[1:]},
		{"a quotation mark", s[:35] + "'"}, {"a zero byte", s[:35] + "\x00"},
	} {
		f.value("pattern", far.variant, quote(far.text), ofAny, false)
	}
	f.wrong("pattern", ranks, "", "nobody", "../"+s)
}

// members leaves out what an object needs.
func (f *faulty) members() {
	if len(f.v.Names) == 0 {
		return
	}
	for _, name := range f.v.Required {
		f.without(name, "left out")
	}
	for _, branch := range f.v.AnyOf {
		for _, name := range branch.Required {
			f.withoutInBranch(branch, name)
		}
	}
	if len(f.v.Required)+len(f.v.AnyOf) > 0 {
		f.value("required", "an empty object", "{}", ranks, false)
	}
}

// withoutInBranch leaves out what a branch needs, with each value of an enumeration that leads there.
func (f *faulty) withoutInBranch(branch *Value, name string) {
	at := append(slices.Clone(f.path), name)
	inner := *f
	inner.body, inner.user, _ = f.carrier(at)
	inner.body = inner.body.without(at)
	if inner.path = at; len(f.v.Required) == 0 {
		inner.path = f.path // one of several would do
	}
	chosen := false
	for _, other := range branch.Names {
		for _, value := range branch.Properties[other].Enum {
			body := inner.body.with(append(slices.Clone(f.path), other), scalar(quote(value)))
			inner.add("required", "left out with "+value, ofPlace, false, body.text())
			chosen = true
		}
	}
	if !chosen {
		inner.add("required", "left out", ofPlace, false, inner.body.text())
	}
}

func (f *faulty) without(name, variant string) {
	at := append(slices.Clone(f.path), name)
	inner := *f
	inner.path = at
	inner.add("required", variant, ofPlace, false, f.body.without(at).text())
}

// nesting puts the value one level deeper than it belongs.
func (f *faulty) nesting() {
	if len(f.v.Types) == 0 || f.v.is("object") && len(f.v.Required)+len(f.v.AnyOf) == 0 {
		return // it would be an unknown member of an object
	}
	last := f.path[len(f.path)-1]
	nested := (&tree{kind: '{'}).with([]string{last}, f.body.at(f.path))
	f.add(keywordNesting, "one level deeper", ofAny, false, f.body.with(f.path, nested).text())
}

// twice repeats the member, first with the same value and then with another.
func (f *faulty) twice() {
	above := f.body.at(f.path[:len(f.path)-1])
	if above == nil {
		return
	}
	last := f.path[len(f.path)-1]
	for _, second := range []struct {
		variant string
		value   *tree
	}{{"the same value twice", f.body.at(f.path)}, {"null after it", scalar("null")}} {
		repeated := &tree{kind: '{', members: append(slices.Clone(above.members),
			treeMember{last, second.value})}
		whole := f.body.with(f.path[:len(f.path)-1], repeated)
		f.add(keywordUnique, second.variant, ofAny, true, whole.text())
	}
}

// unknown names what is not there. Only an ID can be known not to exist; and what is not held
// against the environment at once is not documented to be refused.
func (f *faulty) unknown() {
	if f.v.Pattern == nil || !f.v.holds(unknownID) || !slices.Contains(mustExist, dotted(f.path)) {
		return
	}
	statuses := []int{400, 404}
	if dotted(f.path) == "user.id" {
		statuses = []int{404}
	}
	add := func(variant, id string, rank int) {
		c := Case{Place: dotted(f.path), Keyword: "exists", Variant: variant, Expect: Refused,
			Statuses: statuses, User: f.user,
			Request: f.request(f.body.with(f.path, scalar(quote(id))).text())}
		f.generator.add(c, c.goals(rank)...)
	}
	add("all zeros", unknownID, ofPlace)
	add("zeros but for its end", unknownID[:24]+f.id()[24:], ranks)
}

// mustExist are the members whose value has to be there when a transaction begins.
var mustExist = []string{"user.id", "policy.id", "selectedDevice.id"}

// brokenBodies adds bodies that are no request at all.
func (g *generator) brokenBodies() {
	user := g.user()
	whole := string(base(user).text())
	id := `"` + user + `"`
	instead := func(text string) string { return strings.Replace(whole, id, text, 1) }
	inID := func(text string) string { return instead(`"` + text + `"`) }
	deep := strings.Repeat(`[`, 10_000) + strings.Repeat(`]`, 10_000)
	add := func(rule string, rank int, keyword string, variantsAndBodies ...string) {
		for pair := range slices.Chunk(variantsAndBodies, 2) {
			c := Case{Place: wholeBody, Keyword: keyword, Variant: pair[0], Expect: Refused, User: user,
				Rule: rule, Statuses: []int{400}, Request: g.request([]byte(pair[1]))}
			if keyword == "size" {
				c.Statuses = append(c.Statuses, 413)
			}
			g.add(c, c.goals(rank)...)
		}
	}
	add(ruleRefused, ofPlace, "type", "an array", "["+whole+"]", "a string", `"mfaload"`, "a number", "5",
		"an empty array", "[]")
	add(ruleRefused, ofPlace, keywordNull, "null", "null")
	add(ruleRefused, ofPlace, "json", "empty", "", "cut off", whole[:len(whole)-1],
		"a comma too many", strings.Replace(whole, "}}", ",}}", 1),
		"single quotes", strings.ReplaceAll(whole, `"`, "'"), "a comment", "/* */"+whole,
		"a name without quotes", strings.Replace(whole, `"user"`, "user", 1), "a second value", whole+"{}",
		"a word", "mfaload", "markup", "<user id='1'/>", "a form", "user.id="+user, "NaN", instead("NaN"),
		"a leading zero", instead("01"), "a control character", inID("\x01"+user[1:]),
		"an unknown escape", inID(`\x`+user[1:]), "a zero byte after it", whole+"\x00",
		"nested 10,000 deep", deep)
	add(ruleRefused, ofPlace, "encoding", "a byte that is no UTF-8", inID("\xff"+user[1:]),
		"an overlong form", inID("\xc0\xb7"+user[1:]), "half a surrogate pair", inID(`\ud800`+user[6:]),
		"UTF-16", utf16(whole), "UTF-16 with a byte-order mark", "\xff\xfe"+utf16(whole))
	add(ruleLenient, ofPlace, "encoding", "a byte-order mark", "\ufeff"+whole)
	add(ruleLenient, ofPlace, "size", "200 KiB", strings.TrimSuffix(whole, "}")+`,"mfaload":"`+
		strings.Repeat("a", 200<<10)+`"}`)
	// Those that are almost one of the above.
	add(ruleRefused, ranks, "type", "a boolean", "true")
	add(ruleRefused, ranks, "json", "white space", " \r\n", "cut off in a string", whole[:len(whole)/2],
		"a brace too many", whole+"}", "a colon missing", strings.Replace(whole, `"user":`, `"user"`, 1))
	c := Case{Place: wholeBody, Keyword: "valid", Variant: "no user", Expect: Open,
		Request: g.request([]byte("{}"))}
	g.add(c, c.goals(ofPlace)...)
}

func utf16(ascii string) string {
	var b strings.Builder
	for i := range len(ascii) {
		b.WriteByte(ascii[i])
		b.WriteByte(0)
	}
	return b.String()
}
