package contract

import (
	"regexp"
	"slices"

	"gopkg.in/yaml.v3"
)

// jsonType is a set of the types of JSON Schema.
type jsonType uint8

const (
	typeNull jsonType = 1 << iota
	typeBoolean
	typeInteger
	typeNumber
	typeString
	typeArray
	typeObject

	anyType = typeNull | typeBoolean | typeInteger | typeNumber | typeString | typeArray | typeObject
)

var typeNames = []struct {
	name string
	t    jsonType
}{
	{"null", typeNull}, {"boolean", typeBoolean}, {"integer", typeInteger}, {"number", typeNumber},
	{"string", typeString}, {"array", typeArray}, {"object", typeObject},
}

// assertions are the keywords that look at a value, with the types of the values
// that they look at. This table is the one definition of what they demand: test
// makes it from the keyword's value. Those without a test look at members or at
// branches, see validate.
var assertions = []struct {
	name  string
	types jsonType
	check func(d *sourceText, n *yaml.Node)
	test  func(value any) valueTest
}{
	{"type", anyType, nil, testType},
	{"required", typeObject, (*sourceText).checkTexts, nil},
	{"enum", anyType, (*sourceText).checkList, testEnum},
	{"const", anyType, nil, testConst},
	{"pattern", typeString, (*sourceText).checkPattern, testPattern},
	{"format", typeString, (*sourceText).checkFormat, testFormat},
	{"minLength", typeString, (*sourceText).checkCount, testMin(characters)},
	{"maxLength", typeString, (*sourceText).checkCount, testMax(characters)},
	{"minimum", typeNumber | typeInteger, (*sourceText).checkNumber,
		testNumber(func(order int) bool { return order >= 0 })},
	{"maximum", typeNumber | typeInteger, (*sourceText).checkNumber,
		testNumber(func(order int) bool { return order <= 0 })},
	{"exclusiveMinimum", typeNumber | typeInteger, (*sourceText).checkNumber,
		testNumber(func(order int) bool { return order > 0 })},
	{"exclusiveMaximum", typeNumber | typeInteger, (*sourceText).checkNumber,
		testNumber(func(order int) bool { return order < 0 })},
	{"minItems", typeArray, (*sourceText).checkCount, testMin(elements)},
	{"maxItems", typeArray, (*sourceText).checkCount, testMax(elements)},
	{"uniqueItems", typeArray, (*sourceText).checkTrue, func(any) valueTest { return areUnique }},
	{"minProperties", typeObject, (*sourceText).checkCount, testMin(elements)},
	{"maxProperties", typeObject, (*sourceText).checkCount, testMax(elements)},
	{"additionalProperties", typeObject, nil, nil},
	{"anyOf", anyType, nil, nil},
	{"oneOf", anyType, nil, nil},
}

// structure are the other keywords that are followed, annotations those that
// say nothing about values.
var (
	structure   = []string{"$ref", "properties", "items", "allOf", "x-rule"}
	annotations = []string{"title", "description", "$comment", "deprecated", "readOnly", "writeOnly",
		"examples",
		"example", "default", "externalDocs"}
)

// checkAnnotation demands the type that the meta-schema has for it.
func (d *sourceText) checkAnnotation(name string, n *yaml.Node) {
	switch name {
	case "title", "description", "$comment":
		if n.ShortTag() != "!!str" {
			d.fail(n, "%s must be a text: write one, in quotes if need be", name)
		}
	case "deprecated", "readOnly", "writeOnly":
		if n.ShortTag() != "!!bool" {
			d.fail(n, "%s must be true or false: write one", name)
		}
	case "examples":
		if n.Kind != yaml.SequenceNode {
			d.fail(n, "examples must be a list of values: write [a, b]")
		}
	}
}

func isAssertion(keyword string) bool {
	for _, a := range assertions {
		if a.name == keyword {
			return true
		}
	}
	return false
}

// keywords are the names of all keywords that a schema may hold.
func keywords() []string {
	names := slices.Concat(structure, annotations)
	for _, a := range assertions {
		names = append(names, a.name)
	}
	return names
}

func (d *sourceText) types(n *yaml.Node) (set jsonType) {
	for _, name := range d.texts(n, "type") {
		known := false
		for _, t := range typeNames {
			if t.name == name {
				set |= t.t
				known = true
			}
		}
		if !known {
			d.fail(n, "unknown type %q: use null, boolean, integer, number, string, array or object",
				clip(name))
		}
	}
	return set
}

func (d *sourceText) checkTexts(n *yaml.Node) {
	if n.Kind != yaml.SequenceNode {
		d.fail(n, "required must be a list of names: write [a, b]")
		return
	}
	d.texts(n, "required")
}

func (d *sourceText) checkList(n *yaml.Node) {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		d.fail(n, "enum must be a list of values: write [a, b]")
	}
}

func (d *sourceText) checkTrue(n *yaml.Node) { d.isTrue(n, "the keyword") }

func (d *sourceText) checkPattern(n *yaml.Node) { d.regexp(n) }

// regexp compiles a pattern in the syntax that Go and ECMA-262 share.
func (d *sourceText) regexp(n *yaml.Node) *regexp.Regexp {
	if n.ShortTag() != "!!str" {
		d.fail(n, "a pattern must be a text: put it in quotes")
		return nil
	}
	re, err := regexp.Compile(d.text(n, "pattern"))
	if err != nil {
		d.fail(n, "%v: mend the pattern (lookarounds and back references are not supported)", err)
	}
	return re
}

func (d *sourceText) checkFormat(n *yaml.Node) {
	if name := d.text(n, "format"); formats[name] == nil {
		d.fail(n, "format %q is not checked: use one of date-time, date, uuid, uri, email, or a pattern",
			clip(name))
	}
}

var countForm = regexp.MustCompile(`^(0|[1-9][0-9]{0,8})$`)

func (d *sourceText) checkCount(n *yaml.Node) {
	if n.ShortTag() != "!!int" || !countForm.MatchString(n.Value) {
		d.fail(n, "the keyword takes a count: write a whole number from 0")
	}
}

func (d *sourceText) checkNumber(n *yaml.Node) {
	if tag := n.ShortTag(); tag != "!!int" && tag != "!!float" {
		d.fail(n, "the keyword takes a number: write one")
	}
}
