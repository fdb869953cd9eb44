package diff

import (
	"cmp"
	"encoding/json"
	"math/big"
	"slices"
	"strings"
)

// fact is where one keyword of a document stands. A list whose items count each has a fact for each of them.
type fact struct{ where, member, keyword string }

func (f fact) compare(other fact) int {
	return cmp.Or(strings.Compare(f.where, other.where), strings.Compare(f.member, other.member),
		strings.Compare(f.keyword, other.keyword))
}

// facts are a document taken apart: the JSON of each keyword, references followed.
type facts struct {
	document map[string]any
	facts    map[fact]string
	members  map[string]bool // where and pointer of each member that a schema names
	wheres   map[string]bool
}

const (
	request  = "request"
	response = "response"
	rule     = "rule"

	keyMember   = "member"
	keyStatus   = "status"
	keyHeader   = "header"
	keyRule     = "rule"
	keyMedia    = "media type"
	keyRequired = "required"
	keyLevel    = "level"

	// present is the value of what is there or not, and has no value.
	present = "true"
	// maxDepth bounds schemas that hold themselves.
	maxDepth = 64
)

// annotations say nothing that a request or a response can break.
var annotations = []string{"description", "title", "summary", "example", "examples", "default", "$comment",
	"deprecated", "readOnly", "writeOnly", "externalDocs"}

func (f *facts) note(where, member, keyword string, value any) {
	f.facts[fact{where, member, keyword}] = text(value)
	f.wheres[where] = true
}

// text is a value as JSON.
func text(value any) string {
	data, _ := json.Marshal(value) // it was JSON
	return string(data)
}

// operation notes the request and the responses of the document's one operation.
func (f *facts) operation() {
	paths, _ := f.document["paths"].(map[string]any)
	for path, item := range paths {
		methods, _ := item.(map[string]any)
		for method, m := range methods {
			operation, _ := m.(map[string]any)
			if operation["responses"] == nil {
				continue
			}
			f.note(request, "", "operation", strings.ToUpper(method)+" "+path)
			for _, list := range []any{methods["parameters"], operation["parameters"]} {
				f.parameters(list)
			}
			f.body(request, f.follow(operation["requestBody"]))
			responses, _ := operation["responses"].(map[string]any)
			for status, r := range responses {
				where := response + " " + status
				f.note(where, "", keyStatus, true)
				content := f.follow(r)
				headers, _ := content["headers"].(map[string]any)
				for name, h := range headers {
					f.header(where, name, f.follow(h))
				}
				if v, has := content["x-recognized"]; has {
					f.note(where, "", "x-recognized", v)
				}
				f.body(where, content)
			}
		}
	}
}

func (f *facts) parameters(list any) {
	all, _ := list.([]any)
	for _, p := range all {
		parameter := f.follow(p)
		name, _ := parameter["name"].(string)
		f.header(request, name, parameter)
	}
}

func (f *facts) header(where, name string, h map[string]any) {
	f.note(where, "", keyHeader+" "+name, true)
	if h["required"] == true {
		f.note(where, "", "required header "+name, true)
	}
}

func (f *facts) body(where string, body map[string]any) {
	if body["required"] == true {
		f.note(where, "", "required body", true)
	}
	content, _ := body["content"].(map[string]any)
	for media, c := range content {
		f.note(where, "", keyMedia+" "+media, true)
		if m, _ := c.(map[string]any); m != nil {
			f.schema(where, "", m["schema"], 0)
		}
	}
}

// schema notes a schema's keywords at the member, and those of the schemas in it at theirs.
func (f *facts) schema(where, member string, v any, depth int) {
	s := f.follow(v)
	if s == nil || depth > maxDepth {
		return
	}
	f.members[where+member] = true
	for keyword, value := range s {
		switch keyword {
		case "properties", "patternProperties":
			members, _ := value.(map[string]any)
			for name, part := range members {
				at := member + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
				f.note(where, at, keyMember, true)
				f.schema(where, at, part, depth+1)
			}
		case "items", "additionalProperties", "unevaluatedProperties", "propertyNames", "contains", "not",
			"if", "then", "else":
			at := member + "/*"
			if keyword != "items" {
				at = member + "(" + keyword + ")"
			}
			if part, isSchema := value.(map[string]any); isSchema {
				f.schema(where, at, part, depth+1)
			} else {
				f.note(where, member, keyword, value)
			}
		case "allOf":
			for _, part := range list(value) {
				f.schema(where, member, part, depth+1)
			}
		case "anyOf", "oneOf":
			for i, part := range list(value) {
				f.schema(where, member+"("+keyword+" "+branchName(part, i)+")", part, depth+1)
			}
		case "required":
			for _, name := range list(value) {
				required, _ := name.(string)
				f.note(where, member+"/"+required, keyRequired, true)
			}
		case "enum", "type":
			if all := list(value); all != nil { // their order means nothing
				slices.SortFunc(all, func(a, b any) int { return strings.Compare(text(a), text(b)) })
			}
			f.note(where, member, keyword, value)
		default:
			if !slices.Contains(annotations, keyword) {
				f.note(where, member, keyword, value)
			}
		}
	}
}

// branchName tells branches apart whatever their order: by the schema they refer to, else by their place.
func branchName(v any, i int) string {
	if part, _ := v.(map[string]any); part != nil {
		if ref, _ := part["$ref"].(string); ref != "" {
			return ref[strings.LastIndexByte(ref, '/')+1:]
		}
	}
	return big.NewInt(int64(i + 1)).String()
}

func (f *facts) rules() {
	for _, r := range slices.Concat(list(f.document["x-rules"]), list(f.document["x-flow-rules"])) {
		words, _ := r.(map[string]any)
		name, _ := words["rule"].(string)
		where := rule + " " + name
		f.note(where, "", keyRule, true)
		for word, value := range words {
			if word != "rule" && word != "source" && !slices.Contains(annotations, word) {
				f.noteRows(where, word, value)
			}
		}
	}
}

// noteRows notes each row of a table as a fact of its own.
func (f *facts) noteRows(where, word string, value any) {
	rows, is := value.(map[string]any)
	if !is {
		f.note(where, "", word, value)
	}
	for name, row := range rows {
		f.noteRows(where, word+" "+name, row)
	}
}

// follow returns an object, or the one that it refers to; nil for anything else.
func (f *facts) follow(v any) map[string]any {
	for range maxDepth {
		object, _ := v.(map[string]any)
		ref, _ := object["$ref"].(string)
		if ref == "" {
			return object
		}
		v = any(f.document)
		for step := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
			parent, _ := v.(map[string]any)
			v = parent[step]
		}
	}
	return nil
}

func list(v any) []any {
	all, _ := v.([]any)
	return all
}

// direction compares two values of a keyword. What was not there allowed everything.
func direction(at fact, old, next string) Direction {
	word, _, _ := strings.Cut(at.keyword, " ")
	switch {
	case word == keyMember, word == keyStatus, word == keyHeader, word == "media":
		// More of these is more that may come.
		return added(old, Looser)
	case word == "level":
		return byOrder(slices.Index(levels, old), slices.Index(levels, next))
	case old == "" || next == "":
		return added(old, Stricter)
	case word == "enum", word == "known", word == "moves":
		return bySets(items(old), items(next))
	case word == "members", word == "never":
		return bySets(items(next), items(old))
	case word == "type":
		return bySets(types(old), types(next))
	case strings.HasPrefix(word, "min"), word == "exclusiveMinimum":
		return byNumbers(old, next)
	case strings.HasPrefix(word, "max"), word == "exclusiveMaximum":
		return byNumbers(next, old)
	case old == "false" || next == "false":
		// additionalProperties: false is stricter than true; uniqueItems: false is looser.
		if (next == "false") == (word == "uniqueItems") {
			return Looser
		}
		return Stricter
	}
	return Changed
}

var levels = []string{`"off"`, `"note"`, `"fail"`}

func added(old string, direction Direction) Direction {
	if old == "" {
		return direction
	} else if direction == Looser {
		return Stricter
	}
	return Looser
}

func byOrder(old, next int) Direction {
	if next > old {
		return Stricter
	}
	return Looser
}

func byNumbers(before, after string) Direction {
	a, okA := new(big.Rat).SetString(before)
	b, okB := new(big.Rat).SetString(after)
	if !okA || !okB {
		return Changed
	}
	return byOrder(0, b.Cmp(a))
}

// bySets: fewer values are stricter.
func bySets(old, next map[string]bool) Direction {
	gained, lost := false, false
	for v := range next {
		gained = gained || !old[v]
	}
	for v := range old {
		lost = lost || !next[v]
	}
	switch {
	case gained && lost:
		return Changed
	case lost:
		return Stricter
	}
	return Looser
}

func items(text string) map[string]bool {
	var all []json.RawMessage
	_ = json.Unmarshal([]byte(text), &all)
	set := map[string]bool{}
	for _, v := range all {
		set[string(v)] = true
	}
	return set
}

// types are a schema's types; integers are numbers.
func types(text string) map[string]bool {
	if !strings.HasPrefix(text, "[") {
		text = "[" + text + "]"
	}
	set := items(text)
	if set[`"number"`] {
		set[`"integer"`] = true
	}
	return set
}
