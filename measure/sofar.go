package measure

// SoFar hands out what the judged part of a run has measured so far, for one who
// looks on from another machine. As with [Live], those who record never wait for
// it. It is not safe for concurrent use.
type SoFar struct {
	recorder *Recorder
	spare    *ended
	sum      *Part
}

// ended are the requests of the judged part that came to an end since they were
// last taken away.
type ended struct {
	answered, clean, violating, failed uint64
	times                              [apart + 1]RequestTimes // by outcome
	own                                *Histogram
}

func newEnded() *ended {
	e := &ended{own: NewHistogram()}
	for o := range e.times {
		e.times[o] = RequestTimes{NewSparse(), NewSparse()}
	}
	e.times[served] = RequestTimes{NewHistogram(), NewHistogram()}
	return e
}

// SoFar begins to keep what it hands out. It is called once, before the run.
func (r *Recorder) SoFar() *SoFar {
	for i := range r.partitions {
		s := &r.partitions[i]
		s.mu.Lock()
		s.ended = newEnded()
		s.mu.Unlock()
	}
	return &SoFar{r, newEnded(), &Part{Response: NewSparse(), Service: NewSparse(), Own: NewSparse(), Generator: Generator{Hiccups: NewSparse()}}}
}

// Take returns the requests that came to an end so far. Its caller fills in what
// observations do not tell; the histograms are valid until the next call.
func (f *SoFar) Take() (*Part, error) {
	for i := range f.recorder.partitions {
		s := &f.recorder.partitions[i]
		s.mu.Lock()
		s.ended, f.spare = f.spare, s.ended
		s.mu.Unlock()
		if err := f.add(f.spare); err != nil {
			return nil, err
		}
		f.spare.reset()
	}
	now := *f.sum
	return &now, nil
}

func (f *SoFar) add(e *ended) error {
	f.sum.Answered += e.answered
	f.sum.Clean += e.clean
	f.sum.Violating += e.violating
	f.sum.Failed += e.failed
	for o, t := range e.times {
		if t.Response.Count() == 0 {
			continue
		}
		if err := f.sum.addTimes(outcome(o), t.Response, t.Service); err != nil {
			return err
		}
	}
	return f.sum.Own.Merge(e.own)
}

func (e *ended) record(o *Observation, violating bool) {
	if e == nil || o.Warmup {
		return
	}
	e.times[o.outcome()].record(o)
	e.own.Record(o.Own)
	if o.Failed {
		e.failed++
		return
	}
	e.answered++
	switch {
	case violating:
		e.violating++
	case o.AsExpected:
		e.clean++
	}
}

func (e *ended) reset() {
	for _, t := range e.times {
		t.Response.Reset()
		t.Service.Reset()
	}
	e.own.Reset()
	e.answered, e.clean, e.violating, e.failed = 0, 0, 0, 0
}
