package generate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"mfaload/contract"
)

// Rules of x-request-rules.
const (
	ruleValid      = "request.valid"
	ruleRefused    = "request.refused"
	ruleLenient    = "request.lenient"
	ruleFailed     = "request.failed"
	ruleStatus     = "request.status"
	ruleTarget     = "request.target"
	ruleCreated    = "request.created"
	ruleAssigned   = "request.assigned"
	ruleEscaped    = "request.escaped"
	ruleSecret     = "request.secret"
	ruleInternals  = "request.internals"
	ruleAnonymous  = "request.anonymous"
	ruleAuthorized = "request.authorized"
	ruleExistence  = "request.existence"
	ruleHidden     = "request.hidden"
)

// Judge says which rules about requests a complete response to a case breaks. Level is that of a
// rule; a rule that is off is not reported. A service that limits the rate says nothing: see
// [Limited].
func Judge(c *Case, ex *contract.Exchange, level func(rule string) contract.Level) []contract.Violation {
	j := &judge{c: c, ex: ex, level: level}
	if Limited(ex) {
		return nil
	}
	j.status()
	if ex.Status/100 == 4 {
		j.refusal()
	}
	j.body()
	return j.found
}

// Evaluates are the rules that the response to the case can break.
func (c *Case) Evaluates() []string {
	rules := []string{ruleFailed, ruleInternals, ruleEscaped}
	switch c.Expect {
	case Valid:
		rules = append(rules, ruleValid)
	case Refused:
		rules = append(rules, c.Rule, ruleStatus)
	}
	for _, r := range []struct {
		rule string
		has  bool
	}{{ruleTarget, c.Target != ""}, {ruleCreated, c.Back}, {ruleAssigned, len(c.Assigned) > 0},
		{ruleSecret, len(c.Personal) > 0}, {ruleExistence, c.Pair != ""}} {
		if r.has {
			rules = append(rules, r.rule)
		}
	}
	return rules
}

// Limited says whether a response only says that requests come too fast.
func Limited(ex *contract.Exchange) bool { return ex.Status == 429 }

type judge struct {
	c     *Case
	ex    *contract.Exchange
	level func(rule string) contract.Level
	found []contract.Violation
}

func (j *judge) violate(rule, at, expected, got string) {
	if level := j.level(rule); level != contract.Off {
		j.found = append(j.found, contract.Violation{Rule: rule, Level: level, Pointer: at, At: at,
			Expected: expected, Got: got})
	}
}

func (j *judge) status() {
	c, got := j.c, "HTTP status "+strconv.Itoa(j.ex.Status)
	switch class := j.ex.Status / 100; {
	case class == 5:
		j.violate(ruleFailed, "", wanted(c), got)
	case c.Expect == Valid && j.ex.Status != 201:
		j.violate(ruleValid, "", wanted(c), got)
	case c.Expect == Refused && class != 4:
		j.violate(c.Rule, "", wanted(c), got)
	case c.Expect == Refused && len(c.Statuses) > 0 && !slices.Contains(c.Statuses, j.ex.Status):
		j.violate(ruleStatus, "", wanted(c), got)
	}
}

// wanted says what the response should have been.
func wanted(c *Case) string {
	if c.Expect == Valid {
		return "HTTP status 201"
	}
	var statuses []string
	for _, s := range c.Statuses {
		statuses = append(statuses, strconv.Itoa(s))
	}
	named := strings.Join(statuses, " or ")
	switch {
	case c.Expect == Open:
		return "HTTP status 201 or 4xx"
	case named == "":
		return "a refusal: HTTP status 4xx"
	}
	return "a refusal: HTTP status " + named
}

// platformError is the platform's error body, as far as it is looked at.
type platformError struct {
	ID      string
	Details []struct{ Target string }
}

func (j *judge) refusal() {
	c, body := j.c, j.ex.Body
	var e platformError
	if json.Unmarshal(body, &e) == nil && len(e.Details) > 0 && c.Target != "" && j.ex.Status == 400 {
		var targets []string
		for _, d := range e.Details {
			targets = append(targets, d.Target)
		}
		if !slices.ContainsFunc(targets, func(t string) bool { return within(t, c.Target) }) {
			j.violate(ruleTarget, "/details/*/target", strconv.Quote(c.Target), fmt.Sprintf("%q", targets))
		}
	}
	for _, personal := range c.Personal {
		if bytes.Contains(body, []byte(personal)) {
			j.violate(ruleSecret, "", "a refusal without what the request says of the user",
				"a text of the request, in full")
			break
		}
	}
}

// within says whether one path of members leads to the other, however arrays and a leading
// slash are written.
func within(target, member string) bool {
	target = strings.ReplaceAll(strings.TrimPrefix(strings.TrimPrefix(target, "$."), "/"), "/", ".")
	return target != "" && (target == member || strings.HasPrefix(member, target+".") ||
		strings.HasPrefix(target, member+"."))
}

// internals are texts that only a program's own code writes.
var internals = regexp.MustCompile(`\.java:\d+\)|\bjava\.lang\.|\bcom\.fasterxml\.|\borg\.springframework\.` +
	`|Traceback \(most recent call last\)|\bgoroutine \d+ \[|\bpanic: |\.go:\d+|\bat Object\.<anonymous>` +
	`|\bSQLSTATE\b|\bORA-\d{5}\b|(?i:\bselect\b.{1,80}\bfrom\b.{1,80}\bwhere\b)` +
	`|\bSystem\.[A-Z]\w+Exception\b` +
	`|NullPointerException|/usr/(?:local|src|lib)/`)

// body looks at what any response must not have.
func (j *judge) body() {
	c, ex := j.c, j.ex
	if m := internals.Find(ex.Body); m != nil {
		j.violate(ruleInternals, "", "nothing of the service's own code", strconv.Quote(clip(string(m))))
	}
	if bytes.Contains(ex.Body, []byte(Marker)) || slices.ContainsFunc(ex.Header, hasMarker) {
		j.violate(ruleEscaped, "", "texts of the request escaped, and in the body only",
			"markup of the request as it was sent")
	}
	if len(c.Assigned) == 0 || ex.Status != 201 {
		return
	}
	t, ok := parse(ex.Body)
	if !ok {
		return
	}
	for _, member := range slices.Sorted(maps.Keys(c.Assigned)) {
		path := strings.Split(member, ".")
		if value := t.at(path); value != nil && string(value.text()) == c.Assigned[member] {
			j.violate(ruleAssigned, "/"+strings.Join(path, "/"), "what the service sets, not the request",
				"the request's value")
		}
	}
}

func hasMarker(f contract.HeaderField) bool {
	return strings.Contains(f.Value, Marker) || strings.Contains(f.Value, "<mfaload")
}

// Traces are IDs of transactions that a refusal may have left: that of Location, and that of the
// body. A response that refuses nothing has none.
func Traces(ex *contract.Exchange) (ids []string) {
	if ex.Status/100 != 4 {
		return nil
	}
	if location, count := ex.Header.Get("Location"); count > 0 {
		ids = append(ids, location[strings.LastIndexByte(location, '/')+1:])
	}
	var e platformError
	if json.Unmarshal(ex.Body, &e) == nil {
		ids = append(ids, e.ID)
	}
	return slices.Compact(slices.DeleteFunc(ids, func(id string) bool { return !idForm.MatchString(id) }))
}

var idForm = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)

// JudgeTrace judges the response to reading a transaction that a refusal may have left.
func JudgeTrace(ex *contract.Exchange, level func(rule string) contract.Level) []contract.Violation {
	j := &judge{c: &Case{}, ex: ex, level: level}
	switch ex.Status / 100 {
	case 2:
		j.violate(ruleCreated, "", "no transaction", "HTTP status "+strconv.Itoa(ex.Status)+" to reading it")
	case 5:
		j.violate(ruleFailed, "", "HTTP status 404", "HTTP status "+strconv.Itoa(ex.Status))
	}
	return j.found
}

// PairRefusal is what somebody can tell of a refusal.
type PairRefusal struct {
	Known  bool
	Status int
	Body   []byte
	Took   time.Duration
}

// minDelay is the least difference of times that tells something over a network.
const minDelay = 5 * time.Millisecond

// JudgePair compares the refusals of what there is with those of what there is not. Times tell
// them apart where there are six of each, and each of one takes longer than any of the other.
func JudgePair(all []PairRefusal, level func(rule string) contract.Level) []contract.Violation {
	j := &judge{level: level}
	var there, missing []PairRefusal
	for _, r := range all {
		if r.Known {
			there = append(there, r)
		} else {
			missing = append(missing, r)
		}
	}
	if len(there) == 0 || len(missing) == 0 {
		return nil
	}
	a, b := there[0], missing[0]
	switch {
	case a.Status/100 != 4 || b.Status/100 != 4: // another rule says so
	case a.Status != b.Status:
		j.violate(ruleExistence, "", fmt.Sprintf("the HTTP status of what is not there, %d", b.Status),
			fmt.Sprintf("HTTP status %d for what is there", a.Status))
	case !bytes.Equal(comparable(a.Body), comparable(b.Body)):
		j.violate(ruleExistence, "", "the body for what is not there", "another body for what is there")
	case len(there) >= 6 && len(missing) >= 6 && (slower(there, missing) || slower(missing, there)):
		j.violate(ruleExistence, "", "about the same time for what is there and what is not",
			"each of one took longer than any of the other")
	}
	return j.found
}

func slower(a, b []PairRefusal) bool {
	byTime := func(x, y PairRefusal) int { return int(x.Took - y.Took) }
	return slices.MinFunc(a, byTime).Took > slices.MaxFunc(b, byTime).Took+minDelay
}

var varying = regexp.MustCompile(`[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|` +
	`[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z?`)

// comparable is a body without what is new in every response.
func comparable(body []byte) []byte { return varying.ReplaceAll(body, []byte("*")) }
