package main_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"mfaload/pingone/generate"
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
const everything = canaryToken + " " + canaryHeader + " " + canaryEmail + " " + canaryPhone + " " +
	canaryPhoneFit

// leaks are responses that give away what they should not, each in another place.
var leaks = []func(w http.ResponseWriter){
	func(w http.ResponseWriter) { // where the documentation masks it
		body(w, 201,
			`{"id":"7a0d1f22-9b3c-4a55-8a11-2f0c6d7e8f90",`+
				`"user":{"id":"788d4931-6936-43f2-82ff-178f5762298a"},"status":"OTP_REQUIRED",
			"otp":"`+canaryOTP+`","_embedded":{"devices":[{"id":"1","type":"EMAIL","email":"`+canaryEmail+
				`"},{"id":"2","type":"SMS","phone":"`+canaryPhone+
				`"},{"type":"VOICE","phone":"`+canaryPhoneFit+`"}]}}`)
	},
	func(w http.ResponseWriter) { // in the text of an error
		body(w, 400, `{"id":"x","code":"INVALID_DATA","message":"`+everything+
			`","details":[{"code":"INVALID_VALUE","target":"`+canaryEmail+`","message":"Bearer `+canaryToken+
			`"}]}`)
	},
	func(w http.ResponseWriter) { // escaped
		body(w, 400, `{"code":"INVALID_DATA","message":"wilhelmina.canary\u0040canary-mail.example `+
			`\u002b4915123456789"}`)
	},
	func(w http.ResponseWriter) { leakWritten(w, written(everything, `\u%04x`)) },
	func(w http.ResponseWriter) { leakWritten(w, written(everything, "&#%d;")) },
	func(w http.ResponseWriter) { leakWritten(w, written(everything, "%%%02X")) },
	func(w http.ResponseWriter) {
		leakWritten(w, strings.ReplaceAll(url.QueryEscape(everything), "%", `\u0025`))
	},
	func(w http.ResponseWriter) { // within base64
		leakWritten(w, base64.StdEncoding.EncodeToString([]byte("x"+canaryToken+"yz"+canaryHeader)))
	},
	func(w http.ResponseWriter) { // where names belong
		body(w, 201, `{"`+canaryEmail+`":1,"`+canaryToken+`":{"`+canaryPhone+
			`":true},"status":"OTP_REQUIRED"}`)
	},
	func(w http.ResponseWriter) { // where a word of a few belongs
		body(w, 201, `{"status":"`+canaryToken+`"}`)
	},
	func(w http.ResponseWriter) { body(w, 201, `{"status":"`+canaryEmail+`"}`) },
	func(w http.ResponseWriter) { body(w, 400, `{"code":"`+canaryToken+`"}`) },
	func(w http.ResponseWriter) { body(w, 400, `{"code":"`+canaryPhone+`"}`) },
	func(w http.ResponseWriter) { // in a link
		body(w, 201, `{"status":"OTP_REQUIRED","_links":{"self":{"href":"https://x.example/?access_token=`+
			canaryToken+`&u=wilhelmina.canary%40canary-mail.example"}}}`)
	},
	func(w http.ResponseWriter) { // in a redirect, which is not followed
		w.Header().Set("Location", "https://elsewhere.example/?token="+canaryToken+"&email="+canaryEmail+
			"&tel="+canaryPhone)
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
	func(w http.ResponseWriter) { // in the names of header fields, which have no case
		for _, name := range []string{canaryToken, strings.ToLower(canaryToken), canaryHeader,
			strings.ToUpper(canaryHeader)} {
			w.Header()[name] = []string{"x"}
		}
		w.Header().Set("X-"+canaryToken, "x")
		body(w, 201, `{"status":"OTP_REQUIRED"}`)
	},
	func(w http.ResponseWriter) { raw(w, "HTTP/1.1 201 "+everything+"\r\nContent-Length: 0\r\n\r\n") },
	func(w http.ResponseWriter) { raw(w, everything+"\r\n\r\n") }, // no HTTP at all
	func(w http.ResponseWriter) { raw(w, "HTTP/1.1 201 Created\r\n"+everything+"\r\n\r\n") },
	func(w http.ResponseWriter) {
		raw(w, "HTTP/1.1 201 Created\r\nContent-Length: "+canaryToken+"\r\nTransfer-Encoding: "+
			""+canaryHeader+"\r\n\r\n")
	},
}

// leakWritten gives something away in a header field and in an error.
func leakWritten(w http.ResponseWriter, text string) {
	w.Header().Add("X-Echo", text)
	body(w, 400, `{"code":"INVALID_DATA","message":"`+text+`"}`)
}

// written writes each character of a text by a format.
func written(text, format string) string {
	var b strings.Builder
	for _, c := range text {
		fmt.Fprintf(&b, format, c)
	}
	return b.String()
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
			body(w, 401, `{"error":"invalid_client","error_description":"`+canaryHeader+" "+canaryEmail+" "+
				""+canaryPhoneFit+" "+canarySecret+` `+r.Header.Get("Authorization")+`"}`)
		case strings.HasSuffix(r.URL.Path, "/as/token"):
			body(w, 200, `{"access_token":"`+canaryToken+`","token_type":"Bearer","expires_in":3600}`)
		default:
			next := turn.Add(1) % uint64(len(leaks))
			if r.Header.Get("X-Api-Key") == "" {
				next = 0 // it can't give away what it was not told
			}
			leaks[next](w)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// canaryUsers are people whom requests name, and a second of load.
const canaryUsers = `
users:
  - {name: email, ids: [788d4931-6936-43f2-82ff-178f5762298a, 788d4931-6936-43f2-82ff-178f5762298b], request: {selectedDevice: {oneTime: {type: EMAIL, email: "${EMAIL}"}}}}
  - {name: sms, ids: [2f4a9c1e-7d0b-4c56-9e83-51b0c6d7a2f4, 2f4a9c1e-7d0b-4c56-9e83-51b0c6d7a2f5], request: {selectedDevice: {oneTime: {type: SMS, phone: "${PHONE}"}}}}
load: {stages: [{rate: 80/s, duration: 1s}]}
`

// canaryTarget begins a scenario; how one proves who one is comes after it.
const canaryTarget = "name: canary\ntarget:\n  authPath: ${AUTH}\n  envID: " + envID +
	"\n  headers: {X-Api-Key: '${HEADER}'}\n"

// A canary test: what is secret, and who is asked about, stands in nothing that
// mfaload writes, shows, sends elsewhere or is seen by: not in a run, not in any
// other mode, not in a failure, however much the service gives away.
func TestSecretsAndPeopleStayHidden(t *testing.T) {
	c := newCage(t)
	token := canaryTarget + "  accessToken: ${TOKEN}"
	c.plant("token.yaml", token+canaryUsers)
	c.plant("credentials.yaml", canaryTarget+"  clientCredentials: {clientID: app, clientSecret: "+
		"'${SECRET}', authMethod: basic}"+canaryUsers)
	c.plant("refused.yaml", strings.Replace(canaryTarget, envID, refusedEnv,
		1)+"  clientCredentials: {clientID: app, clientSecret: '${SECRET}', authMethod: post}"+canaryUsers)
	c.plant("proxy.yaml", canaryTarget+"  ownerAgreed: true\n  accessToken: ${TOKEN}\n  proxy: "+
		"${PROXY}"+strings.Replace(canaryUsers, "load: {", "load: {maxPerUser: 1000/d, ", 1))
	c.plant("gone.yaml", strings.Replace(token, "${AUTH}", "http://127.0.0.1:1",
		1)+"\n  ownerAgreed: true"+canaryUsers)
	c.plant("search.yaml", token+canaryUsers+"capacity: {maxRate: 40/s, trial: 5s, warmup: 0s, settle: 0s, "+
		"budget: 6s}\n")

	c.run(1, "run", "--out", "first", "--save-answers", "10", "--csv", "--hgrm", "--samples",
		"samples.csv", "--keep-samples", "token.yaml")
	if err := calmDown(filepath.Join(c.dir, "first")); err != nil {
		t.Fatal(err)
	}
	together(
		func() { c.run(1, "run", "--out", "second", "--baseline", "first", "credentials.yaml") },
		func() { c.run(1, "check", "--rate", "100/s", "token.yaml") },
		func() {
			c.run(1, "check", "-v", "--negative", "--follow", "--baseline", "shapes.json", "--rate", "100/s",
				"credentials.yaml")
		},
		func() { c.run(-1, "run", "--out", "proxied", "--yes", "--save-answers", "10", "proxy.yaml") },
		func() { c.run(-1, "check", "--yes", "-v", "--rate", "100/s", "proxy.yaml") },
		func() { c.run(4, "capacity", "--out", "searched", "search.yaml") },
		func() {
			c.run(3, "capacity", "--out", "unsearched", "--max-rate", "40/s", "--budget", "1h",
				"refused.yaml")
		},
		func() { c.watched(1, "run", "--out", "watched", "token.yaml") },
		func() { c.watched(1, "run", "--out", "shared", "--shards", "2", "credentials.yaml") },
		func() { c.killed("killed/run.journal", "run", "--out", "killed", "token.yaml") },
		func() { c.fleet() },
		func() { c.misplaced() },
		func() { c.run(3, "run", "--out", "scattered", "--shards", "2", "refused.yaml") },
		func() { c.exported() },
	)
	c.run(0, "report", "first")
	for _, args := range [][]string{
		{"report", "shared"}, {"report", "killed"}, {"report", "searched/trials/01"}, {"report",
			"led-1"}, {"report", "--out", "again", "led-0"},
		{"merge", "--out", "merged", "shared/shards"}, {"merge", "--out", "rest", "--expect", "2", "led-0",
			"led-1"},
		{"compare", "first", "second"}, {"compare", "--json", "--html", "compared.html", "first",
			"second"}, {"compare", "--force", "first", "searched/trials/01"}, {"compare", "first", "merged"},
		{"check", "-v", "--user", "788d4931-6936-43f2-82ff-178f5762298a", "--expect", "OTP_REQUIRED"},
	} {
		c.run(-1, args...)
	}
	for _, args := range [][]string{
		{"run", "--plan", "token.yaml"}, {"run", "--plan", "--format", "json",
			"credentials.yaml"}, {"validate", "token.yaml", "credentials.yaml", "proxy.yaml"},
		{"capacity", "--plan", "search.yaml"}, {"k8s", "--shards", "2", "--image", "x", "token.yaml"}, {"k8s",
			"--shards", "2", "--image", "x", "--nats", "tls://h:1", "credentials.yaml"},
	} {
		c.run(0, args...)
	}
	for _, args := range [][]string{
		{"run", "--out", "refused", "refused.yaml"}, {"check", "refused.yaml"}, {"run", "--out", "gone",
			"gone.yaml"}, {"run", "--out", "gone", "--shards", "2", "gone.yaml"},
	} {
		c.run(3, args...)
	}
	c.external()
	c.files()
	c.empty()
}

// exported looks at what a run sends to a collector, who gives it away.
func (c *cage) exported() {
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		c.look("what is sent by OTLP", data)
		http.Error(w, r.Header.Get("X-Key")+" "+canaryEmail, http.StatusBadRequest)
	}))
	defer collector.Close()
	cmd := c.command("run", "--out", "exported", "token.yaml")
	cmd.Env = append(c.env[:len(c.env):len(c.env)], "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL,
		"OTEL_METRICS_EXPORTER=otlp")
	c.finish(1, cmd)
}

// What generated requests find is kept without a secret, without people and without their IDs, in
// whatever form a request has them, and can be sent again. With -v the terminal shows no more of them.
func TestGeneratedRequestsStayHidden(t *testing.T) {
	c := newCage(t)
	c.plant("generate.yaml", canaryTarget+"  accessToken: ${TOKEN}"+canaryUsers+
		"check: {identities: [{name: foreign, kind: foreign, accessToken: '${SECRET}'}]}\n")
	c.run(1, "check", "-v", "--generate", "--max-requests", "400", "--rate", "10000/s", "--out", "found",
		"generate.yaml")
	kept, err := os.ReadFile(filepath.Join(c.dir, "found", "violations.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	failures, err := generate.ReadFailures(bytes.NewReader(kept))
	if err != nil || len(failures) < 50 {
		t.Fatalf("%d failures kept, %v", len(failures), err)
	}
	c.run(whatever, "check", "-v", "--replay", "found/violations.ndjson", "--rate", "10000/s",
		"generate.yaml")
	// On the terminal a tester reads whom a request was for; in the files nobody does.
	ids := regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	for _, id := range ids.FindAllString(canaryUsers, -1) {
		c.more = append(c.more, id, strings.ReplaceAll(id, "-", ""), id[:20], id[16:])
	}
	for i := range failures {
		f := &failures[i]
		for _, r := range []*generate.Request{&f.Case.Request, f.Smallest} {
			if r != nil {
				c.look(f.Case.Name(), bytes.ReplaceAll(r.Body, []byte{0}, nil))
			}
		}
	}
	c.files()
}
