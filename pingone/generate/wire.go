package generate

import (
	"fmt"
	"strings"
)

// wireFaults adds requests that are wrong around their body.
func (g *generator) wireFaults() {
	accept := "Accept: application/json"
	wrong := func(place, keyword, variant, rule string, statuses []int, change func(*Request)) {
		user := g.user()
		r := g.request(base(user).text())
		change(&r)
		g.add(Case{Place: place, Keyword: keyword, Variant: variant, Expect: Refused, Rule: rule,
			Statuses: statuses, User: user, Request: r})
	}
	media := func(variant, value, rule string) {
		wrong(theHeader, "Content-Type", variant, rule, []int{415}, func(r *Request) {
			r.Headers = []string{"Content-Type: " + value, accept}
		})
	}
	for _, value := range []string{"text/plain", "application/xml", "application/x-www-form-urlencoded",
		"multipart/form-data; boundary=a", "application/jsonx", "json", "text/json"} {
		media(value, value, ruleRefused)
	}
	media("an unknown action", "application/vnd.pingidentity.mfaload+json", ruleLenient)
	media("charset=utf-16", "application/json; charset=utf-16", ruleLenient)
	wrong(theHeader, "Content-Type", "left out", ruleRefused, []int{415}, func(r *Request) {
		r.Headers = []string{accept}
	})
	for _, kb := range []int{7, 32} {
		wrong(theHeader, "size", fmt.Sprintf("%d KB", kb), ruleRefused, []int{400, 413, 431},
			func(r *Request) {
				r.Headers = append(r.Headers, "X-Filler: "+strings.Repeat("a", kb*1024))
			})
	}
	g.methods(wrong)
	g.paths(wrong)
}

type addFault func(place, keyword, variant, rule string, statuses []int, change func(*Request))

func (g *generator) methods(wrong addFault) {
	for _, method := range []string{"GET", "PUT", "PATCH", "DELETE", "post"} {
		wrong(theMethod, "method", method, ruleHidden, []int{400, 403, 404, 405}, func(r *Request) {
			r.Method = method
			if method == "GET" || method == "DELETE" {
				r.Body, r.Headers = nil, []string{"Accept: application/json"}
			}
		})
	}
}

func (g *generator) paths(wrong addFault) {
	path := func(keyword, variant, rule, value string, statuses ...int) {
		wrong(thePath, keyword, variant, rule, statuses, func(r *Request) { r.Path = value })
	}
	last := g.Path[strings.LastIndexByte(g.Path, '/')+1:]
	path("path", "in lower case", ruleHidden, strings.ToLower(g.Path), 404)
	path("path", "with /v1 before it", ruleHidden, "/v1"+g.Path, 403, 404)
	path("path", "without its last step", ruleHidden, strings.TrimSuffix(g.Path, "/"+last)+"/", 403, 404, 405)
	path("path", "with a step after an ID", ruleHidden, g.Path+"/"+unknownID+"/mfaload", 404, 405)
	path("path", "of a transaction that is not there", ruleHidden, g.Path+"/"+unknownID, 400, 404, 405, 415)
	if g.EnvID == "" {
		return
	}
	env := func(variant, value string) {
		path("environment", variant, ruleAuthorized, strings.Replace(g.Path, g.EnvID, value, 1), 403, 404)
	}
	env("all zeros", unknownID)
	env("by chance", g.id())
	env("one character less", g.EnvID[:len(g.EnvID)-1])
	env("one character more", g.EnvID+"0")
	env("a word", "mfaload")
}

// tokens adds requests whose token is missing, damaged or not good for what it is used for.
func (g *generator) tokens() {
	for _, t := range []struct{ keyword, variant, authorization string }{
		{"missing", "no Authorization", ""}, {"missing", "an empty token", "Bearer "},
		{"missing", "no scheme", "{token}"}, {"scheme", "Basic", "Basic {token}"},
		{"damaged", "a word", "Bearer mfaload"}, {"damaged", "one character more", "Bearer {token}x"},
		{"damaged", "cut off", "Bearer {cut}"}, {"damaged", "last character changed", "Bearer {flipped}"},
		{"damaged", "without a signature", "Bearer {unsigned}"},
	} {
		g.token(t.keyword, t.variant, func(r *Request) { r.Authorization = t.authorization })
	}
	g.token("query", "in the query instead", func(r *Request) {
		r.Authorization = ""
		r.Path += "?access_token={token}"
	})
	g.token("query", "in the query, with a damaged one in the header", func(r *Request) {
		r.Authorization = "Bearer {flipped}"
		r.Path += "?access_token={token}"
	})
	g.token("body", "in the body instead", func(r *Request) {
		r.Authorization = ""
		t, _ := parse(r.Body)
		r.Body = t.with([]string{"access_token"}, scalar(`"{token}"`)).text()
	})
	g.existence("without a token", Request{}, 8)
	g.existence("with a damaged token", Request{Authorization: "Bearer {flipped}"}, 1)
	for _, i := range g.Identities {
		g.identity(i)
	}
}

func (g *generator) token(keyword, variant string, change func(*Request)) {
	user := g.user()
	r := g.request(base(user).text())
	change(&r)
	g.add(Case{Place: theToken, Keyword: keyword, Variant: variant, Expect: Refused, Rule: ruleAnonymous,
		Statuses: []int{401}, User: user, Request: r})
}

// existence adds requests for what there is and what there is not, which someone who may not know
// that must not be able to tell apart. Repeated, their times are compared too.
func (g *generator) existence(who string, with Request, times int) {
	known := g.Users[0]
	unknown := g.id()
	pair := func(what, method, there, missing string, body func(user string) []byte) {
		for range times {
			for _, exists := range []bool{true, false} {
				r := Request{Method: method, Path: there, Authorization: with.Authorization,
					Identity: with.Identity, Headers: []string{"Accept: application/json"}}
				user := known
				if !exists {
					r.Path, user = missing, unknown
				}
				if body != nil {
					r.Headers = append(r.Headers, contentType)
					r.Body = body(user)
				}
				rule := ruleAnonymous
				if with.Identity != "" {
					rule = ruleAuthorized
				}
				g.add(Case{Place: theToken, Keyword: "existence", Variant: what + " " + who, Expect: Refused,
					Rule: rule, Pair: what + " " + who, Known: exists, User: known, Request: r})
			}
		}
	}
	pair("a user", "POST", g.Path, g.Path, func(user string) []byte { return base(user).text() })
	if g.Transaction != "" {
		times = 1
		pair("a transaction", "GET", g.Path+"/"+g.Transaction, g.Path+"/"+g.id(), nil)
	}
	if g.EnvID != "" && with.Identity == "" {
		times = 1
		pair("an environment", "POST", g.Path, strings.Replace(g.Path, g.EnvID, g.id(), 1),
			func(string) []byte { return base(known).text() })
	}
}

// identity adds what a token that the scenario describes must not do.
func (g *generator) identity(i OtherToken) {
	statuses := map[string][]int{"expired": {401}, "foreign": {401, 403, 404}, "weak": {401, 403},
		"population": {403, 404}}[i.Kind]
	for n, user := range g.Users[:min(len(g.Users), 3)] {
		r := g.request(base(user).text())
		r.Identity = i.Name
		g.add(Case{Place: theToken, Keyword: i.Kind, Variant: fmt.Sprintf("%s for user %d", i.Name, n+1),
			Expect: Refused, Rule: ruleAuthorized, Statuses: statuses, User: user, Request: r})
	}
	if g.Transaction != "" {
		r := Request{Method: "GET", Path: g.Path + "/" + g.Transaction, Authorization: "Bearer {token}",
			Identity: i.Name, Headers: []string{"Accept: application/json"}}
		g.add(Case{Place: theToken, Keyword: i.Kind, Variant: i.Name + " reads a transaction",
			Expect: Refused,
			Rule:   ruleAuthorized, Statuses: statuses, Request: r})
	}
	g.existence("with the token "+i.Name, Request{Authorization: "Bearer {token}", Identity: i.Name}, 1)
}
