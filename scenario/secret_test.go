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

func TestLiteralSecrets(t *testing.T) {
	env := func(name string) (string, bool) { return "from-the-environment", true }
	for target, literal := range map[string]int{
		`accessToken: "${TOKEN}"`:             0,
		`accessToken: "${TOKEN:-}"`:           0,
		`accessToken: eyJhbGciOi`:             1,
		`accessToken: "${TOKEN:-eyJhbGciOi}"`: 1,
		`accessToken: "eyJ${TOKEN}"`:          1,
		`accessTokenFile: token.txt`:          0,
		`clientCredentials: {clientID: mine, clientSecret: "${SECRET}", authMethod: post}`:  0,
		`clientCredentials: {clientID: mine, clientSecret: hunter2, authMethod: post}`:      1,
		`{accessToken: "${TOKEN}", headers: {X-Key: abc, X-Other: "${KEY}"}}`:               1,
		`{accessToken: "${TOKEN}", proxy: "http://proxy.example:3128"}`:                     0,
		`{accessToken: "${TOKEN}", proxy: "http://me:hunter2@proxy.example:3128"}`:          1,
		`{accessToken: "${TOKEN}", proxy: "http://${USER}:${PASSWORD}@proxy.example:3128"}`: 0,
		`{accessToken: "${TOKEN}", proxy: "http://${USER}:hunter2@proxy.example:3128"}`:     1,
	} {
		if target[0] == '{' {
			target = target[1 : len(target)-1]
		}
		text := fmt.Sprintf(`name: literal
target: {authPath: "https://auth.pingone.eu", envID: 788d4931-6936-43f2-82ff-178f57622980, ownerAgreed: true, %s}
users: [{name: all, ids: [788d4931-6936-43f2-82ff-178f57622981]}]
load: {stages: [{rate: 1/s, duration: 1s}]}
`, target)
		s, err := scenario.Parse("s.yaml", []byte(text), env)
		if err != nil {
			t.Errorf("%s: %v", target, err)
			continue
		}
		if len(s.Literal) != literal {
			t.Errorf("%s: secrets are written out at %v, want %d", target, s.Literal, literal)
		}
		if literal == 1 && s.Literal[0].Line != 2 {
			t.Errorf("%s: the place is %v", target, s.Literal[0])
		}
	}
}

// Secrets are hidden in the forms that they are sent in, too: a service may give
// back a header field as it came.
func TestHide(t *testing.T) {
	target := scenario.Target{
		AccessToken: scenario.NewSecret("the-token"),
		ClientCredentials: &scenario.ClientCredentials{ClientID: "app",
			ClientSecret: scenario.NewSecret("s3cret/+0815")},
		Network: scenario.Network{Proxy: scenario.NewSecret("http://jo:pass%2Fword@proxy.example:3128")},
	}
	for in, want := range map[string]string{
		"nothing":                                           "nothing",
		"Bearer the-token, s3cret/+0815":                    "Bearer ***, ***",
		"Basic YXBwOnMzY3JldC8rMDgxNQ==":                    "Basic ***",
		"client_id=app&client_secret=s3cret%2F%2B0815":      "client_id=app&client_secret=***",
		"Basic am86cGFzcy93b3Jk, pass/word":                 "Basic ***, ***",
		"dial http://jo:pass%2Fword@proxy.example: refused": "dial http://***@proxy.example: refused",
	} {
		if got := target.Secrets().Hide(in); got != want {
			t.Errorf("Hide(%q) = %q, want %q", in, got, want)
		}
	}
	if got := (&scenario.Target{Network: scenario.Network{
		Proxy: scenario.NewSecret("http://proxy.example:3128")}}).Secrets().Hide("a@b"); got != "a@b" {
		t.Errorf("no secrets: %q", got)
	}
}
