package main_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"mfaload/internal/redact"
	"mfaload/report"
)

// misbehaviour is one way in which a server goes wrong with every response, and
// what a run has to call it: an error's name or a rule, one of them at least.
type misbehaviour struct {
	name     string
	fault    func(*incoming) bool
	outcomes []string
}

// head begins a response as documented; more lines may follow.
const head = "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nCorrelation-Id: 1\r\n"

// whole sends a text for each request and keeps the connection open.
func whole(text string) func(*incoming) bool {
	return func(x *incoming) bool {
		_, err := io.WriteString(x, text)
		return err == nil
	}
}

// oneShot sends a text and ends the connection.
func oneShot(text string) func(*incoming) bool {
	return func(x *incoming) bool { _, _ = io.WriteString(x, text); return false }
}

// with sends a good response with more header lines.
func with(lines string) func(*incoming) bool {
	return func(x *incoming) bool {
		text := goodAnswer(x.server.address, x.number)
		_, err := io.WriteString(x, strings.Replace(text, "Content-Length", lines+"Content-Length", 1))
		return err == nil
	}
}

// json201 sends a body with its length.
func json201(body string) func(*incoming) bool {
	return whole(head + "Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body)
}

// bent sends the documented body with something replaced.
func bent(old, with string) func(*incoming) bool {
	return func(x *incoming) bool {
		body := strings.Replace(goodBody(x.server.address, x.number), old, with, 1)
		return json201(body)(x)
	}
}

// slowly sends the beginning of a text and then a byte every 50 ms.
func slowly(text string) func(*incoming) bool {
	return func(x *incoming) bool {
		_, _ = io.WriteString(x, text)
		for {
			if _, err := io.WriteString(x, "x"); err != nil {
				return false
			}
			time.Sleep(50 * time.Millisecond) // the server's pace; nothing is judged by it
		}
	}
}

// endless sends a text and then another again and again.
func endless(begin, again string) func(*incoming) bool {
	return func(x *incoming) bool {
		_, err := io.WriteString(x, begin)
		for err == nil {
			_, err = io.WriteString(x, again)
		}
		return false
	}
}

const (
	hostileToken = "dG9rZW4+Lz09-~canary.0815/w=="
	controls     = "\x1b[31m\x1b]0;owned\a\u009b2J\u202eevil\u2066\x7f ::error::x ##[error]y " +
		"##vso[task.complete]z"
)

// misbehaviours are what the hostile server can do.
func misbehaviours() []misbehaviour {
	zero := "Content-Length: 0\r\n\r\n"
	return []misbehaviour{
		// Framing (RFC 9112).
		{"negative length", whole(head + "Content-Length: -1\r\n\r\n"), []string{"http.framing"}},
		{"two lengths", whole(head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x"),
			[]string{"http.framing"}},
		{"a list of lengths", whole(head + "Content-Length: 2, 3\r\n\r\n{}x"), []string{"http.framing"}},
		{"a length in words", whole(head + "Content-Length: two\r\n\r\n{}"), []string{"http.framing"}},
		{"a length with a sign", whole(head + "Content-Length: +2\r\n\r\n{}"), []string{"http.framing"}},
		{"a length beyond 64 bits", whole(head + "Content-Length: 99999999999999999999999\r\n\r\n{}"),
			[]string{"http.framing"}},
		{"space before the colon", whole(head + "Content-Length : 2\r\n\r\n{}"), []string{"http.framing"}},
		{"length and chunks", whole(head + "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n" +
			"{}\r\n0\r\n\r\n"), []string{"http.framing"}},
		{"chunk of a negative size", whole(head + "Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n"),
			[]string{"http.framing"}},
		{"chunk of an endless size", whole(head +
			"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}"), []string{"http.framing"}},
		{"chunk without its end", whole(head + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}xx0\r\n\r\n"),
			[]string{"http.framing"}},
		{"chunk extension without end", endless(head+"Transfer-Encoding: chunked\r\n\r\n2;",
			strings.Repeat("a", 4096)), []string{"http.framing", "head too long", "body too long"}},
		{"trailers without end", endless(head+"Transfer-Encoding: chunked\r\n\r\n0\r\n", "X: y\r\n"),
			[]string{"head too long", "http.framing"}},
		{"unknown transfer coding", whole(head + "Transfer-Encoding: gzip, x\r\n\r\n{}"),
			[]string{"http.framing", "timeout"}},
		{"line folded", whole(head + "X-A: b\r\n c\r\n" + zero), []string{"http.framing"}},
		{"NUL in a field", whole(head + "X-A: b\x00c\r\n" + zero), []string{"http.framing"}},
		{"bare CR in a field", whole(head + "X-A: b\rc\r\n" + zero), []string{"http.framing"}},
		{"field without a colon", whole(head + "nonsense\r\n" + zero), []string{"http.framing"}},
		{"no status", whole("HTTP/1.1\r\n" + zero), []string{"not HTTP"}},
		{"status of two digits", whole("HTTP/1.1 20 OK\r\n" + zero), []string{"not HTTP", "http.framing"}},
		{"status 999", whole("HTTP/1.1 999 Odd\r\n" + zero), []string{"expect.documented", "http.status",
			"not HTTP"}},
		{"HTTP/2 for HTTP/1.1", oneShot("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), []string{"not HTTP"}},
		{"204 with a body", whole("HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n{}"),
			[]string{"http.bodyless"}},
		{"interim responses without end", endless("", "HTTP/1.1 103 Early Hints\r\n\r\n"),
			[]string{"http.framing", "head too long", "too many interim responses", "timeout"}},
		{"101 for no Upgrade", whole("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n" +
			"Connection: Upgrade\r\n\r\n"), []string{"http.status"}},
		{"bytes behind the response", func(x *incoming) bool {
			x.answer()
			_, err := io.WriteString(x, "surplus")
			return err == nil
		}, []string{"http.length"}},
		// Connections.
		{"Connection: Upgrade, close", func(x *incoming) bool {
			with("Connection: Upgrade, " +
				"close\r\n")(x)
			return false
		}, nil},
		{"Connection twice", func(x *incoming) bool {
			with("Connection: keep-alive\r\nConnection: close\r\n")(x)
			return false
		}, nil},
		{"408 on an idle connection", func(x *incoming) bool {
			x.answer()
			_, _ = io.WriteString(x, "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n"+zero)
			return false
		}, nil},
		// Sizes and pace.
		{"a head without end", endless(head, "X-Filler: "+strings.Repeat("a", 1000)+"\r\n"),
			[]string{"head too long"}},
		{"a line without end", endless(head+"X-Filler: ", strings.Repeat("a", 4096)),
			[]string{"head too long"}},
		{"a body without end", endless(head+"\r\n", strings.Repeat(`{"a":1}`, 1000)), []string{"body.size"}},
		{"a length of 2^62", whole(head + "Content-Length: 4611686018427387904\r\n\r\n{}"),
			[]string{"http.framing"}},
		{"a byte at a time", slowly(head + "Content-Length: 1000\r\n\r\n{"), []string{"timeout"}},
		{"a header byte at a time", slowly("HTTP/1.1 201 Created\r\nX-A: "), []string{"timeout"}},
		{"9,000 unknown members", json201("{" + manyMembers(9000) + `"status":"OTP_REQUIRED"}`),
			[]string{"field.unknown", "shape.required"}},
		{"nested 20,000 deep", json201(strings.Repeat("[", 20000) + strings.Repeat("]", 20000)),
			[]string{"body.depth"}},
		{"a number of 100,000 digits", bent(`"status"`, `"n":`+strings.Repeat("9", 100000)+`,"status"`),
			[]string{"field.unknown"}},
		// What is in it.
		{"not UTF-8", bent(`OTP_REQUIRED`, "OTP\xff\xfe"), []string{"body.utf8"}},
		{"a name twice", bent(`"status"`, `"status":"COMPLETED","status"`), []string{"body.names"}},
		{"two bodies", json201(`{"status":"OTP_REQUIRED"}{"status":"OTP_REQUIRED"}`),
			[]string{"body.single"}},
		{"a byte-order mark", json201("\ufeff{}"), []string{"body.bom"}},
		{"control characters in the body", bent(`OTP_REQUIRED`, jsonText(controls)),
			[]string{"shape.pattern", "status.form"}},
		{"control characters in fields", with("X-Evil: " + controls + "\r\nCorrelation-Id: " + controls +
			"\r\n"), []string{"201 OTP_REQUIRED"}},
		{"control characters in the reason", whole("HTTP/1.1 201 " + controls + "\r\n" + zero),
			[]string{"http.framing", "body.json"}},
		{"control characters in an error", errorBody(controls), []string{"400 INVALID_DATA"}},
		{"the token, plain", errorBody(hostileToken), []string{"secret.token"}},
		{"the token, escaped", errorBody(strings.NewReplacer("+", "\x00u002b", "/", "\x00/", "=",
			"\x00u003D").Replace(hostileToken)), []string{"secret.token"}},
		{"the token, in a URL", errorBody("https://x.example/?t=" + strings.NewReplacer("+", "%2B", "/",
			"%2F", "=", "%3d").Replace(hostileToken)), []string{"secret.token"}},
		{"the token, in HTML", errorBody(strings.NewReplacer("+", "&#43;", "/", "&#x2F;", "=",
			"&equals;").Replace(hostileToken)), []string{"secret.token"}},
		{"the token, in a field", with("X-Echo: " + strings.ReplaceAll(hostileToken, "+", "%2b") + "\r\n"),
			[]string{"secret.token"}},
	}
}

func manyMembers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"unknown_%c%c%c":%d,`, 'a'+i%26, 'a'+i/26%26, 'a'+i/676%26, i)
	}
	return b.String()
}

// jsonText is a text within JSON; NUL stands for a backslash.
func jsonText(text string) string {
	quoted := strconv.QuoteToASCII(text)
	quoted = strings.NewReplacer(`\x`, `\u00`, `\a`, `\u0007`).Replace(quoted[1 : len(quoted)-1])
	return strings.ReplaceAll(quoted, `\u0000`, `\`)
}

func errorBody(message string) func(*incoming) bool {
	body := `{"id":"7a0d1f22-9b3c-4a55-8a11-2f0c6d7e8f90","code":"INVALID_DATA","message":"` +
		jsonText(message) + `","details":[{"code":"INVALID_VALUE","message":"` + jsonText(message) + `"}]}`
	return whole("HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nCorrelation-Id: 1\r\n" +
		"Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body)
}

// maxHostileMB is the most memory that a run may take against the hostile server.
const maxHostileMB = 250

// Whatever a server sends: every verb comes to its end, names what happened, takes
// no more memory than stated, and gives away nothing secret or raw.
func TestHostileServer(t *testing.T) {
	t.Parallel()
	for _, m := range misbehaviours() {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			timeout := "1s"
			if slices.Equal(m.outcomes, []string{"timeout"}) {
				timeout = "300ms"
			}
			h := newHostile(t, m.fault, timeout, "{workers: 4, stages: [{rate: 200/s, requests: 12}]}",
				userID)
			rep := h.measured("run", "--yes", "--save-answers", "10", "--out", "out", "hostile.yaml")
			if rep.Requests.Sent != rep.Requests.Answered+rep.Requests.Failed ||
				rep.Requests.Scheduled != rep.Requests.Sent+rep.Requests.Unsent {
				t.Errorf("the sums are wrong: %+v", rep.Requests)
			}
			if rep.Generator.PeakRSS > maxHostileMB {
				t.Errorf("it took %v MB, at most %d are stated", rep.Generator.PeakRSS, maxHostileMB)
			}
			names := slices.Concat(slices.Collect(maps.Keys(rep.Errors)),
				slices.Collect(maps.Keys(rep.Statuses)))
			for _, v := range rep.Violations {
				names = append(names, v.Rule)
			}
			if len(m.outcomes) == 0 && (rep.Requests.Failed > 0 || rep.Requests.Violating > 0) {
				t.Errorf("it is permitted, and ended as %v", names)
			}
			if len(m.outcomes) > 0 && !slices.ContainsFunc(m.outcomes,
				func(want string) bool { return slices.Contains(names, want) }) {
				t.Errorf("it ended as %v, want one of %v", names, m.outcomes)
			}
			h.ends("check", "--yes", "-v", "--follow", "--negative", "--rate", "100/s", "hostile.yaml")
			h.files()
		})
	}
}

// A server that does all of it in turn, and the verbs that take more than a run.
func TestHostileServerInTurn(t *testing.T) {
	t.Parallel()
	all := misbehaviours()
	h := newHostile(t, func(x *incoming) bool { return all[x.number%len(all)].fault(x) }, "1s",
		"{stages: [{rate: 50/s, duration: 3s}]}", userID+", 788d4931-6936-43f2-82ff-178f5762298b")
	h.measured("run", "--yes", "--save-answers", "3", "--csv", "--hgrm", "--out", "first", "hostile.yaml")
	if err := calmDown(filepath.Join(h.dir, "first")); err != nil {
		t.Fatal(err)
	}
	h.measured("run", "--yes", "--baseline", "first", "--out", "second", "hostile.yaml")
	for _, args := range [][]string{
		{"report", "first"}, {"compare", "--force", "first", "second"}, {"compare", "--force", "--json",
			"--html", "c.html", "first", "second"},
		{"capacity", "--yes", "--out", "searched", "--max-rate", "40/s", "--budget", "8s", "hostile.yaml"},
		{"run", "--yes", "--shards", "2", "--out", "shared", "hostile.yaml"},
		{"merge", "--out", "merged", "shared/shards"},
	} {
		h.ends(args...)
	}
	h.files()
}

// hostile is a folder with a scenario for the hostile server.
type hostile struct {
	t   *testing.T
	dir string
}

func newHostile(t *testing.T, fault func(*incoming) bool, timeout, load, users string) *hostile {
	t.Helper()
	s := startFaults(t, nil, fault)
	h := &hostile{t, t.TempDir()}
	scenario := fmt.Sprintf("name: hostile\ntarget: {authPath: http://%s, envID: %s, accessToken: '%s', "+
		"transactionIDs: f, timeout: %s}\n", s.address, envID, hostileToken, timeout) +
		fmt.Sprintf("users: [{name: all, ids: [%s], maxPerUser: 1000000/d}]\n", users) +
		"load: " + load + "\ncapacity: {maxRate: 40/s, trial: 5s, warmup: 0s, settle: 0s}\n"
	if err := os.WriteFile(filepath.Join(h.dir, "hostile.yaml"), []byte(scenario), 0o600); err != nil {
		t.Fatal(err)
	}
	return h
}

// ends runs a command, which has to come to its end by itself.
func (h *hostile) ends(args ...string) (printed string) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), 5*time.Minute) // only to name what hangs
	defer cancel()
	cmd := exec.CommandContext(ctx, program(h.t), args...)
	cmd.Dir = h.dir
	out, _ := cmd.CombinedOutput()
	code := cmd.ProcessState.ExitCode()
	if ctx.Err() != nil || code < 0 || code == 2 || bytes.Contains(out, []byte("goroutine ")) {
		h.t.Fatalf("mfaload %v: exit code %d, %v:\n%s", args, code, ctx.Err(), out)
	}
	h.look(strings.Join(args, " "), out, true)
	return string(out)
}

func (h *hostile) measured(args ...string) *report.Report {
	h.t.Helper()
	printed := h.ends(args...)
	data, err := os.ReadFile(filepath.Join(h.dir, args[slices.Index(args, "--out")+1], "report.json"))
	if err != nil {
		h.t.Fatalf("%v\n%s", err, printed)
	}
	rep, err := report.Decode(data)
	if err != nil {
		h.t.Fatal(err)
	}
	return rep
}

// look finds the token and, in what people read, raw control characters and
// commands of CI systems.
func (h *hostile) look(where string, data []byte, forPeople bool) {
	h.t.Helper()
	if redact.New(hostileToken).Holds(string(data)) {
		h.t.Errorf("%s gives the token away", where)
	}
	raw := func(c rune) bool { return c != '\n' && c != '\t' && !unicode.IsGraphic(c) }
	if i := strings.IndexFunc(string(data), raw); forPeople && i >= 0 {
		h.t.Errorf("%s has a raw character: %q", where, data[max(0, i-60):min(len(data), i+20)])
	}
	for _, command := range []string{"##[", "##vso[", "::error"} {
		if forPeople && bytes.Contains(data, []byte(command)) {
			h.t.Errorf("%s has the command %s", where, command)
		}
	}
}

func (h *hostile) files() {
	h.t.Helper()
	err := filepath.WalkDir(h.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "hostile.yaml" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if z, err := gzip.NewReader(bytes.NewReader(data)); err == nil {
			if data, err = io.ReadAll(z); err != nil {
				return err
			}
		}
		name, _ := filepath.Rel(h.dir, path)
		h.look(name, data, strings.HasSuffix(name, ".html") || strings.HasSuffix(name, ".md") ||
			strings.HasSuffix(name, ".xml"))
		return nil
	})
	if err != nil {
		h.t.Error(err)
	}
}
