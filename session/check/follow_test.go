package check_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfaload/pingone"
	"mfaload/scenario"
	"mfaload/session/check"
	"mfaload/simulator"
)

// Each rule about a flow is broken by the simulator's fault of its name, and by no other; without a
// fault none is.
func TestEveryFlowFaultBreaksItsRule(t *testing.T) {
	c, err := pingone.Compile("contract.yaml", pingone.Document(), nil)
	if err != nil {
		t.Fatal(err)
	}
	follow := func(faults ...scenario.Fault) []string {
		s := &subject{users: users, faults: faults, settings: check.Settings{Follow: true}}
		k, passed := s.check(t)
		fails := false
		for _, rule := range k.Broken() {
			fails = fails || c.Level(rule).String() == "fail"
		}
		if passed == fails {
			t.Errorf("%v: passed: %v, broken %v", faults, passed, k.Broken())
		}
		return k.Broken()
	}
	if broken := follow(); broken != nil {
		t.Errorf("breaks %v without a fault", broken)
	}
	faults := 0
	for _, f := range simulator.Faults() {
		if strings.HasPrefix(f.Name, "flow.") {
			faults++
			broken := follow(scenario.Fault{Name: f.Name, Share: 1})
			if diff := cmp.Diff([]string{f.Name}, broken); diff != "" {
				t.Error(diff)
			}
		}
	}
	if rules := len(c.FlowRules()); faults != rules || rules == 0 {
		t.Errorf("%d faults for %d rules", faults, rules)
	}
}
