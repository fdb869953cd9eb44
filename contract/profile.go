package contract

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"mfaload/internal/redact"
)

// ProfileSchema names the format of a profile's file.
const ProfileSchema = "mfaload/profile/v1"

// ResponseProfile is the shape of what a service responses: members, their types and the
// values of enumerations, by kind of response. It holds no personal data: no
// value that is not a code, and no member name that does not look like one.
type ResponseProfile struct {
	Schema string `json:"schema"`
	// Responses are by label, for example "201 OTP_REQUIRED".
	Responses map[string]*KindProfile `json:"answers"`
}

// KindProfile is the shape of one kind of responses.
type KindProfile struct {
	Headers []string                  `json:"headers"`
	Members map[string]*MemberProfile `json:"members"` // by pointer, indices as *
}

// MemberProfile is what was seen at one place.
type MemberProfile struct {
	Types []string `json:"types"`
	// Values are those of an enumeration: upper-case words joined by _.
	Values []string `json:"values,omitempty"`
}

// NewProfile returns a profile of nothing.
func NewProfile() *ResponseProfile {
	return &ResponseProfile{Schema: ProfileSchema, Responses: map[string]*KindProfile{}}
}

const maxProfile = 1000

// Learn adds the response of an exchange. Headers that carry no meaning of their
// own (Date, Content-Length and the like) are left out. hide takes secrets out
// of a text: a service may put one where a name belongs.
func (p *ResponseProfile) Learn(ex *Exchange, hide func(string) string) {
	a := p.Responses[ex.Label]
	if a == nil {
		if len(p.Responses) >= maxProfile {
			return
		}
		a = &KindProfile{Headers: []string{}, Members: map[string]*MemberProfile{}}
		p.Responses[ex.Label] = a
	}
	for _, f := range ex.Header {
		if name := http.CanonicalHeaderKey(hide(f.Name)); isIdentifier(name) && !slices.Contains(passing,
			name) {
			a.Headers = include(a.Headers, strings.Clone(name))
		}
	}
	var tree any
	if json.Unmarshal([]byte(hide(string(ex.Body))), &tree) == nil {
		a.learn("", tree, 0)
	}
}

// passing are header fields that any server or proxy may add.
var passing = []string{"Date", "Content-Length", "Connection", "Keep-Alive", "Server", "Via", "Age",
	"Set-Cookie", "Transfer-Encoding"}

func include(list []string, s string) []string {
	if i, found := slices.BinarySearch(list, s); !found {
		return slices.Insert(list, i, s)
	}
	return list
}

func isText(v any) bool { _, ok := v.(string); return ok }

var codeForm = regexp.MustCompile(`^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$`)

func (a *KindProfile) learn(pointer string, v any, depth int) {
	m := a.Members[pointer]
	if m == nil {
		if len(a.Members) >= maxProfile || depth > 50 {
			return
		}
		m = &MemberProfile{}
		a.Members[pointer] = m
	}
	switch v := v.(type) {
	case map[string]any:
		m.Types = include(m.Types, "object")
		for name, child := range v {
			if !isIdentifier(name) {
				name = "*"
			}
			if redact.IsSensitive(name) && isText(child) {
				child = "" // a passcode may look like a code
			}
			a.learn(pointer+"/"+escapePointer.Replace(name), child, depth+1)
		}
	case []any:
		m.Types = include(m.Types, "array")
		for _, child := range v {
			a.learn(pointer+"/*", child, depth+1)
		}
	case string:
		m.Types = include(m.Types, "string")
		if len(v) <= 40 && codeForm.MatchString(v) && len(m.Values) < 50 {
			m.Values = include(m.Values, v)
		}
	case float64:
		m.Types = include(m.Types, "number")
	case bool:
		m.Types = include(m.Types, "boolean")
	default:
		m.Types = include(m.Types, "null")
	}
}

// Drift says how another profile differs: what appeared, vanished or changed.
func (p *ResponseProfile) Drift(now *ResponseProfile) (all []string) {
	for _, label := range union(p.Responses, now.Responses) {
		before, after := p.Responses[label], now.Responses[label]
		switch {
		case before == nil:
			all = append(all, fmt.Sprintf("%s: responses of this kind appeared", label))
		case after == nil:
			all = append(all, fmt.Sprintf("%s: responses of this kind vanished", label))
		default:
			for _, change := range before.drift(after) {
				all = append(all, label+": "+change)
			}
		}
	}
	return all
}

func union[V any](a, b map[string]V) []string {
	names := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(names)
	return slices.Compact(names)
}

func (a *KindProfile) drift(now *KindProfile) (all []string) {
	all = append(all, listDrift("header ", a.Headers, now.Headers)...)
	for _, pointer := range union(a.Members, now.Members) {
		before, after := a.Members[pointer], now.Members[pointer]
		parent := pointer[:max(strings.LastIndexByte(pointer, '/'), 0)]
		switch {
		case before == nil && (a.Members[parent] == nil || pointer == ""):
		case after == nil && (now.Members[parent] == nil || pointer == ""):
			// Said of the parent already.
		case before == nil:
			all = append(all, fmt.Sprintf("%s appeared (%s)", pointer, strings.Join(after.Types, ", ")))
		case after == nil:
			all = append(all, fmt.Sprintf("%s vanished (was %s)", pointer, strings.Join(before.Types, ", ")))
		default:
			if !slices.Equal(before.Types, after.Types) {
				all = append(all, fmt.Sprintf("%s changed its type from %s to %s", pointer,
					strings.Join(before.Types, ", "), strings.Join(after.Types, ", ")))
			}
			all = append(all, listDrift(pointer+": value ", before.Values, after.Values)...)
		}
	}
	return all
}

func listDrift(what string, before, after []string) (all []string) {
	for _, s := range after {
		if !slices.Contains(before, s) {
			all = append(all, what+s+" appeared")
		}
	}
	for _, s := range before {
		if !slices.Contains(after, s) {
			all = append(all, what+s+" vanished")
		}
	}
	return all
}

// Encode writes a profile as JSON.
func (p *ResponseProfile) Encode() ([]byte, error) {
	text, err := json.MarshalIndent(p, "", "  ")
	return append(text, '\n'), err
}

// DecodeProfile reads a profile that Encode wrote.
func DecodeProfile(text []byte) (*ResponseProfile, error) {
	var p ResponseProfile
	if err := json.Unmarshal(text, &p); err != nil {
		return nil, fmt.Errorf("read profile: %w", err)
	}
	if p.Schema != ProfileSchema {
		return nil, fmt.Errorf("read profile: its schema is %.60q, not %q", p.Schema, ProfileSchema)
	}
	for label, a := range p.Responses {
		if a == nil {
			return nil, fmt.Errorf("read profile: %.60q has no shape", label)
		}
		for pointer, m := range a.Members {
			if m == nil {
				return nil, fmt.Errorf("read profile: %.60q has no shape", pointer)
			}
		}
	}
	return &p, nil
}

// ShapeFacts returns what a response had, as texts that can be counted: its
// headers ("header Content-Type"), its members with their types ("/user/id is
// string") and its codes ("/status = OTP_REQUIRED"). None comes twice. Like a
// [ResponseProfile], they hold no personal data, and no secret that hide takes out.
func ShapeFacts(ex *Exchange, hide func(string) string) []string {
	p := NewProfile()
	p.Learn(ex, hide)
	var facts []string
	for _, a := range p.Responses {
		for _, name := range a.Headers {
			facts = append(facts, "header "+name)
		}
		for pointer, m := range a.Members {
			place := cmp.Or(pointer, "/")
			for _, t := range m.Types {
				facts = append(facts, place+" is "+t)
			}
			for _, v := range m.Values {
				facts = append(facts, place+" = "+v)
			}
		}
	}
	return facts
}
