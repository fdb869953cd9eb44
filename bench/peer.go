//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

type attack struct {
	origin      string
	connections int
	rate        int // requests a second; 0: as many as it can
	length      time.Duration
	poisson     bool // mfaload only
	http2       bool
}

func (a attack) url() string { return a.origin + path }

// outcome is what a tool says of an attack, and what it cost. Times are in
// milliseconds, by percentile; those from the intended time are mfaload's alone.
type outcome struct {
	rate     float64 // requests a second
	busy     float64 // the server's processor, in percent
	requests float64
	times    map[float64]float64
	intended map[float64]float64
	lateness map[float64]float64
	cpu      time.Duration
	peak     float64 // resident memory in MB
}

// cost is the processor time of a request in microseconds.
func (o outcome) cost() float64 { return float64(o.cpu.Microseconds()) / max(o.requests, 1) }

type peer struct {
	name    string
	binary  string
	checked string // what it checks of a response
	paced   bool   // it can send at a rate
	http2   bool
	attack  func(b *bench, p peer, a attack) (outcome, error)
}

// findPeers finds mfaload and those of the others that are installed.
func (b *bench) findPeers() {
	for _, p := range []peer{
		{"mfaload", b.mfaload, "everything", true, true, mfaload},
		{"vegeta", ".peers/vegeta", "nothing", true, true, vegeta},
		{"hey", ".peers/hey", "nothing", true, true, hey},
		{"k6", ".peers/k6", "three values", true, true, k6},
		{"wrk", "wrk", "nothing", false, false, wrk},
		{"h2load", "h2load", "nothing", false, true, h2load},
	} {
		if strings.HasPrefix(p.binary, ".peers/") {
			p.binary, _ = filepath.Abs(filepath.Join("bench", p.binary))
		}
		if _, err := exec.LookPath(p.binary); err != nil {
			b.print("\n%s is not installed and left out.", p.name)
			continue
		}
		b.peers = append(b.peers, p)
	}
}

func (b *bench) try(p peer, a attack) (outcome, error) {
	o, err := p.attack(b, p, a)
	if err != nil {
		return o, fmt.Errorf("%s: %w", p.name, err)
	}
	return o, nil
}

// execute runs a command on the client's processor, and says what it cost.
func (b *bench) execute(o *outcome, env []string, name string, args ...string) ([]byte, error) {
	c := exec.Command("taskset", append([]string{"-c", clientCPU, name}, args...)...)
	c.Env = append(os.Environ(), env...)
	var out, problems bytes.Buffer
	c.Stdout, c.Stderr = &out, &problems
	err := c.Run()
	if c.ProcessState != nil {
		o.cpu = c.ProcessState.UserTime() + c.ProcessState.SystemTime()
		o.peak = float64(c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss) * 1024 / 1e6
	}
	if err != nil {
		return out.Bytes(), fmt.Errorf("%w\n%s", err, problems.String())
	}
	return out.Bytes(), nil
}

func mfaload(b *bench, p peer, a attack) (outcome, error) {
	o := outcome{}
	protocol, arrivals := "http/1.1", "uniform"
	if a.http2 {
		protocol = "h2"
	}
	if a.poisson {
		arrivals = "poisson"
	}
	load := fmt.Sprintf("{workers: %d, drain: 10s, arrivals: %s, stages: [{rate: %d/s, duration: %v}]}",
		a.connections, arrivals, a.rate, a.length)
	if a.rate == 0 {
		load = fmt.Sprintf("{concurrency: %d, duration: %v}", a.connections, a.length)
	}
	if err := b.write(map[string]string{"scenario.yaml": fmt.Sprintf(`name: bench
target: {authPath: %q, envID: %s, accessToken: token-0123456789, protocol: %s}
users: [{name: all, ids: [%s], expect: {httpStatus: 201, status: OTP_REQUIRED}}]
load: %s
`, a.origin, envID, protocol, userID, load)}); err != nil {
		return o, err
	}
	results := b.path("results")
	_ = os.RemoveAll(results)
	env := []string{"SSL_CERT_FILE=" + b.path("certificate.pem")}
	// Too high a rate ends as inconclusive; what was measured is there.
	_, failed := b.execute(&o, env, p.binary, "run", "-q", "--out", results, b.path("scenario.yaml"))
	report, err := readReport(results)
	if err != nil {
		return o, fmt.Errorf("%w\n%v", err, failed)
	}
	if report.Requests.AsExpected < report.Requests.Answered {
		return o, fmt.Errorf("%v of %v responses are as expected", report.Requests.AsExpected,
			report.Requests.Answered)
	}
	o.requests, o.rate = report.Requests.Sent, report.Rate.Achieved
	o.times, o.intended, o.lateness = percentiles(report.Service, 1), percentiles(report.Response, 1),
		percentiles(report.Lateness, 1)
	return o, nil
}

// mfaloadReport is what the tables need of report.json.
type mfaloadReport struct {
	Requests struct {
		Sent, Answered float64
		AsExpected     float64 `json:"as_expected"`
	}
	Rate     struct{ Achieved float64 }
	Service  map[string]any `json:"service_ms"`
	Response map[string]any `json:"response_ms"`
	Lateness map[string]any `json:"lateness_ms"`
}

func readReport(results string) (r mfaloadReport, err error) {
	text, err := os.ReadFile(filepath.Join(results, "report.json"))
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(text, &r)
}

// percentiles reads names such as p99.9, whatever is around the number.
func percentiles(named map[string]any, scale float64) map[float64]float64 {
	list := map[float64]float64{}
	for name, value := range named {
		p, err := strconv.ParseFloat(strings.Trim(name, "pth()_"), 64)
		if x, ok := value.(float64); ok && err == nil {
			list[p] = x * scale
		}
	}
	return list
}

func vegeta(b *bench, p peer, a attack) (outcome, error) {
	o := outcome{}
	targets := fmt.Sprintf("POST %s\nContent-Type: application/json\nAuthorization: Bearer "+
		"token-0123456789\n@%s\n", a.url(), b.path("body.json"))
	if err := b.write(map[string]string{"targets": targets, "body.json": body}); err != nil {
		return o, err
	}
	args := []string{"attack", "-targets", b.path("targets"), "-duration", a.length.String(), "-rate",
		strconv.Itoa(a.rate) + "/1s",
		"-connections", strconv.Itoa(a.connections), "-insecure", "-output", b.path("results.bin"),
		"-http2=" + strconv.FormatBool(a.http2)}
	if a.rate == 0 {
		args = append(args, "-max-workers", strconv.Itoa(a.connections))
	}
	if _, err := b.execute(&o, nil, p.binary, args...); err != nil {
		return o, err
	}
	text, err := exec.Command(p.binary, "report", "-type", "json", b.path("results.bin")).Output()
	if err != nil {
		return o, err
	}
	var report struct {
		Requests  float64
		Rate      float64
		Latencies map[string]any
	}
	if err := json.Unmarshal(text, &report); err != nil {
		return o, err
	}
	o.requests, o.rate, o.times = report.Requests, report.Rate, percentiles(report.Latencies, 1e-6)
	return o, nil
}

func hey(b *bench, p peer, a attack) (outcome, error) {
	o := outcome{}
	if err := b.write(map[string]string{"body.json": body}); err != nil {
		return o, err
	}
	connections := a.connections
	args := []string{"-z", a.length.String(), "-m", "POST", "-D", b.path("body.json"), "-T",
		"application/json", "-H", "Authorization: Bearer token-0123456789"}
	if a.rate > 0 { // a rate is by worker
		connections = min(connections, 10)
		args = append(args, "-q", number(float64(a.rate)/float64(connections), 3))
	}
	if a.http2 {
		args = append(args, "-h2")
	}
	text, err := b.execute(&o, nil, p.binary, append(args, "-c", strconv.Itoa(connections), a.url())...)
	if err != nil {
		return o, err
	}
	o.rate = first(text, `Requests/sec:\s+([0-9.]+)`)
	o.requests = first(text, `\[201\]\s+([0-9]+) responses`)
	o.times = map[float64]float64{}
	for _, m := range regexp.MustCompile(`([0-9]+)%+ in ([0-9.]+) secs`).FindAllSubmatch(text, -1) {
		percentile, _ := strconv.ParseFloat(string(m[1]), 64)
		seconds, _ := strconv.ParseFloat(string(m[2]), 64)
		o.times[percentile] = seconds * 1000
	}
	return o, nil
}

const k6Script = `import http from 'k6/http';
import { check } from 'k6';
export const options = { insecureSkipTLSVerify: true, discardResponseBodies: false,
  summaryTrendStats: ['p(50)', 'p(90)', 'p(95)', 'p(99)', 'p(99.9)'], scenarios: { all: %s } };
const params = { headers: { 'Content-Type': 'application/json', 'Authorization': 'Bearer token-0123456789' } };
export default function () {
  const r = http.post('%s', '%s', params);
  const body = r.json();
  check(r, { 'status is 201': (r) => r.status === 201, 'an OTP is required': () => body.status === 'OTP_REQUIRED', 'the user is mine': () => body.user.id === '%s' });
}
`

func k6(b *bench, p peer, a attack) (outcome, error) {
	o := outcome{}
	model := fmt.Sprintf(`{ executor: 'constant-vus', vus: %d, duration: '%v' }`, a.connections, a.length)
	if a.rate > 0 {
		model = fmt.Sprintf(`{ executor: 'constant-arrival-rate', rate: %d, timeUnit: '1s', duration: `+
			`'%v', preAllocatedVUs: %d }`, a.rate, a.length, a.connections)
	}
	if err := b.write(map[string]string{"script.js": fmt.Sprintf(k6Script, model, a.url(), body,
		userID)}); err != nil {
		return o, err
	}
	if _, err := b.execute(&o, []string{"K6_NO_USAGE_REPORT=true"}, p.binary, "run", "--quiet",
		"--no-usage-report", "--summary-export", b.path("summary.json"), b.path("script.js")); err != nil {
		return o, err
	}
	text, err := os.ReadFile(b.path("summary.json"))
	if err != nil {
		return o, err
	}
	var report struct {
		Metrics map[string]map[string]any
	}
	if err := json.Unmarshal(text, &report); err != nil {
		return o, err
	}
	o.requests, _ = report.Metrics["http_reqs"]["count"].(float64)
	o.rate, _ = report.Metrics["http_reqs"]["rate"].(float64)
	o.times = percentiles(report.Metrics["http_req_duration"], 1)
	return o, nil
}

func wrk(b *bench, p peer, a attack) (outcome, error) {
	o := outcome{}
	script := fmt.Sprintf("wrk.method = 'POST'\nwrk.headers['Content-Type'] = "+
		"'application/json'\nwrk.headers['Authorization'] = 'Bearer token-0123456789'\nwrk.body = '%s'\n",
		body)
	if err := b.write(map[string]string{"wrk.lua": script}); err != nil {
		return o, err
	}
	text, err := b.execute(&o, nil, p.binary, "-t1", "-c"+strconv.Itoa(a.connections),
		"-d"+number(a.length.Seconds(), 0)+"s", "-s", b.path("wrk.lua"), a.url())
	if err != nil {
		return o, err
	}
	o.rate = first(text, `Requests/sec:\s+([0-9.]+)`)
	o.requests = first(text, `([0-9]+) requests in`)
	return o, nil
}

func h2load(b *bench, p peer, a attack) (outcome, error) {
	o := outcome{}
	if err := b.write(map[string]string{"body.json": body}); err != nil {
		return o, err
	}
	args := []string{"-t1", "-D", number(a.length.Seconds(), 0), "-d", b.path("body.json"), "-H",
		"content-type: application/json", "-H", "authorization: Bearer token-0123456789"}
	if a.http2 {
		args = append(args, "-c1", "-m"+strconv.Itoa(a.connections))
	} else {
		args = append(args, "--h1", "-c"+strconv.Itoa(a.connections))
	}
	text, err := b.execute(&o, nil, p.binary, append(args, a.url())...)
	if err != nil {
		return o, err
	}
	o.rate = first(text, `([0-9.]+) req/s`)
	o.requests = first(text, `([0-9]+) 2xx`)
	return o, nil
}

// first is the first number that a pattern finds; 0 for none.
func first(text []byte, pattern string) float64 {
	m := regexp.MustCompile(pattern).FindSubmatch(text)
	if m == nil {
		return 0
	}
	x, _ := strconv.ParseFloat(string(m[1]), 64)
	return x
}

func (b *bench) write(files map[string]string) error {
	for name, text := range files {
		if err := os.WriteFile(b.path(name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}
