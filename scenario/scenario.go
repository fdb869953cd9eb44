// Package scenario turns a YAML file into one validated value that describes a
// load run: the users to send requests for, how fast, what to expect and what makes the
// run a pass. It knows no network and no clock.
//
// A [Scenario] does not change once its files of users are read: whoever needs
// another load works on a copy.
package scenario

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"mfaload/scenario/form"
	"mfaload/scenario/users"
)

// Scenario is a whole scenario file, with every default filled in. The tables of keys
// say what each key means; comments here say what they do not.
type Scenario struct {
	Name        string
	Description string
	Target      Target
	// Groups are the file's users. At least one.
	Groups []Group
	Load   Load
	// Thresholds are in the order in which they are reported: those of the whole run
	// first, then those of the groups in the order of Groups.
	Thresholds []Threshold
	// Flow are those of the steps that follow (Group.Then), in the same order.
	Flow []Threshold `json:",omitempty"`
	// Confidence is that with which thresholds have to be met or missed, from 0.8 to 0.999; 0 if
	// the observed values decide.
	Confidence float64 `json:",omitempty"`
	// Between is the relative standard deviation between runs, up to 0.5.
	Between float64 `json:",omitempty"`
	// Capacity is nil where the file has no such section. It is not part of the hash.
	Capacity *Capacity `json:"-"`
	// Case is nil where the file has no such section. It is not part of the hash.
	Case *SupportCase `json:"-"`
	// Levels are in the file's order.
	Levels []LevelChange
	// Changed has what a command line changed, for people to read.
	Changed string `json:"-"`
	// File is the path that the scenario was read from.
	File string
	// Literal are the places in it where secrets are written out, rather than named by
	// variables. Its text must not go where they must not.
	Literal []form.Pos `json:"-"`
	// Text is the file as YAML for people to read: variables filled in, defaults
	// added, long lists cut, secrets and personal data as "***".
	Text string
}

// Target says where the requests go.
type Target struct {
	// AuthPath has no slash at its end. Empty where Simulator is set.
	AuthPath string
	// EnvID is never empty: with Simulator a fixed one is the default.
	EnvID string
	// At most one of AccessToken, AccessTokenFile and ClientCredentials is set, and
	// one is, except with Simulator.
	AccessToken       Secret
	AccessTokenFile   string
	ClientCredentials *ClientCredentials
	// OwnerAgreed is required for hosts that are not loopback.
	OwnerAgreed bool
	// Timeout is above 0 and at most an hour.
	Timeout  time.Duration
	Protocol Protocol
	// Connections are zero where the scenario bounds none.
	Connections Connections `json:",omitzero"`
	// CAFile is empty for the system's authorities alone.
	CAFile string
	Network
	// Simulator, where set, replaces the host.
	Simulator *Simulator
	// Identities are tokens that are not good for the scenario's users. No run uses them.
	Identities []Identity `json:"-"`
	// Entitlement is nil where the file does not say it. It and Limits shape no load.
	Entitlement *Entitlement  `json:"-"`
	Limits      []LimitChange `json:"-"`
}

// Protocol is a version of HTTP, by its name in TLS's protocol negotiation, or [Auto].
type Protocol string

const (
	// HTTP1 is HTTP/1.1. The default.
	HTTP1 Protocol = "http/1.1"
	// HTTP2 is HTTP/2.
	HTTP2 Protocol = "h2"
	// Auto is what the server chooses of both; HTTP/1.1 without TLS.
	Auto Protocol = "auto"
)

// Group is a set of users to whom requests are sent in turn and whose responses
// should be alike.
type Group struct {
	// Name is unique. It is a tag in latency logs.
	Name string
	// IDs are at least one, none twice in the scenario but the empty ones of groups
	// that are Usernameless. Empty where File is set.
	IDs []string
	// File is the file with the users instead; Users is what it holds, nil until
	// [Scenario.ReadUsers].
	File  Source
	Users *Users
	Order users.Order
	// Exhausted is Stop with Once, and empty with Random, which has no last user.
	Exhausted Exhausted
	// PerUser is the least time between two requests for the same user, by the times
	// at which they are due. From 1 ms to 30 days; 0 is none.
	PerUser time.Duration
	// MaxPerUser is 0 for no limit. Default: that of Load, or else [DefaultMaxPerUser] for a target
	// that is not this machine, and fewer if the group expects pushes. It shapes no load: a
	// run that would exceed it is refused.
	MaxPerUser uint64 `json:"-"`
	// Weight is from 1 to 1,000,000.
	Weight int
	// Usernameless says that the requests name no user. IDs is then one empty ID.
	Usernameless bool
	// Test says that these are test users, who may get any number of messages.
	Test bool `json:"-"`
	// TestMode says that the users' devices are in test mode, and receive no messages.
	TestMode bool `json:"-"`
	// Request holds members merged into the request's body: map[string]any, []any,
	// string, bool, json.Number or nil. It has no member "user".
	Request map[string]any
	Expect  Expect
	// Then are the steps that follow a request that was as expected; none in the warm-up.
	Then []FlowStep `json:",omitempty"`
}

// User is one user of a group.
type User struct {
	ID string
	// Group is the index of the user's group in Scenario.Groups.
	Group int
	// Kind says which overrides the user's row has; see [Group.Variant].
	Kind int
}

// Expect says which responses a group's requests should get.
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
	Seed     uint64
	// Warmup is at most 30 days; 0 is none. AutoWarmup says that it is the most that a warm-up may take
	// whose end is to be found.
	Warmup     time.Duration
	AutoWarmup bool `json:",omitempty"`
	// Workers is from 1 to 100,000; 0 for as many as are needed. In the closed model
	// it is Concurrency.
	Workers int
	// Drain is how long after the last stage requests may still be sent or end.
	Drain time.Duration
	// Stages are at least one, except in the closed model.
	Stages []Stage
	// RateFactor is what the rates were multiplied by; 0 and 1 for nothing.
	RateFactor float64 `json:"-"`
	// Repeat is from 1 to 1,000,000 (0 counts as 1). With Requests it follows from them.
	Repeat int
	// Requests is how many the stages send in all, without the warm-up: exactly as
	// many, with poisson arrivals too. 0 where the length of the stages says it.
	Requests uint64
	// MaxRequests is a cap over everything, the warm-up included; 0 is none.
	MaxRequests uint64
	// MaxPerUser is that of groups that have none; 0 where the file does not say it.
	MaxPerUser uint64 `json:"-"`
	On429      On429
	// StopOn ends the run early where any of it is met.
	StopOn []StopCondition
	// Until is [UntilDecided] for a run that ends as soon as its thresholds are decided; "" for
	// one that lasts as long as it is planned.
	Until Until `json:",omitempty"`

	// Concurrency, above 0, makes the load closed: as many users, each of whom sends
	// the next request after the last response. From 1 to 100,000.
	Concurrency int
	// Think is how long such a user waits before each request.
	Think time.Duration
	// Duration is how long the closed model lasts, without the warm-up; 0 where
	// Requests ends it. Of stages it is nothing: see [Scenario.Duration].
	Duration time.Duration
}

// Closed says whether the load is closed: users who wait for their responses,
// and no schedule.
func (l *Load) Closed() bool { return l.Concurrency > 0 }

// Until says when a run ends.
type Until string

// UntilDecided ends a run at the first look at which each threshold is met, or one is missed.
const UntilDecided Until = "decided"

// Looks are the lengths of the judged part, in order, at which a run that ends when it is decided is
// looked at: the planned length and its halves, at most six and none below [FirstLook]. Of other
// runs there are none.
func (s *Scenario) Looks() (looks []time.Duration) {
	if s.Load.Until != UntilDecided {
		return nil
	}
	for at := s.Duration(); len(looks) == 0 || len(looks) < maxLooks && at >= FirstLook; at /= 2 {
		looks = append(looks, at)
	}
	slices.Reverse(looks)
	return looks
}

// FirstLook is before which no run is decided: a shorter one hardly shows what is correlated.
const FirstLook = time.Minute

const maxLooks = 6

// Arrivals is the arrival process.
type Arrivals string

const (
	// Uniform arrivals are evenly spaced. The default.
	Uniform Arrivals = "uniform"
	// Poisson arrivals have independent, exponentially distributed gaps.
	Poisson Arrivals = "poisson"
)

// Rate is a number of requests a second, from 0, for none, to 1,000,000.
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

// Hash identifies what shapes the load and the judgement: two runs with the
// same hash ran the same scenario. It is the SHA-256, in hexadecimal, of the
// scenario as JSON, without names, descriptions and the text of the whole, the token and
// where it comes from, transaction IDs, the owner's consent, places, and the way
// limits are written. Files of users count by their content.
func (s *Scenario) Hash() string { return fingerprint(s.forFingerprint()) }

func (s *Scenario) forFingerprint() *Scenario {
	c := *s
	c.Name, c.Description, c.File, c.Text = "", "", "", ""
	c.Target.AccessToken, c.Target.OwnerAgreed, c.Target.TransactionIDs = Secret{}, false, ""
	c.Target.Trace, c.Target.ServiceTimeHeader = "", ""
	c.Target.AccessTokenFile, c.Target.ClientCredentials = "", nil
	c.Groups = withoutPlaces(s.Groups)
	c.Levels = slices.Clone(s.Levels)
	for i := range c.Levels {
		c.Levels[i].Pos = form.Pos{}
	}
	c.Thresholds = slices.Clone(s.Thresholds)
	c.Flow = slices.Clone(s.Flow)
	for i := range c.Flow {
		c.Flow[i].Written = ""
	}
	for i := range c.Thresholds {
		c.Thresholds[i].Written = ""
	}
	c.Load.StopOn = slices.Clone(s.Load.StopOn)
	for i := range c.Load.StopOn {
		c.Load.StopOn[i].Written = ""
	}
	if s.Target.Simulator != nil {
		simulator := *s.Target.Simulator
		simulator.Faults = slices.Clone(simulator.Faults)
		for i := range simulator.Faults {
			simulator.Faults[i].Pos = form.Pos{}
		}
		c.Target.Simulator = &simulator
	}
	return &c
}

// withoutPlaces are groups without the paths of their files: what a file holds
// counts, wherever it is.
func withoutPlaces(groups []Group) []Group {
	groups = slices.Clone(groups)
	for i := range groups {
		groups[i].File = Source{}
	}
	return groups
}

// Fingerprints identify what two runs have to have in common to be compared: the load
// and the users. Each is a SHA-256 in hexadecimal, as [Scenario.Hash] is. The
// target may differ, as it is what runs are compared for; so may the thresholds,
// and the seed, which draws other arrivals of the same kind.
func (s *Scenario) Fingerprints() map[string]string {
	load := s.Load
	load.Seed = 0
	return map[string]string{"load": fingerprint(load), "users": fingerprint(withoutPlaces(s.Groups))}
}

// TrialFingerprints identify what the trials of one search have in common, by the names
// of the sections of a scenario. How long and how fast the load is does not
// count, as each trial has its own; nor do caps of requests, and the section
// capacity, which say how far a search may go.
func (s *Scenario) TrialFingerprints() map[string]string {
	c := s.forFingerprint()
	l := c.Load
	l.Stages, l.Warmup, l.Repeat, l.Requests, l.MaxRequests, l.On429 = nil, 0, 0, 0, 0, ""
	l.AutoWarmup = false
	return map[string]string{"target": fingerprint(c.Target), "users": fingerprint(c.Groups),
		"load": fingerprint(l), "thresholds": fingerprint(slices.Concat(c.Thresholds, c.Flow))}
}

func fingerprint(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic("scenario: a request's body holds something that is not JSON: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
