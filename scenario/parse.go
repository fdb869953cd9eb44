package scenario

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"mfaload/internal/disk"
	"mfaload/scenario/form"
	"mfaload/scenario/users"
)

// Read reads a scenario file and makes changes to it, if any. Variables are looked up with env. The error is
// [form.Problems], or says why the file can't be read.
func Read(path string, env func(string) (string, bool), changes ...Changes) (*Scenario, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, data, env, changes...)
}

// Parse turns the text of a scenario file into a scenario of its own, with
// every default filled in. The file's name is for places only. The error is
// [form.Problems]: everything that is wrong, sorted by place.
func Parse(file string, data []byte, env func(string) (string, bool), changes ...Changes) (*Scenario, error) {
	d := form.NewDecoder(file, env, policy)
	var s Scenario
	root := d.Load(data)
	var changed []string
	if root != nil {
		for _, c := range changes {
			changed = append(changed, c.apply(d, root)...)
		}
		s = scenarioForm.Read(d, root)
		s.Changed = strings.Join(changed, ", ")
	}
	if d.IsSound() {
		s.Text = d.YAML(root)
	}
	return result(d, s)
}

// ReadSimulator reads a file for the simulator on its own: a scenario with
// target.simulator, or a file with just the keys of target.simulator and, if
// wanted, envID and accessToken. From the latter only Target is filled in; an
// empty AccessToken means that any token is taken. Errors are those of [Read].
func ReadSimulator(path string, env func(string) (string, bool)) (*Scenario, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return ParseSimulator(path, data, env)
}

// ParseSimulator is [ReadSimulator] for a text that was read already.
func ParseSimulator(file string, data []byte, env func(string) (string, bool)) (*Scenario, error) {
	d := form.NewDecoder(file, env, policy)
	var s Scenario
	switch root := d.Load(data); {
	case root == nil:
	case isScenario(root):
		s = scenarioForm.Read(d, root)
		if target := root.Get("target"); target != nil && !target.Bad && s.Target.Simulator == nil {
			d.Fail(target, "target has no simulator",
				"write simulator: {} there instead of authPath, or pass a file with the simulator's own keys")
		}
	default:
		s.Target = simulatorFileForm.Read(d, root)
	}
	return result(d, s)
}

// isScenario says whether a file has a key that only whole scenarios have.
func isScenario(root *form.Node) bool {
	return slices.ContainsFunc([]string{"name", "description", "target", "load", "thresholds", "contract"},
		func(key string) bool { return root.Get(key) != nil })
}

func result(d *form.Decoder, s Scenario) (*Scenario, error) {
	if problems := d.Problems(); len(problems) > 0 {
		return nil, problems
	}
	s.File, s.Literal = d.File, d.Literals()
	return &s, nil
}

// readFile reads a file, and of a file that is too large only enough to tell.
func readFile(path string) ([]byte, error) {
	data, err := readSome(path)
	if err != nil {
		if cause := (*fs.PathError)(nil); errors.As(err, &cause) {
			err = cause.Err
		}
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return data, nil
}

func readSome(path string) ([]byte, error) {
	f, err := disk.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, form.MaxFile+1))
}

// Schema returns the JSON Schema (2020-12) of scenario files, for editors. It
// comes from the tables that the decoder reads with: it takes what [Parse]
// takes, but knows nothing of what several values mean together.
func Schema() []byte {
	schema := maps.Clone(scenarioForm.Schema)
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["title"] = "mfaload scenario"
	schema["$defs"] = form.SchemaObject{
		"variable": form.SchemaObject{"type": "string", "pattern": form.VariablePattern,
			"description": "A value with ${VAR} or ${VAR:-default} from the environment."},
		"rate": form.SchemaObject{"type": "string", "pattern": form.OrVariable(ratePattern),
			"description": "Requests a second, minute or hour: 50/s, 90/min, 0.5/h."},
		"duration": form.SchemaObject{"type": "string", "pattern": form.OrVariable(durationPattern),
			"description": "A duration with units: 100ms, 1.5s, 2m, 1h30m, 1d."},
		"share": form.SchemaObject{
			"anyOf": []any{form.SchemaObject{"const": 0},
				form.SchemaObject{"type": "string", "pattern": form.OrVariable(sharePattern)}},
			"description": "A percentage such as 0.1%. Only 0 needs no %."},
	}
	text, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		panic("scenario: the schema is not JSON: " + err.Error())
	}
	return append(text, '\n')
}

// Keys returns the keys of scenario files, in the order of their tables.
func Keys() []form.KeyDoc { return scenarioForm.Docs() }

// SimulatorKeys returns the keys of a file for the simulator on its own.
func SimulatorKeys() []form.KeyDoc { return simulatorFileForm.Docs() }

// scenarioForm is the whole file. Decoder, defaults, messages and the schema
// for editors all come from the tables here and in the files next to it.
var scenarioForm = func() form.Form[Scenario] {
	whole := form.Mapping(checkScenario, []form.Field{
		form.Key("name", nameText,
			"Names the results folder: letters, digits, '.', '_' and '-', starting with a "+
				"letter or digit.").Required(),
		form.Key("description", form.AnyText, "What the scenario is for."),
		form.Key("target", targetForm, "Where the requests go.").Required(),
		form.Key("users",
			form.ListOf("a list of groups", "such as [{name: email, ids: ["+exampleID+"]}]", groupForm),
			"The groups of users to send requests for.").Into("Groups").Required(),
		form.Key("load", loadForm, "When requests are sent.").Required(),
		form.Key("thresholds", limitsForm,
			"What makes the run a pass, judged over the whole run without its "+
				"warm-up.").Into("Limits").Default("{}"),
		form.Key("capacity", capacityForm,
			"How 'mfaload capacity' looks for the highest rate that keeps the thresholds. The stages of "+
				"the load do not count there."),
		form.Key("case", caseForm,
			"What the vendor asks for before a load test, and the load does not say: 'mfaload run --plan "+
				"--format case' writes the text of the support case."),
		form.Key("contract", contractForm, "How responses are checked.").Into("Levels").Default("{}"),
		form.Key("check", checkForm, "What 'mfaload check --generate' needs to know; a run does not.").
			Into("Check").Default("{}"),
	})
	return form.Convert(whole, func(s draft) Scenario {
		s.Target.Identities = s.Check.Identities
		return s.Scenario
	})
}()

// draft is a scenario whose parts are not in their places yet.
type draft struct {
	Scenario
	Limits thresholdSet
	Check  checkSettings
}

var targetForm = form.Described("of authPath, envID and accessToken, or of simulator",
	form.Mapping(checkTarget, append([]form.Field{
		form.Key("authPath", authPathText,
			"The scheme and host that all paths start with, such as https://auth.pingone.eu. Left out with "+
				"simulator."),
		form.Set("region", form.OneOf("a region", regions...),
			func(t *Target, v string) { t.AuthPath = authPathOf(v) },
			"In place of authPath: the region of the environment, as its hosts' names end: eu for "+
				"https://auth.pingone.eu."),
		form.Key("envID", idText, "The ID of the environment. With simulator a fixed one is the default."),
		form.Key("accessToken", tokenText,
			"The bearer token of a worker application, best from a variable. Not needed with simulator."),
		form.Key("accessTokenFile", pathText,
			"In place of accessToken: a file with the token, which is read again when it changes. Relative "+
				"to the working folder."),
		form.Key("clientCredentials", clientCredentialsForm,
			"In place of accessToken: the credentials of a worker application. Tokens are fetched before "+
				"the start and renewed before they expire."),
		form.Key("ownerAgreed", form.YesOrNo,
			"States that the owner of the host agreed to the load. Required for a host that is "+
				"not loopback.").Default("false"),
		form.Key("timeout", duration(true, maxWait),
			"The maximum time of one request, from its send to the last byte of "+
				"its response.").Default("10s"),
		form.Key("protocol", form.OneOf("a protocol", HTTP1, HTTP2, Auto),
			"The version of HTTP: http/1.1; h2 for HTTP/2, which sends many requests at once on a "+
				"connection, and opens as many as the server's limit of streams makes it need; or auto for "+
				"the one of both that the server chooses, over http:// always HTTP/1.1. The report names "+
				"what was spoken.").Default("http/1.1"),
		form.Key("connections", connectionsForm,
			"The maximum number of connections, or {max: 4, maxRequests: 1000, maxAge: 1m}, which also "+
				"replaces them as real clients do, so that requests follow a balancer and the host's name. "+
				"A request that waits for a connection has the wait in its response time. On several "+
				"machines it counts for each."),
		form.Key("caFile", form.AnyText,
			"A file with the certificates (PEM) of the authorities that may have signed the host's "+
				"certificate, in addition to the system's. Relative to the working folder."),
		form.Key("entitlement", entitlementForm,
			"What the license allows: plans say when a run passes it."),
		form.Set("limits", limitChangesForm, setLimits,
			"Documented limits as the environment's policies set them, or off to disregard one that would "+
				"refuse the run: {push.unanswered: off, messages.cooldown: 30s}. docs/limits.md lists them."),
		form.Key("simulator", simulatorForm, "Runs against the embedded simulator instead of a host."),
	}, form.Within(func(t *Target) *Network { return &t.Network }, networkKeys)...)))

var groupForm = form.Mapping(checkGroup, []form.Field{
	form.Key("name", nameText, "Names the group in reports and thresholds.").Required(),
	form.Key("ids", form.ListOf("a list of user IDs", "such as ["+exampleID+"]", idText),
		"The users' IDs, unless file has them."),
	form.Set("file", filePath, func(g *Group, v form.Placed[string]) { g.File = Source{v.Value, v.Pos} },
		"A file with the users instead: CSV with a column userID, or NDJSON, by its path from the "+
			"scenario's folder; '-' is standard input. Columns expect and policy override those of "+
			"the group."),
	form.Key("usernameless", form.YesOrNo,
		"Sends requests without a user, for passkeys that know theirs. Needs request.rp, and takes the "+
			"place of ids and file.").Default("false"),
	form.Key("order", form.OneOf("an order", users.Sequential, users.Shuffle, users.Random, users.Once),
		"The order of the users: as listed (sequential), in one seeded permutation (shuffle), "+
			"drawn by chance (random), or as listed and each once (once).").Default("sequential"),
	form.Key("exhausted", form.OneOf("a way to go on", Wrap, Stop),
		"What happens after the last user: start over (wrap, the default), or send no more requests for the "+
			"group (stop). The run ends when no group has users left."),
	form.Key("perUser", perUser,
		"The minimum time between two requests for the same user: 1/30s is one in 30 seconds. An arrival "+
			"that finds no such user is not sent, and counted with that reason."),
	form.Key("maxPerUser", perDay,
		"The maximum number of requests for the same user within 24 hours, in place of load.maxPerUser. "+
			"With order: "+
			"random it is the most in the whole run."),
	form.Key("weight", form.Whole(1, 1_000_000),
		"The group's share of the requests relative to the other groups.").Default("1"),
	form.Key("test", form.YesOrNo,
		"Says that these are test users: 'mfaload check --generate' sends requests to a host that is not "+
			"this machine for such users only.").Default("false"),
	form.Key("testMode", form.YesOrNo,
		"Says that the users' devices are in test mode: they receive no messages, and no limit of messages "+
			"counts for them.").Default("false"),
	form.Key("request", requestForm,
		"The members of the request's body other than user, such as policy: {id: …}."),
	form.Key("expect", expectForm, "The responses that the group's requests should get.").Default("{}"),
	form.Key("then", stepsForm,
		"The next steps of the flow, in this order, after each request of the judged "+
			"part whose response was as expected. They have figures of their own."),
})

var expectForm = form.Mapping(checkExpect, []form.Field{
	form.Key("httpStatus", form.OneOrMore(form.Whole(100, 599)),
		"The expected HTTP status, or a list.").Into("HTTPStatuses").Default("201"),
	form.Key("status", form.OneOrMore(word("a status", "OTP_REQUIRED", statuses)),
		"The expected status of the body, or a list. Default: any documented one.").Into("Statuses"),
	form.Key("error", form.OneOrMore(word("an error code", "NOT_FOUND", errorCodes)),
		"The expected code of an error body, or a list. Default: any.").Into("Errors"),
})

var contractForm = form.Mapping[[]LevelChange](nil, []form.Field{
	form.Set("levels",
		form.Dictionary("a mapping", "of rules to fail, note or off, such as links.*: note", "^[A-Za-z]",
			checkRule, form.OneOf("a level", "fail", "note", "off")),
		func(changes *[]LevelChange, v []form.Entry[string]) {
			for _, e := range v {
				*changes = append(*changes, LevelChange{Rule: e.Name, Level: e.Value, Pos: e.Pos})
			}
		}, "Moves a rule, or a family such as links.*, to another level: fail, note or off."),
})

// checkRule refuses what can't be a rule. Which rules there are is the
// contract's to know.
func checkRule(name string) *form.Flaw {
	if name == "" || !isLetter(name[0]) {
		return form.NewFlaw("is not a rule", "write a rule such as links.host, or a family such as links.*")
	}
	return nil
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// MaxGroups is how many groups a scenario has at most: a report lists each of them,
// and mfaload has to be able to read it back.
const MaxGroups = 10_000

func checkScenario(d *form.Decoder, n *form.Node, s *draft) {
	if len(s.Groups) > MaxGroups {
		d.FailKey(n.Get("users"), fmt.Sprintf("users has %d groups, more than %d", len(s.Groups), MaxGroups),
			"join groups that are to be judged alike: a group has as many ids as you like")
	}
	names, ids := map[string]int{}, map[string]string{}
	for i, g := range s.Groups {
		group := n.Get("users").Entries[i]
		name := group.Get("name")
		if line, twice := names[g.Name]; twice && g.Name != "" {
			d.Fail(name, d.Label(name)+": "+name.Shown()+" is the name of another group too",
				fmt.Sprintf("choose another name; the first is in line %d", line))
		} else if name != nil {
			names[g.Name] = name.Line
		}
		where := "in another group"
		if name != nil {
			where = "in group " + name.Shown()
		}
		unique(d, group.Get("ids"), g.IDs, where, ids)
	}
	checkIdentities(d, n, s.Check.Identities)
	checkStdin(d, n, s)
	checkLimitGroups(d, n, s)
	checkClosedLimits(d, n, s)
	checkClosedUsers(d, n, s)
	checkReplayedWeights(d, n, s)
	checkClosedConnections(d, n, s)
	s.fillMaxPerUser()
	s.Thresholds = s.Limits.ordered(s.Groups)
	s.Confidence, s.Between = s.Limits.Confidence, s.Limits.Between
	checkFlow(d, n, s)
	checkUntil(d, n, s)
	checkGoodput(d, n, s)
}

// unique refuses users who are there already, in upper or lower case.
func unique(d *form.Decoder, list *form.Node, ids []string, where string, known map[string]string) {
	for i, id := range ids {
		id = strings.ToLower(id)
		if before, twice := known[id]; twice && id != "" {
			e := list.Entries[i]
			d.Fail(e, d.Label(e)+": "+e.Shown()+" is a duplicate",
				"remove one of them: the user is already "+before)
			continue
		}
		known[id] = where
	}
}
