package scenario

import (
	"math"
	"math/rand/v2"
	"regexp"
	"strings"
	"time"

	"mfaload/scenario/form"
)

// Simulator describes the embedded stand-in for a PingOne environment.
type Simulator struct {
	Latency Latency
	// Startup makes it slow at first; nil is as fast as later.
	Startup *Startup `json:",omitempty"`
	// Servers serve what is not refused; nil is no queue.
	Servers *Servers `json:",omitempty"`
	Stalls  []Stall
	// Limit is nil for none.
	Limit *Limit
	// Users are the users it knows. A user of a group that is not listed here behaves
	// as its group expects; any other user is unknown (404).
	Users  []SimulatedUsers
	Faults []Fault
	// Expiry is how long a transaction lives that is not finished; 0 is [DefaultExpiry].
	Expiry time.Duration `json:",omitzero"`
	// Transactions is how many it remembers, the latest ones; 0 is [DefaultTransactions].
	Transactions int `json:",omitzero"`
	// TokenLifetime is 0 for an hour.
	TokenLifetime time.Duration
	// ServerTiming has responses say how long they took.
	ServerTiming bool `json:",omitzero"`
	Seed         uint64
}

// Latency is the distribution of the time a response takes.
type Latency struct {
	// Kind is "constant", "normal", "lognormal", "exponential" or, for none, "".
	Kind string
	// A is the constant, the mean of the normal and of the exponential, or the
	// lognormal's median.
	A time.Duration
	// B is the normal's standard deviation or the lognormal's 99th percentile.
	B time.Duration
}

// Startup is the beginning of a service that has to warm up: latencies are Slower times as long at the first
// request, and what they are longer by falls to 1/e in For.
type Startup struct {
	Slower float64
	For    time.Duration
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
	IDs     []string
	Devices []string
	// TestMode has responses at OTP_REQUIRED hold the passcode.
	TestMode bool `json:",omitzero"`
	// Form is "older" or "newer".
	Form string
	// Status is empty where it follows from the devices.
	Status string
	// HTTPStatus and Error, where set, make every response an error.
	HTTPStatus int
	Error      string
}

// What the simulator does with transactions unless the scenario says otherwise. The documentation names no
// expiry.
const (
	DefaultExpiry       = 15 * time.Minute
	DefaultTransactions = 10_000
)

// Fault bends a share of the responses.
type Fault struct {
	// Name is one of the simulator's faults, for example "echo.user".
	Name string
	// Share is the part of the responses that are bent, above 0 and up to 1.
	Share float64
	// Pos is where the scenario says it.
	Pos form.Pos
}

var simulatorKeys = []form.Field{
	form.Key("latency", latencyText,
		"How long responses take: a duration, constant(5ms), normal(mean, standard deviation), "+
			"lognormal(median, 99th percentile) or exponential(mean)."),
	form.Key("startup", startupForm,
		"Makes responses slow at first, as caches that have to fill do: {slower: 3, for: 10s}."),
	form.Key("servers", serversForm,
		"Servers of known capacity, to test a capacity search with: {count: 10, time: exponential(20ms)} "+
			"serves ten requests at a time; others wait in order."),
	form.Key("stalls", form.ListOf("a list of stalls", "such as [{every: 30s, for: 2s}]", stallForm),
		"Times in which no response leaves the simulator."),
	form.Key("rateLimit", form.Either(plainLimit, limitForm), "Responds 429 above a rate.").Into("Limit"),
	form.Key("users", form.ListOf("a list of users", "such as [{ids: ["+exampleID+"], devices: [EMAIL]}]",
		simulatedUsersForm),
		"The users it knows. Users of a group that are not listed behave as their group expects, others "+
			"are unknown."),
	form.Key("faults", form.ListOf("a list of faults", "such as [{name: echo.user, share: 1%}]", faultForm),
		"Faults that bend a share of the responses."),
	form.Key("serverTiming", form.YesOrNo,
		"Sends Server-Timing with each response: how long the simulator took.").Default("false"),
	form.Key("expiry", duration(true, maxRun),
		"How long a transaction lives that is not finished: then a push is PUSH_CONFIRMATION_TIMED_OUT, and "+
			"others are FAILED. Default: 15m."),
	form.Key("transactions", form.Whole(1, 1_000_000),
		"How many transactions it remembers, the latest ones; next steps of others get 404. "+
			"Default: 10000."),
	form.Key("tokenLifetime", duration(true, maxRun),
		"How long tokens of its token endpoint live. Default: 1h."),
	form.Key("seed", seed, "Makes latencies and faults repeatable.").Default("1"),
}

var simulatorForm = withCalls(form.Mapping(checkSimulator, simulatorKeys))

// withCalls lets the schema of a mapping take what YAML makes of a distribution in
// braces, as in {latency: normal(80ms, 20ms)}.
func withCalls[V any](f form.Form[V]) form.Form[V] {
	f.Schema["patternProperties"] = form.SchemaObject{`^[0-9][^ ]*\)$`: form.SchemaObject{"type": "null",
		"description": "The second half of a distribution in braces, which YAML takes apart at the comma."}}
	return f
}

var simulatorFileForm = withCalls(form.Mapping(checkSimulatorFile, append([]form.Field{
	form.Key("envID", idText, "The ID of the environment.").Default(simulatedEnvID),
	form.Key("accessToken", tokenText, "The bearer token to require. Default: any."),
	form.Key("clientCredentials", clientCredentialsForm,
		"The credentials that its token endpoint takes. Only tokens from there count then, and "+
			"accessToken. Default: any."),
	form.Key("customDomain", form.YesOrNo,
		"Serves paths without the environment, as a custom domain does.").Default("false"),
}, form.Within(func(t *Target) *Simulator {
	if t.Simulator == nil {
		t.Simulator = &Simulator{}
	}
	return t.Simulator
}, simulatorKeys)...)))

// simulatedEnvID is the environment that the simulator serves unless it is
// told another. It is that of the documentation's examples.
const simulatedEnvID = "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6"

func checkSimulatorFile(d *form.Decoder, n *form.Node, t *Target) { checkSimulator(d, n, t.Simulator) }

func checkSimulator(d *form.Decoder, n *form.Node, s *Simulator) {
	known := map[string]string{}
	for i, users := range s.Users {
		unique(d, n.Get("users").Entries[i].Get("ids"), users.IDs, "listed", known)
	}
}

var startupForm = form.Mapping[Startup](nil, []form.Field{
	form.Set("slower", form.Whole(2, 1000), func(u *Startup, v int) { u.Slower = float64(v) },
		"How many times as long latencies are at the first request.").Default("3"),
	form.Key("for", duration(true, maxRun),
		"In which time what they are longer by falls to 1/e, which is 37%.").Required(),
})

var serversForm = form.Mapping(checkServers, []form.Field{
	form.Key("count", form.Whole(1, 100_000),
		"How many requests are served at a time. Default: any number, and none waits."),
	form.Key("time", latencyText,
		"How long serving one takes that is alone, written like latency. exponential(20ms) makes an M/M/c "+
			"queue of count, 20ms an M/D/c queue.").Required(),
	form.Key("contention", anyShare,
		"The coefficient σ of the Universal Scalability Law: each other request in service makes one take "+
			"this share longer.").Default("0%"),
	form.Key("coherency", anyShare,
		"The coefficient κ of the Universal Scalability Law: each pair of requests in service makes one "+
			"take this share longer.").Default("0%"),
	form.Key("collapse", collapseForm,
		"Makes the servers slow after a while near their full rate, as a leak does: {at: 90%, after: 20s}."),
})

var collapseForm = form.Mapping[Collapse](nil, []form.Field{
	form.Key("at", shareAboveZero,
		"The share of the full rate, which is count divided by the mean of time.").Required(),
	form.Key("after", duration(true, maxWait),
		"How long requests have to come at it, in whole seconds.").Required(),
	form.Set("slower", form.Whole(2, 1000), func(c *Collapse, v int) { c.Slower = float64(v) },
		"How many times as long serving takes from then on, until no request came "+
			"for a second.").Default("4"),
})

func checkServers(d *form.Decoder, n *form.Node, s *Servers) {
	if n.Sound("time") && s.Time.A == 0 {
		d.Fail(n.Get("time"),
			d.Label(n.Get("time"))+": "+n.Get("time").Shown()+" leaves no time to serve a request",
			"write a time above zero, such as 20ms")
	}
	if s.Count == 0 && s.Collapse != nil && n.Get("count") == nil {
		d.Fail(n.Get("collapse"), d.Label(n)+" has a collapse and no count",
			"add count: 10: a collapse comes at a share of the servers' full rate")
	}
}

var stallForm = form.Mapping(checkStall, []form.Field{
	form.Key("every", duration(true, maxRun),
		"The time from the start of one stall to that of the next. The first comes this long after the "+
			"first request.").Required(),
	form.Key("for", duration(true, maxWait), "How long nothing leaves the simulator.").Required(),
})

func checkStall(d *form.Decoder, n *form.Node, s *Stall) {
	if n.Sound("every") && n.Sound("for") && s.For >= s.Every {
		d.Fail(n.Get("for"), d.Label(n)+": the stall never ends: for is not shorter than every",
			"write a shorter for, or a longer every")
	}
}

const defaultRetryAfter = time.Second

var plainLimit = form.Described("such as 100/s", form.Convert(rate(true), func(r Rate) Limit {
	l := Limit{Rate: r, RetryAfter: defaultRetryAfter}
	l.setBurst()
	return l
}))

var limitForm = form.Mapping(checkLimit, []form.Field{
	form.Key("rate", rate(true), "The rate above which responses are 429.").Required(),
	form.Key("burst", form.Whole(1, MaxRate),
		"How many requests may come at once. Default: those of a second, at least 1."),
	form.Key("retryAfter", duration(false, maxWait),
		"The value of the header Retry-After, in whole seconds.").Default("1s"),
})

func checkLimit(d *form.Decoder, n *form.Node, l *Limit) {
	if n.Sound("retryAfter") && l.RetryAfter%time.Second != 0 {
		e := n.Get("retryAfter")
		d.Fail(e, d.Label(e)+": "+e.Shown()+" is not in whole seconds", "write whole seconds, for example 1s")
	}
	if n.Get("burst") == nil {
		l.setBurst()
	}
}

func (l *Limit) setBurst() { l.Burst = max(1, int(math.Round(float64(l.Rate)))) }

var simulatedUsersForm = form.Mapping(checkSimulatedUsers, []form.Field{
	form.Key("ids", form.ListOf("a list of user "+
		"IDs", "such as ["+exampleID+"]", idText), "The users' IDs.").Required(),
	form.Key("devices", form.ListOf("a list of device types", "such as [EMAIL, SMS]",
		form.OneOf("a device type", deviceTypes...)),
		"Their devices by type. The response's status follows from them unless status is set."),
	form.Key("testMode", form.YesOrNo,
		"Whether their devices are in test mode: responses at OTP_REQUIRED then have the passcode in "+
			"test.otp.").Default("false"),
	form.Key("form", form.OneOf("a form of devices", "older", "newer"),
		"The form in which responses show the devices.").Default("older"),
	form.Key("status", form.OneOf("a status", statuses...), "The status of every response to them."),
	form.Key("httpStatus", form.Whole(400, 599), "Makes every response to them an error of this HTTP "+
		"status."),
	form.Key("error", word("an error code", "NOT_FOUND", errorCodes),
		"The code of the error body. Needs httpStatus."),
})

func checkSimulatedUsers(d *form.Decoder, n *form.Node, u *SimulatedUsers) {
	if e := n.Get("status"); e != nil && n.Get("httpStatus") != nil {
		d.FailKey(e, d.Label(n)+" has both status and httpStatus", "remove one: an error has no status")
	}
	if e := n.Get("error"); e != nil {
		needsHTTPStatus(d, n, e, []string{u.Error})
	}
}

var faultForm = form.Mapping[Fault](nil, []form.Field{
	form.Set("name", form.WithPlace(faultName),
		func(f *Fault, v form.Placed[string]) { f.Name, f.Pos = v.Value, v.Pos },
		"The fault, named like the rule that it breaks, such as echo.user.").Required(),
	form.Key("share", shareAboveZero,
		"The part of the responses that are bent, above 0 and up to 100%.").Required(),
})

var faultName = form.Matching("a fault", "such as echo.user", namePattern, 100, "is not the name of a fault")

const latencyDetail = "such as 5ms, normal(80ms, 20ms) or lognormal(80ms, 250ms)"

// latencyPattern also takes what is left of the comma when YAML has taken a
// distribution in braces apart.
const latencyPattern = durationPattern + `|(?:constant|exponential)\(\s*` + durationPattern +
	`\s*\)|(?:normal|lognormal)\(\s*` + durationPattern + `\s*(?:,\s*` + durationPattern + `\s*\))?`

var latencyText = form.UnitText("a latency", latencyDetail,
	form.SchemaObject{"type": "string", "pattern": form.OrVariable(latencyPattern)}, parseLatency)

var call = regexp.MustCompile(`^([a-z]+)\(([^()]*)\)$`)

func parseLatency(text string) (Latency, *form.Flaw) {
	m := call.FindStringSubmatch(text)
	if m == nil {
		d, f := parseLatencyTime(text)
		if f != nil && f.Reason == "is not a duration" {
			f = &form.Flaw{Reason: "is not a latency"}
		}
		return Latency{Kind: "constant", A: d}, f
	}
	want := map[string]int{"constant": 1, "normal": 2, "lognormal": 2, "exponential": 1}[m[1]]
	times := strings.Split(m[2], ",")
	switch {
	case want == 0:
		return Latency{}, &form.Flaw{Reason: "is not a known distribution"}
	case len(times) != want:
		return Latency{}, &form.Flaw{Reason: "has the wrong number of durations"}
	}
	l := Latency{Kind: m[1]}
	for i, into := range []*time.Duration{&l.A, &l.B}[:want] {
		var f *form.Flaw
		if *into, f = parseLatencyTime(strings.TrimSpace(times[i])); f != nil {
			return Latency{}, form.NewFlaw("has a duration that "+f.Reason, "")
		}
	}
	return l, checkLatency(l)
}

func parseLatencyTime(text string) (time.Duration, *form.Flaw) {
	d, f := parseDuration(text)
	if f == nil && d > maxWait {
		f = form.NewFlaw("is above "+days(maxWait), "write at most "+days(maxWait))
	}
	return d, f
}

func checkLatency(l Latency) *form.Flaw {
	switch {
	case l.Kind == "lognormal" && l.A == 0:
		return &form.Flaw{Reason: "has a median of zero"}
	case l.Kind == "lognormal" && l.B < l.A:
		return form.NewFlaw("has a 99th percentile below its median",
			"write the median first, for example lognormal(80ms, 250ms)")
	}
	return nil
}

// z99 is the 99th percentile of the standard normal distribution.
const z99 = 2.3263478740408408

// Draw is one of the latencies by chance.
func (l Latency) Draw(random *rand.Rand) time.Duration {
	switch l.Kind {
	case "constant":
		return l.A
	case "normal":
		return max(l.A+time.Duration(random.NormFloat64()*float64(l.B)), 0)
	case "lognormal":
		sigma := math.Log(float64(l.B)/float64(l.A)) / z99
		return time.Duration(float64(l.A) * math.Exp(sigma*random.NormFloat64()))
	case "exponential":
		return time.Duration(float64(l.A) * random.ExpFloat64())
	}
	return 0
}

// Mean is the mean of the latencies, as if none were cut off at zero.
func (l Latency) Mean() time.Duration {
	if l.Kind == "lognormal" {
		sigma := math.Log(float64(l.B)/float64(l.A)) / z99
		return time.Duration(float64(l.A) * math.Exp(sigma*sigma/2))
	}
	return l.A
}
