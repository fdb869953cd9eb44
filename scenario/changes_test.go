package scenario_test

import (
	"os"
	"strings"
	"testing"

	"mfaload/scenario"
	"mfaload/scenario/form"
)

// FuzzSettings sets any key of a scenario to anything: the result is a scenario or problems with their
// places, twice the same, and a secret on the command line is never taken.
func FuzzSettings(f *testing.F) {
	data, err := os.ReadFile("../scenarios/quickstart.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		"load.stages[0].rate=5/s", "load.stages[0]={rate: 1/s, duration: 1s}",
		"target.accessToken=abcdefghijklmnop", "target={}", "users[5].ids[0]=x", "load.stages.rate=1/s",
		"load.stages[9].rate=1/s", "thresholds.response.p95=*a", "name=!!int x", "users=[]",
		"a[0][0]=1", "x=",
		"load.stages={rate: 1/s}", "users[0]=x",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		setting, err := form.ParseSetting(text)
		if err != nil {
			return
		}
		read := func() (*scenario.Scenario, error) {
			return scenario.Parse("f", data, lookup, scenario.Changes{Set: []form.Setting{setting}})
		}
		s, err := read()
		if _, again := read(); message(err) != message(again) {
			t.Fatalf("read twice: %v, %v", err, again)
		}
		switch {
		case err != nil && strings.Contains(err.Error(), ":0:"):
			t.Errorf("%s: a problem without a place: %v", text, err)
		case err == nil && len(s.Literal) > 0:
			t.Errorf("%s: a secret was taken", text)
		}
	})
}
