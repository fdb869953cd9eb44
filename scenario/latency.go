package scenario

import (
	"regexp"
	"strings"
	"time"
)

const latencyDetail = "such as 5ms, normal(80ms, 20ms) or lognormal(80ms, 250ms)"

// latencyPattern also takes what is left of the comma when YAML has taken a
// distribution in braces apart.
const latencyPattern = durationPattern + `|(?:constant|exponential)\(\s*` + durationPattern + `\s*\)|(?:normal|lognormal)\(\s*` +
	durationPattern + `\s*(?:,\s*` + durationPattern + `\s*\))?`

var latencyText = unitText("a latency", latencyDetail, object{"type": "string", "pattern": orVariable(latencyPattern)}, parseLatency)

var call = regexp.MustCompile(`^([a-z]+)\(([^()]*)\)$`)

func parseLatency(text string) (Latency, *flaw) {
	m := call.FindStringSubmatch(text)
	if m == nil {
		d, f := parseLatencyTime(text)
		if f != nil && f.reason == "is not a duration" {
			f = &flaw{reason: "is not a latency"}
		}
		return Latency{Kind: "constant", A: d}, f
	}
	want := map[string]int{"constant": 1, "normal": 2, "lognormal": 2, "exponential": 1}[m[1]]
	times := strings.Split(m[2], ",")
	switch {
	case want == 0:
		return Latency{}, &flaw{reason: "is not a known distribution"}
	case len(times) != want:
		return Latency{}, &flaw{reason: "has the wrong number of durations"}
	}
	l := Latency{Kind: m[1]}
	for i, into := range []*time.Duration{&l.A, &l.B}[:want] {
		var f *flaw
		if *into, f = parseLatencyTime(strings.TrimSpace(times[i])); f != nil {
			return Latency{}, &flaw{"has a duration that " + f.reason, ""}
		}
	}
	return l, checkLatency(l)
}

func parseLatencyTime(text string) (time.Duration, *flaw) {
	d, f := parseDuration(text)
	if f == nil && d > maxWait {
		f = &flaw{"is above " + days(maxWait), "write at most " + days(maxWait)}
	}
	return d, f
}

func checkLatency(l Latency) *flaw {
	switch {
	case l.Kind == "lognormal" && l.A == 0:
		return &flaw{reason: "has a median of zero"}
	case l.Kind == "lognormal" && l.B < l.A:
		return &flaw{"has a 99th percentile below its median", "write the median first, for example lognormal(80ms, 250ms)"}
	}
	return nil
}
