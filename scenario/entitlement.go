package scenario

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"mfaload/pingone/limits"
	"mfaload/scenario/form"
)

// Entitlement is what the license of a target allows. It shapes no load: plans compare the load with it.
type Entitlement struct {
	// Rate is that of the license; 0 for the documented one.
	Rate Rate
	// PerAddress is the share of Rate that one source address gets; 0 for the documented one.
	PerAddress float64
	// Addresses is from how many the service sees requests; 0 for those of Network, at least one.
	Addresses int
	Trial     bool
}

var entitlementForm = form.Mapping[Entitlement](nil, []form.Field{
	form.Key("rate", rate(true),
		"The license's rate for MFA, shared by all its environments. Default: the documented 100/s."),
	form.Key("perAddress", shareAboveZero,
		"The share of the rate that one source address gets: 100% if the environment lists your addresses "+
			"as allowed. Default: the documented 35%, with trial 100%."),
	form.Key("addresses", form.Whole(1, 100_000),
		"How many source addresses the service sees. Default: those of sourceAddresses, or 1."),
	form.Key("trial", form.YesOrNo, "Says that the license is a trial license.").Default("false"),
})

// LimitChange sets a documented limit as the environment's policies do, or disregards it.
type LimitChange struct {
	// Name is one of [limits.All] that count messages.
	Name string
	// Off disregards the limit. Else Value is the number of messages, or of seconds.
	Off   bool
	Value uint64
	timed bool // written with a unit of time
}

var limitChangesForm = form.Dictionary("a mapping", "of limits, such as push.unanswered: off",
	limitPattern(), checkLimitName, limitChangeText)

// changeable are the limits that a scenario may change: the rates are in its entitlement.
func changeable() (names []string) {
	for _, l := range limits.All() {
		if len(l.Messages) > 0 {
			names = append(names, l.Name)
		}
	}
	return names
}

func limitPattern() string {
	quoted := changeable()
	for i, name := range quoted {
		quoted[i] = regexp.QuoteMeta(name)
	}
	return "^(?:" + strings.Join(quoted, "|") + ")$"
}

func checkLimitName(name string) *form.Flaw {
	names := changeable()
	if slices.Contains(names, name) {
		return nil
	}
	remedy := "write one of " + strings.Join(names, ", ")
	if best := form.Nearest(name, names); best != "" {
		remedy = fmt.Sprintf("did you mean %q? %s", best, remedy)
	}
	return form.NewFlaw("is not a limit", remedy)
}

var limitChangeText = form.UnitText("a limit", "such as off, 20, or 30s for messages.cooldown",
	form.SchemaObject{"anyOf": []any{form.SchemaObject{"const": "off"},
		form.SchemaObject{"type": "integer", "minimum": 1}, form.Reference("duration")}}, parseLimitChange)

func parseLimitChange(text string) (c LimitChange, f *form.Flaw) {
	if text == "off" {
		return LimitChange{Off: true}, nil
	}
	if n, err := strconv.ParseUint(text, 10, 32); err == nil {
		return LimitChange{Value: n}, nil
	}
	d, f := parseDuration(text)
	if f != nil || d%time.Second != 0 {
		return c, &form.Flaw{Reason: "is neither off, a whole number nor a duration in seconds"}
	}
	return LimitChange{Value: uint64(d / time.Second), timed: true}, nil
}

func setLimits(t *Target, v []form.Entry[LimitChange]) {
	for _, e := range v {
		e.Value.Name = e.Name
		t.Limits = append(t.Limits, e.Value)
	}
}

// checkLimitValues refuses values that no policy can have.
func checkLimitValues(d *form.Decoder, n *form.Node, t *Target) {
	for _, c := range t.Limits {
		l, e := limits.Get(c.Name), n.Get("limits").Get(c.Name)
		if l == nil || e == nil || e.Bad || c.Off {
			continue
		}
		least, most, unit := max(l.Min, 1), max(l.Max, l.Value), ""
		if c.Name == limits.Cooldown {
			unit = "s"
		}
		if c.timed != (unit != "") || c.Value < least || c.Value > most {
			d.Fail(e, d.Label(e)+": "+e.Shown()+" is out of what the service allows",
				fmt.Sprintf("write off, or from %d%s to %d%s", least, unit, most, unit))
		}
	}
}

// Limit is a documented limit as it is for the target: its value, 0 if only an unknown policy sets it, and
// whether the scenario disregards it.
func (t *Target) Limit(l *limits.ServiceLimit) (value uint64, off bool) {
	for _, c := range t.Limits {
		if c.Name == l.Name {
			return c.Value, c.Off
		}
	}
	return l.Value, false
}

// SupportCase is what the vendor asks for before a load test and the load does not say. Empty texts are
// blanks to fill in.
type SupportCase struct {
	Organization, Contact, Region, Justification, Stop string
	Addresses                                          []string
}

const maxCaseText = 1000

var caseText = form.Text("text", "in one line", `[^\x00-\x1f\x7f]+`, func(text string) (string, *form.Flaw) {
	switch {
	case strings.TrimSpace(text) == "":
		return "", &form.Flaw{Reason: "is empty"}
	case strings.ContainsFunc(text, unicode.IsControl):
		return "", form.NewFlaw("has a line break or another control character", "write it in one line")
	case len(text) > maxCaseText:
		return "", form.NewFlaw(fmt.Sprintf("has more than %d bytes", maxCaseText), "write a shorter one")
	}
	return text, nil
})

var caseForm = form.Mapping[SupportCase](nil, []form.Field{
	form.Key("organization", caseText, "The organization in PingOne, by name or ID."),
	form.Key("contact", caseText, "Who can be reached while the test lasts, and how."),
	form.Key("region", caseText, "The environment's region, if the host does not tell."),
	form.Key("addresses", form.ListOf("a list of addresses", "such as [198.51.100.7]", addressText),
		"The public addresses that the requests come from. mfaload does not look them up."),
	form.Key("justification", caseText,
		"Why the load is what it is. --logins-per-day computes it from the logins of a day."),
	form.Key("stop", caseText, "How else the test can be stopped, in addition to what mfaload does."),
})
