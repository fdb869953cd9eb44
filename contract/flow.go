package contract

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// flowRule is a rule about two responses that concern one transaction: an earlier and a later one.
// One of its demands is set.
type flowRule struct {
	Rule
	status    int    // the later response has this HTTP status
	same      []path // the strings there never change
	notBefore path   // the time there never goes back
	at        path   // where moves looks
	moves     moves
	never     bool // moves has what must not follow, not what may
}

// moves has, for what was done in between and for an earlier string, later strings.
type moves map[string]map[string][]string

var flowDemands = []string{"status", "same", "notBefore", "moves", "never"}

// flowRules reads x-flow-rules. It waits until the places of responses are known.
func (k *compiler) flowRules(n *yaml.Node) {
	for _, item := range k.ruleItems(n, "x-flow-rules") {
		ru := &flowRule{Rule: *k.ruleHead(item)}
		demands := 0
		for key, value := range entries(item) {
			if slices.Contains(flowDemands, key.Value) {
				demands++
				k.flowDemand(ru, key.Value, value)
			} else if key.Value == "at" {
				ru.at = k.flowPath(ru, value, k.text(value, "a pointer"))
			}
		}
		k.onlyMembers(item, ru.Name, slices.Concat(ruleHeadMembers, flowDemands, []string{"at"}))
		if demands != 1 || (ru.moves == nil) != (ru.at == nil) {
			k.fail(item, "the rule %s needs one of %s, and moves and never a place: write at: /member",
				ru.Name, strings.Join(flowDemands, ", "))
		}
		if k.isNewName(item, ru.Name) {
			k.contract.flowRules = append(k.contract.flowRules, ru)
			k.otherNames[ru.Name] = true
		}
	}
}

func (k *compiler) flowDemand(ru *flowRule, demand string, n *yaml.Node) {
	switch demand {
	case "status":
		within, ok := parseStatuses(n.Value)
		if ru.status = within.from; !ok || within.from != within.to {
			k.fail(n, "%q is not an HTTP status: write one such as 200", clip(n.Value))
		}
	case "same":
		for _, s := range k.texts(n, "a pointer") {
			ru.same = append(ru.same, k.flowPath(ru, n, s))
		}
	case "notBefore":
		ru.notBefore = k.flowPath(ru, n, k.text(n, "a pointer"))
	default:
		ru.never, ru.moves = demand == "never", moves{}
		for action, rows := range entries(n) {
			ru.moves[action.Value] = map[string][]string{}
			for from, to := range entries(rows) {
				ru.moves[action.Value][from.Value] = k.texts(to, "a row")
			}
		}
	}
}

func (k *compiler) flowPath(ru *flowRule, n *yaml.Node, s string) path {
	p := k.path(n, s)
	if p.wild() {
		k.fail(n, "a rule over two responses compares one value: name it without *")
	}
	k.demand(&rule{Rule: ru.Rule}, n, p)
	return p
}

// FlowRules returns the rules about two responses that concern one transaction, in the document's
// order.
func (c *Contract) FlowRules() []Rule {
	list := make([]Rule, len(c.flowRules))
	for i, ru := range c.flowRules {
		list[i] = ru.Rule
	}
	return list
}

// CheckFlow compares two responses that concern one transaction, after [Contract.CheckAs] has judged
// the later one, and appends what it finds to that. Action is what was done in between, in the words
// of the document: read, for one that only reads. It also returns the rules that the responses could
// have broken. As everywhere, a place that breaks a rule of level fail breaks no other.
func (c *Contract) CheckFlow(action string, before, after *Exchange, found []Violation) (all []Violation,
	evaluated []string) {
	r := c.checkers.Get().(*checker)
	defer r.release()
	r.ex = after
	f := &flowCheck{quote: r.quote, after: after, action: action, found: found, earlier: decoded(before.Body),
		later: decoded(after.Body)}
	for _, level := range []Level{Fail, Note} {
		for _, ru := range c.flowRules {
			if ru.Level == level && f.evaluate(ru) {
				evaluated = append(evaluated, ru.Name)
			}
		}
	}
	sortViolations(f.found)
	return f.found, evaluated
}

func decoded(body []byte) (v any) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return nil
	}
	return v
}

// flowCheck is the comparison of two responses.
type flowCheck struct {
	quote          func(string) string
	after          *Exchange
	action         string
	found          []Violation
	earlier, later any
}

func (f *flowCheck) evaluate(ru *flowRule) (evaluated bool) {
	switch {
	case ru.status != 0:
		if evaluated = !f.broken(""); evaluated && f.after.Status != ru.status {
			f.violate(ru, "", httpStatus(ru.status), httpStatus(f.after.Status))
		}
	case ru.moves != nil:
		return f.move(ru)
	case ru.notBefore != nil:
		from, to, both := f.both(ru.notBefore)
		s, t, times := instants(from, to)
		if evaluated = both && times; evaluated && t.Before(s) {
			f.violate(ru, ru.notBefore.String(), "not before "+f.quote(from), f.quote(to))
		}
	}
	for _, p := range ru.same {
		from, to, both := f.both(p)
		if evaluated = evaluated || both; both && !sameValue(from, to) {
			f.violate(ru, p.String(), f.quote(from)+", as before", f.quote(to))
		}
	}
	return evaluated
}

func (f *flowCheck) move(ru *flowRule) (evaluated bool) {
	from, to, both := f.both(ru.at)
	row, has := ru.moves[f.action][from]
	if !both || !has {
		return false
	}
	if slices.Contains(row, to) == ru.never {
		want := strings.Join(row, " or ")
		if ru.never {
			want = "not " + want
		}
		f.violate(ru, ru.at.String(), bound(want+", by "+f.action+" after "+from), f.quote(to))
	}
	return true
}

// both are the strings at one place of both responses, where no rule of level fail is broken there.
func (f *flowCheck) both(p path) (from, to string, there bool) {
	before, _ := p.find(f.earlier)
	after, _ := p.find(f.later)
	from, is := before.(string)
	to, too := after.(string)
	return from, to, is && too && !f.broken(p.String())
}

// broken says whether a place, or one that it is a part of, breaks a rule of level fail.
func (f *flowCheck) broken(pointer string) bool {
	return slices.ContainsFunc(f.found, func(v Violation) bool {
		return v.Level == Fail && (v.At == pointer || v.At == "" || strings.HasPrefix(pointer, v.At+"/"))
	})
}

func (f *flowCheck) violate(ru *flowRule, pointer, expected, got string) {
	f.found = append(f.found, Violation{Rule: ru.Name, Level: ru.Level, Pointer: pointer, At: pointer,
		Expected: bound(expected), Got: bound(got)})
}

func httpStatus(status int) string { return "HTTP status " + strconv.Itoa(status) }

// sameValue says whether two texts are the same text, or the same moment.
func sameValue(a, b string) bool {
	s, t, times := instants(a, b)
	return SameText(a, b) || times && s.Equal(t)
}

func instants(a, b string) (s, t time.Time, ok bool) {
	s, err := time.Parse(time.RFC3339Nano, a)
	if err != nil {
		return s, t, false
	}
	t, err = time.Parse(time.RFC3339Nano, b)
	return s, t, err == nil
}
