package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// once is what is made again for each run: key, certificate and token.
var once = regexp.MustCompile(`(?m)^(  (identity|join): ).*$`)

// TestManifests holds what 'mfaload k8s' prints against the files in
// deploy/kubernetes, which deploy/manifests decodes as a cluster would. With
// UPDATE=1 it writes them.
func TestManifests(t *testing.T) {
	t.Parallel()
	const secret = "sesame-open-thyself"
	for golden, flags := range map[string][]string{
		"embedded.yaml": nil,
		"nats.yaml": {"--nats", "tls://nats.example:4222", "--creds-secret", "nats-creds",
			"--results-claim", "results", "--tolerate-lost", "15%"},
	} {
		c := exec.Command(program(t), append([]string{"k8s", "--shards", "8", "--image",
			"registry.example/mfaload:v1", "--namespace", "load",
			"--run", "pr-812", "--env-secret", "pingone"}, append(flags, "rollout.yaml")...)...)
		c.Dir = "../../deploy/kubernetes"
		c.Env = append(os.Environ(), "PINGONE_AUTH_PATH=http://127.0.0.1:1",
			"PINGONE_ENV_ID=abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6",
			"PINGONE_CLIENT_ID="+secret, "PINGONE_CLIENT_SECRET="+secret)
		var said strings.Builder
		c.Stderr = &said
		out, err := c.Output()
		if err != nil {
			t.Fatalf("%v\n%s", err, said.String())
		}
		if strings.Contains(string(out), secret) {
			t.Errorf("%s holds a secret of the target", golden)
		}
		got := once.ReplaceAllString(string(out), "${1}made for each run")
		path := filepath.Join("../../deploy/kubernetes", golden)
		if os.Getenv("UPDATE") != "" {
			if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("deploy/kubernetes/%s is not what 'mfaload k8s' prints: UPDATE=1 go test "+
				"./cmd/mfaload -run Manifests\n%s", golden, diff)
		}
	}
}
