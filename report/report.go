// Package report judges a measurement and renders the judgement. Judging is
// pure: the same measurement always gives the same report. Renderers judge nothing:
// they write what the [Report] says, and pages, CSV and exports add what a run was
// second by second, which only the measurement has.
package report

import "time"

// Schema names the format of report.json.
const Schema = "mfaload/report/v1"

// Verdict is what a run comes to.
type Verdict string

const (
	// Pass means that every threshold was kept.
	Pass Verdict = "pass"
	// Fail means that a threshold was broken.
	Fail Verdict = "fail"
	// Inconclusive means that the run allows no judgement of the service.
	Inconclusive Verdict = "inconclusive"
	// Interrupted means that the run was stopped before its schedule ended.
	Interrupted Verdict = "interrupted"
)

// Report is the judgement of a run. Its JSON form is report.json; times are in
// milliseconds and rates in requests a second. Except in Warmup, the warm-up
// counts nowhere.
type Report struct {
	Schema      string `json:"schema"`
	Scenario    string `json:"scenario"`
	Description string `json:"description,omitempty"`
	// Target is where the requests went.
	Target  string    `json:"target,omitempty"`
	Hash    string    `json:"scenario_hash"`
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	// Run names the run of several machines that the report is of; empty for one.
	Run string `json:"run,omitempty"`
	// Shard is set where the report is of one of them only.
	Shard *OneShard `json:"shard,omitempty"`
	// Degraded says that shards are lost, and that the others were judged.
	Degraded bool `json:"degraded,omitempty"`
	// Duration is the planned length of the judged part in seconds, up to the
	// interruption where there was one.
	Duration float64  `json:"duration_s"`
	Verdict  Verdict  `json:"verdict"`
	Reasons  []string `json:"reasons"`
	// NotStarted says why the run did not start; empty where it did.
	NotStarted string `json:"not_started,omitempty"`
	// Closed is set where the load was closed: its latency figures mean less.
	Closed *Closed `json:"closed,omitempty"`

	Figures
	Groups     []Group     `json:"groups"`
	Violations []Violation `json:"violations"`
	Thresholds []Threshold `json:"thresholds"`
	// Coverage has every rule of the contract: one that no answer was held
	// against was not passed.
	Coverage    []Coverage  `json:"coverage"`
	Connections Connections `json:"connections"`
	Generator   Generator   `json:"generator"`
	// Stopped is nil where the run was not ended early by its scenario.
	Stopped *Stopped `json:"stopped,omitempty"`
	// RateLimit is nil where no answer was 429.
	RateLimit *RateLimit `json:"rate_limit,omitempty"`
	// Shards are the machines that the run was shared among, by index; empty where
	// one ran it all.
	Shards []Shard `json:"shards,omitempty"`
	// NoUsers counts the arrivals of the schedule after the run ended because
	// no group had users left. They are in no other figure.
	NoUsers uint64 `json:"arrivals_after_users_ran_out,omitempty"`
	// Baseline is nil where the run was not held against an earlier one.
	Baseline *Baseline `json:"baseline,omitempty"`
	// ScenarioText is the scenario as it ran, in YAML: variables filled in,
	// defaults added, secrets and personal data as "***".
	ScenarioText string `json:"scenario_text,omitempty"`
	// Warmup has the figures of the warm-up; nil where there was none.
	Warmup *Figures `json:"warmup,omitempty"`
	// LeftOut is nil when the report lists everything.
	LeftOut *LeftOut `json:"left_out,omitempty"`
	// Checksum is that of [Report.Sealed]; empty in a report that was not written
	// yet. Reading wants it.
	Checksum string `json:"checksum,omitempty"`
}

// Figures are what was counted and timed in a part of a run.
type Figures struct {
	Requests Requests `json:"requests"`
	Rate     Rate     `json:"rate"`
	// Response counts from the intended time, Service from the actual send,
	// Lateness lies between the two. Response and Service are those that thresholds
	// judge: requests that were served, and arrivals that never were, which count as
	// slower than any time; refusals are in ByOutcome. Lateness is that of every
	// request that was sent.
	Response Times `json:"response_ms"`
	Service  Times `json:"service_ms"`
	Lateness Times `json:"lateness_ms"`
	// ByOutcome has the times of "served", "refused" and "failed" requests apart.
	// Empty where all were served.
	ByOutcome map[string]OutcomeTimes `json:"by_outcome,omitempty"`
	// Statuses counts the answers by HTTP status and word, for example
	// "201 OTP_REQUIRED".
	Statuses map[string]uint64 `json:"statuses"`
	// Errors counts the requests without an answer by reason.
	Errors map[string]uint64 `json:"errors"`
	// Withheld counts the unsent arrivals by reason: no user to send for, a pause, or
	// a limit of mfaload's own such as no local port. They are in no rate.
	Withheld map[string]uint64 `json:"withheld,omitempty"`
}

// Requests adds up: scheduled = sent + unsent; sent = answered + failed;
// answered = as_expected + unexpected + violating.
type Requests struct {
	Scheduled uint64 `json:"scheduled"`
	Sent      uint64 `json:"sent"`
	Answered  uint64 `json:"answered"`
	// AsExpected counts the answers that the scenario expects and that break
	// no rule at level fail.
	AsExpected uint64 `json:"as_expected"`
	// Unexpected counts the others that break no rule at level fail.
	Unexpected uint64 `json:"unexpected"`
	// Violating counts the answers that break a rule at level fail.
	Violating uint64 `json:"violating"`
	// RateLimited counts the answers that are 429, expected or not.
	RateLimited uint64 `json:"rate_limited"`
	Failed      uint64 `json:"failed"`
	Unsent      uint64 `json:"unsent"`
}

// Rate is in requests a second.
type Rate struct {
	Planned float64 `json:"planned"`
	// Achieved is what was sent, over the planned time or up to the last send,
	// whichever is longer.
	Achieved float64 `json:"achieved"`
}

// OutcomeTimes are those of requests that ended alike. Refused ones got a 429, a 503
// with Retry-After, or no connection; the others that got no complete response
// failed.
type OutcomeTimes struct {
	Count    uint64 `json:"count"`
	Response Times  `json:"response_ms"`
	Service  Times  `json:"service_ms"`
}

// Times are in milliseconds.
type Times struct {
	Min  float64 `json:"min"`
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P95  float64 `json:"p95"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p99.9"`
	Max  float64 `json:"max"`
	// AtLeast names those of them that are only known to be at least so long: they
	// are of requests that were never served.
	AtLeast []string `json:"at_least,omitempty"`
}

// Group has the figures of one group of users.
type Group struct {
	Name string `json:"name"`
	// Users say whom the group asked, the warm-up included; nil where the
	// measurement does not tell.
	Users *Users `json:"users,omitempty"`
	Figures
}

// Users say whom a group asked and in which order.
type Users struct {
	// Count is how many users it has.
	Count uint64 `json:"count"`
	// Order is sequential, shuffle, random or once.
	Order string `json:"order"`
	// Exhausted is what happens after the last one: wrap or stop; empty in
	// random order, which has no last one.
	Exhausted string `json:"exhausted,omitempty"`
	// PerUser is the least time between two requests for the same user, in
	// seconds.
	PerUser float64 `json:"per_user_s,omitempty"`
	// MaxPerUser is the most requests for the same user within 24 hours.
	MaxPerUser uint64 `json:"max_per_user,omitempty"`
	// Turns is how often a user was chosen to be asked.
	Turns uint64 `json:"turns"`
	// Wrapped is how often the group began anew.
	Wrapped uint64 `json:"wrapped"`
	// RanOut is when the first arrival was due for which no user was left, in
	// seconds of the schedule; nil where there was none.
	RanOut *float64 `json:"ran_out_s,omitempty"`
}

// Stopped says why the scenario ended a run early.
type Stopped struct {
	// At is when, in seconds since the start of the run.
	At float64 `json:"at_s"`
	// Condition is the scenario's, Observed what met it.
	Condition string `json:"condition"`
	Observed  string `json:"observed"`
}

// Violation is one rule broken at one place.
type Violation struct {
	Rule    string `json:"rule"`
	Pointer string `json:"pointer"`
	Level   string `json:"level"`
	Count   uint64 `json:"count"`
	// Explained is how many of them, the warm-up's included, were looked into
	// one by one; the others are wrong in the very same facts.
	Explained uint64  `json:"explained"`
	Expected  string  `json:"expected"`
	Got       string  `json:"got"`
	Example   Example `json:"example"`
}

// Example is the first exchange in which a violation was seen.
type Example struct {
	UserID        string `json:"userID"`
	CorrelationID string `json:"correlationID"`
	// TransactionID is the X-Ping-External-Transaction-ID that was sent, which
	// the service's audit log has; left out where none was.
	TransactionID string `json:"transactionID,omitempty"`
	// Curl repeats the request; the token is the shell's PINGONE_ACCESS_TOKEN.
	Curl string `json:"curl"`
}

// Coverage says how often a rule was exercised, and how often it was broken,
// the warm-up included.
type Coverage struct {
	Rule      string `json:"rule"`
	Evaluated uint64 `json:"evaluated"`
	Violated  uint64 `json:"violated"`
}

// State is what a threshold comes to.
type State string

const (
	// Met and Missed are certain: nothing that mfaload itself harmed, and nothing that
	// is not known, could change them.
	Met    State = "met"
	Missed State = "missed"
	// NoData means that there was nothing to judge.
	NoData State = "no data"
	// Undecided means that too little was measured, or that the threshold is missed,
	// but perhaps only by what mfaload itself harmed.
	Undecided State = "undecided"
)

// Cause is what a share consists of: a rule that was broken, a failure, a response.
type Cause struct {
	What  string `json:"what"`
	Count uint64 `json:"count"`
}

// Threshold is a threshold of the scenario, judged.
type Threshold struct {
	Expression string `json:"expression"`
	// Group is the group whose requests it judges; empty for all.
	Group string `json:"group,omitempty"`
	// Observed and Limit are in Unit: "ms" or "%". AtLeast says that Limit is the
	// least that passes, not the most. Without data Observed is 0 and means nothing.
	Observed float64 `json:"observed"`
	Limit    float64 `json:"limit"`
	AtLeast  bool    `json:"at_least,omitempty"`
	Unit     string  `json:"unit"`
	// ObservedAtLeast says that Observed is a lower bound: it is the time of requests
	// that were never served.
	ObservedAtLeast bool `json:"observed_at_least,omitempty"`
	// State says what it comes to; Passed is the same as Met.
	State  State `json:"state"`
	Passed bool  `json:"passed"`
	// Why says why it is undecided, or that there is no data.
	Why string `json:"why,omitempty"`
	// Count of Of is the share; of times Of counts the arrivals that were judged, and
	// Unserved those of them that were never served.
	Count    uint64 `json:"count,omitempty"`
	Of       uint64 `json:"of"`
	Unserved uint64 `json:"unserved,omitempty"`
	// Causes are what the share consists of, the most frequent first.
	Causes []Cause `json:"causes,omitempty"`
}

// Connections are those that were opened. A request that had to wait for one
// has the wait in its service time.
type Connections struct {
	// Ahead were opened in the warm-up, Opened in the judged part: as the first
	// ones, or because the service closed others.
	Ahead  uint64 `json:"ahead"`
	Opened uint64 `json:"opened"`
	// Resumed counts the TLS handshakes of the judged part that resumed an
	// earlier session.
	Resumed uint64 `json:"tls_resumed"`
	// Dial and Handshake are how long opening them took in the judged part, and
	// then TLS.
	Dial      Times `json:"dial_ms"`
	Handshake Times `json:"tls_handshake_ms"`
}

// Generator is what mfaload measured of itself, over the whole run. Of several
// shards, processor time, processors and workers are added up, and the worst
// stands for the rest.
type Generator struct {
	// Elapsed is how long the run took, the draining included, in seconds.
	Elapsed float64 `json:"elapsed_s"`
	CPU     float64 `json:"cpu_s"`
	// CPUWait is how long its threads were ready to run and had to wait for a
	// processor; 0 where the system does not tell.
	CPUWait float64 `json:"cpu_wait_s"`
	Cores   int     `json:"cores"`
	// Platform is the operating system and the architecture, such as
	// "linux/amd64"; empty where the measurement does not tell.
	Platform       string  `json:"platform,omitempty"`
	PeakRSS        float64 `json:"peak_rss_mb"`
	MaxGCPause     float64 `json:"gc_pause_ms_max"`
	BusyWorkersMax int     `json:"busy_workers_max"`
	Workers        int     `json:"workers"`
	// WorkersNeeded is Little's law: the arrival rate times the service time, of the
	// run or of its busiest stretch. Set where arrivals had to wait because all workers were in flight.
	WorkersNeeded int `json:"workers_needed,omitempty"`
	// AllBusy is how long arrivals had to wait for that reason, in seconds.
	AllBusy float64 `json:"all_busy_s"`
	// OwnLateness is the part of the lateness that mfaload caused itself.
	OwnLateness Times `json:"own_lateness_ms"`
	// Hiccups is how late waits of 10 ms ended that did nothing else: what any
	// request may have been delayed by mfaload and its machine.
	Hiccups Times `json:"hiccups_ms"`
}
