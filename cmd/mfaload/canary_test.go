package main_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// The canaries: one for each secret and each person, planted wherever mfaload
// reads and searched wherever it writes.
const (
	canaryToken    = "CanaryToken0815x"
	canarySecret   = "CanarySecret4711x"
	canaryProxy    = "CanaryProxy1234x"
	canaryHeader   = "CanaryHeader9876x"
	canaryOTLP     = "CanaryOTLP5555x"
	canaryOTP      = "CanaryPasscode77x"
	canaryEmail    = "wilhelmina.canary@canary-mail.example"
	canaryPhone    = "+4915123456789"
	canaryPhoneFit = "+49 151 2345-6789"
)

// tracks are what nobody may find: of an address its local part and host, for
// masks keep a first letter; of a number its digits.
func tracks() []string {
	all := []string{canaryToken, canarySecret, canaryProxy, canaryHeader, canaryOTLP, canaryOTP,
		"ilhelmina", "canary-mail", "15123456789", "151 2345", "2345-6789"}
	for _, pair := range []string{"app:" + canarySecret, "jo:" + canaryProxy} {
		all = append(all, base64.StdEncoding.EncodeToString([]byte(pair)))
	}
	return all
}

// everything is what a service knows: what it was sent, and who its users are.
const everything = canaryToken + " " + canaryHeader + " " + canaryEmail + " " + canaryPhone + " " + canaryPhoneFit

// leaks are answers that give away what they should not, each in another place.
var leaks = []func(w http.ResponseWriter){
	func(w http.ResponseWriter) { // where the documentation masks it
		body(w, 201, `{"id":"7a0d1f22-9b3c-4a55-8a11-2f0c6d7e8f90","user":{"id":"788d4931-6936-43f2-82ff-178f5762298a"},"status":"OTP_REQUIRED",
			"otp":"`+canaryOTP+`","_embedded":{"devices":[{"id":"1","type":"EMAIL","email":"`+canaryEmail+`"},{"id":"2","type":"SMS","phone":"`+canaryPhone+`"},{"type":"VOICE","phone":"`+canaryPhoneFit+`"}]}}`)
	},
	func(w http.ResponseWriter) { // in the text of an error
		body(w, 400, `{"id":"x","code":"INVALID_DATA","message":"`+everything+`","details":[{"code":"INVALID_VALUE","target":"`+canaryEmail+`","message":"Bearer `+canaryToken+`"}]}`)
	},
	func(w http.ResponseWriter) { // escaped
		body(w, 400, `{"code":"INVALID_DATA","message":"wilhelmina.canary\u0040canary-mail.example \u002b4915123456789"}`)
	},
	func(w http.ResponseWriter) { // where names belong
		body(w, 201, `{"`+canaryEmail+`":1,"`+canaryToken+`":{"`+canaryPhone+`":true},"status":"OTP_REQUIRED"}`)
	},
	func(w http.ResponseWriter) { // where a word of a few belongs
		body(w, 201, `{"status":"`+canaryToken+`"}`)
	},
	func(w http.ResponseWriter) { body(w, 201, `{"status":"`+canaryEmail+`"}`) },
	func(w http.ResponseWriter) { body(w, 400, `{"code":"`+canaryToken+`"}`) },
	func(w http.ResponseWriter) { body(w, 400, `{"code":"`+canaryPhone+`"}`) },
	func(w http.ResponseWriter) { // in a link
		body(w, 201, `{"status":"OTP_REQUIRED","_links":{"self":{"href":"https://x.example/?access_token=`+canaryToken+`&u=wilhelmina.canary%40canary-mail.example"}}}`)
	},
	func(w http.ResponseWriter) { // in a redirect, which is not followed
		w.Header().Set("Location", "https://elsewhere.example/?token="+canaryToken+"&email="+canaryEmail+"&tel="+canaryPhone)
		body(w, 302, "")
	},
	func(w http.ResponseWriter) { // in header fields
		w.Header().Set("WWW-Authenticate", `Bearer error_description="`+everything+`"`)
		w.Header().Set("Retry-After", canaryPhone)
		w.Header().Set("Set-Cookie", "t="+canaryToken)
		w.Header().Set("Correlation-Id", canaryToken)
		w.Header().Set("X-Ping-External-Transaction-Id", canaryEmail)
		body(w, 401, `{}`)
	},
	func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "text/"+canaryToken)
		body(w, 200, everything)
	},
	func(w http.ResponseWriter) { raw(w, "HTTP/1.1 201 "+everything+"\r\nContent-Length: 0\r\n\r\n") },
	func(w http.ResponseWriter) { raw(w, everything+"\r\n\r\n") }, // no HTTP at all
	func(w http.ResponseWriter) { raw(w, "HTTP/1.1 201 Created\r\n"+everything+"\r\n\r\n") },
	func(w http.ResponseWriter) {
		raw(w, "HTTP/1.1 201 Created\r\nContent-Length: "+canaryToken+"\r\nTransfer-Encoding: "+canaryHeader+"\r\n\r\n")
	},
}

func body(w http.ResponseWriter, status int, text string) {
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

func raw(w http.ResponseWriter, text string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(conn, text)
	_ = conn.Close()
}

// refusedEnv is an environment whose client secret is never right.
const refusedEnv = "ffffffff-c1b3-46d3-a1f6-a1d5b2a5e0f2"

// leakyService gives away all that it is told and more, a leak after the other.
func leakyService(t *testing.T) string {
	var turn atomic.Uint64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		switch {
		case strings.Contains(r.URL.Path, refusedEnv):
			w.Header().Set("WWW-Authenticate", "Basic realm="+canarySecret)
			body(w, 401, `{"error":"invalid_client","error_description":"`+canaryHeader+" "+canaryEmail+" "+canaryPhoneFit+" "+canarySecret+` `+r.Header.Get("Authorization")+`"}`)
		case strings.HasSuffix(r.URL.Path, "/as/token"):
			body(w, 200, `{"access_token":"`+canaryToken+`","token_type":"Bearer","expires_in":3600}`)
		default:
			leaks[turn.Add(1)%uint64(len(leaks))](w)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// A canary test: what is secret, and who is asked about, stands in nothing that
// mfaload writes, shows, sends elsewhere or is seen by: not in a run, not in any
// other mode, not in a failure, however much the service gives away.
func TestSecretsAndPeopleStayHidden(t *testing.T) {
	c := &cage{t: t, dir: t.TempDir(), service: leakyService(t)}
	otlp := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		c.look("what is sent by OTLP", data)
		http.Error(w, r.Header.Get("X-Key")+" "+canaryEmail, http.StatusBadRequest)
	}))
	defer otlp.Close()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Proxy-Authenticate", "Basic realm="+everything)
		http.Error(w, r.Header.Get("Proxy-Authorization")+" "+canaryProxy+" "+everything, http.StatusProxyAuthRequired)
	}))
	defer proxy.Close()
	c.env = append(os.Environ(), "TOKEN="+canaryToken, "SECRET="+canarySecret, "HEADER="+canaryHeader, "EMAIL="+canaryEmail, "PHONE="+canaryPhone,
		"AUTH="+c.service, "PINGONE_AUTH_PATH="+c.service, "PINGONE_ENV_ID="+envID, "PINGONE_ACCESS_TOKEN="+canaryToken,
		"PROXY=http://jo:"+canaryProxy+"@"+strings.TrimPrefix(proxy.URL, "http://"), "OTEL_EXPORTER_OTLP_HEADERS=x-key="+canaryOTLP)
	const users = `
users:
  - {name: email, ids: [788d4931-6936-43f2-82ff-178f5762298a, 788d4931-6936-43f2-82ff-178f5762298b], request: {selectedDevice: {oneTime: {type: EMAIL, email: "${EMAIL}"}}}}
  - {name: sms, ids: [2f4a9c1e-7d0b-4c56-9e83-51b0c6d7a2f4, 2f4a9c1e-7d0b-4c56-9e83-51b0c6d7a2f5], request: {selectedDevice: {oneTime: {type: SMS, phone: "${PHONE}"}}}}
load: {stages: [{rate: 80/s, duration: 1s}]}
`
	target := "name: canary\ntarget:\n  authPath: ${AUTH}\n  envID: " + envID + "\n  headers: {X-Api-Key: '${HEADER}'}\n"
	scenarios := map[string]string{
		"token.yaml":       target + "  accessToken: ${TOKEN}" + users,
		"credentials.yaml": target + "  clientCredentials: {clientID: app, clientSecret: '${SECRET}', authMethod: basic}" + users,
		"refused.yaml":     strings.Replace(target, envID, refusedEnv, 1) + "  clientCredentials: {clientID: app, clientSecret: '${SECRET}', authMethod: post}" + users,
		"proxy.yaml":       target + "  ownerAgreed: true\n  accessToken: ${TOKEN}\n  proxy: ${PROXY}" + strings.Replace(users, "load: {", "load: {maxPerUser: 1000/d, ", 1),
		"gone.yaml":        strings.Replace(target, "${AUTH}", "http://127.0.0.1:1", 1) + "  ownerAgreed: true\n  accessToken: ${TOKEN}" + users,
		// Secrets where they don't belong.
		"bad.yaml": target + "  accessToken: '${TOKEN} ${TOKEN}\x01'\n  proxy: 'http://jo:${SECRET}@:x'\n  timeout: ${SECRET}\n  headers: {X-Api-Key: \"${HEADER}\\n\", ${TOKEN}: x}\n  clientCredentials: {clientSecret: {x: '${SECRET}'}, ${SECRET}: y}" +
			strings.ReplaceAll(users, "type: SMS", "typ: '${PHONE}'"),
	}
	for name, text := range scenarios {
		if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	c.run(1, "run", "--out", "first", "--save-answers", "10", "--csv", "--hgrm", "token.yaml")
	if err := calmDown(filepath.Join(c.dir, "first")); err != nil {
		t.Fatal(err)
	}
	c.run(1, "run", "--out", "second", "--baseline", "first", "credentials.yaml")
	c.run(0, "report", "first")
	c.run(-1, "compare", "first", "second")
	c.run(-1, "compare", "--json", "first", "second")
	c.run(0, "run", "--plan", "token.yaml")
	c.run(0, "run", "--plan", "--format", "json", "credentials.yaml")
	c.run(0, "validate", "token.yaml", "credentials.yaml", "proxy.yaml")
	c.run(1, "check", "--rate", "100/s", "token.yaml")
	c.run(1, "check", "-v", "--negative", "--follow", "--baseline", "shapes.json", "--rate", "100/s", "credentials.yaml")
	c.run(1, "check", "-v", "--user", "788d4931-6936-43f2-82ff-178f5762298a", "--expect", "OTP_REQUIRED")
	c.run(2, "run", "bad.yaml")
	c.run(2, "validate", "bad.yaml")
	c.run(3, "run", "--out", "refused", "refused.yaml")
	c.run(3, "check", "refused.yaml")
	c.run(3, "run", "--out", "gone", "gone.yaml")
	c.run(-1, "run", "--out", "proxied", "--yes", "--save-answers", "10", "proxy.yaml")
	c.run(-1, "check", "--yes", "-v", "--rate", "100/s", "proxy.yaml")
	c.env = append(c.env, "OTEL_EXPORTER_OTLP_ENDPOINT="+otlp.URL, "OTEL_METRICS_EXPORTER=otlp")
	c.run(1, "run", "--out", "exported", "token.yaml")
	c.watched("run", "--out", "watched", "token.yaml")
	c.shared("credentials.yaml")
	if runtime.GOOS != "windows" {
		c.killed("token.yaml")
	}
	c.files()
}

// cage is where the canaries are kept.
type cage struct {
	t            *testing.T
	dir, service string
	env          []string
}

// look finds canaries in what mfaload gave away.
func (c *cage) look(where string, data []byte) {
	c.t.Helper()
	for len(data) > 2 && data[0] == 0x1f && data[1] == 0x8b {
		z, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			break
		}
		plain, err := io.ReadAll(z)
		if err != nil {
			c.t.Errorf("%s: %v", where, err)
		}
		data = plain
	}
	low := bytes.ToLower(data)
	for _, track := range tracks() {
		if i := bytes.Index(low, []byte(strings.ToLower(track))); i >= 0 {
			c.t.Errorf("%s shows %q: …%s…", where, track, data[max(0, i-120):min(len(data), i+80)])
		}
	}
}

func (c *cage) command(args ...string) *exec.Cmd {
	cmd := exec.Command(binary, args...)
	cmd.Dir, cmd.Env = c.dir, c.env
	return cmd
}

// run runs a command to its end; a code below 0 is any.
func (c *cage) run(wantCode int, args ...string) {
	c.t.Helper()
	cmd := c.command(args...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		c.t.Fatal(err)
	}
	if code := cmd.ProcessState.ExitCode(); wantCode >= 0 && code != wantCode && (code != 4 || !heldUp(string(out))) || code == 2 && wantCode != 2 {
		c.t.Errorf("mfaload %v: exit code %d, want %d:\n%s", args, code, wantCode, out)
	}
	c.look(fmt.Sprintf("mfaload %v", args), out)
}

// watched looks at what others see while a run goes on: the live page, the
// process list, and files before they are whole.
func (c *cage) watched(args ...string) {
	address := freeAddress(c.t)
	cmd := c.command(append(args, "--listen", address)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	var readers sync.WaitGroup
	if err := reachable(address); err != nil {
		c.t.Error(err)
	}
	for _, path := range []string{"", "page.js", "status", "metrics", "events"} {
		readers.Go(func() {
			resp, err := http.Get("http://" + address + "/" + path)
			if err != nil {
				return // the run ended before
			}
			defer resp.Body.Close()
			data, _ := io.ReadAll(resp.Body)
			c.look("the live page's /"+path, data)
		})
	}
	c.files()
	c.processes()
	readers.Wait()
	_ = cmd.Wait()
	c.look("a watched run", out.Bytes())
}

// shared looks at the processes that share a run, and at what they write.
func (c *cage) shared(scenario string) {
	cmd := c.command("run", "--shards", "2", "--out", "shared", scenario)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for again := true; again; {
		select {
		case <-ended:
			again = false
		case <-time.After(100 * time.Millisecond):
			c.processes()
		}
	}
	if code := cmd.ProcessState.ExitCode(); code != 1 && code != 4 {
		c.t.Errorf("a shared run: exit code %d:\n%s", code, out.Bytes())
	}
	c.look("a shared run", out.Bytes())
}

// processes looks at the process list: the run's and those that it started.
func (c *cage) processes() {
	lists, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, list := range lists {
		if data, err := os.ReadFile(list); err == nil && bytes.HasPrefix(data, []byte(binary)) {
			c.look("the process list", data)
		}
	}
}

// killed looks at the crash dump of a run.
func (c *cage) killed(scenario string) {
	cmd := c.command("run", "--out", "killed", scenario)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Env = append(cmd.Env, "GOTRACEBACK=all")
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	for give := time.Now().Add(time.Minute); time.Now().Before(give); time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(c.dir, "killed")); err == nil {
			break
		}
	}
	_ = cmd.Process.Signal(syscall.SIGQUIT)
	_ = cmd.Wait()
	if !bytes.Contains(out.Bytes(), []byte("goroutine ")) {
		c.t.Errorf("no crash dump: %s", out.Bytes())
	}
	c.look("the crash dump", out.Bytes())
}

// files looks at every file below the folder but the scenarios, and at who may
// read them.
func (c *cage) files() {
	c.t.Helper()
	err := filepath.WalkDir(c.dir, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(c.dir, path)
		if err != nil || name == "." || strings.HasSuffix(name, ".yaml") && !strings.Contains(name, string(filepath.Separator)) {
			return nil // gone since, or ours
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		}
		if got := info.Mode().Perm(); got != want && runtime.GOOS != "windows" {
			c.t.Errorf("%s: others may have it: %o, want %o", name, got, want)
		}
		if d.IsDir() {
			return nil
		}
		data, err := os.ReadFile(path)
		if err == nil {
			c.look(name, data)
		}
		return nil
	})
	if err != nil {
		c.t.Error(err)
	}
}
