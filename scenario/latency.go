package scenario

import (
	"regexp"
	"strings"
	"time"

	"mfaload/scenario/form"
)

const latencyDetail = "such as 5ms, normal(80ms, 20ms) or lognormal(80ms, 250ms)"

// latencyPattern also takes what is left of the comma when YAML has taken a
// distribution in braces apart.
const latencyPattern = durationPattern + `|(?:constant|exponential)\(\s*` + durationPattern + `\s*\)|(?:normal|lognormal)\(\s*` +
	durationPattern + `\s*(?:,\s*` + durationPattern + `\s*\))?`

var latencyText = form.UnitText("a latency", latencyDetail, form.SchemaObject{"type": "string", "pattern": form.OrVariable(latencyPattern)}, parseLatency)

var call = regexp.MustCompile(`^([a-z]+)\(([^()]*)\)$`)

func parseLatency(text string) (Latency, *form.Flaw) {
	m := call.FindStringSubmatch(text)
	if m == nil {
		d, f := parseLatencyTime(text)
		if f != nil && f.Reason == "is not a duration" {
			f = &form.Flaw{Reason: "is not a latency"}
		}
		return Latency{Kind: "constant", A: d}, f
	}
	want := map[string]int{"constant": 1, "normal": 2, "lognormal": 2, "exponential": 1}[m[1]]
	times := strings.Split(m[2], ",")
	switch {
	case want == 0:
		return Latency{}, &form.Flaw{Reason: "is not a known distribution"}
	case len(times) != want:
		return Latency{}, &form.Flaw{Reason: "has the wrong number of durations"}
	}
	l := Latency{Kind: m[1]}
	for i, into := range []*time.Duration{&l.A, &l.B}[:want] {
		var f *form.Flaw
		if *into, f = parseLatencyTime(strings.TrimSpace(times[i])); f != nil {
			return Latency{}, form.NewFlaw("has a duration that "+f.Reason, "")
		}
	}
	return l, checkLatency(l)
}

func parseLatencyTime(text string) (time.Duration, *form.Flaw) {
	d, f := parseDuration(text)
	if f == nil && d > maxWait {
		f = form.NewFlaw("is above "+days(maxWait), "write at most "+days(maxWait))
	}
	return d, f
}

func checkLatency(l Latency) *form.Flaw {
	switch {
	case l.Kind == "lognormal" && l.A == 0:
		return &form.Flaw{Reason: "has a median of zero"}
	case l.Kind == "lognormal" && l.B < l.A:
		return form.NewFlaw("has a 99th percentile below its median", "write the median first, for example lognormal(80ms, 250ms)")
	}
	return nil
}
