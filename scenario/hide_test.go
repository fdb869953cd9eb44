package scenario_test

import (
	"testing"

	"mfaload/scenario"
)

// Secrets are hidden in the forms that they are sent in, too: a service may give
// back a header field as it came.
func TestHide(t *testing.T) {
	target := scenario.Target{
		AccessToken:       scenario.NewSecret("the-token"),
		ClientCredentials: &scenario.ClientCredentials{ClientID: "app", ClientSecret: scenario.NewSecret("s3cret/+0815")},
		Network:           scenario.Network{Proxy: scenario.NewSecret("http://jo:pass%2Fword@proxy.example:3128")},
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
	if got := (&scenario.Target{Network: scenario.Network{Proxy: scenario.NewSecret("http://proxy.example:3128")}}).Secrets().Hide("a@b"); got != "a@b" {
		t.Errorf("no secrets: %q", got)
	}
}
