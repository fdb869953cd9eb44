package scenario_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"mfaload/scenario"
)

func TestSecret(t *testing.T) {
	const text = "hunter2"
	s := scenario.NewSecret(text)
	if s.Reveal() != text || s.IsZero() || !(scenario.Secret{}).IsZero() || !scenario.NewSecret("").IsZero() {
		t.Error("it does not hold its text")
	}
	var out strings.Builder
	target := scenario.Target{AccessToken: s}
	unexported := struct{ s scenario.Secret }{s}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&out, verb, s)
		fmt.Fprintf(&out, verb, &target)
		fmt.Fprintf(&out, verb, unexported)
	}
	if err := json.NewEncoder(&out).Encode(target); err != nil {
		t.Fatal(err)
	}
	out.WriteString(s.String())
	slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "s", s, "t", target)
	slog.New(slog.NewTextHandler(&out, nil)).Info("m", "s", s, "t", target)
	for _, shape := range []string{text, "68756e74657232", "68756E74657232"} {
		if strings.Contains(out.String(), shape) {
			t.Errorf("%s is printed: %s", shape, out.String())
		}
	}
	if !strings.Contains(fmt.Sprintf("%v %+v", s, target), "***") {
		t.Error("it does not show that there is something")
	}
}
