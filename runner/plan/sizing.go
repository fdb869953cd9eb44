package plan

// Sizing is the load of so many logins a day, one initialization each.
type Sizing struct {
	LoginsPerDay float64
	// PeakFactor is how many times the mean rate the busiest time has, at least 1.
	PeakFactor float64
}

const secondsOfDay = 24 * 60 * 60

// Mean is the rate if logins were spread evenly over the day, in requests a second.
func (z Sizing) Mean() float64 { return z.LoginsPerDay / secondsOfDay }

// Rate is that of the busiest time, in requests a second.
func (z Sizing) Rate() float64 { return z.Mean() * z.PeakFactor }
