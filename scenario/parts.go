package scenario

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Parts identify what two runs have to have in common to be compared: the load
// and the users. Each is a SHA-256 in hexadecimal, as [Scenario.Hash] is. The
// target may differ, as it is what runs are compared for; so may the thresholds,
// and the seed, which draws other arrivals of the same kind.
func (s *Scenario) Parts() map[string]string {
	load := s.Load
	load.Seed = 0
	return map[string]string{"load": part(load), "users": part(withoutPlaces(s.Groups))}
}

func part(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic("scenario: a request's body holds something that is no JSON: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
