package scenario

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	"mfaload/scenario/form"
)

// Hash identifies what shapes the load and the judgement: two runs with the
// same hash ran the same scenario. It is the SHA-256, in hexadecimal, of the
// scenario as JSON, without names, descriptions and the text of the whole, the token and
// where it comes from, transaction IDs, the owner's consent, places, and the way
// limits are written. Files of users count by their content.
func (s *Scenario) Hash() string { return fingerprint(s.forFingerprint()) }

// forFingerprint is the scenario as it is hashed.
func (s *Scenario) forFingerprint() *Scenario {
	c := *s
	c.Name, c.Description, c.File, c.Text = "", "", "", ""
	c.Target.AccessToken, c.Target.OwnerAgreed, c.Target.TransactionIDs = Secret{}, false, ""
	c.Target.AccessTokenFile, c.Target.ClientCredentials = "", nil
	c.Groups = withoutPlaces(s.Groups)
	c.Levels = slices.Clone(s.Levels)
	for i := range c.Levels {
		c.Levels[i].Pos = form.Pos{}
	}
	c.Thresholds = slices.Clone(s.Thresholds)
	for i := range c.Thresholds {
		c.Thresholds[i].Written = ""
	}
	c.Load.StopOn = slices.Clone(s.Load.StopOn)
	for i := range c.Load.StopOn {
		c.Load.StopOn[i].Written = ""
	}
	if s.Target.Simulator != nil {
		simulator := *s.Target.Simulator
		simulator.Faults = slices.Clone(simulator.Faults)
		for i := range simulator.Faults {
			simulator.Faults[i].Pos = form.Pos{}
		}
		c.Target.Simulator = &simulator
	}
	return &c
}

// withoutPlaces are groups without the paths of their files: what a file holds
// counts, wherever it is.
func withoutPlaces(groups []Group) []Group {
	groups = slices.Clone(groups)
	for i := range groups {
		groups[i].File = Source{}
	}
	return groups
}

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
	return map[string]string{"target": fingerprint(c.Target), "users": fingerprint(c.Groups),
		"load": fingerprint(l), "thresholds": fingerprint(c.Thresholds)}
}

func fingerprint(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic("scenario: a request's body holds something that is no JSON: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
