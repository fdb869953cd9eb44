package report

import (
	"fmt"
)

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
	return &Closed{Users: c.Users, Think: ms(c.Think), Meaning: "No schedule was kept: a slow answer delays its user's next request, so a slow service " +
		"is asked less and its slow times are underrepresented in the percentiles (coordinated omission). " +
		"They do not say what users who come at their own time would have waited."}
}

// closed says below the verdict that the load was closed.
func (p *page) closed(c *Closed) {
	if c != nil {
		p.wrap("  ", fmt.Sprintf("CLOSED MODEL, %d users, think time %s ms. %s", c.Users, trim(c.Think), c.Meaning))
	}
}
