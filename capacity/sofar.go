package capacity

// Summarize is what trials tell before the search is at its end.
func Summarize(o SearchOptions, trials []*Trial) *SearchResult {
	s := &search{SearchOptions: o, found: &SearchResult{Why: "the search goes on, or was broken off"}}
	for _, t := range trials {
		s.add(t)
	}
	return s.conclude()
}
