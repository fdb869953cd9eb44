package contract

import (
	"strconv"
	"strings"
)

// trail is the way to a value of the answer.
type location []locationStep

// token is a step of a trail: an item's index, or a member's name where the
// index is -1.
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

// is says whether the trail leads to the place of a path without wildcards.
func (t location) is(p path) bool {
	if len(t) != len(p) {
		return false
	}
	for i, tok := range t {
		if tok.index >= 0 || tok.name != p[i].name {
			return false
		}
	}
	return true
}

// maxSteps is how many steps a report shows of a pointer; one "*" stands for
// the rest.
const maxSteps = 12

// shown returns the pointers for a report. Names that neither the document has
// nor look like a member of a contract are "*", so that few pointers come of
// any number of answers, and so that none of them holds a secret.
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
