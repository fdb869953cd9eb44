package generate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// formsOf is a member of the body with all its valid forms.
type formsOf struct {
	path  []string
	forms []formOf
}

type formOf struct {
	value *tree
	goals []goal
	owned bool // it belongs to the first user
}

// combined adds requests that are valid in many ways at once: in turn each form of each member, of
// the text and of the header fields. A service that takes them takes each form; of one that does
// not, shrinking tells which.
func (g *generator) combined() {
	cases := []func(string) string{strings.ToLower, strings.ToUpper, mixedCase}
	n := max(len(textForms), len(headerForms), len(cases))
	for _, top := range g.tops {
		n = max(n, len(top.forms))
	}
	for k := range n {
		user := g.user()
		goals := []goal{{ofKeyword, wholeBody + " text"}, {ofKeyword, wholeBody + " pairs"},
			{ofKeyword, theHeader + " valid"}}
		body := &tree{kind: '{'}
		for _, top := range g.tops {
			form := top.forms[k%len(top.forms)]
			body = body.with(top.path, form.value)
			if form.owned {
				user = g.Users[0]
			}
			goals = append(goals, form.goals...)
		}
		id := cases[k%len(cases)](user)
		if !g.Schema.Body.find("user", "id").holds(id) {
			id = user
		}
		whole := base(id)
		whole.members = append(whole.members, body.members...)
		r := g.request(textForms[k%len(textForms)].write(whole))
		r.Headers = headerForms[k%len(headerForms)].lines
		goals = append(goals, goal{ofPlace, fmt.Sprint("header ", k%len(headerForms))},
			goal{ofPlace, fmt.Sprint("text ", k%len(textForms))},
			goal{ofPlace, fmt.Sprint("user ", k%len(cases))})
		g.add(Case{Place: wholeBody, Keyword: "valid", Variant: fmt.Sprint("all members, combination ", k+1),
			Expect: Valid, User: user, Request: r}, goals...)
	}
}

func mixedCase(s string) string { return strings.ToUpper(s[:len(s)/2]) + strings.ToLower(s[len(s)/2:]) }

// form notes a valid form of a member that is sure to be taken, for a request with many of them.
func (g *generator) form(path []string, variant string, body *tree) {
	top := path[:1]
	if path[0] == "user" {
		return // see combined
	}
	i := slices.IndexFunc(g.tops, func(f formsOf) bool { return f.path[0] == path[0] })
	if i < 0 {
		i = len(g.tops)
		g.tops = append(g.tops, formsOf{path: top})
	}
	value := body.at(top)
	forms := &g.tops[i].forms
	same := func(f formOf) bool { return bytes.Equal(f.value.text(), value.text()) }
	at := slices.IndexFunc(*forms, same)
	if at < 0 {
		at = len(*forms)
		*forms = append(*forms, formOf{value: value, owned: g.owned((*tree)(nil).with(top, value))})
	}
	f := &(*forms)[at]
	f.goals = append(f.goals, goal{ofPlace, dotted(path) + " form " + variant},
		goal{ofKeyword, dotted(path) + " valid"})
}

// textForms are other ways to write the same value.
var textForms = []struct {
	variant string
	write   func(*tree) []byte
}{
	{"members in reverse order", func(t *tree) []byte {
		reversed := &tree{kind: '{', members: slices.Clone(t.members)}
		slices.Reverse(reversed.members)
		return reversed.text()
	}},
	{"white space between tokens", spaced},
	{"a name with an escape", func(t *tree) []byte {
		return bytes.Replace(t.text(), []byte(`"user"`), []byte(`"\u0075ser"`), 1)
	}},
	{"a value with an escape", func(t *tree) []byte {
		id, is := unquote(t.at([]string{"user", "id"}).scalar)
		if !is || id == "" {
			return t.text()
		}
		escaped := fmt.Sprintf(`"\u%04x%s"`, id[0], id[1:])
		return t.with([]string{"user", "id"}, scalar(escaped)).text()
	}},
}

// spaced is a tree with white space of all kinds around its tokens.
func spaced(t *tree) []byte {
	var pretty bytes.Buffer
	_ = json.Indent(&pretty, t.text(), "\r\n\t", "\t ")
	return slices.Concat([]byte("\r\n\t "), pretty.Bytes(), []byte("\r\n"))
}

// headerForms are header fields that are allowed, and several of them.
var headerForms = []struct {
	variant string
	lines   []string
}{
	{"charset=utf-8, Accept */*", []string{contentType + "; charset=utf-8", "Accept: */*",
		transactionID + ": mfaload", "X-Forwarded-Host: mfaload.example"}},
	{"in upper case, an ID of the session", []string{"Content-Type: APPLICATION/JSON", acceptJSON,
		sessionID + ": " + unknownID, "X-Filler: " + strings.Repeat("a", 3072)}},
	{"quoted charset, Accept hal+json", []string{contentType + `;charset="UTF-8"`,
		"Accept: application/hal+json, */*;q=0.1", transactionID + ": " + unknownID}},
	{"just below 6 KB in all", []string{contentType, acceptJSON, sessionID + ": mfaload",
		"X-Filler: {fill 5888}"}},
}

const (
	acceptJSON    = "Accept: application/json"
	transactionID = "X-Ping-External-Transaction-ID"
	sessionID     = "X-Ping-External-Session-ID"
)
