package report

// Closed marks the report of a closed load.
type Closed struct {
	Users int `json:"users" schema:"minimum=1"`
	// How long each waits after an answer.
	Think float64 `json:"think_ms"`
	// What that means for the latency figures.
	Meaning string `json:"meaning"`
}

// closed describes a closed load; nil of a load with a schedule.
func closed(c *ClosedTerms) *Closed {
	if c == nil {
		return nil
	}
	return &Closed{Users: c.Users, Think: Milliseconds(c.Think), Meaning: "No schedule was kept: a slow answer delays its user's next request, so a slow service " +
		"is asked less and its slow times are underrepresented in the percentiles (coordinated omission). " +
		"They do not say what users who come at their own time would have waited."}
}
