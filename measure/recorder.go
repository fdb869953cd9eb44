package measure

import (
	"math/bits"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"mfaload/internal/varint"
)

// Bounds on what a recorder keeps of responses; the rest is counted together.
const (
	maxLabels     = 24  // labels of a group and phase
	denseLabels   = 4   // of them, those whose histograms are fast rather than small; none of the warm-up
	fastGroups    = 8   // of as many groups are the times of requests' parts on the network fast, too
	maxViolations = 500 // groups of violations

	// Instances is how many violations of a group are kept with what was
	// expected and what came.
	Instances  = 10
	otherLabel = "other"
)

// Recorder sums up observations. It is safe for concurrent use; its memory
// grows with the number of groups and labels, not with the number of requests,
// and with that of the seconds only where no [Log] keeps them.
type Recorder struct {
	groups     int
	rules      []string
	responses  int
	ofSteps    bool // see [NewStepRecorder]
	partitions []partition
	warmup     WarmupParts

	mu          sync.Mutex
	connections [2]Connections // main, warm-up
	log         Log            // nil where nobody writes them down

	streak streak
}

// partition is what some of the workers record into, so that they seldom wait
// for one another.
type partition struct {
	mu         sync.Mutex
	phases     [2]partitionPhase // main, warm-up
	parts      []partitionPhase  // the warm-up's, where it is split
	timeline   Timeline          // of what is in no log
	flow       Flow
	violations map[violationKey]*ViolationGroup
	ungrouped  uint64
	evaluated  []uint64 // by rule
	responses  int      // whole ones that are kept of a group of violations
	progress   Progress
	log        Log         // nil where nobody writes down what is recorded
	kept       []*Instance // of the violations of the present observation, for the log
	taps       []observer  // of those who look on
	_          [64]byte    // keeps the locks of two partitions in two cache lines
}

// partitionPhase keeps the cells of a phase by group, so that finding one is a
// walk over a few labels.
type partitionPhase struct {
	lastSent time.Duration
	own      *Histogram
	cells    [][]*Cell
	small    bool // all histograms are rather small than fast
	// breakdown is nil for those who look on; most makes histograms of it for times that most requests have.
	breakdown *Breakdown
	most      func() *Histogram
}

type violationKey struct {
	rule, pointer string
	fails         bool
}

// Progress is how far a run has come.
type Progress struct {
	// Sent requests are Clean, Violating, Failed, Refused, or answers other than
	// expected. Refused are unexpected responses too, but 429.
	Sent      uint64 `json:"sent"`
	Clean     uint64 `json:"clean"`
	Violating uint64 `json:"violating"`
	Failed    uint64 `json:"failed"`
	Refused   uint64 `json:"refused"`
	// RateLimited counts all responses that are 429: Refused are those of them that
	// neither the scenario expects nor the contract finds fault with.
	RateLimited uint64 `json:"rate_limited"`
	// Expected counts all responses that the scenario expects, whatever they break.
	Expected uint64 `json:"as_expected"`
	// NotDelivered counts the failed ones that certainly never reached the service.
	NotDelivered uint64 `json:"unheard"`
	// DoubtfulErrors and DoubtfulLimits count the errors and the 429s that may be
	// mfaload's own doing: see [Harmed].
	DoubtfulErrors uint64 `json:"doubtful_errors,omitempty"`
	DoubtfulLimits uint64 `json:"doubtful_rate_limited,omitempty"`
	// Good counts the good responses: see [GoodCount].
	Good uint64 `json:"good,omitempty"`
}

// Unexpected counts the responses that conform but are not what the scenario
// expects, without those that are 429.
func (p Progress) Unexpected() uint64 { return p.Sent - p.Clean - p.Violating - p.Failed - p.Refused }

// NewRecorder returns a recorder for so many groups of users and a contract
// with these rules. Of each group of violations it keeps so many whole responses,
// at most [Instances].
func NewRecorder(groups int, rules []string, responses int) *Recorder {
	r := &Recorder{groups: groups, rules: rules, responses: responses,
		partitions: make([]partition, min(runtime.GOMAXPROCS(0), 4))}
	r.connections = [2]Connections{newConnections(), newConnections()}
	for i := range r.partitions {
		s := &r.partitions[i]
		s.violations = map[violationKey]*ViolationGroup{}
		s.evaluated = make([]uint64, len(rules))
		s.responses = responses
		s.timeline.grouped = groups > 1
		for p := range s.phases {
			s.phases[p] = newPartitionPhase(groups, NewHistogram())
		}
		most := NewHistogram
		if groups > fastGroups {
			most = NewSparse
		}
		s.phases[0].breakdown, s.phases[0].most = newBreakdown(groups), most
		s.phases[1].breakdown, s.phases[1].most = newBreakdown(groups), NewSparse
	}
	return r
}

func newPartitionPhase(groups int, own *Histogram) partitionPhase {
	return partitionPhase{cells: make([][]*Cell, groups), own: own}
}

// SplitWarmup has the requests of the warm-up counted by its parts too. It is called once, before the run.
func (r *Recorder) SplitWarmup(parts WarmupParts) {
	r.warmup = parts
	for i := range r.partitions {
		for range parts.Count {
			part := newPartitionPhase(r.groups, NewSparse())
			part.breakdown, part.most = newBreakdown(r.groups), NewSparse
			r.partitions[i].parts = append(r.partitions[i].parts, part)
		}
	}
}

// Record adds one observation. Worker is any number that spreads the callers.
func (r *Recorder) Record(worker int, o *Observation) {
	r.streak.add(o)
	o.Label = asText(o.Label)
	n := worker % len(r.partitions)
	s := &r.partitions[n]
	s.mu.Lock()
	defer s.mu.Unlock()
	part := -1
	if o.Warmup && len(s.parts) > 0 {
		part = r.warmup.Part(o.Intended)
	}
	violating := s.recordViolations(o, part)
	s.phases[phaseIndex(o.Warmup)].record(o, violating)
	if part >= 0 {
		s.parts[part].record(o, violating)
	}
	if logged := s.log != nil && s.log.Record(n, o, s.kept); !logged && !r.ofSteps {
		s.timeline.record(o, violating)
	}
	s.flow.record(o)
	s.recordCoverage(o.Evaluated)
	s.progress.add(o, violating)
	for _, t := range s.taps {
		t.record(n, o, violating)
	}
}

// RecordConnection adds a connection that was opened.
func (r *Recorder) RecordConnection(warmup bool, c OpenedConnection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.connections[phaseIndex(warmup)].add(c)
	if r.log != nil {
		r.log.RecordConnection(warmup, c)
	}
}

// RecordWait adds the time that a request waited, because the scenario allows no more
// connections.
func (r *Recorder) RecordWait(warmup bool, d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.connections[phaseIndex(warmup)].wait(d)
	if r.log != nil {
		r.log.RecordWait(warmup, d)
	}
}

// Log is told all that a recorder records: see [Recorder.SetLog].
type Log interface {
	// Record keeps an observation, and returns false where it can't: then the recorder
	// keeps its second. Kept has for each of its violations the instance that is kept
	// of it, nil where none is. The partition of the recorder is locked meanwhile, and
	// all that it is handed may change when it returns.
	Record(partition int, o *Observation, kept []*Instance) bool
	// RecordConnection keeps a connection: see [Recorder.RecordConnection].
	RecordConnection(warmup bool, c OpenedConnection)
	// RecordWait keeps a wait: see [Recorder.RecordWait].
	RecordWait(warmup bool, d time.Duration)
}

// SetLog has a log keep all that is recorded. It is called once, before the run.
func (r *Recorder) SetLog(log Log) {
	for i := range r.partitions {
		r.Locked(i, func() { r.partitions[i].log = log })
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = log
}

// Locked calls a function while nothing is recorded into a partition.
func (r *Recorder) Locked(partition int, do func()) {
	s := &r.partitions[partition]
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
}

// Layout is what a recorder was made for, and in how many partitions it records.
type Layout struct {
	Groups     int
	Rules      []string
	Answers    int
	Partitions int
}

// Layout returns the recorder's.
func (r *Recorder) Layout() Layout { return Layout{r.groups, r.rules, r.responses, len(r.partitions)} }

func phaseIndex(warmup bool) int {
	if warmup {
		return 1
	}
	return 0
}

func (s *partition) recordCoverage(evaluated []uint64) {
	for i, word := range evaluated {
		for ; word != 0; word &= word - 1 {
			if rule := i*64 + bits.TrailingZeros64(word); rule < len(s.evaluated) {
				s.evaluated[rule]++
			}
		}
	}
}

func (p *Progress) add(o *Observation, violating bool) {
	p.Sent++
	switch {
	case o.Failed:
		p.Failed++
		if IsNotDelivered(o.Label) {
			p.NotDelivered++
		}
	case violating:
		p.Violating++
	case o.AsExpected:
		p.Clean++
	case o.RateLimited:
		p.Refused++
	}
	if o.RateLimited {
		p.RateLimited++
	}
	if o.AsExpected {
		p.Expected++
	}
	p.Good += uint64(varint.Bit(o.good(violating)))
	if o.doubtful() {
		p.DoubtfulErrors += uint64(varint.Bit(!o.AsExpected))
		p.DoubtfulLimits += uint64(varint.Bit(o.RateLimited))
	}
}

func (p *partitionPhase) record(o *Observation, violating bool) {
	p.lastSent = max(p.lastSent, o.Sent)
	p.own.Record(o.Own)
	c := p.cell(o)
	c.Response.Record(o.Done - o.Intended)
	c.Service.Record(o.Done - o.Sent)
	c.Lateness.Record(o.Sent - o.Intended)
	if o.AsExpected {
		c.AsExpected++
	}
	if violating {
		c.Violating++
	}
	if o.AsExpected && !violating {
		c.Clean++
	}
	if o.RateLimited {
		c.RateLimited++
	}
	c.GoodCount.record(o, violating)
	recordHarmed(&c.Harmed, o)
	if p.breakdown != nil {
		p.breakdown.record(o, p.most)
	}
}

func (p *partitionPhase) cell(o *Observation) *Cell {
	cells := p.cells[o.Group]
	for _, c := range cells {
		if c.Label == o.Label && c.Failed == o.Failed && c.Refused == o.Refused {
			return c
		}
	}
	label := o.Label
	if len(cells) >= maxLabels {
		label = otherLabel
		for _, c := range cells {
			if c.Label == otherLabel && c.Failed == o.Failed && c.Refused == o.Refused {
				return c
			}
		}
	}
	histogram := NewHistogram
	if o.Warmup || p.small || len(cells) >= denseLabels {
		histogram = NewSparse
	}
	// A label may point into a buffer that is used again.
	c := newCell(cellKind{o.Group, strings.Clone(label), o.Failed, o.Refused}, histogram)
	p.cells[o.Group] = append(cells, c)
	return c
}

// recordViolations says whether one of them breaks conformance. Part is that of the warm-up, below 0 if that
// has none.
func (s *partition) recordViolations(o *Observation, part int) (violating bool) {
	s.kept = s.kept[:0]
	for i := range o.Violations {
		v := &o.Violations[i]
		violating = violating || v.Fails
		key := violationKey{asText(v.Rule), asText(v.Pointer), v.Fails}
		g := s.violations[key]
		if g == nil {
			if len(s.violations) >= maxViolations {
				s.ungrouped++
				s.kept = append(s.kept, nil)
				continue
			}
			g = &ViolationGroup{Rule: key.rule, Pointer: key.pointer, Fails: v.Fails}
			s.violations[key] = g
		}
		g.Count++
		if !v.Counted {
			g.Explained++
		}
		var kept *Instance
		if n := len(g.Instances); n == 0 || n < Instances && !v.Counted {
			kept = g.keep(v, o, n < s.responses)
		}
		s.kept = append(s.kept, kept)
		switch {
		case part >= 0:
			g.inPart(part, o.Group)
			fallthrough
		case o.Warmup:
			g.InWarmup++
		default:
			countIn(&g.ByGroup, o.Group)
		}
	}
	return violating
}

func countIn(byGroup *[]uint64, group int) {
	for len(*byGroup) <= group {
		*byGroup = append(*byGroup, 0)
	}
	(*byGroup)[group]++
}

func (g *ViolationGroup) keep(v *RuleViolation, o *Observation, whole bool) *Instance {
	instance := Instance{Expected: v.Expected, Got: v.Got}
	if o.Mask != nil {
		instance.Expected, instance.Got = o.Mask(v.Expected), o.Mask(v.Got)
	}
	if o.Example != nil {
		instance.Example = o.Example(whole)
	}
	instance.asText()
	g.Instances = append(g.Instances, instance)
	return &g.Instances[len(g.Instances)-1]
}

// Add adds other requests.
func (p *Progress) Add(o Progress) {
	p.Sent += o.Sent
	p.Clean += o.Clean
	p.Violating += o.Violating
	p.Failed += o.Failed
	p.Refused += o.Refused
	p.RateLimited += o.RateLimited
	p.Expected += o.Expected
	p.NotDelivered += o.NotDelivered
	p.DoubtfulErrors += o.DoubtfulErrors
	p.DoubtfulLimits += o.DoubtfulLimits
	p.Good += o.Good
}

// Since is what was added after an earlier one.
func (p Progress) Since(o Progress) Progress {
	return Progress{Sent: p.Sent - o.Sent, Clean: p.Clean - o.Clean, Violating: p.Violating - o.Violating,
		Failed:  p.Failed - o.Failed,
		Refused: p.Refused - o.Refused, RateLimited: p.RateLimited - o.RateLimited,
		Expected: p.Expected - o.Expected, NotDelivered: p.NotDelivered - o.NotDelivered,
		DoubtfulErrors: p.DoubtfulErrors - o.DoubtfulErrors,
		DoubtfulLimits: p.DoubtfulLimits - o.DoubtfulLimits, Good: p.Good - o.Good}
}

// Progress returns how far the run has come.
func (r *Recorder) Progress() (sum Progress) {
	for i := range r.partitions {
		s := &r.partitions[i]
		s.mu.Lock()
		p := s.progress
		s.mu.Unlock()
		sum.Add(p)
	}
	return sum
}

// Measurement returns the sum of all observations so far. Its caller fills in
// what observations do not tell: names, plan and generator.
func (r *Recorder) Measurement() (*Measurement, error) { return r.sum(false) }

// Final is Measurement at the end of a run. It hands over the seconds, which are
// most of what a long run keeps, instead of copying them: nothing is recorded
// after it.
func (r *Recorder) Final() (*Measurement, error) { return r.sum(true) }

func (r *Recorder) sum(final bool) (*Measurement, error) {
	m := r.newMeasurement()
	var lists []*Seconds
	var err error
	for i := range r.partitions {
		s := &r.partitions[i]
		s.mu.Lock()
		m.merge(r.show(s))
		seconds := s.timeline.Seconds()
		if final {
			s.timeline = Timeline{}
		} else {
			seconds, err = joinSeconds([]*Seconds{&seconds}) // a copy
		}
		s.mu.Unlock()
		if err != nil {
			return nil, err
		}
		if !seconds.Empty() {
			lists = append(lists, &seconds)
		}
	}
	if m.Seconds, err = sumOfSeconds(lists); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	shown := r.newMeasurement()
	shown.Main.Connections, shown.Warmup.Connections = r.connections[0], r.connections[1]
	m.merge(shown)
	m.trimResponses(r.responses)
	if r.ofSteps {
		m.LoseSeconds(noStepSeconds)
	}
	return m, nil
}

// sumOfSeconds hands over what is in one list only.
func sumOfSeconds(lists []*Seconds) (Seconds, error) {
	if len(lists) == 1 {
		return *lists[0], nil
	}
	return joinSeconds(lists)
}

// trimResponses drops the responses that several partitions kept beyond the bound.
func (m *Measurement) trimResponses(bound int) {
	for _, g := range m.Violations {
		kept := 0
		for i := range g.Instances {
			e := &g.Instances[i].Example
			if e.Answer == nil {
				continue
			}
			if kept++; kept > bound {
				e.Answer = nil
			}
		}
	}
}

// show shows a partition as a measurement without copying it.
func (r *Recorder) show(s *partition) *Measurement {
	m := r.newMeasurement()
	s.phases[0].show(&m.Main)
	s.phases[1].show(&m.Warmup)
	for i, p := range m.WarmupParts {
		s.parts[i].show(p)
	}
	m.UngroupedViolations = s.ungrouped
	m.Flow = s.flow
	for _, g := range s.violations {
		m.Violations = append(m.Violations, g)
	}
	for i, n := range s.evaluated {
		m.Coverage[i].Evaluated = n
	}
	return m
}

func (p *partitionPhase) show(as *Phase) {
	as.Cells, as.LastSent, as.Own = slices.Concat(p.cells...), p.lastSent, p.own
	as.Breakdown = p.breakdown
}

func (r *Recorder) newMeasurement() *Measurement {
	m := &Measurement{Schema: Schema, Main: newPhase(r.groups), Warmup: newPhase(r.groups),
		WarmupParts: newParts(r.warmup.Count, r.groups), Generator: Generator{Hiccups: NewSparse()}}
	for _, name := range r.rules {
		m.Coverage = append(m.Coverage, RuleCount{Rule: name})
	}
	return m
}
