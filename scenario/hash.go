package scenario

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Hash tells whether two scenarios describe the same load and judgement: the
// SHA-256 of everything but the description, the file's name and secrets, in
// hexadecimal.
func (s *Scenario) Hash() string {
	c := *s
	c.Description, c.File = "", ""
	c.Target.AccessToken = Secret{}
	c.Levels = nil
	for _, l := range s.Levels {
		c.Levels = append(c.Levels, LevelChange{Rule: l.Rule, Level: l.Level})
	}
	if s.Target.Simulator != nil {
		sim := *s.Target.Simulator
		sim.Faults = nil
		for _, f := range s.Target.Simulator.Faults {
			sim.Faults = append(sim.Faults, Fault{Name: f.Name, Share: f.Share})
		}
		c.Target.Simulator = &sim
	}
	// Every field is plain data, and maps are written with sorted keys.
	data, err := json.Marshal(c)
	if err != nil {
		panic("scenario: a value that parsing never makes: " + err.Error())
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
