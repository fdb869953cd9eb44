// Package plan says what a run would send, per stage, group and user, and what it would
// take of memory and disk: a pure function of a scenario and an assumed latency.
package plan

import (
	"cmp"
	"math"
	"slices"
	"time"

	"mfaload/measure"
	"mfaload/pingone/limits"
	"mfaload/runner/schedule"
	"mfaload/scenario"
	"mfaload/scenario/users"
)

// Schema names the format of a plan in JSON.
const Schema = "mfaload/plan/v1"

// RunPlan is what a run would send. It is a pure function of a scenario and an
// assumed latency; times are in seconds or milliseconds, rates per second.
type RunPlan struct {
	Schema   string `json:"schema"`
	Scenario string `json:"scenario"`
	// Target is the host, or "simulator".
	Target string `json:"target"`
	// Closed says that users wait for their responses: rates and numbers are
	// then estimates that hold for the assumed latency.
	Closed bool `json:"closed,omitempty"`
	// Requests are all of them, Warmup those of them before the first stage.
	Requests uint64 `json:"requests"`
	Warmup   uint64 `json:"warmup"`
	// Alternating is how many of them go to Target, if its seconds alternate with those of another target,
	// which gets the others; 0 if all go to it.
	Alternating uint64 `json:"alternating_requests,omitempty"`
	// NoUser is how many of them, at least, will have no user to ask.
	NoUser   uint64  `json:"no_user,omitempty"`
	Duration float64 `json:"duration_s"`
	Peak     float64 `json:"peak_rate"`
	// Messages is how many messages real users could receive at most.
	Messages uint64         `json:"messages_max"`
	Stages   []PlannedStage `json:"stages"`
	Groups   []PlannedGroup `json:"groups"`
	Workers  PlannedWorkers `json:"workers"`
	// CatchUp is what may be sent above Peak when requests had to wait.
	CatchUp PlannedCatchUp `json:"catching_up"`
	// On429 is what a response with 429 does, and StopOn what ends the run early:
	// more would be planned than is sent then.
	On429 scenario.On429 `json:"on_429"`
	// TokenEnds is when the access token ends that the run would start with, where
	// nothing renews it and the token says so; the caller of [New] sets it.
	TokenEnds *time.Time `json:"token_ends,omitempty"`
	StopOn    []string   `json:"stop_on,omitempty"`
	// Looks are the lengths of the judged part, in seconds, at which the run may end because it is
	// decided (load.until); left out of others.
	Looks []float64 `json:"looks_s,omitempty"`
	// WarmupLatest is when the warm-up ends at the latest, in seconds, if its end is found after the
	// run (load.warmup: auto); left out of others.
	WarmupLatest float64 `json:"warmup_latest_s,omitempty"`
	// Needs are about what each process of the run takes, of Shards, and Coordinator
	// what the one takes that merges them; nil where there is one process. See
	// [RunPlan.Share].
	Shards      int        `json:"shards"`
	Needs       Resources  `json:"needs"`
	Coordinator *Resources `json:"coordinator_needs,omitempty"`
	// Rates are the highest rates of equal parts of the run, for a plot.
	Rates []float64 `json:"rates"`
	// Start is when the run would start, if that is known.
	Start *time.Time `json:"start,omitempty"`
	// Steps is how many requests follow one on average, as steps of the flow; they count for the license.
	Steps float64 `json:"steps,omitempty"`
	// LicenseRate is the rate that the target's license allows. It and the rest are left out for the
	// simulator, and targets of this machine, whose scenarios name no entitlement.
	LicenseRate float64 `json:"license_rate,omitempty"`
	// AddressesNeeded and UsersNeeded are how many the run takes at least to stay within all limits.
	AddressesNeeded uint64         `json:"addresses_needed,omitempty"`
	UsersNeeded     uint64         `json:"users_needed,omitempty"`
	Limits          []PlannedLimit `json:"limits,omitempty"`
	// Rehearsal says that the target is this machine: no run is refused for a limit.
	Rehearsal bool `json:"rehearsal,omitempty"`

	of planSource
}

// planSource is what the limits of a plan are computed from.
type planSource struct {
	scenario *scenario.Scenario
	line     arrivalCurve
	shares   []float64  // by group: of all requests
	kinds    [][]string // by group: of messages
	sent     []float64  // by group: messages of one request, the steps that follow it included
	wrong    []float64  // by group: wrong passcodes that follow one request
	steps    float64    // requests of one request, those steps included
	times    float64    // how often each request is sent
	// replayed are what a replay sends for users within windows that limits have.
	replayed map[time.Duration][]schedule.GroupDemand
}

// PlannedStage is a stage, with all its repetitions.
type PlannedStage struct {
	Name     string  `json:"name"`
	Shape    string  `json:"shape"`
	Duration float64 `json:"duration_s"` // of one time
	Times    int     `json:"times"`
	Requests uint64  `json:"requests"`
	Peak     float64 `json:"peak_rate"`
	// LicenseShare is Peak's share of the license's rate.
	LicenseShare float64 `json:"license_share,omitempty"`
}

// PlannedGroup is a group of users.
type PlannedGroup struct {
	Name     string `json:"name"`
	Users    int    `json:"users"`
	Requests uint64 `json:"requests"`
	// NoUser is how many of the group's arrivals, at least, will have no user:
	// they ran out, or perUser forbids it.
	NoUser uint64 `json:"no_user,omitempty"`
	// PerUser is the most requests of a single user, PerUserDay in any 24 hours.
	PerUser    uint64 `json:"requests_user_max"`
	PerUserDay uint64 `json:"requests_user_day_max"`
	// Cap is the most that PerUserDay may be, and UsersNeeded, where it would be
	// more, how many users it takes to keep it. With users drawn by chance Cap
	// holds for PerUser: those who had enough are passed over.
	Cap         uint64 `json:"requests_user_day_cap,omitempty"`
	UsersNeeded uint64 `json:"users_needed,omitempty"`
	// WrongPasscodes is how many wrong passcodes follow a request on average, as its scenario's then asks
	// for; each counts against its user's limit.
	WrongPasscodes float64 `json:"wrong_passcodes,omitempty"`
	// Recorded says that the rows of a replay name the group's users: more users would not lower
	// PerUserDay.
	Recorded bool `json:"recorded,omitempty"`
	// Messages is how many messages the group could receive at most, of the
	// kinds that Kinds says; MessagesUserDay is that of a user in a day, and
	// LimitShare its share of the documented number of SMS.
	Messages        uint64  `json:"messages_max"`
	Kinds           string  `json:"message_kinds"`
	MessagesUserDay uint64  `json:"messages_user_day_max"`
	LimitShare      float64 `json:"daily_limit_share"`
}

// PlannedWorkers is how many requests would be in flight.
type PlannedWorkers struct {
	// Latency is what was assumed, and LatencyFrom says why.
	Latency     float64 `json:"latency_ms"`
	LatencyFrom string  `json:"latency_from"`
	// InFlight is Little's law: the peak rate times the latency.
	InFlight float64 `json:"in_flight"`
	// Needed adds the headroom: three times the square root, which is how far
	// the number in flight swings when requests come at random.
	Needed int `json:"needed"`
	// Stalled is how many are in flight if nothing is answered until the timeout.
	Stalled int `json:"needed_in_a_stall"`
	// Workers is how many requests may be in flight, and WorkersBy what that number
	// is from. Where the scenario has no number, both are of the machine
	// that runs it: see [RunPlan.Bind].
	Workers   int    `json:"workers"`
	WorkersBy string `json:"workers_by"`
}

// Bind says how many requests a run may have in flight on the machine that runs it, and
// what that number is from: one of [measure.ByScenario] and its like.
func (p *RunPlan) Bind(workers int, by string) { p.Workers.Workers, p.Workers.WorkersBy = workers, by }

// PlannedCatchUp is at which rate requests go out that could not go out in time;
// 0 where it is not above the planned one.
type PlannedCatchUp struct {
	// AfterStall is when the service stood still: as fast as the workers that
	// load.workers allows come free, with responses of the assumed latency.
	AfterStall float64 `json:"after_stall_rate,omitempty"`
	// AfterFreeze is when mfaload itself stood still, at most.
	AfterFreeze float64 `json:"after_freeze_rate_max,omitempty"`
}

// defaultLatency is assumed where neither the user nor a threshold says more.
const defaultLatency = 200 * time.Millisecond

// plotted is how many parts of a run a plan knows the rates of.
const plotted = 240

// CatchUp bounds what follows a freeze of the machine (a laptop that slept, a paused
// container): the arrivals that were missed go out at no more than so many times the
// schedule's peak rate, not all in one instant.
const CatchUp = 10

// New returns the plan of a valid scenario. A latency of 0 is chosen by
// [AssumedLatency].
func New(s *scenario.Scenario, latency time.Duration) *RunPlan {
	p := &RunPlan{Schema: Schema, Scenario: s.Name, Target: s.Target.AuthPath, Closed: s.Load.Closed(),
		Stages: []PlannedStage{}, On429: cmp.Or(s.Load.On429, scenario.Continue429)}
	for _, c := range s.Load.StopOn {
		p.StopOn = append(p.StopOn, c.String())
	}
	if s.Load.AutoWarmup {
		p.WarmupLatest = s.Load.Warmup.Seconds()
	}
	for _, at := range s.Looks() {
		p.Looks = append(p.Looks, at.Seconds())
	}
	if s.Target.Simulator != nil {
		p.Target = "simulator"
	}
	p.Workers.LatencyFrom = "--latency"
	if latency == 0 {
		latency, p.Workers.LatencyFrom = AssumedLatency(s)
	}
	p.of = newPlanSource(s)
	p.Steps = p.of.steps - 1
	if p.Closed {
		p.fillGroups(s, p.fillClosed(&s.Load, latency), nil)
		p.of.line = arrivalCurve{end: p.Duration, rate: p.Peak}
	} else {
		sch := schedule.New(s)
		p.fillGroups(s, p.fillStages(sch), sch.Demand(24*time.Hour))
		p.of.line = arrivalCurve{schedule: sch, end: p.Duration, all: float64(p.Requests)}
	}
	p.fillLimits()
	p.fillWorkers(&s.Load, latency, s.Target.Timeout)
	p.fillCatchUp(&s.Load, latency)
	p.Share(1)
	return p
}

// AssumedLatency is the threshold of the response time's 99th percentile, or
// else of the service time's, or else 200 ms; and it says which.
func AssumedLatency(s *scenario.Scenario) (latency time.Duration, from string) {
	for _, metric := range []scenario.Metric{scenario.Response, scenario.Service} {
		for _, t := range s.Thresholds {
			if t.Metric == metric && t.Group == "" && t.Quantile == 99 {
				return time.Duration(t.Limit * 1e9), "threshold " + t.String()
			}
		}
	}
	return defaultLatency, "default"
}

// fillStages takes numbers and rates from a schedule. It returns the most
// requests within a day.
func (p *RunPlan) fillStages(sch *schedule.Schedule) (day uint64) {
	for _, st := range sch.StageCounts() {
		p.Requests += st.Requests
		if st.Warmup {
			p.Warmup = st.Requests
		}
		p.Stages = append(p.Stages, PlannedStage{Name: st.Label, Shape: st.String(),
			Duration: st.Duration.Seconds(), Times: st.Times, Requests: st.Requests, Peak: st.Peak()})
	}
	end := sch.End()
	p.Duration, p.Peak = end.Seconds(), sch.Peak()
	for i := range time.Duration(plotted) {
		p.Rates = append(p.Rates, sch.PeakBetween(end*i/plotted, end*(i+1)/plotted))
	}
	return busiestDay(sch, p.Requests)
}

// busiestDay returns an upper bound of the requests within any 24 hours, from
// the integral of the rate minute by minute.
func busiestDay(sch *schedule.Schedule, all uint64) uint64 {
	const day = 24 * time.Hour
	if sch.End() <= day {
		return all
	}
	busiest := 0.0
	for t := time.Duration(0); t < sch.End(); t += time.Minute {
		busiest = max(busiest, sch.Upto(t+time.Minute+day)-sch.Upto(t))
	}
	return min(uint64(math.Ceil(busiest))+1, all)
}

// fillClosed estimates what users send who wait for the assumed latency.
func (p *RunPlan) fillClosed(l *scenario.Load, latency time.Duration) (day uint64) {
	each := max(l.Think+latency, time.Microsecond).Seconds()
	p.Peak = float64(l.Concurrency) / each
	p.Warmup = uint64(p.Peak * l.Warmup.Seconds())
	judged := l.Requests
	if judged == 0 {
		judged = uint64(math.Ceil(p.Peak * l.Duration.Seconds()))
	}
	p.Requests = p.Warmup + judged
	if l.MaxRequests > 0 {
		p.Requests = min(p.Requests, l.MaxRequests)
		p.Warmup = min(p.Warmup, p.Requests)
	}
	p.Duration = float64(p.Requests) / p.Peak
	for range plotted {
		p.Rates = append(p.Rates, p.Peak)
	}
	return min(uint64(math.Ceil(p.Peak*86400)), p.Requests)
}

// fillGroups says what each group gets: what its rows say of a replay, and its share of other loads.
func (p *RunPlan) fillGroups(s *scenario.Scenario, day uint64, replayed []schedule.GroupDemand) {
	all, busiest := schedule.ShareOut(s.Groups, p.Requests), schedule.ShareOut(s.Groups, day)
	for i, demand := range replayed {
		p.of.shares[i] = float64(demand.Requests) / float64(p.Requests)
		all[i], busiest[i] = demand.Requests, demand.Within
	}
	for i := range s.Groups {
		g := &s.Groups[i]
		if g.Order == users.Recorded {
			p.addGroup(s, i, PlannedGroup{Name: g.Name, Users: g.Size(), Requests: all[i], Recorded: true,
				PerUser: replayed[i].PerUser, PerUserDay: replayed[i].PerUserWithin, Cap: g.MaxPerUser})
			continue
		}
		requests := withUsers(g, all[i], p.Duration)
		planned := PlannedGroup{Name: g.Name, Users: g.Size(), Requests: requests, NoUser: all[i] - requests}
		planned.PerUser = maxPerUser(g, requests)
		planned.PerUserDay = planned.PerUser
		if day < p.Requests { // where the day begins within the turns is not known
			planned.PerUserDay = min(maxPerUser(g, busiest[i]+1), planned.PerUser)
		}
		planned.keep(g, busiest[i]+1)
		p.addGroup(s, i, planned)
	}
}

func (p *RunPlan) addGroup(s *scenario.Scenario, group int, planned PlannedGroup) {
	p.NoUser += planned.NoUser
	planned.WrongPasscodes = p.of.wrong[group]
	if kinds := p.of.kinds[group]; len(kinds) > 0 && s.Target.Simulator == nil {
		planned.Kinds = either(kinds)
		planned.Messages = p.of.messages(group, planned.Requests)
		planned.MessagesUserDay = p.of.messages(group, planned.PerUserDay)
		p.Messages += planned.Messages
		if slices.ContainsFunc(kinds, func(k string) bool { return k == "SMS" || k == "e-mail" }) {
			planned.LimitShare = float64(planned.MessagesUserDay) / float64(limits.Get("sms.user").Value)
		}
	}
	p.Groups = append(p.Groups, planned)
}

// withUsers is how many of a group's arrivals can have a user, within seconds.
func withUsers(g *scenario.Group, arrivals uint64, seconds float64) uint64 {
	users := uint64(g.Size())
	if g.Exhausted == scenario.Stop {
		arrivals = min(arrivals, users)
	}
	if g.PerUser > 0 {
		arrivals = min(arrivals, users*uint64(1+seconds/g.PerUser.Seconds()))
	}
	return arrivals
}

// maxPerUser is how many of a group's requests one user gets at most. Users
// drawn by chance get it, or fewer, in nineteen runs of twenty.
func maxPerUser(g *scenario.Group, requests uint64) uint64 {
	size := uint64(g.Size())
	if g.Order != users.Random || size == 1 || requests == 0 {
		return ceilDiv(requests, size)
	}
	// The share of users who get more than n, were they independent.
	mean := float64(requests) / float64(size)
	term, beyond := math.Exp(-mean), 1-math.Exp(-mean)
	n := uint64(0)
	for ; n < requests && (beyond*float64(size) > 0.05 || float64(n) < mean); beyond -= term {
		n++
		term *= mean / float64(n)
	}
	return n
}

// keep holds what was planned against the group's cap, with at most so many of
// its requests within a day.
func (p *PlannedGroup) keep(g *scenario.Group, day uint64) {
	if p.Cap = g.MaxPerUser; p.Cap == 0 {
		return
	}
	if g.Order == users.Random {
		day = p.Requests
	}
	day = min(day, p.Requests)
	if ceilDiv(day, uint64(p.Users)) > p.Cap {
		p.UsersNeeded = ceilDiv(day, p.Cap)
		return
	}
	if g.Order == users.Random {
		p.PerUser, p.PerUserDay = min(p.PerUser, p.Cap), min(p.PerUserDay, p.Cap)
	}
}

// Double has each user asked twice as often, and twice as often allowed: of a plan that is carried out
// twice in one environment, with half of its caps each.
func (p *RunPlan) Double() {
	for i := range p.Groups {
		g := &p.Groups[i]
		g.PerUser, g.PerUserDay, g.Cap = 2*g.PerUser, 2*g.PerUserDay, 2*g.Cap
		g.MessagesUserDay, g.LimitShare = 2*g.MessagesUserDay, 2*g.LimitShare
	}
	p.of.times = 2
	p.fillLimits()
}

// OverCap returns the groups of which users would be asked more often than
// their cap allows.
func (p *RunPlan) OverCap() (groups []PlannedGroup) {
	for _, g := range p.Groups {
		if g.UsersNeeded > 0 || g.Recorded && g.Cap > 0 && g.PerUserDay > g.Cap {
			groups = append(groups, g)
		}
	}
	return groups
}

// Workers is how many workers it takes for so many requests in flight: with three
// times the square root more, which is how far their number swings when requests
// come at random.
func Workers(inFlight float64) int {
	return max(int(math.Ceil(min(inFlight+3*math.Sqrt(inFlight), math.MaxInt32))), 1)
}

func ceilDiv(a, b uint64) uint64 { return (a + b - 1) / b }

func (p *RunPlan) fillWorkers(l *scenario.Load, latency, timeout time.Duration) {
	w := &p.Workers
	w.Latency, w.Workers = latency.Seconds()*1000, l.Workers
	if l.Workers > 0 {
		w.WorkersBy = measure.ByScenario
	}
	if p.Closed {
		w.InFlight, w.Needed, w.Stalled = p.Peak*latency.Seconds(), l.Concurrency, l.Concurrency
		return
	}
	w.InFlight = p.Peak * latency.Seconds()
	w.Needed = Workers(w.InFlight)
	w.Stalled = max(int(math.Ceil(p.Peak*timeout.Seconds())), 1)
}

// fillCatchUp says what comes after a stall or a freeze. Users of a closed load
// catch nothing up.
func (p *RunPlan) fillCatchUp(l *scenario.Load, latency time.Duration) {
	if p.Closed {
		return
	}
	p.CatchUp.AfterFreeze = CatchUp * p.Peak
	if rate := float64(l.Workers) / latency.Seconds(); l.Workers > 0 && rate > p.Peak {
		p.CatchUp.AfterStall = rate
	}
}

// Resources are about how much memory and disk a run takes, in bytes: of one process, or of
// the coordinator of several. What the constants are from is in docs/performance.md.
type Resources struct {
	// Memory is that of the process, its results being made included.
	Memory uint64 `json:"memory_bytes"`
	// Journal is what the results folder holds while the run lasts, Results what is
	// left in it: for a moment both are there.
	Journal uint64 `json:"journal_bytes"`
	Results uint64 `json:"results_bytes"`
	// Temporary is what the folder of temporary files holds while results are made.
	Temporary uint64 `json:"temporary_bytes"`
}

// Folder is the most that the results folder holds.
func (n *Resources) Folder() uint64 { return n.Journal + n.Results }

// What a process takes in any case: the program, the rules over the run, seconds that
// are in memory, and buffers.
const baseMemory = 110 << 20

// Share says how many processes share the run.
func (p *RunPlan) Share(shards int) {
	p.Shards, p.Coordinator = max(shards, 1), nil
	p.Needs = p.Resources(p.Shards)
	if p.Shards > 1 {
		coordinator := p.CoordinatorResources(p.Shards)
		p.Coordinator = &coordinator
	}
}

// Resources returns what one of several shards of a planned run takes.
func (p *RunPlan) Resources(shards int) Resources {
	share := float64(max(shards, 1))
	seconds, rate := p.Duration, float64(p.Requests)/max(p.Duration, 1)/share
	groups := float64(len(p.Groups))
	n := Resources{Memory: baseMemory, Results: 2 << 20}
	// Each second has a state of the run, and ends that are written out once.
	n.Journal = toBytes(float64(p.Requests)/share*27 + seconds*(2100+25*groups+45*min(rate, groups)))
	packed, spilled := 3*packedTimes(rate), 3*spilledTimes(rate)
	for _, g := range p.Groups { // first bytes, and bodies, which differ less; two others for several groups
		times, of := 1.2, float64(g.Requests)/max(p.Duration, 1)/share
		if groups > 1 {
			times = 3.2
		}
		packed, spilled = packed+times*packedTimes(of), spilled+times*spilledTimes(of)
	}
	logged := 2.6*60*math.Pow(max(rate, 1), 0.44) + 300 // latency.hlog, and series.csv where it is wanted
	n.Results += toBytes(seconds * (packed + logged))
	if n.Temporary = toBytes(seconds * spilled); n.Temporary < measure.HeldSeconds {
		n.Temporary = 0
	}
	// Two kinds of responses of each group, recorded by two stripes.
	n.Memory += toBytes(groups * 2 * 2 * 0.6 * (1 << 20))
	n.Memory += toBytes(float64(p.inFlight())/share*16*(1<<10) + seconds*perSecond)
	return n
}

// perSecond is what each second of a run takes of memory, while results are made.
const perSecond = 400

// inFlight is the most requests that are in flight, a stall included.
func (p *RunPlan) inFlight() int {
	if w := &p.Workers; !p.Closed && w.Workers > 0 {
		return min(max(w.Stalled, w.Needed), w.Workers)
	} else if !p.Closed {
		return max(w.Stalled, w.Needed)
	}
	return p.Workers.Workers
}

// CoordinatorResources returns what the coordinator of a planned run takes: it holds
// what each shard measured, and makes the results of all.
func (p *RunPlan) CoordinatorResources(shards int) Resources {
	of, all := p.Resources(shards), p.Resources(1)
	held := min(toBytes(p.Duration*3*spilledTimes(float64(p.Requests)/max(p.Duration, 1)/float64(shards))),
		measure.HeldSeconds)
	n := Resources{Results: all.Results, Temporary: uint64(shards)*of.Temporary + all.Temporary +
		min(uint64(shards), 8)*of.Results}
	n.Memory = baseMemory + uint64(shards)*(held+toBytes(p.Duration*perSecond/4)) +
		toBytes(p.Duration*perSecond)
	return n
}

// packedTimes is how many bytes of measurement.json.gz the times of so many requests
// in a second take, spilledTimes how many of a temporary file: fewer, the more there are.
func packedTimes(requests float64) float64 {
	return 45 * min(requests, 1) * math.Pow(max(requests, 1), 0.43)
}

func spilledTimes(requests float64) float64 {
	return min(requests, 1) * (20 + 9*math.Pow(max(requests, 1), 0.67))
}

func toBytes(n float64) uint64 { return uint64(min(max(n, 0), math.MaxInt64)) }
