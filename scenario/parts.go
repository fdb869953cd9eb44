package scenario

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Fingerprints identify what two runs have to have in common to be compared: the load
// and the users. Each is a SHA-256 in hexadecimal, as [Scenario.Hash] is. The
// target may differ, as it is what runs are compared for; so may the thresholds,
// and the seed, which draws other arrivals of the same kind.
func (s *Scenario) Fingerprints() map[string]string {
	load := s.Load
	load.Seed = 0
	return map[string]string{"load": fingerprint(load), "users": fingerprint(withoutPlaces(s.Groups))}
}

// TrialFingerprints identify what the trials of one search have in common, by the names
// of the sections of a scenario. How long and how fast the load is does not
// count, as each trial has its own; nor do caps of requests, and the section
// capacity, which say how far a search may go.
func (s *Scenario) TrialFingerprints() map[string]string {
	c := s.forFingerprint()
	l := c.Load
	l.Stages, l.Warmup, l.Repeat, l.Requests, l.MaxRequests, l.On429 = nil, 0, 0, 0, 0, ""
	return map[string]string{"target": fingerprint(c.Target), "users": fingerprint(c.Groups), "load": fingerprint(l), "thresholds": fingerprint(c.Thresholds)}
}

func fingerprint(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic("scenario: a request's body holds something that is no JSON: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
