package contract

import (
	"regexp"
	"slices"
)

// The accept path judges an answer in one pass over its bytes. It says that the
// answer breaks nothing, or names the exact set of facts that are wrong, or is
// undecided. Only the explain path makes violations; the accept path never says
// that an answer is right which the explain path would not take.

// maxRules is how many rules fit the accept path's sets.
const maxRules = 128

// ruleSet is a set of rules by index.
type ruleSet [maxRules / 64]uint64

func (s *ruleSet) add(ru *rule) { s[ru.index/64] |= 1 << (ru.index % 64) }

func (s *ruleSet) union(o *ruleSet) {
	for i := range s {
		s[i] |= o[i]
	}
}

// acceptor is the accept path for the answers with one HTTP status.
type acceptor struct {
	response  *response
	root      *fastNode
	recognize uint64  // members of the root of which one has to be there; 0: none
	always    ruleSet // rules that every answer with a readable body is held against
	headers   []*rule // rules about header fields
	rules     []*fastRule
	secrets   []*rule // rules with nowhere
	captures  int     // number of capture slots
	slots     map[string]int32
}

// fastNode is all that the schemas demand of a value at one place.
type fastNode struct {
	id       uint64
	types    jsonType // that the value may have
	marks    [7]ruleSet
	members  []fastMember
	required uint64 // bits of members
	others   *fastNode
	items    *fastNode
	texts    []textTest // of strings
	choices  []choice
	captures []int32 // slots that hold the value
}

// choice is an anyOf, or a oneOf: then only one branch may hold.
type choice struct {
	branches []*fastNode
	one      bool
}

type fastMember struct {
	name string
	node *fastNode
}

// textTest is an assertion about a string.
type textTest func(string) verdict

// verdict of a test. Unsure is for what only the explain path can tell.
type verdict uint8

const (
	right verdict = iota
	wrong
	unsure
)

// fastRule is a rule of x-rules with the slots of its operands.
type fastRule struct {
	*rule
	at       []int32 // slots of its places
	members  []memberSlots
	when     int32 // slot; -1: none
	operand  int32 // slot of in and lte; -1: none
	rows     int32 // slot that selects a table's row; -1: none
	text     fastTemplate
	matches  func(string) bool // pattern
	required bool
}

// memberSlots are the slots of the members that a rule demands, by row.
type memberSlots struct {
	row   string
	slots []int32
}

// fastTemplate is a template with the slots of its places.
type fastTemplate []fastPart

type fastPart struct {
	part
	slot int32 // of a place of the answer; -1: none
}

// acceptBuilder builds an acceptor. It gives up on what the accept path does
// not know, and says why.
type acceptBuilder struct {
	contract *Contract
	response *response
	slots    map[string]int32 // by path
	paths    []path
	ids      uint64
	branch   bool // within an anyOf or oneOf
	gaveUp   string
}

// acceptor returns the accept path for a status, made on its first use; nil
// where there is none.
func (c *Contract) acceptor(status int) *acceptor {
	if status < 0 || status >= len(c.acceptors) {
		return nil
	}
	a := c.acceptors[status].Load()
	if a == nil {
		var why string
		if a, why = c.newAcceptor(status); why != "" {
			a = noAcceptor
		}
		c.acceptors[status].Store(a)
	}
	if a == noAcceptor {
		return nil
	}
	return a
}

// noAcceptor stands for a status that has no accept path.
var noAcceptor = &acceptor{}

// Slow says what of the document the accept path does not know. Where it is not
// empty, answers of some statuses are all explained, at some 20,000 a second
// and core.
func (c *Contract) Slow() (reasons []string) {
	for status := range c.acceptors {
		resp := c.responses.of(status)
		if resp == nil || resp.schema == nil || status > 0 && resp == c.responses.of(status-1) {
			continue
		}
		if _, why := c.newAcceptor(status); why != "" && !slices.Contains(reasons, why) {
			reasons = append(reasons, why)
		}
	}
	return reasons
}

// newAcceptor returns the accept path for a status, or why there is none.
func (c *Contract) newAcceptor(status int) (*acceptor, string) {
	resp := c.responses.of(status)
	if resp == nil || resp.schema == nil {
		return nil, "no schema"
	}
	if len(c.rules) > maxRules {
		return nil, "more than 128 rules"
	}
	b := &acceptBuilder{contract: c, response: resp, slots: map[string]int32{}}
	a := &acceptor{response: resp}
	for _, ru := range c.ordered {
		if ru.holdsFor(status) {
			b.addRule(a, ru)
		}
	}
	for _, ru := range c.overRun {
		for _, at := range ru.at {
			b.slot(at)
		}
	}
	a.slots = b.slots
	a.root = b.node([]*schema{resp.schema}, resp.root, nil)
	for i := range a.root.members {
		if slices.Contains(resp.recognize, a.root.members[i].name) {
			a.recognize |= 1 << i
		}
	}
	b.alwaysLooked(a)
	a.captures = len(b.paths)
	if resp.recognize != nil && a.recognize == 0 {
		b.giveUp("x-recognized names a member that the schema lacks")
	}
	if b.gaveUp != "" {
		return nil, b.gaveUp
	}
	return a, ""
}

func (b *acceptBuilder) giveUp(why string) {
	if b.gaveUp == "" {
		b.gaveUp = why
	}
}

// alwaysLooked collects the rules that the explain path marks for every body
// that it can read.
func (b *acceptBuilder) alwaysLooked(a *acceptor) {
	c := b.contract
	for _, ru := range c.texts {
		if ru != nil {
			a.always.add(ru)
		}
	}
	for _, ru := range append(slices.Clone(c.transport), c.unnamed, b.response.otherwise) {
		if ru != nil {
			a.always.add(ru)
		}
	}
}

// slot returns the slot that captures the values at a path.
func (b *acceptBuilder) slot(p path) int32 {
	if p == nil {
		return -1
	}
	key := p.String()
	if s, known := b.slots[key]; known {
		return s
	}
	s := int32(len(b.paths))
	b.slots[key], b.paths = s, append(b.paths, p)
	return s
}

func (b *acceptBuilder) addRule(a *acceptor, ru *rule) {
	switch {
	case ru.word == wordHasResponse:
		a.always.add(ru)
		return
	case ru.word == wordNowhere:
		a.secrets = append(a.secrets, ru)
		return
	case ru.header != "":
		a.headers = append(a.headers, ru)
		return
	}
	f := &fastRule{rule: ru, when: -1, operand: b.slot(ru.operand), rows: b.slot(ru.rows.at), required: ru.required}
	if ru.when != nil {
		f.when = b.slot(ru.when.at)
	}
	for _, at := range ru.at {
		if ru.required && at.wild() || ru.word == wordMembers && at.wild() {
			b.giveUp("the rule " + ru.Name + " demands members at a place with *")
		}
		f.at = append(f.at, b.slot(at))
	}
	f.text = b.template(ru.text)
	if ru.pattern != nil {
		f.matches = matcher(ru.pattern)
	}
	if ru.word == wordMembers {
		b.memberSlots(f)
	}
	for _, t := range ru.hidden {
		for _, p := range t {
			if p.place != nil {
				b.giveUp("the rule " + ru.Name + " hides a text of the answer")
			}
		}
	}
	if ru.word == wordMembers && ru.rows.http {
		b.giveUp("the rule " + ru.Name + " demands members per HTTP status")
	}
	a.rules = append(a.rules, f)
}

func (b *acceptBuilder) template(t template) (fast fastTemplate) {
	for _, p := range t {
		fast = append(fast, fastPart{p, b.slot(p.place)})
	}
	return fast
}

func (b *acceptBuilder) memberSlots(f *fastRule) {
	rows := f.rule.rows.rows
	if rows == nil {
		rows = map[string][]string{"": f.list}
	}
	for row, names := range rows {
		m := memberSlots{row: row}
		for _, name := range names {
			m.slots = append(m.slots, b.slot(append(slices.Clone(f.rule.at[0]), step{name: name})))
		}
		f.members = append(f.members, m)
	}
	if len(f.rule.at) != 1 {
		b.giveUp("the rule " + f.Name + " demands members at two places")
	}
}

// node builds what the asserting schemas demand at a place. The place has the
// names of all schemas, of branches too.
func (b *acceptBuilder) node(asserting []*schema, p *place, way path) *fastNode {
	b.ids++
	n := &fastNode{id: mix(b.ids), types: anyType}
	if p == nil {
		return n
	}
	for _, check := range p.checks {
		if check.rule.Level != Off {
			for t := range n.marks {
				if check.types&(1<<t) != 0 {
					n.marks[t].add(check.rule)
				}
			}
		}
	}
	for i, at := range b.paths {
		if matchesPath(at, way) {
			n.captures = append(n.captures, int32(i))
		}
	}
	all := closure(asserting)
	b.addMembers(n, all, p, way)
	for _, s := range all {
		b.demands(n, s)
	}
	b.addItems(n, all, p, way)
	return n
}

// closure are the schemas with those that they refer to.
func closure(schemas []*schema) (all []*schema) {
	for _, s := range schemas {
		all = append(append(all, s), closure(s.same)...)
	}
	return all
}

func matchesPath(p, way path) bool {
	if len(p) != len(way) {
		return false
	}
	for i := range p {
		if !p[i].any && (way[i].any || p[i].name != way[i].name) {
			return false
		}
	}
	return true
}

func (b *acceptBuilder) addMembers(n *fastNode, all []*schema, p *place, way path) {
	names := make([]string, 0, len(p.members))
	for _, s := range all {
		for name := range s.properties {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	for name := range p.members {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if len(names) > 64 {
		b.giveUp("an object has more than 64 members")
		return
	}
	for _, name := range names {
		var asserting []*schema
		for _, s := range all {
			if part := s.properties[name]; part != nil {
				asserting = append(asserting, part)
			} else if s.others != nil {
				asserting = append(asserting, s.others)
			}
		}
		n.members = append(n.members, fastMember{name, b.node(asserting, p.members[name], append(slices.Clone(way), step{name: name}))})
	}
}

func (b *acceptBuilder) addItems(n *fastNode, all []*schema, p *place, way path) {
	var items, others []*schema
	for _, s := range all {
		if s.items != nil {
			items = append(items, s.items)
		}
		if s.others != nil {
			others = append(others, s.others)
		}
	}
	anyStep := append(slices.Clone(way), step{name: "*", any: true})
	if p.items != nil {
		n.items = b.node(items, p.items, anyStep)
	}
	if p.others != nil || b.capturesBelow(anyStep) {
		n.others = b.node(others, p.others, anyStep)
	}
}

// capturesBelow says whether a path leads through members of any name here.
func (b *acceptBuilder) capturesBelow(way path) bool {
	return slices.ContainsFunc(b.paths, func(p path) bool {
		return len(p) >= len(way) && p[len(way)-1].any && matchesPath(p[:len(way)], way)
	})
}

// demands adds the keywords of a schema.
func (b *acceptBuilder) demands(n *fastNode, s *schema) {
	for i := range s.keywords {
		w := &s.keywords[i]
		if w.rule != nil && w.rule.Level == Off {
			continue
		}
		switch w.name {
		case "type":
			n.types &= widen(s.types)
		case "required":
			b.require(n, s)
		case "pattern":
			n.texts = append(n.texts, patternTest(w.text))
		case "format":
			if w.text != "date-time" {
				b.giveUp("format " + w.text)
			}
			n.texts = append(n.texts, timeTest)
		case "anyOf", "oneOf":
			b.choice(n, s, w.name == "oneOf")
		default:
			b.giveUp("the schema keyword " + w.name)
		}
	}
}

// widen lets integers pass where numbers do.
func widen(t jsonType) jsonType {
	if t&typeNumber != 0 {
		t |= typeInteger
	}
	return t
}

func (b *acceptBuilder) require(n *fastNode, s *schema) {
	for _, name := range s.needs {
		i := slices.IndexFunc(n.members, func(m fastMember) bool { return m.name == name })
		if i < 0 && !b.branch || len(n.members) == 64 {
			b.giveUp("required names a member without a schema")
			return
		}
		if i < 0 {
			i = len(n.members)
			n.members = append(n.members, fastMember{name, b.node(nil, nil, nil)})
		}
		n.required |= 1 << i
	}
}

// choice adds an anyOf or oneOf. Branches capture and mark nothing.
func (b *acceptBuilder) choice(n *fastNode, s *schema, one bool) {
	inner := &acceptBuilder{contract: b.contract, response: b.response, slots: map[string]int32{}, ids: b.ids + 1<<32, branch: true}
	var branches []*fastNode
	for _, branch := range s.branches {
		branches = append(branches, inner.node([]*schema{branch}, names(&place{}, branch), nil))
	}
	n.choices = append(n.choices, choice{branches, one})
	if inner.gaveUp != "" {
		b.giveUp(inner.gaveUp)
	}
}

// names adds the members that a schema names, without its rules: what fails in
// a branch is the branch's.
func names(p *place, s *schema) *place {
	for name, child := range s.properties {
		if p.members == nil {
			p.members = map[string]*place{}
		}
		if p.members[name] == nil {
			p.members[name] = &place{}
		}
		names(p.members[name], child)
	}
	for part, to := range map[*schema]**place{s.others: &p.others, s.items: &p.items} {
		if part == nil {
			continue
		}
		if *to == nil {
			*to = &place{}
		}
		names(*to, part)
	}
	for _, part := range slices.Concat(s.same, s.branches) {
		names(p, part)
	}
	return p
}

// patternTest returns the test of a schema's pattern.
func patternTest(pattern string) textTest {
	matches := matcher(regexp.MustCompile(pattern))
	return func(s string) verdict { return verdictOf(matches(s)) }
}

// quickForms are common patterns whose usual matches need no regular expression
// to be known. They never take what the pattern does not.
var quickForms = map[string]func(string) bool{
	`^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$`: isID,
	`^[A-Z][A-Z0-9]*(_[A-Z][A-Z0-9]*)*$`:                                            isUpperWord,
	`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z$`:           isUTC,
	`\.[0-9]{3}Z$`: endsInMillis,
}

// matcher returns a function that matches as the regular expression does.
func matcher(re *regexp.Regexp) func(string) bool {
	quick := quickForms[re.String()]
	if quick == nil {
		return re.MatchString
	}
	return func(s string) bool { return quick(s) || re.MatchString(s) }
}

// endsInMillis takes times such as 2021-11-16T19:35:54.554Z.
func endsInMillis(s string) bool {
	n := len(s)
	return n > 5 && s[n-1] == 'Z' && s[n-5] == '.' && s[n-2]-'0' < 10 && s[n-3]-'0' < 10 && s[n-4]-'0' < 10
}

// isID says whether s has the form of an ID.
func isID(s string) bool {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return false
	}
	odd := 0
	for i := range len(s) {
		odd += int(idBytes[s[i]])
	}
	return odd == 4 // the hyphens
}

// idBytes has 0 for hexadecimal digits, 1 for hyphens and more for all others.
var idBytes = func() (t [256]uint8) {
	for b := range t {
		t[b] = 100
	}
	for _, b := range []byte("0123456789abcdefABCDEF") {
		t[b] = 0
	}
	t['-'] = 1
	return t
}()

// isUpperWord says whether s is upper-case letters joined by single
// underscores: a subset of what the pattern takes.
func isUpperWord(s string) bool {
	letters := 0
	for i := range len(s) {
		switch b := s[i]; {
		case b >= 'A' && b <= 'Z':
			letters++
		case b == '_' && letters > 0:
			letters = 0
		default:
			return false
		}
	}
	return letters > 0
}

// timeTest takes UTC times with a real calendar date; the rest it leaves to the
// schema library.
func timeTest(s string) verdict {
	if !isUTC(s) {
		return unsure
	}
	number := func(from, to int) (n int) {
		for _, b := range []byte(s[from:to]) {
			n = n*10 + int(b-'0')
		}
		return n
	}
	year, month, day := number(0, 4), number(5, 7), number(8, 10)
	if month < 1 || month > 12 || day < 1 || day > daysIn(year, month) ||
		number(11, 13) > 23 || number(14, 16) > 59 || number(17, 19) > 59 {
		return unsure
	}
	return right
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// mix spreads a number over 64 bits (the finalizer of SplitMix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
