package generate

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

var filler = regexp.MustCompile(`\{fill (\d{1,5})\}`)

// Fill replaces {fill N} in header lines by a text with which all of them, and as many bytes more, are
// N bytes long.
func Fill(head string, more int) string {
	place := filler.FindStringSubmatchIndex(head)
	if place == nil {
		return head
	}
	size, _ := strconv.Atoi(head[place[2]:place[3]])
	missing := size - more - (len(head) - (place[1] - place[0]))
	return head[:place[0]] + strings.Repeat("a", max(missing, 0)) + head[place[1]:]
}

// wireFaults adds requests that are wrong around their body.
func (g *generator) wireFaults() {
	wrong := func(place, keyword, variant string, rank int, rule string, statuses []int,
		change func(*Request)) {
		user := g.user()
		r := g.request(base(user).text())
		change(&r)
		c := Case{Place: place, Keyword: keyword, Variant: variant, Expect: Refused, Rule: rule,
			Statuses: statuses, User: user, Request: r}
		g.add(c, c.goals(rank)...)
	}
	media := func(variant, value string, rank int, rule string) {
		wrong(theHeader, "Content-Type", variant, rank, rule, []int{415}, func(r *Request) {
			r.Headers = []string{"Content-Type: " + value, acceptJSON}
		})
	}
	for _, value := range []string{"text/plain", "application/xml", "application/x-www-form-urlencoded",
		"application/jsonx", "text/json"} {
		media(value, value, ofPlace, ruleRefused)
	}
	for _, value := range []string{"multipart/form-data; boundary=a", "json"} {
		media(value, value, ranks, ruleRefused)
	}
	media("an unknown action", "application/vnd.pingidentity.mfaload+json", ofPlace, ruleLenient)
	media("charset=utf-16", "application/json; charset=utf-16", ofPlace, ruleLenient)
	wrong(theHeader, "Content-Type", "left out", ofPlace, ruleRefused, []int{415}, func(r *Request) {
		r.Headers = []string{acceptJSON}
	})
	for _, size := range []struct {
		variant, filler string
		rank            int
	}{
		{"just above 6 KB in all", "{fill 6400}", ofPlace}, {"32 KB", strings.Repeat("a", 32<<10), ranks},
	} {
		wrong(theHeader, "size", size.variant, size.rank, ruleRefused, []int{400, 413, 431},
			func(r *Request) { r.Headers = append(r.Headers, "X-Filler: "+size.filler) })
	}
	g.methods(wrong)
	g.paths(wrong)
}

type addFault func(place, keyword, variant string, rank int, rule string, statuses []int,
	change func(*Request))

func (g *generator) methods(wrong addFault) {
	for _, method := range []string{"GET", "PUT", "PATCH", "DELETE", "post"} {
		rank := ofPlace
		if method == "post" {
			rank = ranks
		}
		wrong(theMethod, "method", method, rank, ruleHidden, []int{400, 403, 404, 405}, func(r *Request) {
			r.Method = method
			if method == "GET" || method == "DELETE" {
				r.Body, r.Headers = nil, []string{acceptJSON}
			}
		})
	}
}

func (g *generator) paths(wrong addFault) {
	path := func(variant, value string, statuses ...int) {
		wrong(thePath, "path", variant, ofPlace, ruleHidden, statuses, func(r *Request) { r.Path = value })
	}
	last := g.Path[strings.LastIndexByte(g.Path, '/')+1:]
	path("in lower case", strings.ToLower(g.Path), 404)
	path("with /v1 before it", "/v1"+g.Path, 403, 404)
	path("without its last step", strings.TrimSuffix(g.Path, "/"+last)+"/", 403, 404, 405)
	path("with a step after an ID", g.Path+"/"+unknownID+"/mfaload", 404, 405)
	path("of a transaction that is not there", g.Path+"/"+unknownID, 400, 404, 405, 415)
	if g.EnvID == "" {
		return
	}
	env := func(variant string, rank int, value string) {
		wrong(thePath, "environment", variant, rank, ruleAuthorized, []int{403, 404}, func(r *Request) {
			r.Path = strings.Replace(g.Path, g.EnvID, value, 1)
		})
	}
	env("all zeros", ofPlace, unknownID)
	env("by chance", ranks, g.id())
	env("one character less", ofPlace, g.EnvID[:len(g.EnvID)-1])
	env("one character more", ofPlace, g.EnvID+"0")
	env("a word", ranks, "mfaload")
}

// tokens adds requests whose token is missing, damaged or not good for what it is used for.
func (g *generator) tokens() {
	for _, t := range []struct{ keyword, variant, authorization string }{
		{"missing", "an empty token", "Bearer "}, {"missing", "no scheme", "{token}"},
		{"scheme", "Basic", "Basic {token}"}, {"damaged", "a word", "Bearer mfaload"},
		{"damaged", "one character more", "Bearer {token}x"}, {"damaged", "cut off", "Bearer {cut}"},
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
	r := g.request(base(g.user()).text())
	r.Path += "?access_token={token}"
	// RFC 6750 forbids clients to do so, and does not say that servers notice it.
	twice := Case{Place: theToken, Keyword: "query", Variant: "in the query too", Expect: Open,
		User: g.user(), Request: r}
	g.add(twice, twice.goals(ofPlace)...)
	g.token("body", "in the body instead", func(r *Request) {
		r.Authorization = ""
		t, _ := parse(r.Body)
		r.Body = t.with([]string{"access_token"}, scalar(`"{token}"`)).text()
	})
	anonymous := weakToken{rule: ruleAnonymous, statuses: []int{401}}
	anonymous.keyword, anonymous.who, anonymous.times = "missing", "without a token", 6
	g.existence(anonymous)
	anonymous.keyword, anonymous.who, anonymous.times = "damaged", "with a damaged token", 1
	anonymous.authorization = "Bearer {flipped}"
	g.existence(anonymous)
	for _, i := range g.Identities {
		times := 1
		if i.Kind == "population" { // it is good for some users, so that the service looks for them
			times = 6
		}
		g.existence(weakToken{keyword: i.Kind, who: "with the token " + i.Name, rule: ruleAuthorized,
			statuses: statusesOf[i.Kind], authorization: "Bearer {token}", identity: i.Name, times: times})
	}
}

// statusesOf are the documented refusals of a token that is good for something else.
var statusesOf = map[string][]int{"expired": {401}, "foreign": {401, 403, 404}, "weak": {401, 403},
	"population": {403, 404}}

func (g *generator) token(keyword, variant string, change func(*Request)) {
	user := g.user()
	r := g.request(base(user).text())
	change(&r)
	c := Case{Place: theToken, Keyword: keyword, Variant: variant, Expect: Refused, Rule: ruleAnonymous,
		Statuses: []int{401}, User: user, Request: r}
	g.add(c, c.goals(ofTokens)...)
}

// weakToken is a token that is not good for the requests that it comes with.
type weakToken struct {
	keyword, who            string
	rule                    string
	statuses                []int
	authorization, identity string
	times                   int // in which a user is asked for
}

// existence adds requests for what there is and what there is not, which must be refused, and which
// someone who may not know that must not be able to tell apart. Repeated, their times are compared
// too.
func (g *generator) existence(w weakToken) {
	known, unknown := g.Users[0], g.id()
	body := func(user string) []byte { return base(user).text() }
	for n := range w.times {
		g.pair(w, n, "a user", Request{Method: "POST", Path: g.Path, Body: body(known)},
			Request{Method: "POST", Path: g.Path, Body: body(unknown)})
	}
	if g.Transaction != "" {
		g.pair(w, 0, "a transaction", Request{Method: "GET", Path: g.Path + "/" + g.Transaction},
			Request{Method: "GET", Path: g.Path + "/" + g.id()})
	}
	if g.EnvID != "" && w.identity == "" {
		g.pair(w, 0, "an environment", Request{Method: "POST", Path: g.Path, Body: body(known)},
			Request{Method: "POST", Path: strings.Replace(g.Path, g.EnvID, g.id(), 1), Body: body(known)})
	}
}

// pair adds a request for what there is, and one for what there is not.
func (g *generator) pair(w weakToken, n int, what string, there, missing Request) {
	for _, r := range []Request{there, missing} {
		r.Headers = []string{acceptJSON}
		if r.Body != nil {
			r.Headers = append(r.Headers, contentType)
		}
		r.Authorization, r.Identity = w.authorization, w.identity
		known := r.Path == there.Path && bytes.Equal(r.Body, there.Body)
		c := Case{Place: theToken, Keyword: w.keyword, Variant: what + " " + w.who, Expect: Refused,
			Rule: w.rule, Pair: what + " " + w.who, Known: known, User: g.Users[0], Request: r}
		if known {
			c.Statuses = w.statuses
		}
		rank := ofTokens
		if n > 0 && w.identity != "" {
			rank = ofPlace
		}
		g.add(c, goal{rank, fmt.Sprint(c.Pair, known, n)})
	}
}
