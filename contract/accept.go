package contract

import (
	"bytes"
	"mfaload/internal/redact"
	"slices"
	"strings"
)

// The accept path judges a response in one pass over its bytes. It says that the
// response breaks nothing, or names the exact set of facts that are wrong, or is
// undecided. Only the explain path makes violations; the accept path never says
// that a response is right which the explain path would not take.

// maxRules is how many rules fit the accept path's sets.
const maxRules = 128

type ruleSet [maxRules / 64]uint64

func (s *ruleSet) add(ru *rule) { s[ru.index/64] |= 1 << (ru.index % 64) }

func (s *ruleSet) union(o *ruleSet) {
	for i := range s {
		s[i] |= o[i]
	}
}

// acceptPath is what responses with one HTTP status are checked against, and the
// accept path for them.
type acceptPath struct {
	response *response
	paths    []path        // by slot, of the values that rules look at
	nothing  []int32       // by slot: -1
	ordered  []*acceptRule // the contract's ordered rules that hold for the status
	across   []*acceptRule // the contract's rules over the run
	captured []int32       // slots of the contract's captured

	// What only the accept path needs. It has no root where there is none.
	root      *acceptNode
	recognize uint64        // members of the root of which one has to be there; 0: none
	maxDepth  int           // levels of nesting that it decides
	always    ruleSet       // rules that every response with a readable body is checked against
	framing   [2]ruleSet    // those that the transport finds: over HTTP/1.1, over HTTP/2
	headers   []*acceptRule // rules about header fields
	rules     []*acceptRule // rules about the body
	secrets   []*acceptRule // rules with nowhere
}

// acceptNode is all that the schemas demand of a value at one place.
type acceptNode struct {
	id          uint64
	types       jsonType // that the value may have
	marks       [7]ruleSet
	members     []acceptMember
	index       [64]uint8 // by bucket of the name: 1 + the first of the members there
	required    uint64    // bits of members
	others      *acceptNode
	suffixNodes []suffixNode // of members without a name of their own, before others
	named       bool         // members that no schema names are reported
	items       *acceptNode
	texts       []textTest // of strings
	choices     []choice
	captures    []int32 // slots that hold the value
}

// choice is an anyOf, or a oneOf: then only one branch may hold.
type choice struct {
	branches []*acceptNode
	one      bool
}

type suffixNode struct {
	suffix string
	node   *acceptNode
}

type acceptMember struct {
	name    string
	node    *acceptNode
	next    uint8 // 1 + the next of the members in the same bucket
	unnamed bool  // no schema names it, which is reported
}

// file puts the members into their buckets, of which a name's is found without
// looking at the others.
func (n *acceptNode) file() {
	for i := range n.members {
		m := &n.members[i]
		m.next = n.index[bucket(m.name)]
		n.index[bucket(m.name)] = uint8(i + 1)
	}
}

// bucket spreads names by their length and their ends.
func bucket(name string) uint8 {
	if name == "" {
		return 0
	}
	return (uint8(len(name))*5 + name[0] + name[len(name)-1]*11) & 63
}

type textTest func(string) decision

// decision of a test. Unsure is for what only the explain path can tell.
type decision uint8

const (
	right decision = iota
	wrong
	unsure
)

type acceptRule struct {
	*rule
	at      []int32            // slots of its places
	members map[string][]int32 // slots of the members that the rule demands, by row
	when    int32              // slot; -1: none
	operand int32              // slot of lte; -1: none
	among   []int32            // slots of in
	instead int32              // slot of what may be there in its place; -1: none
	rows    int32              // slot that selects a table's row; -1: none
	first   []int32            // slots of which the first value counts, in the order of the explain path
	text    acceptTemplate
	hidden  []acceptTemplate  // masked
	matches func(string) bool // pattern
}

type acceptTemplate []acceptTemplatePart

type acceptTemplatePart struct {
	templatePart
	slot int32 // of a place of the response; -1: none
}

func (c *Contract) acceptPath(status int) *acceptPath {
	if status < 0 || status >= len(c.acceptPaths) {
		a, _ := c.newAcceptPath(status)
		return a
	}
	a := c.acceptPaths[status].Load()
	if a == nil {
		made, _ := c.newAcceptPath(status)
		c.acceptPaths[status].CompareAndSwap(nil, made) // another goroutine may have made it
		a = c.acceptPaths[status].Load()
	}
	return a
}

// Slow says what of the document the accept path does not know. Where it is not
// empty, responses of some statuses are all explained, at about 20,000 a second
// and core.
func (c *Contract) Slow() (reasons []string) {
	for status := range c.acceptPaths {
		resp := c.responses.of(status)
		if resp == nil || resp.schema == nil || status > 0 && resp == c.responses.of(status-1) {
			continue
		}
		if _, why := c.newAcceptPath(status); why != "" && !slices.Contains(reasons, why) {
			reasons = append(reasons, why)
		}
	}
	return reasons
}

// newAcceptPath returns what responses with a status are checked against, and why
// there is no accept path for them.
func (c *Contract) newAcceptPath(status int) (*acceptPath, string) {
	resp := c.responses.of(status)
	b := &acceptPathBuilder{contract: c, response: resp, slots: map[string]int32{}}
	a := &acceptPath{response: resp, maxDepth: min(maxScanned, c.maxDepth)}
	if resp == nil || resp.root == nil {
		b.giveUp("no schema")
	}
	if len(c.rules) > maxRules {
		b.giveUp("more than 128 rules")
	}
	for _, ru := range c.ordered {
		if ru.holdsFor(status) {
			b.addRule(a, ru)
		}
	}
	for _, ru := range c.acrossResponses {
		if ru.holdsFor(status) {
			a.across = append(a.across, b.operands(ru))
		}
	}
	a.captured = b.slotsOf(c.captured)
	a.paths, a.nothing = b.paths, slices.Repeat([]int32{-1}, len(b.paths))
	if b.gaveUp == "" {
		b.addNodes(a)
	}
	if b.gaveUp != "" {
		a.root = nil
	}
	return a, b.gaveUp
}

func (b *acceptPathBuilder) addNodes(a *acceptPath) {
	resp := b.response
	a.root = b.node([]*schema{resp.schema}, resp.root, nil)
	if b.contract.texts[textObject] != nil {
		a.root.types &= typeObject
	}
	for i := range a.root.members {
		if slices.Contains(resp.recognize, a.root.members[i].name) {
			a.recognize |= 1 << i
		}
	}
	b.alwaysLooked(a)
	if resp.recognize != nil && a.recognize == 0 {
		b.giveUp("x-recognized names a member that the schema lacks")
	}
}

func (b *acceptPathBuilder) giveUp(why string) {
	if b.gaveUp == "" {
		b.gaveUp = why
	}
}

// mix spreads a number over 64 bits (the finalizer of SplitMix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// accept judges a response by the accept path: right, wrong with s.wrong as the
// fingerprint of what is wrong, or unsure.
func (a *acceptPath) accept(r *checker, s *scan) decision {
	ex := r.ex
	if ex.Cut || len(ex.Framing) > 0 || ex.encoded() {
		return unsure
	}
	s.start(a, ex.Body)
	s.marks.union(a.framingOf(ex))
	r.accepting, r.values = true, &s.captures
	if !a.noSecrets(r, s) {
		return unsure
	}
	if !s.document(a.root) {
		return unsure
	}
	if a.recognize != 0 && a.recognize&s.root == 0 {
		return unsure
	}
	for _, f := range a.headers {
		r.headerRule(f)
	}
	for _, f := range a.rules {
		if !r.evaluate(f) {
			return unsure
		}
	}
	if s.faults > 0 {
		return wrong
	}
	return right
}

// framingOf are the rules about framing that a response is checked against.
func (a *acceptPath) framingOf(ex *Exchange) *ruleSet {
	if ex.HTTP2 {
		return &a.framing[1]
	}
	return &a.framing[0]
}

// noSecrets says whether no secret is in the header or the body, plain or escaped.
func (a *acceptPath) noSecrets(r *checker, s *scan) bool {
	mayEscape := redact.MayBeEscaped(view(s.body))
	for _, f := range a.secrets {
		secret := r.joined(f.text)
		if len(secret) < shortestSecret {
			continue
		}
		s.marks.add(f.rule)
		for _, f := range r.ex.Header {
			if strings.Contains(f.Value, secret) || nameHolds(f.Name, secret) ||
				redact.MayBeEscaped(f.Value) && r.secrets().Shown(f.Value) {
				return false
			}
		}
		// The end of a token is random; its beginning is that of many words.
		if tail := secret[len(secret)-shortestSecret:]; bytes.Contains(s.body, unsafeBytes(tail)) &&
			bytes.Contains(s.body, unsafeBytes(secret)) {
			return false
		}
		if mayEscape && r.secrets().Shown(view(s.body)) {
			return false
		}
	}
	return true
}
