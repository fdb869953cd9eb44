package scenario

import (
	"math"
	"time"
)

var simulatorKeys = []field[Simulator]{
	key("latency", latencyText, func(s *Simulator, v Latency) { s.Latency = v },
		"How long answers take: a duration, constant(5ms), normal(mean, standard deviation), lognormal(median, 99th percentile) or exponential(mean)."),
	key("servers", serversForm, func(s *Simulator, v Servers) { s.Servers = &v },
		"Servers of known capacity, to hold a search for it against: {count: 10, time: exponential(20ms)} serves ten requests at a time, and others wait in order."),
	key("stalls", listOf("a list of stalls", "such as [{every: 30s, for: 2s}]", stallForm), func(s *Simulator, v []Stall) { s.Stalls = v },
		"Times in which no answer leaves the simulator."),
	key("rateLimit", either(plainLimit, limitForm), func(s *Simulator, v Limit) { s.Limit = &v },
		"Answers 429 above a rate."),
	key("users", listOf("a list of users", "such as [{ids: ["+exampleID+"], devices: [EMAIL]}]", simulatedUsersForm), func(s *Simulator, v []SimulatedUsers) { s.Users = v },
		"The users it knows. Users of a group that are not listed behave as their group expects, others are unknown."),
	key("faults", listOf("a list of faults", "such as [{name: echo.user, share: 1%}]", faultForm), func(s *Simulator, v []Fault) { s.Faults = v },
		"Faults that bend a share of the answers."),
	key("tokenLifetime", duration(true, maxRun), func(s *Simulator, v time.Duration) { s.TokenLifetime = v },
		"How long tokens of its token endpoint live. Default: 1h."),
	key("seed", seed, func(s *Simulator, v uint64) { s.Seed = v },
		"Makes latencies and faults repeatable.").or("1"),
}

var simulatorForm = mapping(checkSimulator, simulatorKeys)

// simulatorFileForm is a file for the simulator on its own.
var simulatorFileForm = mapping(checkSimulatorFile, append([]field[Target]{
	key("envID", idText, func(t *Target, v string) { t.EnvID = v },
		"The ID of the environment.").or(simulatedEnvID),
	key("accessToken", tokenText, func(t *Target, v Secret) { t.AccessToken = v },
		"The bearer token to ask for. Left out: any."),
	key("clientCredentials", clientCredentialsForm, func(t *Target, v ClientCredentials) { t.ClientCredentials = &v },
		"The credentials that its token endpoint takes. Only tokens from there count then, and accessToken. Left out: any."),
	key("customDomain", yesOrNo, func(t *Target, v bool) { t.CustomDomain = v },
		"Serves paths without the environment, as a custom domain does.").or("false"),
}, within(func(t *Target) *Simulator {
	if t.Simulator == nil {
		t.Simulator = &Simulator{}
	}
	return t.Simulator
}, simulatorKeys)...))

// simulatedEnvID is the environment that the simulator serves unless it is
// told another. It is that of the documentation's examples.
const simulatedEnvID = "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6"

func checkSimulatorFile(d *decoder, n *node, t *Target) { checkSimulator(d, n, t.Simulator) }

func checkSimulator(d *decoder, n *node, s *Simulator) {
	known := map[string]string{}
	for i, users := range s.Users {
		d.unique(n.get("users").entries[i].get("ids"), users.IDs, "listed", known)
	}
}

var serversForm = mapping(checkServers, []field[Servers]{
	key("count", whole(1, 100_000), func(s *Servers, v int) { s.Count = v },
		"How many requests are served at a time. Left out: any number, and none waits."),
	key("time", latencyText, func(s *Servers, v Latency) { s.Time = v },
		"How long serving one takes that is alone, written like latency. exponential(20ms) makes an M/M/c queue of count, 20ms an M/D/c queue.").must(),
	key("contention", anyShare, func(s *Servers, v float64) { s.Contention = v },
		"The coefficient σ of the Universal Scalability Law: each other request in service makes one take this share longer.").or("0%"),
	key("coherency", anyShare, func(s *Servers, v float64) { s.Coherency = v },
		"The coefficient κ of the Universal Scalability Law: each pair of requests in service makes one take this share longer.").or("0%"),
	key("collapse", collapseForm, func(s *Servers, v Collapse) { s.Collapse = &v },
		"Makes the servers slow after a while near their full rate, as a leak does: {at: 90%, after: 20s}."),
})

var collapseForm = mapping(nil, []field[Collapse]{
	key("at", shareAboveZero, func(c *Collapse, v float64) { c.At = v },
		"The share of the full rate, which is count divided by the mean of time.").must(),
	key("after", duration(true, maxWait), func(c *Collapse, v time.Duration) { c.After = v },
		"How long requests have to come at it, in whole seconds.").must(),
	key("slower", whole(2, 1000), func(c *Collapse, v int) { c.Slower = v },
		"How many times as long serving takes from then on, until no request came for a second.").or("4"),
})

func checkServers(d *decoder, n *node, s *Servers) {
	if n.sound("time") && s.Time.A == 0 {
		d.fail(n.get("time"), d.label(n.get("time"))+": "+n.get("time").shown()+" is no time to serve anything", "write a time above zero, such as 20ms")
	}
	if s.Count == 0 && s.Collapse != nil && n.get("count") == nil {
		d.fail(n.get("collapse"), d.label(n)+" has a collapse and no count", "add count: 10: a collapse comes at a share of the servers' full rate")
	}
}

var stallForm = mapping(checkStall, []field[Stall]{
	key("every", duration(true, maxRun), func(s *Stall, v time.Duration) { s.Every = v },
		"The time from the start of one stall to that of the next. The first comes this long after the first request.").must(),
	key("for", duration(true, maxWait), func(s *Stall, v time.Duration) { s.For = v },
		"How long nothing leaves the simulator.").must(),
})

func checkStall(d *decoder, n *node, s *Stall) {
	if n.sound("every") && n.sound("for") && s.For >= s.Every {
		d.fail(n.get("for"), d.label(n)+": the stall never ends: for is not shorter than every", "write a shorter for, or a longer every")
	}
}

const defaultRetryAfter = time.Second

var plainLimit = form[Limit]{noun: "a rate", detail: "such as 100/s", schema: reference("rate"),
	read: func(d *decoder, n *node) Limit {
		l := Limit{Rate: rate(true).read(d, n), RetryAfter: defaultRetryAfter}
		l.setBurst()
		return l
	}}

var limitForm = mapping(checkLimit, []field[Limit]{
	key("rate", rate(true), func(l *Limit, v Rate) { l.Rate = v },
		"The rate above which answers are 429.").must(),
	key("burst", whole(1, MaxRate), func(l *Limit, v int) { l.Burst = v },
		"How many requests may come at once. Default: those of a second, at least 1."),
	key("retryAfter", duration(false, maxWait), func(l *Limit, v time.Duration) { l.RetryAfter = v },
		"The value of the header Retry-After, in whole seconds.").or("1s"),
})

func checkLimit(d *decoder, n *node, l *Limit) {
	if n.sound("retryAfter") && l.RetryAfter%time.Second != 0 {
		e := n.get("retryAfter")
		d.fail(e, d.label(e)+": "+e.shown()+" is not in whole seconds", "write whole seconds, for example 1s")
	}
	if n.get("burst") == nil {
		l.setBurst()
	}
}

func (l *Limit) setBurst() { l.Burst = max(1, int(math.Round(float64(l.Rate)))) }

var simulatedUsersForm = mapping(checkSimulatedUsers, []field[SimulatedUsers]{
	key("ids", listOf("a list of user IDs", "such as ["+exampleID+"]", idText), func(u *SimulatedUsers, v []string) { u.IDs = v },
		"The users' IDs.").must(),
	key("devices", listOf("a list of device types", "such as [EMAIL, SMS]", oneOf("a device type", deviceTypes...)), func(u *SimulatedUsers, v []string) { u.Devices = v },
		"Their devices by type. The answer's status follows from them unless status is set."),
	key("form", oneOf("a form of devices", "older", "newer"), func(u *SimulatedUsers, v string) { u.Form = v },
		"The form in which answers show the devices.").or("older"),
	key("status", oneOf("a status", statuses...), func(u *SimulatedUsers, v string) { u.Status = v },
		"The status of every answer to them."),
	key("httpStatus", whole(400, 599), func(u *SimulatedUsers, v int) { u.HTTPStatus = v },
		"Makes every answer to them an error of this HTTP status."),
	key("error", word("an error code", "NOT_FOUND", errorCodes), func(u *SimulatedUsers, v string) { u.Error = v },
		"The code of the error body. Needs httpStatus."),
})

func checkSimulatedUsers(d *decoder, n *node, u *SimulatedUsers) {
	if e := n.get("status"); e != nil && n.get("httpStatus") != nil {
		d.failKey(e, d.label(n)+" has both status and httpStatus", "remove one: an error has no status")
	}
	if e := n.get("error"); e != nil {
		d.needsHTTPStatus(n, e, []string{u.Error})
	}
}

var faultForm = mapping(nil, []field[Fault]{
	{name: "name", doc: "The fault, named like the rule that it breaks, such as echo.user.", required: true,
		want: faultName.want(), schema: faultName.schema,
		read: func(d *decoder, n *node, f *Fault) {
			f.Name, f.Pos = faultName.read(d, n), Pos{d.file, n.line, n.column}
		}},
	key("share", shareAboveZero, func(f *Fault, v float64) { f.Share = v },
		"The part of the answers that are bent, above 0 and up to 100%.").must(),
})

var faultName = matching("a fault", "such as echo.user", namePattern, 100, "is not the name of a fault")
