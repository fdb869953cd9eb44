package contract

import (
	"net/http"
	"time"
)

// runRules evaluates the rules over the whole run that an exchange belongs to.
// They need single values only, which either path has at hand.
func (r *run) runRules(decided bool) {
	w := r.ex.Window
	if w == nil || !decided && !r.readable {
		return
	}
	again := false
	for i, ru := range r.contract.overRun {
		if !ru.holdsFor(r.status) {
			continue
		}
		if ru.word == wordNewBody {
			again = w.bodies.add(w.bodyKey(r.ex.Body))
			if !r.holdsOverRun(ru, !again) {
				r.breaksRun(ru, nil, "a body that no other answer of the run had", "the same bytes again")
			}
			continue
		}
		for j, at := range ru.at {
			if s, ok := r.stringOver(i, j, decided); ok {
				r.runString(w, ru, at, s, again)
			}
		}
	}
}

func (r *run) runString(w *Window, ru *rule, at path, s string, again bool) {
	switch ru.word {
	case wordNewInRun:
		if again {
			return // its ID comes twice with it, and is the other answer's to enter
		}
		if known := w.ids.add(w.idKey(s)); !r.holdsOverRun(ru, !known) {
			r.breaksRun(ru, at, "a value that no other answer of the run had", r.quote(s))
		}
	case wordNotAnothers:
		if mine, ok := r.fill(ru.text); ok && !r.holdsOverRun(ru, SameText(s, mine) || !w.inFlight(s, r.ex)) {
			r.breaksRun(ru, at, r.quote(mine), r.quote(s)+", which another request in flight asked for")
		}
	case wordInExchange:
		if holds, looked := inExchange(s, r.ex); looked && !r.holdsOverRun(ru, holds) {
			r.breaksRun(ru, at, "a time between the send and the receipt", r.quote(s))
		}
	}
}

// holdsOverRun marks a rule and passes on whether it holds.
func (r *run) holdsOverRun(ru *rule, holds bool) bool {
	r.mark(ru)
	return holds
}

// breaksRun reports a rule that is broken. It is not silenced by other rules at
// the same place: it speaks of other answers.
func (r *run) breaksRun(ru *rule, at path, expected, got string) {
	pointer := at.String()
	r.out = append(r.out, Violation{Rule: ru.Name, Level: ru.Level, Pointer: pointer, At: pointer, Expected: bound(expected), Got: bound(got)})
}

// stringOver returns the string at a place of a rule over the run, from
// whichever path judged the answer.
func (r *run) stringOver(rule, place int, decided bool) (string, bool) {
	if !decided {
		v, _ := r.contract.overRun[rule].at[place].find(r.value)
		s, ok := v.(string)
		return s, ok
	}
	first := r.scan.first[r.scan.node.overRun[rule][place]]
	if first < 0 {
		return "", false
	}
	c := &r.scan.captured[first]
	return c.text, c.typ == typeString
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
	least, most := told.Sub(ex.Received), told.Add(clockGrain).Sub(ex.Sent)
	return !t.Before(ex.Sent.Add(least-clockGrain)) && !t.After(ex.Received.Add(most+clockGrain)), true
}
