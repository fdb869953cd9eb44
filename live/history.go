package live

import (
	"slices"

	"mfaload/measure"
)

// HistoryPoint is what happened in a stretch of the run, from one second to another. Rates are a second.
type HistoryPoint struct {
	From float64 `json:"from_s"`
	To   float64 `json:"to_s"`
	// Planned is the rate of what was due, Sent that of what was sent.
	Planned float64 `json:"planned_rate"`
	Sent    float64 `json:"sent_rate"`
	// InFlight is the most that was seen in flight at the end of one of its seconds.
	InFlight int `json:"in_flight"`
	// Response are the times of the requests that were served and came to an end in it.
	Response Percentiles `json:"response_ms"`
	// The requests that came to an end in it, as in [Status].
	AsExpected uint64 `json:"as_expected"`
	Unexpected uint64 `json:"unexpected"`
	Violating  uint64 `json:"violating"`
	Refused    uint64 `json:"refused"`
	Failed     uint64 `json:"failed"`

	sent     uint64
	response *measure.Histogram
}

// maxPoints bounds a history: when it is full, each two of its points become one.
const maxPoints = 480

// runHistory is the whole run in few points of equal length, so that who comes late sees all of it.
// Its memory does not grow with the length of the run.
type runHistory struct {
	seconds int            // in a point
	points  []HistoryPoint // whole ones
	last    HistoryPoint   // what is to become one
	inLast  int            // its seconds
	changed int            // how often points became longer
}

func newHistory() runHistory {
	return runHistory{seconds: 1, last: HistoryPoint{response: measure.NewSparse()}}
}

// remember adds what came since the last sample to the history.
func (s *Sampler) remember(before measure.Progress, done bool) {
	now, then := &s.recent[s.taken%len(s.recent)], &s.recent[(s.taken-1)%len(s.recent)]
	if now.elapsed <= then.elapsed { // it has not begun
		return
	}
	n := s.ended.Counts.Since(before)
	second := HistoryPoint{From: then.elapsed.Seconds(), To: now.elapsed.Seconds(),
		Planned:  s.runner.Schedule().MeanRate(then.elapsed, now.elapsed),
		InFlight: s.status.InFlight, AsExpected: n.Clean, Unexpected: n.Unexpected(), Violating: n.Violating,
		Refused: n.Refused, Failed: n.Failed, sent: now.sent - min(then.sent, now.sent),
		response: now.response}
	s.history.add(&second, done)
}

// add adds a second.
func (h *runHistory) add(second *HistoryPoint, done bool) {
	h.last.add(second)
	if h.inLast++; h.inLast < h.seconds && !done {
		return
	}
	h.last.close()
	h.points = append(h.points, h.last)
	h.last, h.inLast = HistoryPoint{response: measure.NewSparse()}, 0
	if len(h.points) >= maxPoints {
		h.halve()
	}
}

// halve makes one point of each two.
func (h *runHistory) halve() {
	for i := range len(h.points) / 2 {
		first, second := h.points[2*i], h.points[2*i+1]
		first.add(&second)
		first.close()
		h.points[i] = first
	}
	clear(h.points[len(h.points)/2:]) // lets go of their histograms
	h.points = h.points[:len(h.points)/2]
	h.seconds *= 2
	h.changed++
}

// add adds the time right after a point.
func (p *HistoryPoint) add(o *HistoryPoint) {
	if p.To == 0 {
		p.From, p.To = o.From, o.From
	}
	before, more := p.To-p.From, o.To-o.From
	p.Planned = (p.Planned*before + o.Planned*more) / (before + more)
	p.To = o.To
	p.InFlight = max(p.InFlight, o.InFlight)
	p.AsExpected += o.AsExpected
	p.Unexpected += o.Unexpected
	p.Violating += o.Violating
	p.Refused += o.Refused
	p.Failed += o.Failed
	p.sent += o.sent
	p.response.Merge(o.response)
}

// close makes what is shown of a point that is whole.
func (p *HistoryPoint) close() {
	p.Sent = float64(p.sent) / (p.To - p.From)
	p.Response = percentiles(p.response)
	p.response.Shrink()
}

// Outline is what a page has to know of a run before its first figures.
type Outline struct {
	// Stages are those of the schedule, in seconds since the start; none of a closed load.
	Stages []StageOutline `json:"stages"`
	// Drain is how long the run waits for responses at its end.
	Drain float64 `json:"drain_s"`
	// MayStop says that the reader may stop the run.
	MayStop bool `json:"may_stop"`
}

// StageOutline is a stretch of the schedule.
type StageOutline struct {
	Name   string  `json:"name"`
	Warmup bool    `json:"warmup"`
	From   float64 `json:"from_s"`
	To     float64 `json:"to_s"`
}

// maxStages bounds the stages that a page draws.
const maxStages = 200

func (s *Sampler) outline(mayStop bool) Outline {
	o := Outline{Stages: []StageOutline{}, Drain: s.runner.Scenario().Load.Drain.Seconds(), MayStop: mayStop}
	for _, st := range s.runner.Schedule().Stages() {
		if len(o.Stages) < maxStages {
			o.Stages = append(o.Stages, StageOutline{Name: st.Name, Warmup: st.Warmup,
				From: st.Start.Seconds(), To: st.End.Seconds()})
		}
	}
	return o
}

// reading is how much of a history a reader has.
type reading struct{ changed, points int }

// pointsMessage has points that a reader does not have.
type pointsMessage struct {
	// Whole says that they replace all that it has.
	Whole bool `json:"whole"`
	// Seconds are in each of them.
	Seconds int            `json:"seconds"`
	Points  []HistoryPoint `json:"points"`
}

// since returns the points that a reader lacks, and notes that it has them.
func (s *Sampler) since(r *reading) pointsMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := &s.history
	m := pointsMessage{Whole: r.changed != h.changed || r.points == 0, Seconds: h.seconds}
	if m.Whole {
		r.points = 0
	}
	m.Points = slices.Clone(h.points[r.points:])
	*r = reading{h.changed, len(h.points)}
	return m
}
