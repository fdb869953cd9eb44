// Package scenario turns a YAML file into one validated value that describes a
// load run: the users to send requests for, how fast, what to expect and what makes the
// run a pass. It knows no network and no clock.
//
// A [Scenario] does not change once its files of users are read: whoever needs
// another load works on a copy.
package scenario

import (
	"time"

	"mfaload/scenario/form"
)

// Scenario is a whole scenario file, with every default filled in.
type Scenario struct {
	// Name is required and names the results folder: letters, digits, '.',
	// '_' and '-', starting with a letter or digit.
	Name        string
	Description string
	Target      Target
	// Groups are the file's users. At least one.
	Groups []Group
	Load   Load
	// Thresholds are in the order in which they are reported: those of the
	// whole run first, then those of the groups in the order of Groups.
	Thresholds []Threshold
	// Capacity says how a search for the highest rate goes about it; nil where
	// the file has no such section. It is not part of the hash.
	Capacity *Capacity `json:"-"`
	// Levels moves rules of the contract to other levels, in the file's order.
	Levels []LevelChange
	// File is the path that the scenario was read from.
	File string
	// Literal are the places in it where secrets are written out, rather than
	// named by variables. Its text must not go where they must not.
	Literal []form.Pos `json:"-"`
	// Text is the file as YAML for people to read: variables filled in, defaults
	// added, long lists cut, secrets and personal data as "***".
	Text string
}

// Target says where the requests go.
type Target struct {
	// AuthPath is the scheme and host that all paths start with, without a
	// slash at the end, for example https://auth.pingone.eu. Empty where
	// Simulator is set.
	AuthPath string
	// EnvID is the environment's ID. Required, except with Simulator, where a
	// fixed one is the default.
	EnvID string
	// AccessToken is the bearer token. One of it, AccessTokenFile and
	// ClientCredentials is required, except with Simulator.
	AccessToken Secret
	// AccessTokenFile names a file with the bearer token, which is read again
	// when it changes. Empty for none.
	AccessTokenFile string
	// ClientCredentials get tokens from the environment's token endpoint; nil
	// for none.
	ClientCredentials *ClientCredentials
	// OwnerAgreed says that the owner of the host agreed to the load. Without
	// it only loopback hosts are allowed.
	OwnerAgreed bool
	// Timeout bounds one request from its send to the last byte of its
	// answer. Default 10 s.
	Timeout time.Duration
	// Protocol is the version of HTTP. Default [HTTP1].
	Protocol Protocol
	// CAFile names a PEM file of certificate authorities that are trusted
	// beside the system's; empty for none.
	CAFile string
	Network
	// Simulator, where set, replaces the host by the embedded simulator.
	Simulator *Simulator
}

// Protocol is a version of HTTP, by its name in TLS's protocol negotiation.
type Protocol string

const (
	// HTTP1 is HTTP/1.1. The default.
	HTTP1 Protocol = "http/1.1"
	// HTTP2 is HTTP/2.
	HTTP2 Protocol = "h2"
)

// Group is a set of users who are asked in turn and answer alike.
type Group struct {
	// Name is unique: letters, digits, '.', '_' and '-', starting with a
	// letter or digit (it is a tag in latency logs).
	Name string
	// IDs are the users' IDs, at least one, none twice in the scenario but the
	// empty ones of groups that are Usernameless. Empty where File is set.
	IDs []string
	// File is the file with the users instead; Users is what it holds, nil
	// until [Scenario.ReadUsers].
	File  Source
	Users *Users
	// Order is the order in which the users are asked. Default Sequential.
	Order Order
	// Exhausted says what happens after the last user. Default Wrap; Stop with
	// Once, and empty with Random, which has no last user.
	Exhausted Exhausted
	// PerUser is the least time between two requests for the same user, by the
	// times at which they are due. From 1 ms to 30 days; 0 is none.
	PerUser time.Duration
	// MaxPerUser is the most requests for the same user within 24 hours; 0 is no
	// writtenLimit. Default: that of Load, or else [DefaultMaxPerUser] for a target that
	// is not this machine. It shapes no load: a run that would exceed it is
	// refused.
	MaxPerUser uint64 `json:"-"`
	// Weight is the group's share of the arrivals relative to the other
	// groups. From 1 to 1,000,000; default 1.
	Weight int
	// Usernameless says that the requests name no user. IDs is then one empty
	// ID.
	Usernameless bool
	// Request holds members merged into the request's body: map[string]any,
	// []any, string, bool, json.Number or nil. It has no member "user".
	Request map[string]any
	Expect  Expect
}

// User is one user of a group.
type User struct {
	ID string
	// Group is the index of the user's group in Scenario.Groups.
	Group int
	// Kind says which overrides the user's row has; see [Group.Variant].
	Kind int
}

// Expect says which answers a group's requests should get.
type Expect struct {
	// HTTPStatuses are the HTTP statuses that count as expected; default 201.
	HTTPStatuses []int
	// Statuses are the values of the body's status that count as expected.
	// Empty means any documented one. Only with 201.
	Statuses []string
	// Errors are the values of an error body's code that count as expected.
	// Empty means any.
	Errors []string
}

// Load says when requests are sent.
type Load struct {
	Arrivals Arrivals
	// Seed makes random schedules repeatable. Default 1.
	Seed uint64
	// Warmup is the time before the first stage in which requests are sent at
	// the rate with which the first stage begins. They are reported apart and
	// not judged. Default 0.
	Warmup time.Duration
	// Workers is the most requests in flight, from 1 to 100,000; 0 for as many as
	// are needed. In the closed model it is Concurrency.
	Workers int
	// Drain is how long after the last stage requests may still be sent or
	// answered. Default 10 s.
	Drain time.Duration
	// Stages follow one another. At least one, except in the closed model.
	Stages []Stage
	// Repeat is how many times the stages are run, from 1 to 1,000,000 (0
	// counts as 1). With Requests it is as often as those take.
	Repeat int
	// Requests is how many requests the stages send in all, without the
	// warm-up: exactly as many, with poisson arrivals too. 0 where the length
	// of the stages says it.
	Requests uint64
	// MaxRequests is a cap over everything, the warm-up included; 0 is none.
	MaxRequests uint64
	// MaxPerUser is the MaxPerUser of groups that have none; 0 where the file
	// does not say it.
	MaxPerUser uint64 `json:"-"`
	// On429 says what an answer with 429 does. Default [Continue429].
	On429 On429
	// StopOn ends the run early where any of it is met.
	StopOn []StopCondition

	// Concurrency, above 0, makes the load closed: as many users, each of whom
	// sends the next request when the last answer came. From 1 to 100,000.
	Concurrency int
	// Think is how long a user of the closed model waits before each request.
	Think time.Duration
	// Duration is how long the closed model lasts, without the warm-up; 0 where
	// Requests ends it. Of stages it is nothing: see [Scenario.Duration].
	Duration time.Duration
}

// Closed says whether the load is closed: users who wait for their answers,
// and no schedule.
func (l *Load) Closed() bool { return l.Concurrency > 0 }

// Arrivals is the arrival process.
type Arrivals string

const (
	// Uniform arrivals are evenly spaced. The default.
	Uniform Arrivals = "uniform"
	// Poisson arrivals have independent, exponentially distributed gaps.
	Poisson Arrivals = "poisson"
)

// Rate is a number of requests a second, at least 0 and at most 1,000,000. 0
// means none.
type Rate float64

// LevelChange moves a rule or a family of rules to another level.
type LevelChange struct {
	// Rule is a rule's name, or a family such as "links.*".
	Rule string
	// Level is "fail", "note" or "off".
	Level string
	// Pos is where the scenario says it.
	Pos form.Pos
}
