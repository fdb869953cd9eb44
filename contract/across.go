package contract

import (
	"net/http"
	"time"
)

// checkAcross evaluates the rules over the whole run that an exchange belongs to.
// They need strings only, which either path has captured.
func (r *checker) checkAcross(rules []*acceptRule) {
	w := r.ex.Window
	if w == nil || !r.accepting && !r.readable {
		return
	}
	again := false
	for _, ru := range rules {
		if ru.predicate == predicateNewBody {
			again = w.bodies.add(w.bodyKey(r.ex.Body))
			if !r.holdsAcross(ru, !again) {
				r.breaksAcross(ru, nil, "a body that no other answer of the run had", "the same bytes again")
			}
			continue
		}
		for i, slot := range ru.at {
			for at := r.values.first[slot]; at >= 0; at = r.values.captured[at].next {
				if c := &r.values.captured[at]; c.typ == typeString {
					r.checkStringAcross(w, ru, ru.rule.at[i], c, again)
				}
			}
		}
		clear(r.strings)
	}
}

func (r *checker) checkStringAcross(w *Window, ru *acceptRule, at path, c *capture, again bool) {
	s := c.text
	switch ru.predicate {
	case predicateNewInRun:
		if again {
			return // its ID comes twice with it, and is the other response's to enter
		}
		if _, before := r.metBefore(ru.at, c); before {
			return // of this very response
		}
		if known := w.ids.add(w.idKey(s)); !r.holdsAcross(ru, !known) {
			r.breaksAcross(ru, at, "a value that no other answer of the run had", r.quote(s))
		}
	case predicateNotAnothers:
		if !r.known(ru.text, c) {
			return
		}
		if mine := r.joined(ru.text); !r.holdsAcross(ru, SameText(s, mine) || !w.inFlight(s, r.ex)) {
			r.breaksAcross(ru, at, r.quote(mine), r.quote(s)+", which another request in flight asked for")
		}
	case predicateInExchange:
		if holds, looked := inExchange(s, r.ex); looked && !r.holdsAcross(ru, holds) {
			r.breaksAcross(ru, at, "a time between the send and the receipt", r.quote(s))
		}
	}
}

// holdsAcross marks a rule and passes on whether it holds.
func (r *checker) holdsAcross(ru *acceptRule, holds bool) bool {
	r.markEvaluated(ru.rule)
	return holds
}

// breaksAcross reports a rule that is broken. It is not silenced by other rules at
// the same place: it speaks of other responses.
func (r *checker) breaksAcross(ru *acceptRule, at path, expected, got string) {
	pointer := at.String()
	r.out = append(r.out, Violation{Rule: ru.Name, Level: ru.Level, Pointer: pointer, At: pointer,
		Expected: bound(expected), Got: bound(got)})
}

// clockGrain is how exactly servers' clocks are told: the Date header has whole
// seconds.
const clockGrain = time.Second

// inExchange says whether a UTC time lies between the send and the receipt of
// an exchange, give or take the difference of the clocks that the Date header
// shows.
func inExchange(s string, ex *Exchange) (holds, looked bool) {
	if ex.Sent.IsZero() || !isUTC(s) {
		return true, false
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return true, false
	}
	if !t.Before(ex.Sent.Add(-clockGrain)) && !t.After(ex.Received.Add(clockGrain)) {
		return true, true
	}
	date, _ := ex.Header.Get("Date")
	told, err := http.ParseTime(date)
	if err != nil {
		return false, true
	}
	// The server wrote told (cut to a second) at some moment of the exchange.
	minAhead, maxAhead := told.Sub(ex.Received), told.Add(clockGrain).Sub(ex.Sent)
	return !t.Before(ex.Sent.Add(minAhead-clockGrain)) && !t.After(ex.Received.Add(maxAhead+clockGrain)), true
}
