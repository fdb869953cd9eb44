package generate

import (
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"unicode/utf8"
)

// holds says whether a string is valid for the value.
func (v *Value) holds(s string) bool {
	n := utf8.RuneCountInString(s)
	switch {
	case n < v.MinLength || v.MaxLength > 0 && n > v.MaxLength:
		return false
	case len(v.Enum) > 0 && !slices.Contains(v.Enum, s):
		return false
	case v.Pattern != nil && !v.Pattern.MatchString(s):
		return false
	case v.Format == "email":
		a, err := mail.ParseAddress(s)
		return err == nil && a.Address == s
	}
	return true
}

// carrier is a valid body that has a value at the path, with as little else as the schema lets it.
// It is for the next user, or for the one to whom something in it belongs. Sure says that nothing
// in it is made up that refers to the environment.
func (g *generator) carrier(path []string) (body *tree, user string, sure bool) {
	user, sure = g.user(), true
	body = g.fill(base(user), g.Schema.Body, nil, path, nil, &sure)
	if g.owned(body) {
		user = g.Users[0]
		body = body.with([]string{"user", "id"}, scalar(quote(user)))
	}
	return body, user, sure
}

// owned says whether a body has something that belongs to the first user.
func (g *generator) owned(body *tree) (owned bool) {
	g.Schema.Body.walk(nil, func(path []string, v *Value) {
		owned = owned || v.Owned && body.at(path) != nil
	})
	return owned
}

// fill adds to a body what the value at a path needs, with the rest of the way ahead.
func (g *generator) fill(body *tree, v *Value, at, ahead []string, narrow *Value, sure *bool) *tree {
	if len(v.Names) == 0 && !(v.is("object") && len(ahead) > 0) {
		if body.at(at) == nil {
			body = body.with(at, scalar(g.sample(v, at, narrow, sure)))
		}
		return body
	}
	if body.at(at) == nil {
		body = body.with(at, &tree{kind: '{'})
	}
	branch := g.branchFor(v, ahead)
	names := v.needed(branch)
	for _, name := range v.Names {
		if v.Properties[name].Quiet {
			names = append(names, name)
		}
	}
	if len(ahead) > 0 {
		names = append(names, ahead[0])
	}
	for _, name := range names {
		child := v.Properties[name]
		if child == nil {
			continue
		}
		var rest []string
		if len(ahead) > 0 && name == ahead[0] {
			rest = ahead[1:]
		}
		var narrowed *Value
		if branch != nil {
			narrowed = branch.Properties[name]
		}
		body = g.fill(body, child, append(slices.Clone(at), name), rest, narrowed, sure)
	}
	return body
}

// branchFor is the branch that needs the next member of a way, or else any.
func (g *generator) branchFor(v *Value, ahead []string) *Value {
	if len(v.AnyOf) == 0 {
		return nil
	}
	for _, branch := range v.AnyOf {
		if len(ahead) > 0 && slices.Contains(branch.Required, ahead[0]) {
			return branch
		}
	}
	return v.AnyOf[g.turn%len(v.AnyOf)]
}

// sample is a valid JSON text for a value without members.
func (g *generator) sample(v *Value, at []string, narrow *Value, sure *bool) string {
	if known := g.Known[dotted(at)]; known != "" {
		return known
	}
	if v.Refers {
		*sure = false
	}
	switch {
	case narrow != nil && len(narrow.Enum) > 0:
		return quote(narrow.Enum[0])
	case len(v.Enum) > 0:
		return quote(v.Enum[0])
	case len(v.Examples) > 0:
		return v.Examples[0]
	case v.is("boolean"):
		return "true"
	case v.is("number"), v.is("integer"):
		return "1"
	case v.is("array"):
		return "[]"
	case v.is("object"):
		return `{"name":"value"}`
	case v.Pattern != nil && v.holds(unknownID):
		return quote(g.id())
	}
	return quote(strings.Repeat("en", max(1, (v.MinLength+1)/2)))
}

const unknownID = "00000000-0000-0000-0000-000000000000"

// validBodies adds valid requests: each member alone, its forms, pairs, and forms of the text.
func (g *generator) validBodies() {
	var sureTops [][]string
	g.Schema.Body.walk(nil, func(path []string, v *Value) {
		body, user, sure := g.carrier(path)
		alone := ofPlace
		if sure && len(path) != 1 {
			alone = ranks
		}
		g.valid(path, "valid", "alone", user, body, sure, alone)
		if len(path) == 1 && sure && path[0] != "user" {
			sureTops = append(sureTops, path)
		}
		g.forms(path, v, body, user, sure)
	})
	g.pairs(sureTops)
	g.texts(sureTops)
	g.assigned()
}

// valid adds a body that is valid by the schema. What is sure to be taken, others have too: see
// combined.
func (g *generator) valid(path []string, keyword, variant, user string, body *tree, sure bool,
	rank int) {
	c := Case{Place: dotted(path), Keyword: keyword, Variant: variant, Expect: Open, User: user,
		Request: g.request(body.text())}
	if sure {
		c.Expect = Valid
	}
	g.add(c, c.goals(rank)...)
	if sure && len(path) > 0 {
		g.form(path, variant, body)
	}
}

// forms adds valid forms of one value.
func (g *generator) forms(path []string, v *Value, body *tree, user string, sure bool) {
	try := func(variant, text string, sure bool) {
		rank := ranks
		if !sure && !v.Refers {
			rank = ofAny
		}
		g.valid(path, "valid", variant, user, body.with(path, scalar(text)), sure, rank)
	}
	for i, example := range v.Examples {
		if i > 0 {
			try("example "+fmt.Sprint(i+1), example, sure)
		}
	}
	for _, value := range v.Enum {
		g.enumValue(path, value)
	}
	switch {
	case v.is("boolean"):
		try("true", "true", sure)
		try("false", "false", sure)
	case v.Pattern != nil && v.holds(unknownID):
		if s, is := unquote(body.at(path).scalar); is {
			try("upper case", quote(strings.ToUpper(s)), sure)
			try("lower case", quote(strings.ToLower(s)), sure)
			try("mixed case", quote(mixedCase(s)), sure)
		}
	case len(v.Names) == 0 && (v.is("object") || len(v.Types) == 0):
		try("empty", "{}", sure)
		try("Unicode", `{"name":"Grüße \ud83d\ude00 `+"\u202e"+`"}`, sure)
		try("numbers", `{"a":-0.0,"b":1e2,"c":12345678901234567890}`, false)
		try("nested", `{"a":{"b":["c",null]}}`, false)
	case v.is("string") && v.Pattern == nil && v.Format == "" && len(v.Enum) == 0:
		g.stringForms(v, try)
	}
}

// enumValue tries a value that an enumeration lists, with what its branch needs.
func (g *generator) enumValue(path []string, value string) {
	above := g.Schema.Body
	for _, name := range path[:len(path)-1] {
		above = above.Properties[name]
	}
	ahead := path
	for _, branch := range above.AnyOf {
		p := branch.Properties[path[len(path)-1]]
		if p != nil && slices.Contains(p.Enum, value) && len(branch.Required) > 0 {
			ahead = append(slices.Clone(path[:len(path)-1]), branch.Required[0])
		}
	}
	body, user, sure := g.carrier(ahead)
	g.valid(path, "valid", value, user, body.with(path, scalar(quote(value))), sure, ofPlace)
}

func (g *generator) stringForms(v *Value, try func(variant, text string, sure bool)) {
	sure := !v.Refers
	if v.MinLength > 0 {
		try("shortest", quote(strings.Repeat("a", v.MinLength)), sure)
	}
	if v.MaxLength > 0 {
		try("longest", quote(strings.Repeat("a", v.MaxLength)), sure)
		try("longest, of two bytes each", quote(strings.Repeat("ä", v.MaxLength)), sure)
	}
	try("Unicode", quote("Grüße 😀 \u202e"), false)
	try("markup", quote(Marker), false)
}

// Marker is a text that no response may have as it is.
const Marker = `<mfaload a="1">'`

// pairs adds two members at once, and all of them.
func (g *generator) pairs(tops [][]string) {
	join := func(variant, keyword string, parts ...[]string) {
		user := g.user()
		body := base(user)
		for _, path := range parts {
			one, _, _ := g.carrier(path)
			body = body.with(path, one.at(path))
		}
		if g.owned(body) {
			user = g.Users[0]
			body = body.with([]string{"user", "id"}, scalar(quote(user)))
		}
		g.valid(nil, keyword, variant, user, body, true, ranks)
	}
	for i, a := range tops {
		for _, b := range tops[i+1:] {
			join(dotted(a)+" and "+dotted(b), "pairs", a, b)
		}
	}
	if len(tops) > 0 {
		join("all members", "valid", tops...)
	}
}

// texts adds other ways to write the same value.
func (g *generator) texts(tops [][]string) {
	user := g.user()
	body := base(user)
	if len(tops) > 0 {
		body, user, _ = g.carrier(tops[0])
	}
	for _, form := range textForms {
		g.add(Case{Place: wholeBody, Keyword: "text", Variant: form.variant, Expect: Valid, User: user,
			Request: g.request(form.write(body))})
	}
}

// assigned adds members that only the service sets: each alone, and some at once.
func (g *generator) assigned() {
	members := []struct{ path, text, at string }{
		{"id", quote("11111111-1111-4111-8111-111111111111"), "id"},
		{"status", `"COMPLETED_BY_REQUEST"`, "status"},
		{"environment", `{"id":"22222222-2222-4222-8222-222222222222"}`, "environment.id"},
		{"createdAt", `"2001-02-03T04:05:06.789Z"`, "createdAt"},
		{"updatedAt", `"2031-02-03T04:05:06.789Z"`, "updatedAt"},
		{"_links", `{"self":{"href":"https://mfaload.example/33333333"}}`, "_links.self.href"},
		{"_embedded", `{"devices":[]}`, ""},
		{"bypassAllowed", `true`, "bypassAllowed"},
		{"userBypassEnabled", `true`, "userBypassEnabled"},
		{"authenticators", `["MFALOAD"]`, "authenticators"},
		{"mfaload", `"unknown to the service"`, "mfaload"},
		{"user.username", `"mfaload"`, "user.username"},
	}
	const together = 4
	for first := range len(members) / together {
		var several []string
		all, user := map[string]string{}, g.user()
		body := base(user)
		for i := first; i < len(members); i += len(members) / together {
			m := &members[i]
			body = body.with(strings.Split(m.path, "."), scalar(m.text))
			if m.at != "" {
				all[m.at] = assignedValue(m.text, m.at)
			}
			several = append(several, m.path)
		}
		c := Case{Place: wholeBody, Keyword: "assigned", Variant: strings.Join(several, ", "), Expect: Open,
			User: user, Assigned: all, Request: g.request(body.text())}
		g.add(c, c.goals(ofPlace)...)
	}
	for _, m := range members {
		user := g.user()
		c := Case{Place: wholeBody, Keyword: "assigned", Variant: m.path, Expect: Open, User: user,
			Request: g.request(base(user).with(strings.Split(m.path, "."), scalar(m.text)).text())}
		if m.at != "" {
			c.Assigned = map[string]string{m.at: assignedValue(m.text, m.at)}
		}
		g.add(c)
	}
}

// assignedValue is the text of what a member holds at the end of a path that begins with it.
func assignedValue(text, at string) string {
	path := strings.Split(at, ".")
	t, ok := parse([]byte(text))
	if !ok || at == "" {
		return ""
	}
	if inner := t.at(path[1:]); inner != nil {
		return string(inner.text())
	}
	return text
}

// validWire adds header fields that are allowed, and some that may be refused.
func (g *generator) validWire() {
	header := func(variant string, expect Expect, rank int, lines ...string) {
		user := g.user()
		r := g.request(base(user).text())
		r.Headers = lines
		c := Case{Place: theHeader, Keyword: "valid", Variant: variant, Expect: expect, User: user,
			Request: r}
		g.add(c, c.goals(rank)...)
	}
	for _, form := range headerForms {
		header(form.variant, Valid, ranks, form.lines...)
	}
	header("Accept text/html", Open, ofAny, contentType, "Accept: text/html")
	header("markup", Open, ofPlace, contentType, acceptJSON, transactionID+": "+Marker,
		sessionID+": "+Marker)
	header("X-HTTP-Method-Override: GET", Open, ofAny, contentType, acceptJSON,
		"X-HTTP-Method-Override: GET")
}
