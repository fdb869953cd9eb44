package scenario_test

import (
	"fmt"
	"testing"

	"mfaload/scenario"
)

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
