package measure

import "time"

// Harmed are the times of the requests that mfaload itself harmed: it sent them
// late, or stood still while they were in flight. Beside what was measured it has
// what would have been measured at best without that, so that a limit can be held
// against both. Only what is missed at best is the service's.
type Harmed struct {
	// Response and Service are as they were measured.
	Response *Histogram `json:"response"`
	Service  *Histogram `json:"service"`
	// BestResponse and BestService are at best.
	BestResponse *Histogram `json:"best_response"`
	BestService  *Histogram `json:"best_service"`
	// Doubtful counts those whose end itself may be mfaload's doing: failures in
	// flight while it stood still, refusals of what it sent late.
	Doubtful uint64 `json:"doubtful,omitempty"`
	// DoubtfulErrors are those of them that the scenario does not expect.
	DoubtfulErrors uint64 `json:"doubtful_errors,omitempty"`
}

func newHarmed() *Harmed {
	return &Harmed{Response: NewSparse(), Service: NewSparse(), BestResponse: NewSparse(),
		BestService: NewSparse()}
}

func (h *Harmed) all() []*Histogram {
	return []*Histogram{h.Response, h.Service, h.BestResponse, h.BestService}
}

// recordHarmed adds an observation that was harmed. What failed and would have
// failed without that too was not harmed.
func recordHarmed(to **Harmed, o *Observation) {
	if o.Harmed <= 0 || o.Failed && !o.doubtful() {
		return
	}
	if *to == nil {
		*to = newHarmed()
	}
	h := *to
	h.Response.Record(o.Done - o.Intended)
	h.Service.Record(o.Done - o.Sent)
	h.BestResponse.Record(atBest(o.Done-o.Intended, o.Harmed))
	h.BestService.Record(atBest(o.Done-o.Sent, o.harmedInFlight()))
	if o.doubtful() {
		h.Doubtful++
		if !o.AsExpected {
			h.DoubtfulErrors++
		}
	}
}

func atBest(measured, harm time.Duration) time.Duration { return max(measured-harm, 0) }

// mergeHarmed adds what another part of the run has.
func mergeHarmed(to **Harmed, from *Harmed) error {
	if from == nil {
		return nil
	}
	if *to == nil {
		*to = newHarmed()
	}
	(*to).Doubtful += from.Doubtful
	(*to).DoubtfulErrors += from.DoubtfulErrors
	return mergeAll((*to).all(), from.all())
}

// fits says whether it can be of some of so many requests.
func (h *Harmed) fits(of uint64) bool {
	if h == nil {
		return true
	}
	return sameCounts(h.Response, h.Service, h.BestResponse, h.BestService) && h.Response.Count() <= of &&
		h.Doubtful <= h.Response.Count() && h.DoubtfulErrors <= h.Doubtful
}
