package form

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// scalar is a single value. Parse gets its text with the variables filled in.
func scalar[V any](noun, detail string, schema SchemaObject,
	parse func(text string, t scalarType) (V, *Flaw)) Form[V] {
	f := Form[V]{Noun: noun, Detail: detail, Schema: schema}
	f.Read = func(d *Decoder, n *Node) (v V) {
		if n.kind != scalarNode {
			d.Fail(n, fmt.Sprintf("%s is %s, not %s", d.Label(n), n.Shown(), f.Noun), "write "+f.Want())
			return v
		}
		text, ok := d.expand(n)
		if !ok {
			return v
		}
		v, flaw := parse(text, typeOf(n, text))
		if n.isNull() {
			d.Fail(n, d.Label(n)+" is empty", "write "+f.Want())
		} else if flaw != nil {
			d.refuse(n, flaw, f.Want())
		}
		return v
	}
	return f
}

// typeOf is what a scalar of a known kind is once its variables are filled in:
// it is typed again. With a variable quotes don't count: braces need them.
func typeOf(n *Node, text string) scalarType {
	if n.quoted && !hasVariable(n.Text) {
		return isText
	}
	return resolve(text)
}

// Text is a scalar that must be text. A variable's value is text whatever
// it looks like, so that a token may be all digits.
func Text[V any](noun, detail, pattern string, parse func(text string) (V, *Flaw)) Form[V] {
	f := scalar(noun, detail, SchemaObject{"type": "string"},
		func(text string, _ scalarType) (V, *Flaw) { return parse(text) })
	if pattern != "" {
		f.Schema["pattern"] = OrVariable(pattern)
	}
	read := f.Read
	f.Read = func(d *Decoder, n *Node) (v V) {
		if n.kind == scalarNode && !n.quoted && !n.isNull() && resolve(n.Text) != isText {
			_, f := parse(n.Text)
			if f == nil {
				f = &Flaw{"is not text", "put it in quotes"}
			}
			d.refuse(n, f, noun+" "+detail)
			return v
		}
		return read(d, n)
	}
	return f
}

// Matching is text that a pattern describes.
func Matching(noun, detail, pattern string, most int, reason string) Form[string] {
	re := regexp.MustCompile("^(?:" + pattern + ")$")
	return Text(noun, detail, pattern, func(text string) (string, *Flaw) {
		switch {
		case text == "":
			return "", &Flaw{Reason: "is empty"}
		case !re.MatchString(text):
			return "", &Flaw{Reason: reason}
		case len(text) > most:
			return "", &Flaw{fmt.Sprintf("has more than %d characters", most), "write a shorter one"}
		}
		return text, nil
	})
}

var AnyText = Text("text", "", "", func(text string) (string, *Flaw) { return text, nil })

// OneOf is one of some words.
func OneOf[V ~string](noun string, words ...V) Form[V] {
	choices := make([]string, len(words))
	for i, w := range words {
		choices[i] = string(w)
	}
	schema := SchemaObject{"anyOf": []any{SchemaObject{"enum": choices}, Reference("variable")}}
	f := Text(noun, "out of "+strings.Join(choices, ", "), "", func(text string) (V, *Flaw) {
		if slices.Contains(choices, text) {
			return V(text), nil
		}
		remedy := "use one of " + strings.Join(choices, ", ")
		if best := Nearest(text, choices); best != "" {
			remedy = fmt.Sprintf("did you mean %q? %s", best, remedy)
		}
		return "", &Flaw{"is not " + noun, remedy}
	})
	f.Schema = schema
	return f
}

var YesOrNo = scalar("true or false", "",
	SchemaObject{"anyOf": []any{SchemaObject{"type": "boolean"}, Reference("variable")}},
	func(text string, t scalarType) (bool, *Flaw) {
		if t != isBool {
			return false, &Flaw{Reason: "is neither true nor false"}
		}
		return strings.EqualFold(text, "true"), nil
	})

// Whole is a whole number within limits.
func Whole[V int | uint64](least, most V) Form[V] {
	limits := fmt.Sprintf("from %d to %d", least, most)
	schema := SchemaObject{"anyOf": []any{SchemaObject{"type": "integer", "minimum": least, "maximum": most},
		Reference("variable")}}
	digits := regexp.MustCompile(`^(?:0|[1-9][0-9]*)$`)
	return scalar("a whole number", limits, schema, func(text string, t scalarType) (V, *Flaw) {
		switch {
		case t == isText && digits.MatchString(text):
			return 0, &Flaw{"is text, not a number", "write it without quotes"}
		case t == isInt && strings.HasPrefix(text, "-"):
			return 0, &Flaw{Reason: fmt.Sprintf("is below %d", least)}
		case t != isInt || !digits.MatchString(text):
			return 0, &Flaw{Reason: "is not a whole number in digits"}
		}
		n, err := strconv.ParseUint(text, 10, 64)
		switch {
		case err != nil || n > uint64(most):
			return 0, &Flaw{Reason: fmt.Sprintf("is above %d", most)}
		case n < uint64(least):
			return 0, &Flaw{Reason: fmt.Sprintf("is below %d", least)}
		}
		return V(n), nil
	})
}

// UnitText is a number with a unit, with or without quotes.
func UnitText[V any](noun, detail string, schema SchemaObject, parse func(string) (V, *Flaw)) Form[V] {
	return scalar(noun, detail, schema, func(text string, t scalarType) (v V, f *Flaw) {
		switch {
		case text == "":
			return v, &Flaw{Reason: "is empty"}
		case t == isBool || t == isNull:
			return v, &Flaw{Reason: "is not " + noun}
		}
		return parse(text)
	})
}

type scalarType int

const (
	isText scalarType = iota
	isNull
	isBool
	isInt
	isFloat // also infinity and not-a-number
)

var (
	intText   = regexp.MustCompile(`^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$`)
	floatText = regexp.MustCompile(`^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|` +
		`[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$`)
)

// resolve types a scalar without quotes by the core schema of YAML 1.2. In it
// off, yes and 1_000 are text.
func resolve(text string) scalarType {
	switch text {
	case "", "~", "null", "Null", "NULL":
		return isNull
	case "true", "True", "TRUE", "false", "False", "FALSE":
		return isBool
	}
	switch {
	case intText.MatchString(text):
		return isInt
	case floatText.MatchString(text):
		return isFloat
	}
	return isText
}
