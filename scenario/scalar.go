package scenario

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// scalar is a single value. Parse gets its text with the variables filled in.
func scalar[V any](noun, detail string, schema object, parse func(text string, t scalarType) (V, *flaw)) form[V] {
	f := form[V]{noun: noun, detail: detail, schema: schema}
	f.read = func(d *decoder, n *node) (v V) {
		if n.kind != scalarNode {
			d.fail(n, fmt.Sprintf("%s is %s, not %s", d.label(n), n.shown(), f.noun), "write "+f.want())
			return v
		}
		text, ok := d.expand(n)
		if !ok {
			return v
		}
		v, flaw := parse(text, typeOf(n, text))
		if _, is := any(v).(Secret); is {
			n.secret = true
		}
		if n.isNull() {
			d.fail(n, d.label(n)+" is empty", "write "+f.want())
		} else if flaw != nil {
			d.refuse(n, flaw, f.want())
		}
		return v
	}
	return f
}

// typeOf is what a scalar of a known kind is once its variables are filled in:
// it is typed anew. With a variable quotes don't count, for in braces YAML
// asks for them.
func typeOf(n *node, text string) scalarType {
	if n.quoted && !hasVariable(n.text) {
		return isText
	}
	return resolve(text)
}

// textual is a scalar that must be text. A variable's value is text whatever
// it looks like, so that a token may be all digits.
func textual[V any](noun, detail, pattern string, parse func(text string) (V, *flaw)) form[V] {
	f := scalar(noun, detail, object{"type": "string"}, func(text string, _ scalarType) (V, *flaw) { return parse(text) })
	if pattern != "" {
		f.schema["pattern"] = orVariable(pattern)
	}
	read := f.read
	f.read = func(d *decoder, n *node) (v V) {
		if n.kind == scalarNode && !n.quoted && !n.isNull() && resolve(n.text) != isText {
			_, f := parse(n.text)
			if f == nil {
				f = &flaw{"is not text", "put it in quotes"}
			}
			d.refuse(n, f, noun+" "+detail)
			return v
		}
		return read(d, n)
	}
	return f
}

// matching is text that a pattern describes.
func matching(noun, detail, pattern string, most int, reason string) form[string] {
	re := regexp.MustCompile("^(?:" + pattern + ")$")
	return textual(noun, detail, pattern, func(text string) (string, *flaw) {
		switch {
		case text == "":
			return "", &flaw{reason: "is empty"}
		case !re.MatchString(text):
			return "", &flaw{reason: reason}
		case len(text) > most:
			return "", &flaw{fmt.Sprintf("has more than %d characters", most), "write a shorter one"}
		}
		return text, nil
	})
}

var anyText = textual("text", "", "", func(text string) (string, *flaw) { return text, nil })

const namePattern = `[A-Za-z0-9][A-Za-z0-9._-]*`

var nameText = matching("a name", "of letters, digits, '.', '_' and '-' that starts with a letter or digit", namePattern, 100,
	"is not a name of letters, digits, '.', '_' and '-'")

// idPattern is the form of the platform's IDs. It is wider than that of RFC
// 4122: the documentation's own example of a policy's ID is none by that.
const idPattern = `[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}`

const exampleID = "788d4931-6936-43f2-82ff-178f5762298a"

var idText = matching("an ID", "such as "+exampleID, idPattern, 36,
	"is not an ID: 36 characters, 8-4-4-4-12 hexadecimal digits")

// oneOf is one of some words.
func oneOf[V ~string](noun string, words ...V) form[V] {
	choices := make([]string, len(words))
	for i, w := range words {
		choices[i] = string(w)
	}
	schema := object{"anyOf": []any{object{"enum": choices}, reference("variable")}}
	f := textual(noun, "out of "+strings.Join(choices, ", "), "", func(text string) (V, *flaw) {
		if slices.Contains(choices, text) {
			return V(text), nil
		}
		remedy := "use one of " + strings.Join(choices, ", ")
		if best := nearest(text, choices); best != "" {
			remedy = fmt.Sprintf("did you mean %q? %s", best, remedy)
		}
		return "", &flaw{"is not " + noun, remedy}
	})
	f.schema = schema
	return f
}

// word is a word of the service in upper case. Documentation calls its lists
// common, so others are taken too, but not those that look mistyped.
func word(noun, example string, known []string) form[string] {
	return textual(noun, "such as "+example, wordPattern, func(text string) (string, *flaw) { return parseWord(text, noun, known) })
}

const wordPattern = `[A-Z][A-Z0-9]*(?:_[A-Z][A-Z0-9]*)*`

var upperCaseWord = regexp.MustCompile("^" + wordPattern + "$")

func parseWord(text, noun string, known []string) (string, *flaw) {
	if slices.Contains(known, text) {
		return text, nil
	}
	best := nearest(text, known)
	switch {
	case best != "" && distance(strings.ToUpper(text), best) <= 2:
		return "", &flaw{"is unknown", fmt.Sprintf("did you mean %q?", best)}
	case !upperCaseWord.MatchString(text):
		return "", &flaw{reason: "is not " + noun + ": upper-case words joined by _"}
	}
	return text, nil
}

var yesOrNo = scalar("true or false", "", object{"anyOf": []any{object{"type": "boolean"}, reference("variable")}},
	func(text string, t scalarType) (bool, *flaw) {
		if t != isBool {
			return false, &flaw{reason: "is neither true nor false"}
		}
		return strings.EqualFold(text, "true"), nil
	})

// whole is a whole number within limits.
func whole[V int | uint64](least, most V) form[V] {
	limits := fmt.Sprintf("from %d to %d", least, most)
	schema := object{"anyOf": []any{object{"type": "integer", "minimum": least, "maximum": most}, reference("variable")}}
	digits := regexp.MustCompile(`^(?:0|[1-9][0-9]*)$`)
	return scalar("a whole number", limits, schema, func(text string, t scalarType) (V, *flaw) {
		switch {
		case t == isText && digits.MatchString(text):
			return 0, &flaw{"is text, not a number", "write it without quotes"}
		case t == isInt && strings.HasPrefix(text, "-"):
			return 0, &flaw{reason: fmt.Sprintf("is below %d", least)}
		case t != isInt || !digits.MatchString(text):
			return 0, &flaw{reason: "is not a whole number in digits"}
		}
		n, err := strconv.ParseUint(text, 10, 64)
		switch {
		case err != nil || n > uint64(most):
			return 0, &flaw{reason: fmt.Sprintf("is above %d", most)}
		case n < uint64(least):
			return 0, &flaw{reason: fmt.Sprintf("is below %d", least)}
		}
		return V(n), nil
	})
}

var seed = whole[uint64](0, math.MaxUint64)

// unitText is a number with a unit, with or without quotes.
func unitText[V any](noun, detail string, schema object, parse func(string) (V, *flaw)) form[V] {
	return scalar(noun, detail, schema, func(text string, t scalarType) (v V, f *flaw) {
		switch {
		case text == "":
			return v, &flaw{reason: "is empty"}
		case t == isBool || t == isNull:
			return v, &flaw{reason: "is not " + noun}
		}
		return parse(text)
	})
}

// rate is a rate, above zero if it must be.
func rate(above bool) form[Rate] {
	return unitText("a rate", "such as 50/s", reference("rate"), func(text string) (Rate, *flaw) {
		r, f := parseRate(text)
		if f == nil && above && r == 0 {
			f = &flaw{reason: "is zero"}
		}
		return r, f
	})
}

// Limits of durations.
const (
	maxRun  = 30 * 24 * time.Hour // a whole run
	maxWait = time.Hour           // one request; latencies are measured up to it
)

// duration is a duration up to the most, above zero if it must be.
func duration(above bool, most time.Duration) form[time.Duration] {
	return unitText("a duration", "such as 10s", reference("duration"), func(text string) (time.Duration, *flaw) {
		d, f := parseDuration(text)
		switch {
		case f != nil:
			return 0, f
		case d == 0 && above:
			return 0, &flaw{reason: "is zero"}
		case d > most:
			return 0, &flaw{"is above " + days(most), "write at most " + days(most)}
		}
		return d, nil
	})
}

// days writes a duration of whole days, hours or minutes as people do.
func days(d time.Duration) string {
	switch day := 24 * time.Hour; {
	case d%day == 0:
		return fmt.Sprintf("%dd", d/day)
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dm", d/time.Minute)
}

const shareDetail = "such as 0.1%"

var anyShare = unitText("a percentage", shareDetail, reference("share"), parseShare)

var shareAboveZero = unitText("a percentage", shareDetail, reference("share"), func(text string) (float64, *flaw) {
	s, f := parseShare(text)
	if f == nil && s == 0 {
		f = &flaw{reason: "is zero"}
	}
	return s, f
})
