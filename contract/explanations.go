package contract

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"mfaload/internal/redact"
)

// When every response is wrong, explaining each would slow the load down. Responses
// in which exactly the same facts are wrong have the same violations, so only
// the first of them and then a few are explained; all are counted. Each
// explanation is checked against the first one: should facts ever not tell the
// violations, that kind is explained every time from then on.
const (
	explainFirst = 16   // responses of a kind that are all explained
	explainEvery = 1000 // then one of so many
	maxKinds     = 4096 // kinds that are known; further ones are all explained
)

// explanations are the kinds of wrong responses.
type explanations struct {
	mu    sync.Mutex
	kinds map[explanationKey]*explanation
}

// explanationKey is a kind of wrong responses: the wrong facts and their conditions.
type explanationKey struct {
	wrong  uint64
	marks  ruleSet
	status int
}

type explanation struct {
	count      uint64
	violations []Violation
	evaluated  []uint64
	mixed      bool // its responses have different violations
}

// violations appends those of a response in which the scan found wrong facts.
func (s *explanations) violations(r *checker) {
	key := explanationKey{r.scan.wrong, r.scan.marks, r.status}
	s.mu.Lock()
	kind := s.kinds[key]
	if kind != nil {
		kind.count++
		if n := kind.count; !kind.mixed && n > explainFirst && n%explainEvery != 0 {
			defer s.mu.Unlock()
			r.ex.Evaluated = append(r.ex.Evaluated[:0], kind.evaluated...)
			r.out = append(r.out, kind.violations...)
			return
		}
	}
	s.mu.Unlock()
	before := len(r.out)
	r.explain()
	s.learn(key, r.out[before:], r.ex.Evaluated)
}

func (s *explanations) learn(key explanationKey, found []Violation, evaluated []uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kind := s.kinds[key]
	if kind == nil {
		if len(s.kinds) >= maxKinds {
			return
		}
		if s.kinds == nil {
			s.kinds = map[explanationKey]*explanation{}
		}
		kind = &explanation{count: 1, violations: slices.Clone(found), evaluated: slices.Clone(evaluated)}
		for i := range kind.violations {
			kind.violations[i].Counted = true
		}
		s.kinds[key] = kind
		return
	}
	if !slices.EqualFunc(kind.violations, found, sameViolation) || !slices.Equal(kind.evaluated, evaluated) {
		kind.mixed = true
	}
}

func sameViolation(a, b Violation) bool {
	return a.Rule == b.Rule && a.At == b.At && a.Level == b.Level
}

const (
	// maxShown is the most characters of Expected and Got.
	maxShown = 120
	// excerptLength is how many bytes of a longer text they are made of.
	excerptLength = 1000
	// searched is how many bytes are searched for secrets, so that none that
	// begins in the excerpt is cut.
	searched = 64 << 10
)

func (ru *rule) says() string { return bound(ru.Description) }

// show describes a value: its type and, where it is short, the value. The name
// is that of the member, "" for none.
func (r *checker) show(v any, name string) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean " + strconv.FormatBool(v)
	case json.Number:
		if redact.IsSensitive(name) {
			return "number " + redact.Hidden
		}
		return bound("number " + r.safe(string(v)))
	case string:
		if redact.IsSensitive(name) {
			return "string " + redact.Hidden
		}
		return bound("string " + r.quote(v))
	case []any:
		return fmt.Sprintf("array of %d", len(v))
	case map[string]any:
		return fmt.Sprintf("object of %d", len(v))
	}
	return "nothing"
}

func (r *checker) quote(s string) string { return `"` + r.excerpt(s) + `"` }

// excerpt shows the beginning of a text, masked and without characters that
// disturb a line.
func (r *checker) excerpt(s string) string {
	return strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(r.safe(s), "\uFFFD"))
}

// safe is the beginning of a text without the request's secrets and personal
// data. Secrets are hidden before it is cut: a part of one would not be recognized.
func (r *checker) safe(s string) string {
	s = r.secrets().Hide(s[:min(len(s), searched)])
	if len(s) > excerptLength {
		s = s[:excerptLength] + "…"
	}
	return redact.Personal(s)
}

// secrets are those of the request, as the document names them.
func (r *checker) secrets() redact.Secrets {
	all := make([]string, 0, 4) // on the stack
	for _, slot := range r.contract.secrets {
		if secret := r.fact(slot); len(secret) >= shortestSecret {
			all = append(all, secret)
		}
	}
	if !slices.Equal(all, r.secret.of) { // a run keeps its token for an hour
		r.secret.of, r.secret.in = slices.Clone(all), redact.New(all...)
	}
	return r.secret.in
}

// secretsOf are those that are just this text: mostly it is the only one there is.
func (r *checker) secretsOf(secret string) redact.Secrets {
	if all := r.secrets(); len(r.secret.of) == 1 && r.secret.of[0] == secret {
		return all
	}
	return redact.New(secret)
}

// knownSecrets is what the last exchange with secrets had, ready to be found in texts.
type knownSecrets struct {
	of []string
	in redact.Secrets
}

func bound(s string) string {
	if utf8.RuneCountInString(s) <= maxShown {
		return s
	}
	n := 0
	for i := range s {
		if n++; n == maxShown {
			return s[:i] + "…"
		}
	}
	return s
}

type location []locationStep

// locationStep is an item's index, or a member's name where the index is -1.
type locationStep struct {
	name  string
	index int
}

// key is the exact JSON pointer.
func (t location) key() string {
	var b strings.Builder
	for _, tok := range t {
		b.WriteByte('/')
		if tok.index >= 0 {
			b.WriteString(strconv.Itoa(tok.index))
		} else {
			b.WriteString(escapePointer.Replace(tok.name))
		}
	}
	return b.String()
}

// maxSteps is how many steps of a pointer are shown; "*" stands for the rest.
const maxSteps = 12

// shown returns the pointers for a report. Names that neither the document has
// nor look like a member of a contract are "*", so that few pointers come of
// any number of responses, and so that none of them holds a secret.
func (r *checker) shown(t location) (pointer, at string) {
	var p, a strings.Builder
	for i, tok := range t {
		if i == maxSteps {
			p.WriteString("/*")
			a.WriteString("/*")
			break
		}
		p.WriteByte('/')
		a.WriteByte('/')
		if tok.index >= 0 {
			p.WriteByte('*')
			a.WriteString(strconv.Itoa(tok.index))
			continue
		}
		name := "*"
		if (r.contract.names[tok.name] || isIdentifier(tok.name)) && !r.secrets().Holds(tok.name) {
			name = escapePointer.Replace(tok.name)
		}
		p.WriteString(name)
		a.WriteString(name)
	}
	return p.String(), a.String()
}

// isIdentifier says whether a name is one that people give to members: short,
// and with few digits, which IDs and hashes have many of.
func isIdentifier(s string) bool {
	if s == "" || len(s) > 32 {
		return false
	}
	digits := 0
	for i := range len(s) {
		switch b := s[i]; {
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b == '_':
		case b >= '0' && b <= '9' && i > 0:
			digits++
		case (b == '.' || b == '-') && i > 0:
		default:
			return false
		}
	}
	return digits <= 4
}
