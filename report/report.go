// Package report judges a measurement. Judging is pure: the same measurement always
// gives the same report, which is what report.json holds. Package render writes the
// report in other forms.
package report

import (
	"slices"
	"time"

	"mfaload/internal/number"
	"mfaload/measure"
)

// Schema names the format of report.json.
const Schema = "mfaload/report/v1"

// Verdict is what a run comes to.
type Verdict string

const (
	// Pass means that every threshold was met.
	Pass Verdict = "pass"
	// Fail means that a threshold was missed.
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
	Schema string `json:"schema"`
	// The scenario's name.
	Scenario    string `json:"scenario"`
	Description string `json:"description,omitempty"`
	// Where the requests went.
	Target string `json:"target,omitempty"`
	// Equal for scenarios of the same load and judgement.
	Hash string `json:"scenario_hash"`
	// The version of mfaload.
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	// What the run was given to be found by (--label).
	Labels measure.RunLabels `json:"labels,omitempty"`
	// Names the run of several machines that the report is of.
	Run string `json:"run,omitempty"`
	// Set where the report is of one of them only.
	Shard *OneShard `json:"shard,omitempty"`
	// Shards are lost, and the others were judged.
	Degraded bool `json:"degraded,omitempty"`
	// Planned length of the judged part, up to an interruption.
	Duration float64  `json:"duration_s"`
	Verdict  Verdict  `json:"verdict"`
	Reasons  []string `json:"reasons"`
	// Why the run did not start; nothing was sent.
	NotStarted string `json:"not_started,omitempty"`
	// Set where the load was closed (load.concurrency): users who wait for each response
	// instead of a schedule.
	Closed *Closed `json:"closed,omitempty"`

	Figures
	Groups     []Group     `json:"groups"`
	Violations []Violation `json:"violations"`
	Thresholds []Threshold `json:"thresholds"`
	// Set where steps follow requests (then): they count nowhere else.
	Flow *FlowFigures `json:"flow,omitempty"`
	// Every rule of the contract; one that was never evaluated was not passed.
	Coverage []Coverage `json:"coverage"`
	// Connections that were opened. A request that had to wait for one has the wait in
	// its service time.
	Connections Connections `json:"connections"`
	// Where the time of the requests went, and why the slow ones were slow. Earlier versions do not tell.
	TimeSpent *TimeSpent `json:"time_spent,omitempty"`
	// What mfaload measured of itself, over the whole run. Of several shards, processor
	// time, processors and workers are added up, and the worst stands for the rest.
	Generator Generator `json:"generator"`
	// Set where load.on429 or load.stopOn ended the run before its schedule.
	Stopped *Stopped `json:"stopped,omitempty"`
	// Set where answers were 429: what that tells of the rate limit that was met.
	RateLimit *RateLimit `json:"rate_limit,omitempty"`
	// The machines that the run was shared among; left out where one ran it all.
	Shards []Shard `json:"shards,omitempty"`
	// Arrivals of the schedule after the run ended because no group had users left; in
	// no other figure.
	NoUsers uint64 `json:"arrivals_after_users_ran_out,omitempty"`
	// Set where the run was compared with an earlier one (run --baseline).
	Baseline *Baseline `json:"baseline,omitempty"`
	// The scenario as it ran, in YAML, with secrets and personal data as ***.
	ScenarioText string `json:"scenario_text,omitempty"`
	// The figures of the warm-up, where there was one.
	Warmup *Figures `json:"warmup,omitempty"`
	// Where the warm-up of a scenario with load.warmup: auto ends.
	WarmupEnd *WarmupEnd `json:"warmup_end,omitempty"`
	// How much the report has no room for: thresholds that were met, reasons, causes,
	// the end of the scenario. The verdict takes it into account, and
	// measurement.json.gz has it.
	LeftOut *LeftOut `json:"left_out,omitempty"`
	// SHA-256 over the report, without this member, and over measurement.json.gz: a
	// report that was edited does not match it.
	Checksum string `json:"checksum,omitempty"`
}

// Figures are what was counted and timed in a part of a run.
type Figures struct {
	// scheduled = sent + unsent; sent = answered + failed; answered = as_expected +
	// unexpected + violating; rate_limited are those of them that are 429.
	Requests Requests `json:"requests"`
	// In requests a second.
	Rate Rate `json:"rate"`
	// Good responses; left out by versions that did not count them.
	Goodput *Goodput `json:"goodput,omitempty"`
	// Last byte − intended time, of requests that were served; arrivals that never were
	// count as slower than any.
	Response Times `json:"response_ms"`
	// Last byte − actual send, of the same.
	Service Times `json:"service_ms"`
	// Actual send − intended time, of every request that was sent.
	Lateness Times `json:"lateness_ms"`
	// The times of served, refused (429, 503 with Retry-After, connection refused) and
	// failed requests apart; left out where all were served.
	ByOutcome map[string]OutcomeTimes `json:"by_outcome,omitempty"`
	// Responses by HTTP status and word.
	Statuses map[string]uint64 `json:"statuses"`
	// Requests without a response, by reason.
	Errors map[string]uint64 `json:"errors"`
	// Unsent arrivals by reason: no user to send for, a pause, or a limit of mfaload's own
	// such as no local port. They are in no rate.
	Withheld map[string]uint64 `json:"withheld,omitempty"`
}

// Requests counts requests by how they ended.
type Requests struct {
	Scheduled uint64 `json:"scheduled"`
	Sent      uint64 `json:"sent"`
	Answered  uint64 `json:"answered"`
	// Responses that the scenario expects and that break no rule at level fail.
	AsExpected uint64 `json:"as_expected"`
	// The others that break no rule at level fail.
	Unexpected uint64 `json:"unexpected"`
	// Responses that break a rule at level fail.
	Violating uint64 `json:"violating"`
	// Responses that are 429, expected or not.
	RateLimited uint64 `json:"rate_limited"`
	Failed      uint64 `json:"failed"`
	Unsent      uint64 `json:"unsent"`
}

// Rate is in requests a second.
type Rate struct {
	Planned float64 `json:"planned"`
	// What was sent, over the planned time or up to the last send,
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
	// Which of them are lower bounds: those of requests that were never served.
	AtLeast []string `json:"at_least,omitempty"`
}

// Text is one of the times as texts show it, "≥" before what is only known to be at
// least so long, "–" where there is none.
func (t *Times) Text(name string) string {
	if t.Max == 0 && len(t.AtLeast) == 0 {
		return "–"
	}
	value := map[string]float64{"min": t.Min, "mean": t.Mean, "p50": t.P50, "p90": t.P90, "p95": t.P95,
		"p99": t.P99, "p99.9": t.P999, "max": t.Max}[name]
	if slices.Contains(t.AtLeast, name) {
		return "≥" + number.Fixed(value)
	}
	return number.Fixed(value)
}

// Group has the figures of one group of users.
type Group struct {
	Name string `json:"name"`
	// Whom a group asked, the warm-up included.
	Users *Users `json:"users,omitempty"`
	// Left out where nothing is known of how its requests went over the network.
	Transfer *TransferParts `json:"transfer,omitempty"`
	// Of a step: why transactions went on without it, by reason. These are not scheduled.
	Skipped map[string]uint64 `json:"skipped,omitempty"`
	Figures
}

// Users say whom a group asked and in which order.
type Users struct {
	// How many users the group has.
	Count uint64 `json:"count"`
	Order string `json:"order"                  schema:"enum=sequential|shuffle|random|once"`
	// What happens after the last user. Random order has no last one.
	Exhausted string `json:"exhausted,omitempty"    schema:"enum=wrap|stop"`
	// The minimum time between two requests for the same user.
	PerUser float64 `json:"per_user_s,omitempty"`
	// The maximum number of requests for the same user within 24 hours.
	MaxPerUser uint64 `json:"max_per_user,omitempty"`
	// How often a user was chosen to be asked.
	Turns uint64 `json:"turns"`
	// How often the group's list was reused after its last user.
	Wrapped uint64 `json:"wrapped"`
	// When the first arrival was due for which no user was left, since the start of the
	// schedule.
	RanOut *float64 `json:"ran_out_s,omitempty"`
}

// Stopped says why the scenario ended a run early.
type Stopped struct {
	// When, since the start of the run.
	At float64 `json:"at_s"`
	// The scenario's, for example errorRate <= 10% over 10s.
	Condition string `json:"condition"`
	// What met it.
	Observed string `json:"observed"`
}

// Violation is one rule broken at one place.
type Violation struct {
	Rule string `json:"rule"`
	// JSON pointer with array indices as *, or the name of a header field.
	Pointer string `json:"pointer"`
	Level   string `json:"level"     schema:"enum=fail|note"`
	Count   uint64 `json:"count"`
	// How many were looked into one by one, the warm-up's included; the others are wrong
	// in exactly the same facts.
	Explained uint64  `json:"explained"`
	Expected  string  `json:"expected"`
	Got       string  `json:"got"`
	Example   Example `json:"example"`
}

// Example is the first exchange in which a violation was seen.
type Example struct {
	// The step that followed a request, such as email-otp.read; left out for an initialization.
	Step          string `json:"step,omitempty"`
	UserID        string `json:"userID"`
	CorrelationID string `json:"correlationID"`
	// The X-Ping-External-Transaction-ID that was sent, which the service's audit log
	// has; left out where none was.
	TransactionID string `json:"transactionID,omitempty"`
	// Repeats the request; the token is the shell's PINGONE_ACCESS_TOKEN.
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
	// The group whose requests it judges; left out for all.
	Group string `json:"group,omitempty"`
	// In the unit; without data it is 0 and means nothing.
	Observed float64 `json:"observed"                    schema:"signed"`
	Limit    float64 `json:"limit"`
	// The limit is the least that passes, not the most.
	AtLeast bool   `json:"at_least,omitempty"`
	Unit    string `json:"unit"                        schema:"enum=ms|%|/s"`
	// The observed time is a lower bound: it is that of requests that were never served.
	ObservedAtLeast bool `json:"observed_at_least,omitempty"`
	// Undecided: too little was measured, or missed, but perhaps only by what mfaload
	// itself harmed, or by chance if thresholds.confidence counts.
	State State `json:"state"`
	// The state is met.
	Passed bool `json:"passed"`
	// Why it is undecided, or that there is no data.
	Why string `json:"why,omitempty"`
	// How many of "of" the share is.
	Count uint64 `json:"count,omitempty"`
	// How many arrivals, or responses, were judged.
	Of uint64 `json:"of"`
	// How many of them were never served: they count as slower than any limit.
	Unserved uint64 `json:"unserved,omitempty"`
	// How sure the observed value is; left out if the run does not tell, or if there is nothing
	// to estimate: of a smallest or largest time, and of a share with a limit of 0.
	Interval *Interval `json:"interval,omitempty"`
	// What the share consists of, the most frequent first: rules, failures, responses.
	Causes []Cause `json:"causes,omitempty"`
}

// Connections are those that were opened. A request that had to wait for one
// has the wait in its service time.
type Connections struct {
	// Opened in the warm-up.
	Ahead uint64 `json:"ahead"`
	// Opened in the judged part: as the first ones, or because the service closed others.
	Opened uint64 `json:"opened"`
	// TLS handshakes of the judged part that resumed an earlier session.
	Resumed uint64 `json:"tls_resumed"`
	// How many spoke HTTP/2 (h2) and HTTP/1.1 (http/1.1), the warm-up included. Earlier versions do not tell.
	Protocols map[string]uint64 `json:"protocols,omitempty"`
	// Opened in the judged part to take the place of one at its maxRequests or maxAge.
	Successors uint64 `json:"successors,omitempty"`
	// How many requests waited before they were sent, because target.connections allows no more: the wait is
	// in their response time, and not in their service time.
	Waited uint64 `json:"waited,omitempty"`
	// How long those waited.
	Waits *Times `json:"waits_ms,omitempty"`
	// How long opening them took in the judged part.
	Dial Times `json:"dial_ms"`
	// How long TLS took after that.
	Handshake Times `json:"tls_handshake_ms"`
}

// Generator is what mfaload measured of itself, over the whole run. Of several
// shards, processor time, processors and workers are added up, and the worst
// stands for the rest.
type Generator struct {
	// How long the run took, the draining included.
	Elapsed float64 `json:"elapsed_s"`
	CPU     float64 `json:"cpu_s"`
	// How long its threads were ready to run and waited for a processor, summed up; 0
	// where the system does not tell.
	CPUWait float64 `json:"cpu_wait_s"`
	Cores   int     `json:"cores"`
	// Operating system and architecture.
	Platform string `json:"platform,omitempty"`
	// The names of the machines.
	Host           string  `json:"host,omitempty"`
	PeakRSS        float64 `json:"peak_rss_mb"`
	MaxGCPause     float64 `json:"gc_pause_ms_max"`
	BusyWorkersMax int     `json:"busy_workers_max"`
	Workers        int     `json:"workers"`
	// Arrival rate times service time (Little's law), of the run or of its busiest
	// stretch, where arrivals had to wait for a worker.
	WorkersNeeded int `json:"workers_needed,omitempty"`
	// How long arrivals had to wait because all workers were in flight.
	AllBusy float64 `json:"all_busy_s"`
	// The part of the lateness that mfaload caused itself.
	OwnLateness Times `json:"own_lateness_ms"`
	// How late waits of 10 ms ended that did nothing else.
	Hiccups Times `json:"hiccups_ms"`
}
