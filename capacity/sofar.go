package capacity

// SoFar is what trials tell before the search is at its end.
func SoFar(o Options, trials []*Trial) *Found {
	s := &search{Options: o, found: &Found{Why: "the search goes on, or was broken off"}}
	for _, t := range trials {
		s.add(t)
	}
	return s.conclude()
}
