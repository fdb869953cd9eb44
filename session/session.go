// Package session measures a scenario: it joins the operation, the runner, the journal
// and the results folder, for a run, for a trial of a search and for a worker of a
// fleet alike.
package session

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"sync/atomic"

	"mfaload/contract"
	"mfaload/measure"
	"mfaload/pingone"
	"mfaload/runner"
	"mfaload/scenario"
)

// Provenance says what a measurement is of, beyond what a runner knows.
type Provenance struct {
	Version string
	// Labels are what the run was given to be found by.
	Labels measure.RunLabels
	// Parts identify what runs must have in common to be compared, by name.
	Parts map[string]string
	// Terms are what the measurement is judged by; see [report.Terms].
	Terms json.RawMessage
}

func (p *Provenance) stamp(m *measure.Measurement) {
	m.Version, m.Labels, m.Parts, m.Terms = p.Version, p.Labels, p.Parts, p.Terms
}

// Session is one run of a scenario, or of a part of one, in this process.
type Session struct {
	// Runner sends the requests.
	Runner  *runner.Runner
	sampler *shapeSampler
	folder  *Folder
	tell    func(format string, args ...any)
}

// New prepares a run whose journal is kept in a results folder. It sets the operation and
// the rules of the config. Tell prints a line for the person who started it.
func New(c runner.Config, op *pingone.Operation, folder *Folder,
	tell func(format string, args ...any)) *Session {
	sampled := &shapeSampler{Operation: op}
	c.Operation = sampled
	for _, rule := range op.Contract().Rules() {
		c.Rules = append(c.Rules, rule.Name)
	}
	return &Session{Runner: runner.New(c), sampler: sampled, folder: folder, tell: tell}
}

// Run sends the requests and returns what was measured, with its provenance; see
// [runner.Runner.Run]. It sets the journal of the start.
func (s *Session) Run(ctx context.Context, how runner.Start) (*measure.Measurement, error) {
	about := &s.folder.Provenance
	about.Labels = about.Labels.Hide(s.sampler.Hide)
	journal, failed, closeJournal := s.folder.journal(s.tell)
	defer closeJournal()
	how.Journal, how.JournalFailed = journal, failed
	m, err := s.Runner.Run(ctx, how)
	if err != nil {
		return nil, err
	}
	m.Shapes = s.sampler.shapes
	about.stamp(m)
	return m, nil
}

// maxSamples bounds the responses of a second whose shape is looked at: it costs
// some 50 µs each.
const maxSamples = 20

// shapeSampler is an operation that keeps what a sample of its responses looked like,
// so that two runs can be compared in that too.
type shapeSampler struct {
	*pingone.Operation
	seen, second, taken atomic.Int64

	mu     sync.Mutex
	shapes measure.Shapes
}

// Check judges a response and may learn its shape. Nobody's time is measured
// while it does.
func (s *shapeSampler) Check(u scenario.User, ex *contract.Exchange,
	dst []contract.Violation) []contract.Violation {
	dst = s.Operation.Check(u, ex, dst)
	if s.wanted(ex) {
		facts := contract.ShapeFacts(ex, s.Hide)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.shapes.Learn(strings.Clone(ex.Label), facts)
	}
	return dst
}

// wanted takes every response while there are few, and one in eight of many. Users
// are asked in turn, so that every eighth would always be the same ones': the
// number is scrambled.
func (s *shapeSampler) wanted(ex *contract.Exchange) bool {
	n := uint64(s.seen.Add(1))
	if n > 200 && n*0x9E3779B97F4A7C15>>61 != 0 {
		return false
	}
	if now := ex.Received.Unix(); s.second.Swap(now) != now {
		s.taken.Store(0)
	}
	return s.taken.Add(1) <= maxSamples
}
