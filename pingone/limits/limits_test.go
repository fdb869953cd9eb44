package limits_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"mfaload/pingone/limits"
)

var update = flag.Bool("update", false, "write docs/limits.md")

// Each mistake in a document is refused.
func TestParseIsStrict(t *testing.T) {
	const sound = "- {name: a.b, value: 5, unit: messages, window: day, scope: user, messages: [SMS], " +
		"meaning: m, mark: D, source: s}\n"
	if parsed, err := limits.Parse([]byte(sound)); err != nil || len(parsed) != 1 {
		t.Fatal(parsed, err)
	}
	for _, change := range [][2]string{
		{"value: 5", "worth: 5"}, {"value: 5", "value: many"}, {"value: 5", "value: -5"},
		{"value: 5", "value: 0"},
		{"value: 5", "value: 5, min: 3, max: 2"}, {"meaning: m, ", ""}, {"mark: D, ", ""},
		{", source: s", ""},
		{"scope: user", "scope: planet"}, {"scope: user", "scope: license"}, {"messages: [SMS], ", ""},
		{"[SMS]", "[pigeon]"}, {"window: day", "window: soon"}, {"window: day", "window: 0s"},
		{"window: day, ", ""}, {sound, sound + sound}, {sound, sound + "---\n" + sound}, {sound, ""},
	} {
		text := strings.Replace(sound, change[0], change[1], 1)
		if _, err := limits.Parse([]byte(text)); err == nil {
			t.Errorf("accepted %q in place of %q", change[1], change[0])
		}
	}
}

// docs/limits.md is made from the limits; make docs writes it.
func TestPageIsGenerated(t *testing.T) {
	const page = "../../docs/limits.md"
	if *update {
		if err := os.WriteFile(page, []byte(markdown()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != markdown() {
		t.Error("docs/limits.md is stale: run make docs")
	}
}

func markdown() string {
	var b strings.Builder
	b.WriteString(`# Limits of the service

What PingOne's documentation says of limits that a load test can meet. This page is made from
[limits.yaml](../pingone/limits/limits.yaml) by ` + "`make docs`" + `; nothing here was measured against the live service.
[D] is a page of the documentation, [O] was seen in public clients and digests, [I] is inferred.

` + "`mfaload run --plan`" + ` compares a run with all of them: which it passes, when, and how many users and addresses it takes to
stay within. If the numbers of your license or your policies differ, write them into the scenario:

` + "```yaml" + `
target:
  entitlement: {rate: 300/s, perAddress: 35%, addresses: 3}
  limits: {messages.cooldown: 30s, push.unanswered: 10}
` + "```" + `

Against a host that is not this machine, mfaload refuses a run that would pass a limit marked *blocks*, because the service would shut
its users out. ` + "`target.limits: {push.unanswered: off}`" + ` disregards such a limit. Groups with ` + "`testMode: true`" + ` receive no messages
and do not count. If the expected responses leave open which messages a group gets, its row says *up to*, and no run is
refused for it.

| limit | allowed | for each | within | counts | passing it | source |
|---|---|---|---|---|---|---|
`)
	for _, l := range limits.All() {
		allowed, within, effect := fmt.Sprintf("%d %s", l.Value, l.Unit), l.Window, l.Meaning
		if l.Value == 0 {
			allowed = fmt.Sprintf("set by policy: %d to %d %s", l.Min, l.Max, l.Unit)
		}
		if within == limits.Day {
			within = "a day, from midnight UTC"
		} else if within == limits.Row {
			within = "in a row"
		}
		if l.Blocks {
			effect = "*blocks*: " + effect
		}
		scope := l.Scope
		if l.Trial {
			scope += " with a trial license"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s | [%s](%s) |\n", l.Name, allowed, scope, within,
			strings.Join(l.Messages, ", "), effect, l.Mark, l.Source)
	}
	return b.String()
}
