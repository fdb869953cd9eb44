package report

import (
	people "mfaload/internal/text"
)

// escape makes all texts of the report safe to show: whoever renders it need not
// think of what is from outside.
func (r *Report) escape() *Report {
	people.EscapeAll(r)
	return r
}
