package contract

import (
	"math"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// headerRule evaluates a rule about a header field.
func (r *checker) headerRule(f *acceptRule) {
	if !r.accepting && (r.bad[headerKey(f.header)] || f.predicate == predicateMediaType && !r.ours) {
		return
	}
	value, count := r.ex.Header.Get(f.header)
	holds, looked := r.headerHolds(f.rule, value, count)
	if f.predicate == predicateReference && count > 0 && (r.accepting || r.readable) {
		if looked = r.known(f.text, &capture{place: noPlace}); looked {
			holds = r.equals(f.text, value) || refersTo(value, r.joined(f.text))
		}
	}
	if !looked {
		return
	}
	r.mark(f.rule)
	switch {
	case holds:
	case r.accepting:
		r.scan.fault(0, factHeader|uint64(f.index))
	default:
		r.violateAt(f.rule, headerKey(f.header), f.header, f.header, r.wantedField(f),
			r.shownField(f.rule, value, count))
	}
}

// headerHolds says whether a header field is as a rule wants it, and whether
// that could be judged. Both paths ask it. What a field refers to is judged
// apart, for it takes a text of the body.
func (r *checker) headerHolds(ru *rule, value string, count int) (holds, looked bool) {
	switch ru.predicate {
	case predicateUnasked:
		return count == 0, true
	case predicateOnce:
		return count <= 1, true
	case predicateMediaType:
		return count > 0 && r.response.takesMedia(value), len(r.response.mediaTypes) > 0
	case predicateSecondsOrDate:
		return count > 0 && isSecondsOrDate(value), count > 0 || ru.required
	case predicateReference:
		return true, false // each path has its own way to the text
	}
	return strings.TrimSpace(value) != "", true
}

func (r *checker) wantedField(f *acceptRule) string {
	switch f.predicate {
	case predicateMediaType:
		return bound(strings.Join(r.response.mediaTypes, " or "))
	case predicateReference:
		return bound(r.quote(r.joined(f.text)))
	}
	return f.says()
}

func (r *checker) shownField(ru *rule, value string, count int) string {
	switch {
	case count == 0:
		return "nothing"
	case ru.predicate == predicateOnce:
		return strconv.Itoa(count) + " fields"
	}
	return bound(r.quote(value))
}

// headerKey is the key of a header field; no JSON pointer looks like it.
func headerKey(name string) string { return "header " + name }

// takesMedia says whether a Content-Type is one of the response's. Servers send
// the same text each time, so the last one that was right is known.
func (resp *response) takesMedia(value string) bool {
	if last := resp.lastMedia.Load(); last != nil && *last == value {
		return true
	}
	if !isMediaType(value, resp.mediaTypes) {
		return false
	}
	known := strings.Clone(value)
	resp.lastMedia.Store(&known)
	return true
}

// isMediaType says whether a Content-Type is one of the types, in UTF-8.
func isMediaType(value string, types []string) bool {
	name, params, err := mime.ParseMediaType(value)
	if err != nil || !slices.Contains(types, name) {
		return false
	}
	charset, has := params["charset"]
	return !has || strings.EqualFold(charset, "utf-8")
}

// seconds is a number of seconds, of any length (RFC 9110, section 10.2.3).
var seconds = regexp.MustCompile(`^[0-9]+$`)

func isSecondsOrDate(value string) bool {
	_, err := http.ParseTime(value)
	return err == nil || seconds.MatchString(value)
}

// shortestSecret is the fewest characters that tell a secret from a word that
// a response holds anyway.
const shortestSecret = 8

// nowhere looks for a secret in the whole response.
func (r *checker) nowhere(f *acceptRule) {
	ru, secret := f.rule, r.joined(f.text)
	if len(secret) < shortestSecret {
		return
	}
	r.mark(ru)
	secrets := r.secretsOf(secret)
	for _, f := range r.ex.Header {
		if secrets.Shown(f.Value) || nameHolds(f.Name, secret) {
			name := "*"
			if isIdentifier(f.Name) && !r.secrets().Holds(f.Name) {
				name = strings.Clone(http.CanonicalHeaderKey(f.Name)) // it outlives the response
			}
			r.violateAt(ru, headerKey(f.Name), name, name, ru.says(), "the text in a header field")
		}
	}
	if secrets.Shown(view(r.ex.Body)) {
		r.violateAt(ru, "", "", "", ru.says(), "the text in the body")
	}
}

// nameHolds says whether the name of a header field, which has no case, holds a
// secret.
func nameHolds(name, secret string) bool {
	return len(name) >= len(secret) && strings.Contains(strings.ToLower(name), strings.ToLower(secret))
}

// RetryAfter returns how long a response asks to wait before the next request
// (RFC 9110, section 10.2.3): seconds, or the time until a date. That is counted
// from the response's own date, where it has one, for clocks differ; otherwise
// from now. Ok is false where the response does not say it in either form.
func RetryAfter(h Fields, now time.Time) (wait time.Duration, ok bool) {
	value, _ := h.Get("Retry-After")
	if seconds.MatchString(value) {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n > int64(math.MaxInt64/time.Second) {
			return math.MaxInt64, true
		}
		return time.Duration(n) * time.Second, true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	date, _ := h.Get("Date")
	if told, err := http.ParseTime(date); err == nil {
		now = told
	}
	return max(at.Sub(now), 0), true
}
