package measure

import "errors"

// Split says which requests of a second, or of a group in it, were served, and
// what mfaload harmed of those. All members are empty where every request was
// served and none was harmed.
type Split struct {
	// Refused counts the requests that the service turned away: see
	// [Observation.Refused].
	Refused uint64 `json:"refused,omitempty"`
	// Unserved counts those that failed otherwise, NotDelivered those that certainly
	// never reached the service.
	Unserved     uint64 `json:"unserved,omitempty"`
	NotDelivered uint64 `json:"unheard,omitempty"`
	// Served are the times of the others; nil where there are only others.
	Served *RequestTimes `json:"served,omitempty"`
	// Best are those of Served at best, as if mfaload had harmed none, and of
	// failures that may be its own doing; nil where it harmed none.
	Best *RequestTimes `json:"best,omitempty"`
	// Doubtful counts these failures.
	Doubtful uint64 `json:"doubtful,omitempty"`
	// DoubtfulErrors counts the requests that may not count against the error rate:
	// these failures, and refusals of what was sent late.
	DoubtfulErrors uint64 `json:"doubtful_errors,omitempty"`
}

// RequestTimes is the response and the service times of the same requests.
type RequestTimes struct {
	Response *Histogram `json:"response"`
	Service  *Histogram `json:"service"`
}

func newRequestTimes() *RequestTimes { return &RequestTimes{NewSparse(), NewSparse()} }

// copyOf is a copy of two histograms as a pair.
func copyOf(response, service *Histogram) *RequestTimes {
	p := newRequestTimes()
	_, _ = p.Response.Merge(response), p.Service.Merge(service) // one geometry: nothing is dropped
	return p
}

func (p *RequestTimes) record(o *Observation) {
	p.Response.Record(o.Done - o.Intended)
	p.Service.Record(o.Done - o.Sent)
}

// recordBest adds a request as if mfaload had not harmed it.
func (p *RequestTimes) recordBest(o *Observation) {
	p.Response.Record(atBest(o.Done-o.Intended, o.Harmed))
	p.Service.Record(atBest(o.Done-o.Sent, o.harmedInFlight()))
}

// waitKind says in which times a request is that was sent.
type waitKind int

const (
	served waitKind = iota
	failed
	apart // refused, or it certainly never reached the service: in none
)

func (c *Cell) waitKind() waitKind { return waitKindOf(c.Refused, c.Failed, c.Label) }

func (o *Observation) waitKind() waitKind { return waitKindOf(o.Refused, o.Failed, o.Label) }

func waitKindOf(refused, failure bool, label string) waitKind {
	switch {
	case refused, failure && label == IdleClosed:
		return apart
	case failure:
		return failed
	}
	return served
}

// served says that the request got a whole response that turned nobody away.
func (o *Observation) served() bool { return !o.Refused && !o.Failed }

// record adds an observation. Response and service are the times of all requests,
// to which it was not added yet.
func (s *Split) record(o *Observation, response, service *Histogram) {
	if s.Served == nil && !o.served() {
		s.Served = copyOf(response, service)
	}
	if s.Best == nil && o.Harmed > 0 && (o.served() || !o.Refused && o.doubtful()) {
		s.Best = copyOf(s.Of(response, service))
	}
	switch {
	case o.served():
		if s.Served != nil {
			s.Served.record(o)
		}
		if s.Best != nil {
			s.Best.recordBest(o)
		}
	case o.Refused:
		s.Refused++
	case o.Label == IdleClosed:
		s.NotDelivered++
	default:
		s.Unserved++
		if o.doubtful() {
			s.Doubtful++
			s.Best.recordBest(o)
		}
	}
	if o.doubtful() && !o.AsExpected {
		s.DoubtfulErrors++
	}
}

// Of returns the times of the requests that were served, of all.
func (s *Split) Of(response, service *Histogram) (servedResponse, servedService *Histogram) {
	if s.Served == nil {
		return response, service
	}
	return s.Served.Response, s.Served.Service
}

// AtBest returns the times at best of the requests that were served, of all, and of
// the doubtful failures.
func (s *Split) AtBest(response, service *Histogram) (bestResponse, bestService *Histogram) {
	if s.Best == nil {
		return s.Of(response, service)
	}
	return s.Best.Response, s.Best.Service
}

// add adds another part of the same requests. Response and service are the times
// of all, to which those of the other part were not added yet; theirs are the
// other's.
func (s *Split) add(o *Split, response, service, theirResponse, theirService *Histogram) {
	if s.Best == nil && o.Best != nil {
		s.Best = copyOf(s.Of(response, service))
	}
	if s.Best != nil {
		best, bestService := o.AtBest(theirResponse, theirService)
		_, _ = s.Best.Response.Merge(best), s.Best.Service.Merge(bestService)
	}
	if s.Served == nil && o.Served != nil {
		s.Served = copyOf(response, service)
	}
	if s.Served != nil {
		served, servedService := o.Of(theirResponse, theirService)
		_, _ = s.Served.Response.Merge(served), s.Served.Service.Merge(servedService)
	}
	s.Refused += o.Refused
	s.Unserved += o.Unserved
	s.NotDelivered += o.NotDelivered
	s.Doubtful += o.Doubtful
	s.DoubtfulErrors += o.DoubtfulErrors
}

// histograms are all that it has.
func (s *Split) histograms() (all []*Histogram) {
	for _, p := range []*RequestTimes{s.Served, s.Best} {
		if p != nil {
			all = append(all, p.Response, p.Service)
		}
	}
	return all
}

// shrink makes it as small as it gets.
func (s *Split) shrink() {
	for _, h := range s.histograms() {
		h.shrink()
	}
}

// check finds a split that is not of these requests.
func (s *Split) check(response, service *Histogram) error {
	wrong := errors.New("the served requests of a second do not add up to it")
	others := s.Refused + s.Unserved + s.NotDelivered
	if (s.Served == nil) != (others == 0) || max(s.Refused, s.Unserved, s.NotDelivered,
		others) > response.Count() ||
		s.Doubtful > s.Unserved || s.DoubtfulErrors > s.Refused+s.Unserved {
		return wrong
	}
	if s.Served != nil && (!sameCounts(s.Served.Response, s.Served.Service) || s.Served.Response.Count()+
		others != response.Count()) {
		return wrong
	}
	served, _ := s.Of(response, service)
	switch {
	case s.Best == nil && s.Doubtful > 0,
		s.Best != nil && (!sameCounts(s.Best.Response, s.Best.Service) ||
			s.Best.Response.Count() != served.Count()+s.Doubtful):
		return wrong
	}
	return nil
}
