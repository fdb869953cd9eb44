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

// add adds a fault. A lenient one is that of which no documentation says that it is refused.
func (f *faulty) add(keyword, variant string, lenient bool, body []byte) {
	c := Case{Place: dotted(f.path), Keyword: keyword, Variant: variant, Expect: Refused, User: f.user,
		Statuses: []int{400}, Target: dotted(f.path), Request: f.request(body)}
	if lenient {
		c.Rule = ruleLenient
	}
	if f.v.Refers && keyword != "type" && keyword != "required" {
		c.Statuses = []int{400, 404}
	}
	f.generator.add(c)
}

func (f *faulty) value(keyword, variant, text string, lenient bool) {
	f.add(keyword, variant, lenient, f.body.with(f.path, scalar(text)).text())
}

// types puts a value of each other type there.
func (f *faulty) types() {
	if len(f.v.Types) == 0 {
		return
	}
	for _, other := range []struct{ kind, variant, text string }{
		{"number", "a number", "5"}, {"number", "a large number", "1e400"},
		{"boolean", "a boolean", "true"}, {"array", "an array", "[]"},
		{"array", "an array of one", ""}, {"object", "an object", `{"mfaload":1}`}, {"string", "a string",
			`"mfaload"`},
	} {
		if f.v.is(other.kind) {
			continue
		}
		text := other.text
		if text == "" {
			text = "[" + string(f.body.at(f.path).text()) + "]"
		}
		f.value("type", other.variant, text, false)
	}
	if !f.v.is("null") {
		f.value("type", "null", "null", true)
	}
}

// values breaks what is demanded of strings.
func (f *faulty) values() {
	v, inferred := f.v, f.v.Inferred
	if len(v.Enum) > 0 {
		first := v.Enum[0]
		for _, wrong := range []string{"MFALOAD", strings.ToLower(first), first + " ", "", first + "S"} {
			f.value("enum", shown(wrong), quote(wrong), inferred)
		}
	}
	switch {
	case v.Pattern != nil && v.holds(unknownID):
		f.idForms()
	case v.Pattern != nil:
		for _, wrong := range []string{"", "mfaload", "+", "12", strings.Repeat("1", 60), "+1413555O150",
			Marker} {
			if !v.holds(wrong) {
				f.value("pattern", shown(wrong), quote(wrong), inferred)
			}
		}
	case v.Format == "email":
		for _, wrong := range []string{"", "mfaload", "@example.com", "mfaload@", "a@b@example.com",
			"mfaload@exa mple.com", "mfaload@example..com", Marker} {
			f.value("format", shown(wrong), quote(wrong), inferred)
		}
	}
	if v.MinLength > 0 {
		f.value("minLength", "one shorter", quote(strings.Repeat("a", v.MinLength-1)), inferred)
	}
	if v.MaxLength > 0 {
		f.value("maxLength", "one longer", quote(strings.Repeat("a", v.MaxLength+1)), inferred)
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

// idForms are texts that are almost an ID. The pattern lets one length and one form through.
func (f *faulty) idForms() {
	s, is := unquote(f.body.at(f.path).scalar)
	if !is || len(s) != len(unknownID) {
		return
	}
	for _, wrong := range []struct{ variant, text string }{
		{"empty", ""}, {"a word", "nobody"}, {"one character less", s[:35]}, {"one character more", s + "0"},
		{"a letter that is not hexadecimal", "g" + s[1:]}, {"no hyphens", strings.ReplaceAll(s, "-", "")},
		{"a hyphen moved", s[:7] + "-" + s[7:8] + s[9:]}, {"in braces", "{" + s + "}"},
		{"a space before it", " " + s}, {"a line end after it", s + "\n"},
		{"a digit of another script", "٣" + s[1:]}, {"markup", Marker}, {"a path", "../" + s},
		{"a quotation mark", s[:35] + "'"}, {"a zero byte", s[:35] + "\x00"},
	} {
		f.value("pattern", wrong.variant, quote(wrong.text), false)
	}
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
			at := append(slices.Clone(f.path), name)
			inner := *f
			inner.path = at
			inner.body, inner.user, _ = f.carrier(at)
			for _, other := range branch.Names {
				if p := branch.Properties[other]; len(p.Enum) > 0 {
					value := append(slices.Clone(f.path), other)
					inner.body = inner.body.with(value, scalar(quote(p.Enum[len(p.Enum)-1])))
				}
			}
			if len(f.v.Required) == 0 {
				inner.path = f.path // one of several would do
			}
			inner.add("required", "left out", false, inner.body.without(at).text())
		}
	}
	if len(f.v.Required)+len(f.v.AnyOf) > 0 {
		f.value("required", "an empty object", "{}", false)
	}
}

func (f *faulty) without(name, variant string) {
	at := append(slices.Clone(f.path), name)
	inner := *f
	inner.path = at
	inner.add("required", variant, false, f.body.without(at).text())
}

// nesting puts the value one level deeper than it belongs.
func (f *faulty) nesting() {
	if len(f.v.Types) == 0 || f.v.is("object") && len(f.v.Required)+len(f.v.AnyOf) == 0 {
		return // it would be an unknown member of an object
	}
	last := f.path[len(f.path)-1]
	nested := (&tree{kind: '{'}).with([]string{last}, f.body.at(f.path))
	f.add("type", "one level deeper", false, f.body.with(f.path, nested).text())
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
		repeated := &tree{kind: '{', members: append(slices.Clone(above.members), treeMember{last,
			second.value})}
		f.add("unique", second.variant, true, f.body.with(f.path[:len(f.path)-1], repeated).text())
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
	for _, u := range []struct{ variant, id string }{{"all zeros", unknownID},
		{"zeros but for its end", unknownID[:24] + f.id()[24:]}} {
		f.generator.add(Case{Place: dotted(f.path), Keyword: "exists", Variant: u.variant, Expect: Refused,
			Statuses: statuses, User: f.user,
			Request: f.request(f.body.with(f.path, scalar(quote(u.id))).text())})
	}
}

// mustExist are the members whose value has to be there when a transaction begins.
var mustExist = []string{"user.id", "policy.id", "selectedDevice.id"}

// brokenBodies adds bodies that are no request at all.
func (g *generator) brokenBodies() {
	user := g.user()
	whole := string(base(user).text())
	id := `"` + user + `"`
	inID := func(text string) string { return strings.Replace(whole, id, `"`+text+`"`, 1) }
	deep := strings.Repeat(`[`, 10_000) + strings.Repeat(`]`, 10_000)
	for _, b := range []struct{ keyword, variant, body string }{
		{"type", "an array", "[" + whole + "]"}, {"type", "a string", `"mfaload"`}, {"type", "a number", "5"},
		{"type", "a boolean", "true"}, {"type", "null", "null"}, {"type", "an empty array", "[]"},
		{"json", "empty", ""}, {"json", "white space", " \r\n"}, {"json", "cut off", whole[:len(whole)-1]},
		{"json", "cut off in a string", whole[:len(whole)/2]}, {"json", "a comma too many",
			strings.Replace(whole, "}}", ",}}", 1)},
		{"json", "single quotes", strings.ReplaceAll(whole, `"`, "'")}, {"json", "a comment", "/* */" +
			whole},
		{"json", "a name without quotes", strings.Replace(whole, `"user"`, "user", 1)},
		{"json", "a second value", whole + "{}"}, {"json", "a brace too many", whole + "}"},
		{"json", "a colon missing", strings.Replace(whole, `"user":`, `"user"`, 1)},
		{"json", "a word", "mfaload"}, {"json", "markup", "<user id='1'/>"}, {"json", "a form", "user.id=" +
			user},
		{"json", "NaN", strings.Replace(whole, id, "NaN", 1)}, {"json", "a leading zero",
			strings.Replace(whole, id, "01", 1)},
		{"json", "a control character", inID("\x01" + user[1:])}, {"json", "an unknown escape", inID(`\x` +
			user[1:])},
		{"json", "a zero byte after it", whole + "\x00"}, {"json", "nested 10,000 deep", deep},
		{"encoding", "a byte that is no UTF-8", inID("\xff" + user[1:])},
		{"encoding", "an overlong form", inID("\xc0\xb7" + user[1:])},
		{"encoding", "half a surrogate pair", inID(`\ud800` + user[6:])},
		{"encoding", "UTF-16", utf16(whole)}, {"encoding", "UTF-16 with a byte-order mark", "\xff\xfe" +
			utf16(whole)},
	} {
		g.add(Case{Place: wholeBody, Keyword: b.keyword, Variant: b.variant, Expect: Refused, User: user,
			Statuses: []int{400}, Request: g.request([]byte(b.body))})
	}
	for _, b := range []struct{ keyword, variant, body string }{
		{"encoding", "a byte-order mark", "\ufeff" + whole},
		{"size", "200 KiB", strings.TrimSuffix(whole, "}") + `,"mfaload":"` + strings.Repeat("a", 200<<10) +
			`"}`},
	} {
		g.add(Case{Place: wholeBody, Keyword: b.keyword, Variant: b.variant, Expect: Refused, User: user,
			Rule: ruleLenient, Statuses: []int{400, 413}, Request: g.request([]byte(b.body))})
	}
	g.add(Case{Place: wholeBody, Keyword: "valid", Variant: "no user", Expect: Open,
		Request: g.request([]byte("{}"))})
}

func utf16(ascii string) string {
	var b strings.Builder
	for i := range len(ascii) {
		b.WriteByte(ascii[i])
		b.WriteByte(0)
	}
	return b.String()
}
