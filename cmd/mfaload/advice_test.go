package main_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Every error ends in what to do next: a line of its own that is indented, or
// the last words of the message. These are the ones that people meet first.
func TestErrorsEndInWhatToDo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"good.yaml": "name: good\ntarget: {simulator: {}}\nusers: [{name: a, ids: " +
			"[788d4931-6936-43f2-82ff-178f5762298a]}]\nload: {stages: [{rate: 10/s, duration: 1s}]}\n",
		"real.yaml": "name: real\ntarget: {authPath: 'https://auth.pingone.eu', envID: " +
			"abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6, accessToken: x}\nusers: [{name: a, ids: " +
			"[788d4931-6936-43f2-82ff-178f5762298a]}]\nload: {stages: [{rate: 10/s, duration: 1s}]}\n",
		"vars.yaml": "name: vars\ntarget: {authPath: 'http://127.0.0.1:1', envID: '${NOT_SET}', " +
			"accessToken: x}\nusers: [{name: a, ids: [788d4931-6936-43f2-82ff-178f5762298a]}]\nload: " +
			"{stages: [{rate: 10/s, duration: 1s}]}\n",
		"typo.yaml": "name: typo\ntarget: {simulator: {}}\nuser: []\nload: {stages: [{rate: 10, " +
			"duration: 1s}]}\n",
		"gone.yaml": "name: gone\ntarget: {authPath: 'http://127.0.0.1:1', envID: " +
			"abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6, accessToken: x}\nusers: [{name: a, ids: " +
			"[788d4931-6936-43f2-82ff-178f5762298a]}]\nload: {stages: [{rate: 10/s, duration: 1s}]}\n",
		"users.yaml": "name: users\ntarget: {simulator: {}}\nusers: [{name: a, file: nobody.csv}]\nload: " +
			"{stages: [{rate: 10/s, duration: 1s}]}\n",
		"tabs.yaml":   "name: tabs\n\ttarget: {}\n",
		"report.json": "{}",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct{ args, advice string }{
		{"rnu good.yaml", "see 'mfaload --help'"},
		{"run", "see 'mfaload run --help'"},
		{"run --otu x good.yaml", "see 'mfaload run --help'"},
		{"run none.yaml", "check the name"},
		{"run .", "name a file"},
		{"run typo.yaml", "write"},
		{"run tabs.yaml", "spaces"},
		{"run vars.yaml", "set it in the environment"},
		{"run real.yaml", "ownerAgreed"},
		{"run gone.yaml", "check target.authPath"},
		{"run users.yaml", "check the path"},
		{"run --out good.yaml/x good.yaml", "choose another one with --out"},
		{"run --out . good.yaml", "choose another --out"},
		{"run --listen 127.0.0.1 good.yaml", "choose another address"},
		{"run --listen " + taken.Addr().String() + " good.yaml", "choose another address"},
		{"run --save-answers 99 good.yaml", "see 'mfaload run --help'"},
		{"run --contract none.yaml good.yaml", "'mfaload contract' prints one"},
		{"run --contract good.yaml good.yaml", "only OpenAPI 3.1"},
		{"run --baseline none good.yaml", "name a results folder"},
		{"run --latency 1s good.yaml", "see 'mfaload run --help'"},
		{"check --expect OTP_REQUIRED good.yaml", "see 'mfaload check --help'"},
		{"check --rate 0 good.yaml", "write for example 2/s"},
		{"check gone.yaml", "check target.authPath"},
		{"report none", "name a results folder"},
		{"samples none", "check the name"},
		{"report .", "name a results folder"},
		{"compare none other", "name a results folder"},
		{"compare", "see 'mfaload compare --help'"},
		{"merge none", "name the results folders of the shards"},
		{"simulate --addr " + taken.Addr().String() + " good.yaml", "choose another address"},
		{"simulate --addr 203.0.113.7:80 good.yaml", "choose another address"},
		{"schema repotr", "see 'mfaload schema --help'"},
		{"contract --format x", "see 'mfaload contract --help'"},
		{"init good.yaml", "name another FILE"},
		{"help nothing", "'mfaload help' lists them"},
	} {
		cmd := exec.Command(program(t), strings.Fields(c.args)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Errorf("mfaload %s: no error", c.args)
		}
		lines := strings.Split(strings.TrimRight(string(out), "\n"), "\n")
		if last := lines[len(lines)-1]; !strings.Contains(last, c.advice) {
			t.Errorf("mfaload %s: does not end in %q:\n%s", c.args, c.advice, out)
		}
	}
}
