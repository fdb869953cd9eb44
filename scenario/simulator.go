package scenario

import (
	"time"

	"mfaload/scenario/form"
)

// Simulator describes the embedded stand-in for a PingOne environment.
type Simulator struct {
	Latency Latency
	// Servers, where set, serve what is not refused; nil is no queue.
	Servers *Servers `json:",omitempty"`
	// Stalls are times in which no answer leaves the simulator.
	Stalls []Stall
	// Limit answers 429 above a rate. Nil means no limit.
	Limit *Limit
	// Users are the users it knows. A user of a group that is not listed here
	// behaves as its group expects; any other user is unknown (404).
	Users []SimulatedUsers
	// Faults bend answers.
	Faults []Fault
	// TokenLifetime is how long tokens of its token endpoint live; 0 is an hour.
	TokenLifetime time.Duration
	// Seed makes latencies and faults repeatable. Default 1.
	Seed uint64
}

// Latency is the distribution of the time an answer takes.
type Latency struct {
	// Kind is "constant", "normal", "lognormal" or "exponential"; "" means no
	// delay.
	Kind string
	// A is the constant, the mean of the normal and of the exponential, or the
	// lognormal's median.
	A time.Duration
	// B is the normal's standard deviation or the lognormal's 99th percentile.
	B time.Duration
}

// Servers are servers of known capacity behind one queue: first come, first
// served. With exponential times and poisson arrivals that is M/M/c, with constant
// times M/D/c.
type Servers struct {
	// Count is how many requests are served at a time; 0 is any number.
	Count int
	// Time is how long serving one takes that is alone.
	Time Latency
	// Contention and Coherency are the coefficients of the Universal Scalability
	// Law: one of N requests being served takes
	// 1 + Contention·(N−1) + Coherency·N·(N−1) times as long.
	Contention, Coherency float64
	// Collapse, where set, makes the servers slow after a while near their full
	// rate. It needs a Count.
	Collapse *Collapse
}

// Collapse is what servers do that leak something when they are busy.
type Collapse struct {
	// At is a share of the full rate, Count divided by the mean of Time, and After
	// how long arrivals have to come at it on average.
	At    float64
	After time.Duration
	// Slower is how many times as long serving takes from then on, until arrivals
	// stop for a second.
	Slower float64
}

// Stall is a time that comes again and again, counted from the first request:
// from Every to Every+For, from 2·Every to 2·Every+For, and so on.
type Stall struct{ Every, For time.Duration }

// Limit is a rate limit of a token bucket.
type Limit struct {
	Rate Rate
	// Burst is how many requests may come at once; default the rate of one
	// second, at least 1.
	Burst int
	// RetryAfter is the value of the header of that name; default 1 s.
	RetryAfter time.Duration
}

// SimulatedUsers are users who behave alike.
type SimulatedUsers struct {
	IDs []string
	// Devices are their devices by type, for example EMAIL or SMS. The
	// answer's status follows from them unless Status is set.
	Devices []string
	// Form is the form of the devices: "older" (the default) or "newer".
	Form string
	// Status, where set, is the status of every answer to them.
	Status string
	// HTTPStatus and Error, where set, make every answer an error.
	HTTPStatus int
	Error      string
}

// Fault bends a share of the answers.
type Fault struct {
	// Name is one of the simulator's faults, for example "echo.user".
	Name string
	// Share is the part of the answers that are bent, above 0 and up to 1.
	Share float64
	// Pos is where the scenario says it.
	Pos form.Pos
}
