package scenario

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// The forms of names, IDs and codes. IDs are not RFC 4122: the documentation's
// own examples break it.
var (
	namePatternText = `^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`
	idPatternText   = `^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$`
	codePatternText = `^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$`

	nameForm    = regexp.MustCompile(namePatternText)
	idForm      = regexp.MustCompile(idPatternText)
	codeForm    = regexp.MustCompile(codePatternText)
	statForm    = regexp.MustCompile(`^(min|mean|max|p[0-9]{1,2}(\.[0-9]{1,4})?|p100)$`)
	latencyForm = regexp.MustCompile(`^(constant|normal|lognormal)\(\s*([^,()]+?)\s*(?:,\s*([^,()]+?)\s*)?\)$`)
	ruleForm    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*(\.[A-Za-z][A-Za-z0-9]*)*(\.\*)?$`)
)

func (b *builder) name(n *yaml.Node, what string, to *string) {
	s, ok := b.text(n, what)
	if ok && !nameForm.MatchString(s) {
		b.problem(n, "use at most 100 letters, digits, '.', '_' and '-', starting with a letter or digit", "%s: %q is no name", what, shown(n))
		return
	}
	*to = s
}

func (b *builder) groupName(n *yaml.Node, g *Group) {
	b.name(n, "name", &g.Name)
	if g.Name != "" && b.seenGroups[g.Name] {
		b.problem(n, "give each group a name of its own", "there are two groups named %q", shown(n))
	}
	b.seenGroups[g.Name] = true
}

func (b *builder) id(n *yaml.Node, what string, to *string) {
	s, ok := b.text(n, what)
	if ok && !idForm.MatchString(s) {
		b.problem(n, "write 36 characters: 8-4-4-4-12 hexadecimal digits", "%s: %q is no ID", what, shown(n))
		return
	}
	*to = s
}

func (b *builder) userID(n *yaml.Node, g *Group) {
	id := ""
	if b.id(n, "ids", &id); id == "" {
		return
	}
	folded := strings.ToLower(id)
	if before, twice := b.seenIDs[folded]; twice {
		b.problem(n, "name every user once", "the user %q is listed already in line %d", shown(n), before.Line)
		return
	}
	b.seenIDs[folded] = b.pos(n)
	g.IDs = append(g.IDs, id)
}

// token decodes a token without ever showing it.
func (b *builder) token(n *yaml.Node, to *Secret) {
	s, ok := b.text(n, "accessToken")
	if !ok {
		return
	}
	switch {
	case s == "":
		b.problem(n, "set it to the access token of a worker application", "accessToken is empty")
	case strings.HasPrefix(strings.ToLower(s), "bearer "):
		b.problem(n, `leave "Bearer" out: write the token alone`, "accessToken begins with Bearer")
	case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }):
		b.problem(n, "check that nothing was cut or added when it was copied", "accessToken has spaces or characters that no token has")
	default:
		*to = NewSecret(s)
	}
}

func (b *builder) oneCode(n *yaml.Node, what string) string {
	var codes []string
	if b.code(n, what, &codes); len(codes) == 0 {
		return ""
	}
	return codes[0]
}

func (b *builder) code(n *yaml.Node, what string, to *[]string) {
	s, ok := b.text(n, what)
	if !ok {
		return
	}
	if !codeForm.MatchString(s) {
		b.problem(n, "write upper-case words joined by _, for example OTP_REQUIRED", "%s: %q is no code", what, shown(n))
		return
	}
	*to = append(*to, s)
}

func (b *builder) group(n *yaml.Node) {
	g := Group{Weight: 1}
	b.mapping(n, "the group", b.groupKeys(&g))
	if len(g.Expect.HTTPStatuses) == 0 {
		g.Expect.HTTPStatuses = []int{201}
	}
	b.s.Groups = append(b.s.Groups, g)
}

// expect decodes an expectation and finds what can't come together.
func (b *builder) expect(n *yaml.Node, e *Expect) {
	before := len(b.problems)
	b.mapping(n, "expect", b.expectKeys(e))
	if len(b.problems) > before {
		return
	}
	success, refused := len(e.HTTPStatuses) == 0, false
	for _, s := range e.HTTPStatuses {
		success, refused = success || s == 201, refused || s != 201
	}
	if len(e.Statuses) > 0 && !success {
		b.problem(n, "leave status out, or expect httpStatus 201", "expect: status is part of a 201 only")
	}
	if len(e.Errors) > 0 && !refused {
		b.problem(n, "add the httpStatus that belongs to the error"+statusOf(e.Errors[0]), "expect: error is never part of a 201")
	}
}

// statusOf is the HTTP status that the documentation gives an error's code.
func statusOf(code string) string {
	status, known := map[string]int{"INVALID_DATA": 400, "INVALID_REQUEST": 400, "REQUEST_FAILED": 400, "ACCESS_FAILED": 401,
		"NOT_FOUND": 404, "REQUEST_LIMITED": 429, "UNEXPECTED_ERROR": 500}[code]
	if !known {
		return ""
	}
	return fmt.Sprintf(": httpStatus: %d", status)
}

func (b *builder) stage(n *yaml.Node) {
	draft := &stageDraft{}
	before := len(b.problems)
	b.mapping(n, "the stage", b.stageKeys(draft))
	if len(b.problems) > before {
		return
	}
	stage := Stage{Duration: draft.duration}
	switch {
	case draft.rate != nil && draft.from == nil && draft.to == nil:
		stage.From, stage.To = *draft.rate, *draft.rate
	case draft.rate == nil && draft.from != nil && draft.to != nil:
		stage.From, stage.To = *draft.from, *draft.to
	default:
		b.problem(n, "write {rate: 50/s, duration: 2m} or {from: 50/s, to: 200/s, duration: 5m}", "the stage has neither a rate alone nor both from and to")
		return
	}
	b.s.Load.Stages = append(b.s.Load.Stages, stage)
}

// statistics decodes limits of times, such as {p95: 300ms, p99: 800ms}.
func (b *builder) statistics(n *yaml.Node, group string, m Metric, to *[]Threshold) {
	n, ok := b.follow(n)
	if !ok || !b.isMapping(n, string(m)) {
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		t := Threshold{Group: group, Metric: m, Stat: name.Value}
		switch {
		case seen[name.Value]:
			b.problem(name, "remove one of the two", "%s has the key %q twice", m, clip(name.Value))
			continue
		case !statForm.MatchString(name.Value) || name.Value == "p0" || name.Value == "p00":
			b.problem(name, "use min, mean, max, or a percentile such as p50, p95 or p99.9", "%s: %q is no statistic", m, clip(name.Value))
			continue
		}
		seen[name.Value] = true
		if digits, isPercentile := strings.CutPrefix(name.Value, "p"); isPercentile {
			t.Quantile, _ = strconv.ParseFloat(digits, 64)
		}
		var limit time.Duration
		if b.duration(value, fmt.Sprintf("%s %s", m, t.Stat), time.Microsecond, &limit); limit > 0 {
			t.Limit, t.Written = limit.Seconds(), short(limit)
			*to = append(*to, t)
		}
	}
}

// short writes a duration without needless zeros: 2m, not 2m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func (b *builder) groupThresholds(n *yaml.Node) {
	n, ok := b.follow(n)
	if !ok || !b.isMapping(n, "thresholds.groups") {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		g := groupThresholds{name: n.Content[i], group: n.Content[i].Value}
		b.mapping(n.Content[i+1], "thresholds of "+clip(g.group), b.metricKeys(g.group, &g.thresholds))
		b.places.thresholdGroups = append(b.places.thresholdGroups, g)
	}
}

func (b *builder) levels(n *yaml.Node) {
	n, ok := b.follow(n)
	if !ok || !b.isMapping(n, "contract.levels") {
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		c := LevelChange{Rule: name.Value, Pos: b.pos(name)}
		switch {
		case seen[name.Value]:
			b.problem(name, "remove one of the two", "contract.levels has the key %q twice", clip(name.Value))
		case !ruleForm.MatchString(name.Value):
			b.problem(name, "write a rule such as echo.user, or a family such as links.*", "contract.levels: %q is no rule", clip(name.Value))
		default:
			if b.word(value, "level", []string{"fail", "note", "off"}, &c.Level); c.Level != "" {
				b.s.Levels = append(b.s.Levels, c)
			}
		}
		seen[name.Value] = true
	}
}

// request decodes members of a request's body.
func (b *builder) request(n *yaml.Node) map[string]any {
	n, ok := b.follow(n)
	if !ok || !b.isMapping(n, "request") {
		return nil
	}
	members, _ := b.value(n).(map[string]any)
	for i := 0; i < len(n.Content); i += 2 {
		if n.Content[i].Value == "user" {
			b.problem(n.Content[i], "remove it", "request.user is filled from ids")
		}
	}
	return members
}

// value decodes any value as JSON knows it.
func (b *builder) value(n *yaml.Node) any {
	n, ok := b.follow(n)
	if !ok {
		return nil
	}
	switch n.Kind {
	case yaml.MappingNode:
		object := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			name := n.Content[i]
			if _, twice := object[name.Value]; twice {
				b.problem(name, "remove one of the two", "request has the key %q twice", clip(name.Value))
			}
			object[name.Value] = b.value(n.Content[i+1])
		}
		return object
	case yaml.SequenceNode:
		list := []any{}
		for _, c := range n.Content {
			list = append(list, b.value(c))
		}
		return list
	default:
		return b.scalar(n)
	}
}

// scalar decodes a scalar by its YAML type. A plain scalar that held a
// variable is typed anew, as if its value had stood there.
func (b *builder) scalar(n *yaml.Node) any {
	if isNull(n) {
		return nil
	}
	s, ok := b.text(n, "request")
	if !ok {
		return nil
	}
	tag := n.Tag
	if n.Style == 0 && strings.Contains(n.Value, "${") {
		tag = (&yaml.Node{Kind: yaml.ScalarNode, Value: s}).ShortTag()
	}
	switch tag {
	case "!!bool":
		return strings.EqualFold(s, "true")
	case "!!int", "!!float":
		if json.Valid([]byte(s)) {
			return json.Number(s)
		}
		b.problem(n, "write the number as JSON does, or in quotes as a text", "request: %q is no number in JSON", shown(n))
		return nil
	default:
		return s
	}
}

func (b *builder) latency(n *yaml.Node, to *Latency) {
	s, ok := b.text(n, "latency")
	if !ok {
		return
	}
	const remedy = "write 5ms, constant(5ms), normal(mean, standard deviation) or lognormal(median, 99th percentile)"
	l := Latency{Kind: "constant"}
	var errA, errB error
	if m := latencyForm.FindStringSubmatch(s); m != nil {
		l.Kind = m[1]
		l.A, errA = ParseDuration(m[2])
		if wants := l.Kind != "constant"; wants != (m[3] != "") {
			errB = fmt.Errorf("wrong number of durations")
		} else if wants {
			l.B, errB = ParseDuration(m[3])
		}
	} else {
		l.A, errA = ParseDuration(s)
	}
	switch {
	case errA != nil || errB != nil:
		b.problem(n, remedy, "latency: %q is no latency", shown(n))
	case l.Kind == "lognormal" && (l.A == 0 || l.B < l.A):
		b.problem(n, "write a median above 0 and a 99th percentile of at least the median", "latency: %q can't be", shown(n))
	default:
		*to = l
	}
}

func (b *builder) simulator(n *yaml.Node) *Simulator {
	s := &Simulator{Seed: 1}
	if !isNull(n) {
		b.mapping(n, "simulator", b.simulatorKeys(s))
	}
	return s
}

func (b *builder) stall(n *yaml.Node, s *Simulator) {
	stall := Stall{}
	b.mapping(n, "the stall", b.stallKeys(&stall))
	if stall.Every > 0 && stall.For >= stall.Every {
		b.problem(n, "make for shorter than every", "the stall never ends")
	}
	s.Stalls = append(s.Stalls, stall)
}

// limit decodes a rate, or a mapping with more.
func (b *builder) limit(n *yaml.Node) *Limit {
	n, ok := b.follow(n)
	if !ok {
		return nil
	}
	l := &Limit{RetryAfter: time.Second}
	if n.Kind == yaml.ScalarNode {
		b.rate(n, "rateLimit", &l.Rate)
	} else {
		b.mapping(n, "rateLimit", b.limitKeys(l))
	}
	if l.Burst == 0 {
		l.Burst = max(int(l.Rate), 1)
	}
	return l
}

func (b *builder) simulated(n *yaml.Node, s *Simulator) {
	u := SimulatedUsers{Form: "older"}
	b.mapping(n, "simulator.users", b.simulatedKeys(&u))
	if u.Error != "" && u.HTTPStatus == 0 {
		b.problem(n, "add the httpStatus that belongs to it"+statusOf(u.Error), "error has no httpStatus")
	}
	s.Users = append(s.Users, u)
}

func (b *builder) fault(n *yaml.Node, s *Simulator) {
	f := Fault{}
	b.mapping(n, "the fault", b.faultKeys(&f))
	s.Faults = append(s.Faults, f)
}
