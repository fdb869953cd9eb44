package scenario

import "regexp"

// scalarType is what a scalar without quotes is.
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
	floatText = regexp.MustCompile(`^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$`)
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
