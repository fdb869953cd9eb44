package scenario

import (
	"slices"

	"mfaload/scenario/form"
)

// Hash identifies what shapes the load and the judgement: two runs with the
// same hash ran the same scenario. It is the SHA-256, in hexadecimal, of the
// scenario as JSON, without names, descriptions and the text of the whole, the token and
// where it comes from, transaction IDs, the owner's consent, places, and the way
// thresholdSet are written. Files of users count by their content.
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
