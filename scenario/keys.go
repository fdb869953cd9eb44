package scenario

import (
	"fmt"
	"strings"
	"time"

	"mfaload/scenario/form"
	"mfaload/scenario/users"
)

// scenarioForm is the whole file. Decoder, defaults, messages and the schema
// for editors all come from the tables here and in the files next to it.
var scenarioForm = func() form.Form[Scenario] {
	whole := form.Mapping(checkScenario, []form.Field[draft]{
		form.Key("name", nameText, func(s *draft, v string) { s.Name = v },
			"Names the results folder: letters, digits, '.', '_' and '-', starting with a "+
				"letter or digit.").Required(),
		form.Key("description", form.AnyText, func(s *draft, v string) { s.Description = v },
			"Says what the scenario is for."),
		form.Key("target", targetForm, func(s *draft, v Target) { s.Target = v },
			"Where the requests go.").Required(),
		form.Key("users",
			form.ListOf("a list of groups", "such as [{name: email, ids: ["+exampleID+"]}]", groupForm),
			func(s *draft, v []Group) { s.Groups = v },
			"The groups of users to ask.").Required(),
		form.Key("load", loadForm, func(s *draft, v Load) { s.Load = v },
			"When requests are sent.").Required(),
		form.Key("thresholds", limitsForm, func(s *draft, v thresholdSet) { s.limits = v },
			"What makes the run a pass, judged over the whole run without its warm-up.").Default("{}"),
		form.Key("capacity", capacityForm, func(s *draft, v Capacity) { s.Capacity = &v },
			"How 'mfaload capacity' looks for the highest rate that keeps the thresholds. The stages of "+
				"the load do not count there."),
		form.Key("contract", contractForm, func(s *draft, v []LevelChange) { s.Levels = v },
			"How answers are checked.").Default("{}"),
	})
	return form.Convert(whole, func(s draft) Scenario { return s.Scenario })
}()

// draft is a scenario whose thresholds are not in order yet.
type draft struct {
	Scenario
	limits thresholdSet
}

var targetForm = form.Described("of authPath, envID and accessToken, or of simulator",
	form.Mapping(checkTarget, append([]form.Field[Target]{
		form.Key("authPath", authPathText, func(t *Target, v string) { t.AuthPath = v },
			"The scheme and host that all paths start with, such as https://auth.pingone.eu. Left out with "+
				"simulator."),
		form.Key("region", form.OneOf("a region", regions...),
			func(t *Target, v string) { t.AuthPath = authPathOf(v) },
			"In place of authPath: the region of the environment, as its hosts' names end: eu for "+
				"https://auth.pingone.eu."),
		form.Key("envID", idText, func(t *Target, v string) { t.EnvID = v },
			"The ID of the environment. With simulator a fixed one is the default."),
		form.Key("accessToken", tokenText, func(t *Target, v Secret) { t.AccessToken = v },
			"The bearer token of a worker application, best from a variable. Not needed with simulator."),
		form.Key("accessTokenFile", pathText, func(t *Target, v string) { t.AccessTokenFile = v },
			"In place of accessToken: a file with the token, which is read again when it changes. Relative "+
				"to the working folder."),
		form.Key("clientCredentials", clientCredentialsForm,
			func(t *Target, v ClientCredentials) { t.ClientCredentials = &v },
			"In place of accessToken: the credentials of a worker application. Tokens are fetched before "+
				"the "+
				"start and renewed before they expire."),
		form.Key("ownerAgreed", form.YesOrNo, func(t *Target, v bool) { t.OwnerAgreed = v },
			"Says that the owner of the host agreed to the load. Required for a host that is "+
				"not loopback.").Default("false"),
		form.Key("timeout", duration(true, maxWait), func(t *Target, v time.Duration) { t.Timeout = v },
			"The most that one request may take, from its send to the last byte of "+
				"its answer.").Default("10s"),
		form.Key("protocol", form.OneOf("a protocol", HTTP1, HTTP2),
			func(t *Target, v Protocol) { t.Protocol = v },
			"The version of HTTP: http/1.1, or h2 for HTTP/2, which shares connections and sees fewer "+
				"faults "+
				"of framing.").Default("http/1.1"),
		form.Key("caFile", form.AnyText, func(t *Target, v string) { t.CAFile = v },
			"A file with the certificates (PEM) of the authorities that the host's certificate may come "+
				"from, beside the system's. Relative to the working folder."),
		form.Key("simulator", simulatorForm, func(t *Target, v Simulator) { t.Simulator = &v },
			"Runs against the embedded simulator instead of a host."),
	}, form.Within(func(t *Target) *Network { return &t.Network }, networkKeys)...)))

var groupForm = form.Mapping(checkGroup, []form.Field[Group]{
	form.Key("name", nameText, func(g *Group, v string) { g.Name = v },
		"Names the group in reports and thresholds.").Required(),
	form.Key("ids", form.ListOf("a list of user IDs", "such as ["+exampleID+"]", idText),
		func(g *Group, v []string) { g.IDs = v },
		"The users' IDs, unless file has them."),
	form.Key("file", filePath, func(g *Group, v form.Placed[string]) { g.File = Source{v.Value, v.Pos} },
		"A file with the users instead: CSV with a column userID, or NDJSON, by its path from the "+
			"scenario's folder; '-' is standard input. Columns expect and policy override those of "+
			"the group."),
	form.Key("usernameless", form.YesOrNo, func(g *Group, v bool) { g.Usernameless = v },
		"Sends requests without a user, for passkeys that know theirs. Needs request.rp, and takes the "+
			"place of ids and file.").Default("false"),
	form.Key("order", form.OneOf("an order", users.Sequential, users.Shuffle, users.Random, users.Once),
		func(g *Group, v users.Order) { g.Order = v },
		"The order in which users are asked: as listed (sequential), in one seeded permutation (shuffle), "+
			"drawn by chance (random), or as listed and each once (once).").Default("sequential"),
	form.Key("exhausted", form.OneOf("a way to go on", Wrap, Stop),
		func(g *Group, v Exhausted) { g.Exhausted = v },
		"What happens after the last user: begin anew (wrap, the default) or ask nobody of the group any "+
			"more (stop). The run ends when no group has users left."),
	form.Key("perUser", perUser, func(g *Group, v time.Duration) { g.PerUser = v },
		"The least time between two requests for the same user: 1/30s is one in 30 seconds. An arrival "+
			"that finds no such user is not sent, and counted with that reason."),
	form.Key("maxPerUser", perDay, func(g *Group, v uint64) { g.MaxPerUser = v },
		"The most requests for the same user within 24 hours, in place of load.maxPerUser. With order: "+
			"random it is the most in the whole run."),
	form.Key("weight", form.Whole(1, 1_000_000), func(g *Group, v int) { g.Weight = v },
		"The group's share of the requests relative to the other groups.").Default("1"),
	form.Key("request", requestForm, func(g *Group, v map[string]any) { g.Request = v },
		"The members of the request's body beside user, such as policy: {id: …}."),
	form.Key("expect", expectForm, func(g *Group, v Expect) { g.Expect = v },
		"The answers that the group's requests should get.").Default("{}"),
})

var expectForm = form.Mapping(checkExpect, []form.Field[Expect]{
	form.Key("httpStatus", form.OneOrMore(form.Whole(100, 599)),
		func(e *Expect, v []int) { e.HTTPStatuses = v },
		"The expected HTTP status, or a list.").Default("201"),
	form.Key("status", form.OneOrMore(word("a status", "OTP_REQUIRED", statuses)),
		func(e *Expect, v []string) { e.Statuses = v },
		"The expected status of the body, or a list. Left out: any documented one."),
	form.Key("error", form.OneOrMore(word("an error code", "NOT_FOUND", errorCodes)),
		func(e *Expect, v []string) { e.Errors = v },
		"The expected code of an error body, or a list. Left out: any."),
})

// contractForm is the block contract, which has one key.
var contractForm = form.Mapping(nil, []form.Field[[]LevelChange]{
	form.Key("levels",
		form.Dictionary("a mapping", "of rules to fail, note or off, such as links.*: note", "^[A-Za-z]",
			checkRule, form.OneOf("a level", "fail", "note", "off")),
		func(changes *[]LevelChange, v []form.Entry[string]) {
			for _, e := range v {
				*changes = append(*changes, LevelChange{Rule: e.Name, Level: e.Value, Pos: e.Pos})
			}
		},
		"Moves a rule, or a family such as links.*, to another level: fail, note or off."),
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

// checkScenario looks at what several parts of a scenario say.
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
	checkStdin(d, n, s)
	checkLimitGroups(d, n, s)
	checkClosedLimits(d, n, s)
	checkClosedUsers(d, n, s)
	s.fillMaxPerUser()
	s.Thresholds = s.limits.ordered(s.Groups)
	s.Confidence, s.Between = s.limits.confidence, s.limits.between
	checkUntil(d, n, s)
}

// unique refuses users who are there already. In upper or lower case an ID is
// the same.
func unique(d *form.Decoder, list *form.Node, ids []string, where string, known map[string]string) {
	for i, id := range ids {
		id = strings.ToLower(id)
		if before, twice := known[id]; twice && id != "" {
			e := list.Entries[i]
			d.Fail(e, d.Label(e)+": "+e.Shown()+" is there twice",
				"remove one of them: the user is already "+before)
			continue
		}
		known[id] = where
	}
}
