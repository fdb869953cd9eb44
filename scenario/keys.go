package scenario

import (
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// builder decodes a file into a scenario.
type builder struct {
	*decoder
	s *Scenario

	seenIDs    map[string]Pos // of users
	seenGroups map[string]bool
	places     places
}

// places are the nodes that later checks speak of.
type places struct {
	target, authPath, stages, warmup, users *yaml.Node
	thresholdGroups                         []groupThresholds
}

// groupThresholds are the thresholds of one group, read before it is known
// whether there is such a group.
type groupThresholds struct {
	name       *yaml.Node
	group      string
	thresholds []Threshold
}

func newBuilder(d *decoder) *builder {
	return &builder{decoder: d, s: &Scenario{}, seenIDs: map[string]Pos{}, seenGroups: map[string]bool{}}
}

func (b *builder) fileKeys() []key {
	s := b.s
	return []key{
		{"name", "the scenario's name, which also names the results folder", true, namePattern(),
			func(d *decoder, n *yaml.Node) { b.name(n, "name", &s.Name) }},
		{"description", "what the scenario is for", false, anyText(),
			func(d *decoder, n *yaml.Node) { s.Description, _ = d.text(n, "description") }},
		{"target", "where the requests go", true, object(b.targetKeys()), func(d *decoder, n *yaml.Node) {
			b.places.target = n
			d.mapping(n, "target", b.targetKeys())
		}},
		{"users", "groups of users who are asked in turn", true, array(object(b.groupKeys(&Group{})), 1), func(d *decoder, n *yaml.Node) {
			b.places.users = n
			d.list(n, "users", b.group)
		}},
		{"load", "when requests are sent", true, object(b.loadKeys()),
			func(d *decoder, n *yaml.Node) { d.mapping(n, "load", b.loadKeys()) }},
		{"thresholds", "what the run must keep to pass", false, object(b.thresholdKeys()),
			func(d *decoder, n *yaml.Node) { d.mapping(n, "thresholds", b.thresholdKeys()) }},
		{"contract", "how answers are checked", false, object(b.contractKeys()),
			func(d *decoder, n *yaml.Node) { d.mapping(n, "contract", b.contractKeys()) }},
	}
}

func (b *builder) targetKeys() []key {
	t := &b.s.Target
	return []key{
		{"authPath", "scheme and host that all paths start with, such as https://auth.pingone.eu", false, anyText(),
			func(d *decoder, n *yaml.Node) { b.places.authPath = n; t.AuthPath, _ = d.text(n, "target.authPath") }},
		{"envID", "the ID of the environment", false, idPattern(),
			func(d *decoder, n *yaml.Node) { b.id(n, "target.envID", &t.EnvID) }},
		{"accessToken", "the bearer token of a worker application; take it from a variable: ${PINGONE_ACCESS_TOKEN}", false, anyText(),
			func(d *decoder, n *yaml.Node) { b.token(n, &t.AccessToken) }},
		{"clientCredentials", "not supported yet: use accessToken", false, map[string]any{"not": map[string]any{}},
			func(d *decoder, n *yaml.Node) {
				d.problem(n, "get a token beforehand and set target.accessToken", "target.clientCredentials is not supported yet")
			}},
		{"ownerAgreed", "the owner of the host agreed to the load; required for a host that is not loopback", false, boolean(false),
			func(d *decoder, n *yaml.Node) { d.boolean(n, "target.ownerAgreed", &t.OwnerAgreed) }},
		{"timeout", "the most that one request may take, from its send to the last byte of its answer", false, durationOf("10s"),
			func(d *decoder, n *yaml.Node) { d.duration(n, "target.timeout", time.Millisecond, &t.Timeout) }},
		{"simulator", "send to the embedded simulator instead of a host", false, orNull(object(b.simulatorKeys(&Simulator{}))),
			func(d *decoder, n *yaml.Node) { t.Simulator = b.simulator(n) }},
	}
}

func (b *builder) groupKeys(g *Group) []key {
	return []key{
		{"name", "the group's name", true, namePattern(),
			func(d *decoder, n *yaml.Node) { b.groupName(n, g) }},
		{"ids", "the users' IDs", true, array(idPattern(), 1),
			func(d *decoder, n *yaml.Node) {
				d.list(n, "ids", func(n *yaml.Node) { b.userID(n, g) })
				if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
					d.problem(n, "name at least one user ID", "ids is empty")
				}
			}},
		{"weight", "the group's share of the requests, relative to the other groups", false, whole(1, 1_000_000, 1),
			func(d *decoder, n *yaml.Node) { d.integer(n, "weight", 1, 1_000_000, &g.Weight) }},
		{"file", "not supported yet: use ids", false, map[string]any{"not": map[string]any{}},
			func(d *decoder, n *yaml.Node) {
				d.problem(n, "list the users under ids", "file is not supported yet")
			}},
		{"request", "members merged into the request's body, such as policy or selectedDevice", false, map[string]any{"type": "object"},
			func(d *decoder, n *yaml.Node) { g.Request = b.request(n) }},
		{"expect", "the answers that the group should get", false, object(b.expectKeys(&g.Expect)),
			func(d *decoder, n *yaml.Node) { b.expect(n, &g.Expect) }},
	}
}

func (b *builder) expectKeys(e *Expect) []key {
	return []key{
		{"httpStatus", "one HTTP status or a list of them", false, orList(whole(100, 599, 201)),
			func(d *decoder, n *yaml.Node) {
				d.oneOrMore(n, func(n *yaml.Node) {
					status := 0
					if d.integer(n, "httpStatus", 100, 599, &status); status != 0 {
						e.HTTPStatuses = append(e.HTTPStatuses, status)
					}
				})
			}},
		{"status", "one value of the body's status or a list of them; left out, any documented one", false, orList(codePattern()),
			func(d *decoder, n *yaml.Node) {
				d.oneOrMore(n, func(n *yaml.Node) { b.code(n, "status", &e.Statuses) })
			}},
		{"error", "one code of an error's body or a list of them; left out, any", false, orList(codePattern()),
			func(d *decoder, n *yaml.Node) { d.oneOrMore(n, func(n *yaml.Node) { b.code(n, "error", &e.Errors) }) }},
	}
}

func (b *builder) loadKeys() []key {
	l := &b.s.Load
	return []key{
		{"arrivals", "evenly spaced, or with random gaps as independent users have", false, oneOf(string(Uniform), string(Poisson)),
			func(d *decoder, n *yaml.Node) {
				d.word(n, "load.arrivals", []string{string(Uniform), string(Poisson)}, (*string)(&l.Arrivals))
			}},
		{"seed", "makes random schedules repeatable", false, seedNumber(),
			func(d *decoder, n *yaml.Node) { d.seed(n, "load.seed", &l.Seed) }},
		{"warmup", "time before the first stage, at its first rate; reported apart and not judged", false, durationOf("0s"),
			func(d *decoder, n *yaml.Node) {
				b.places.warmup = n
				d.duration(n, "load.warmup", 0, &l.Warmup)
			}},
		{"workers", "the most requests in flight", false, whole(1, 100_000, 64),
			func(d *decoder, n *yaml.Node) { d.integer(n, "load.workers", 1, 100_000, &l.Workers) }},
		{"drain", "how long after the last stage requests may still be sent or answered", false, durationOf("10s"),
			func(d *decoder, n *yaml.Node) { d.duration(n, "load.drain", 0, &l.Drain) }},
		{"stages", "parts of the load, one after the other", true, array(object(b.stageKeys(&stageDraft{})), 1),
			func(d *decoder, n *yaml.Node) {
				b.places.stages = n
				d.list(n, "load.stages", b.stage)
			}},
	}
}

// stageDraft is a stage while its keys are read.
type stageDraft struct {
	rate, from, to *Rate
	duration       time.Duration
}

func (b *builder) stageKeys(s *stageDraft) []key {
	rate := func(name string, to **Rate) func(*decoder, *yaml.Node) {
		return func(d *decoder, n *yaml.Node) {
			*to = new(Rate)
			d.rate(n, name, *to)
		}
	}
	return []key{
		{"rate", "a constant arrival rate; 0/s is a pause", false, rateOf(), rate("rate", &s.rate)},
		{"from", "the rate at which a ramp begins", false, rateOf(), rate("from", &s.from)},
		{"to", "the rate at which a ramp ends", false, rateOf(), rate("to", &s.to)},
		{"duration", "how long the stage lasts", true, durationOf(""),
			func(d *decoder, n *yaml.Node) { d.duration(n, "duration", time.Millisecond, &s.duration) }},
	}
}

func (b *builder) thresholdKeys() []key {
	whole := b.metricKeys("", &b.s.Thresholds)
	return append(whole, key{"groups", "thresholds of single groups", false,
		map[string]any{"type": "object", "additionalProperties": object(b.metricKeys("", &[]Threshold{}))},
		func(d *decoder, n *yaml.Node) { b.groupThresholds(n) }})
}

func (b *builder) metricKeys(group string, to *[]Threshold) []key {
	times := func(m Metric, doc string) key {
		return key{string(m), doc, false, statistics(), func(d *decoder, n *yaml.Node) { b.statistics(n, group, m, to) }}
	}
	rate := func(m Metric, doc, standard string) key {
		return key{string(m), doc, false, shareOf(standard), func(d *decoder, n *yaml.Node) {
			t := Threshold{Group: group, Metric: m}
			if before := len(d.problems); true {
				d.share(n, string(m), &t.Limit, &t.Written)
				if len(d.problems) == before {
					*to = append(*to, t)
				}
			}
		}}
	}
	return []key{
		times(Response, "limits of the response time (last byte − intended time): min, mean, max, p50, p99.9 …"),
		times(Service, "limits of the service time (last byte − actual send): min, mean, max, p50, p99.9 …"),
		rate(ErrorRate, "the most requests with no answer, or with an answer other than expected", "0%"),
		rate(ViolationRate, "the most answers that break the contract", "0%"),
		rate(AchievedRate, "the least share of the planned arrival rate", "99%"),
	}
}

func (b *builder) contractKeys() []key {
	return []key{{"levels", "rules, or families of rules such as links.*, at another level: fail, note or off", false,
		map[string]any{"type": "object", "additionalProperties": oneOf("fail", "note", "off")},
		func(d *decoder, n *yaml.Node) { b.levels(n) }}}
}

func (b *builder) simulatorKeys(s *Simulator) []key {
	return []key{
		{"latency", "how long answers take: 5ms, constant(5ms), normal(mean, standard deviation) or lognormal(median, 99th percentile)", false, anyText(),
			func(d *decoder, n *yaml.Node) { b.latency(n, &s.Latency) }},
		{"stalls", "times in which no answer leaves: every so often, counted from the first request, for so long", false,
			array(object(b.stallKeys(&Stall{})), 0),
			func(d *decoder, n *yaml.Node) { d.list(n, "stalls", func(n *yaml.Node) { b.stall(n, s) }) }},
		{"rateLimit", "a rate above which answers are 429", false, map[string]any{"anyOf": []any{rateOf(), object(b.limitKeys(&Limit{}))}},
			func(d *decoder, n *yaml.Node) { s.Limit = b.limit(n) }},
		{"users", "the users that the simulator knows; users of the scenario that are not listed behave as their group expects", false,
			array(object(b.simulatedKeys(&SimulatedUsers{})), 0),
			func(d *decoder, n *yaml.Node) { d.list(n, "simulator.users", func(n *yaml.Node) { b.simulated(n, s) }) }},
		{"faults", "bends of a share of the answers", false, array(object(b.faultKeys(&Fault{})), 0),
			func(d *decoder, n *yaml.Node) { d.list(n, "faults", func(n *yaml.Node) { b.fault(n, s) }) }},
		{"seed", "makes latencies and faults repeatable", false, seedNumber(),
			func(d *decoder, n *yaml.Node) { d.seed(n, "simulator.seed", &s.Seed) }},
	}
}

func (b *builder) stallKeys(s *Stall) []key {
	return []key{
		{"every", "the time from one stall to the next", true, durationOf(""),
			func(d *decoder, n *yaml.Node) { d.duration(n, "every", time.Millisecond, &s.Every) }},
		{"for", "how long a stall lasts", true, durationOf(""),
			func(d *decoder, n *yaml.Node) { d.duration(n, "for", time.Millisecond, &s.For) }},
	}
}

func (b *builder) limitKeys(l *Limit) []key {
	return []key{
		{"rate", "requests that are answered", true, rateOf(), func(d *decoder, n *yaml.Node) { d.rate(n, "rateLimit.rate", &l.Rate) }},
		{"burst", "requests that may come at once; left out, those of a second", false, whole(1, 1_000_000, 0),
			func(d *decoder, n *yaml.Node) { d.integer(n, "rateLimit.burst", 1, 1_000_000, &l.Burst) }},
		{"retryAfter", "the value of the header Retry-After", false, durationOf("1s"),
			func(d *decoder, n *yaml.Node) { d.duration(n, "rateLimit.retryAfter", time.Second, &l.RetryAfter) }},
	}
}

func (b *builder) simulatedKeys(u *SimulatedUsers) []key {
	return []key{
		{"ids", "the users' IDs", true, array(idPattern(), 1), func(d *decoder, n *yaml.Node) {
			d.list(n, "ids", func(n *yaml.Node) {
				id := ""
				if b.id(n, "simulator user", &id); id != "" {
					u.IDs = append(u.IDs, id)
				}
			})
		}},
		{"devices", "their devices by type: " + strings.Join(DeviceTypes, ", "), false, array(oneOf(DeviceTypes...), 0),
			func(d *decoder, n *yaml.Node) {
				d.list(n, "devices", func(n *yaml.Node) {
					device := ""
					if d.word(n, "device", DeviceTypes, &device); device != "" {
						u.Devices = append(u.Devices, device)
					}
				})
			}},
		{"form", "how devices look: as in older documentation, or with the newer members", false, oneOf("older", "newer"),
			func(d *decoder, n *yaml.Node) { d.word(n, "form", []string{"older", "newer"}, &u.Form) }},
		{"status", "the status of every answer to them; left out, it follows from the devices", false, codePattern(),
			func(d *decoder, n *yaml.Node) { u.Status = b.oneCode(n, "status") }},
		{"httpStatus", "makes every answer to them an error", false, whole(400, 599, 0),
			func(d *decoder, n *yaml.Node) { d.integer(n, "httpStatus", 400, 599, &u.HTTPStatus) }},
		{"error", "the code of that error", false, codePattern(),
			func(d *decoder, n *yaml.Node) { u.Error = b.oneCode(n, "error") }},
	}
}

func (b *builder) faultKeys(f *Fault) []key {
	return []key{
		{"name", "the fault's name, for example echo.user", true, anyText(),
			func(d *decoder, n *yaml.Node) { f.Pos = d.pos(n); f.Name, _ = d.text(n, "fault name") }},
		{"share", "the part of the answers that are bent", true, shareOf(""),
			func(d *decoder, n *yaml.Node) {
				d.share(n, "share", &f.Share, nil)
				if f.Share == 0 {
					d.problem(n, "write a share above 0%, or leave the fault out", "share: %q bends nothing", shown(n))
				}
			}},
	}
}

// DeviceTypes are the types of devices that the documentation names.
var DeviceTypes = []string{"EMAIL", "SMS", "VOICE", "WHATSAPP", "TOTP", "MOBILE", "FIDO2", "SECURITY_KEY", "PLATFORM",
	"OATH_TOKEN", "PINGID_MOBILE", "PINGID_DESKTOP", "PINGID_DESKTOP_GEN2", "YUBIKEY"}
