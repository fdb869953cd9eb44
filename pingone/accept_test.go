package pingone_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfaload/contract"
	"mfaload/internal/testkit"
)

// pair is two checkers of one contract: one that may use the accept path, and
// the explain path as its oracle.
type pair struct {
	c      *contract.Contract
	oracle *contract.Contract
}

func newPair(t testing.TB) pair {
	t.Helper()
	p := pair{compile(t), compile(t)}
	if slow := p.c.Slow(); len(slow) > 0 {
		t.Fatalf("the embedded contract has no accept path: %v", slow)
	}
	return p
}

// exchange is a response to the request of one of the documented examples.
func exchange(c *contract.Contract, status int, body []byte) *contract.Exchange {
	known := map[string]string{
		"request.user.id": "788d4931-6936-43f2-82ff-178f5762298a", "envID": envID, "basePath": "/" + envID,
		"origin": "https://auth.pingone.com", "token": "the-access-token",
	}
	if strings.Contains(string(body), "0fa3daf8") {
		known["request.user.id"] = "991776fd-145b-499e-8237-2c62aef35b2c"
		known["origin"] = "https://auth.pingone.eu"
		known["request.selectedDevice.oneTime.email"] = "abel@ping.com"
	}
	header := contract.Fields{
		{Name: "Content-Type", Value: "application/json"}, {Name: "Correlation-Id", Value: "x"},
	}
	return (&response{status: status, header: header, body: body, facts: known}).exchange(c)
}

// agree checks one response on both paths. What the accept path takes, the
// explain path takes; and whatever way a response went, the violations and the
// rules that were looked at are the same.
func (p pair) agree(t *testing.T, status int, body []byte) {
	t.Helper()
	ex, want := exchange(p.c, status, body), exchange(p.oracle, status, body)
	got, explained := p.c.Check(ex, nil), p.oracle.Explain(want, nil)
	plainly := cmp.Transformer("place", func(v contract.Violation) string {
		return v.Rule + " " + v.At + " " +
			v.Level.String()
	})
	if diff := cmp.Diff(explained, got, plainly); diff != "" {
		t.Errorf("status %d, body %q: %s", status, body, diff)
	}
	if diff := cmp.Diff(want.Evaluated, ex.Evaluated); diff != "" {
		t.Errorf("status %d, body %q: rules looked at: %s", status, body, diff)
	}
}

// exampleFiles are the bodies of responses and requests that the documentation shows.
func exampleFiles(t testing.TB) (all [][]byte) {
	t.Helper()
	for _, name := range []string{"invalid-data", "otp-email-onetime", "otp-email"} {
		all = append(all, testkit.ReadResponse(name).Body)
	}
	files, err := filepath.Glob("testdata/examples/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, data)
	}
	return all
}

// mutant changes a response where it hurts: members and items are removed,
// doubled, moved, renamed and replaced by values that are nearly right.
func mutant(rng *rand.Rand, body []byte) []byte {
	var tree any
	if json.Unmarshal(body, &tree) != nil {
		return body
	}
	for range 1 + rng.IntN(2) {
		tree = mutateTree(rng, tree)
	}
	text, err := json.Marshal(tree)
	if err != nil {
		return body
	}
	if rng.IntN(3) == 0 {
		text = garble(rng, text)
	}
	return text
}

// mutateTree changes one value, chosen at random, of a tree.
func mutateTree(rng *rand.Rand, v any) any {
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 || rng.IntN(12) == 0 {
			return odd(rng, v)
		}
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		name := names[rng.IntN(len(names))]
		switch rng.IntN(8) {
		case 0:
			delete(v, name)
		case 1:
			v[oddNames[rng.IntN(len(oddNames))]] = v[name]
		case 2:
			v[name] = odd(rng, v[name])
		default:
			v[name] = mutateTree(rng, v[name])
		}
	case []any:
		if len(v) == 0 || rng.IntN(6) == 0 {
			return odd(rng, v)
		}
		i := rng.IntN(len(v))
		if rng.IntN(5) == 0 {
			return append(v, v[i])
		}
		v[i] = mutateTree(rng, v[i])
	default:
		return odd(rng, v)
	}
	return v
}

var oddNames = []string{"new", "id", "status", "self", "otp.check", "oneTime", "phone", "email", "type",
	"href", "é", "a\nb", "createdAt",
	"error", "code", "message", "details", "publicKeyCredentialRequestOptions", "blockedDevices",
	"usableStatus", "rp", "test"}

var oddStrings = []string{"", "x", "OTP_REQUIRED", "COMPLETED", "FAILED", "ASSERTION_REQUIRED",
	"DEVICE_SELECTION_REQUIRED", "NEW_ONE", "otp_required",
	"_A", "A__B", "A_", "SMS", "2021-11-16T19:35:54.554Z", "2021-11-16T19:35:54Z",
	"2021-11-16T19:35:54.5540Z", "2021-02-29T00:00:00.000Z", "2020-02-29T23:59:60.000Z",
	"2021-11-16T19:35:54.554+00:00", "2021-11-16t19:35:54.554z", "9761c24a-208d-0499-1bf6-39905184a4e1",
	"9761C24A-208D-0499-1BF6-39905184A4E1", "9761c24a-208d-0499-1bf6-39905184a4e",
	"https://auth.pingone.com" + selfPath,
	"https://AUTH.pingone.com:443" + selfPath,
	"https://auth.pingone.eu" + selfPath + "?x=1",
	"http://[::1]/x", "//auth.pingone.com/x", "https:///x", "https://h:x/", "https://u@h/x", "https://h/%41",
	"the-access-token", "\"the-access-token\"", "j****@x.com", "john*@x.com", "+1********50",
	"+14135550150*", "{\"a\":1}", "{\"a\":1,\"a\":2}", "\u00e9", "\\", "/", "\b\f", "INVALID_DATA",
	"NOT_FOUND", "abel@ping.com", "ab**abel@ping.com"}

func odd(rng *rand.Rand, v any) any {
	switch rng.IntN(12) {
	case 0:
		return nil
	case 1:
		return true
	case 2:
		return []any{json.Number("1"), json.Number("1.0"), json.Number("-0"), json.Number("1e5"),
			json.Number("123456789012345678901234567890")}[rng.IntN(5)]
	case 3:
		return map[string]any{}
	case 4:
		return []any{}
	case 5:
		return map[string]any{"id": "ea055ca3-2b5b-4766-9628-95fc03f4ec9b", "type": "SMS", "href": "x",
			"code": "NO_USABLE_DEVICES", "message": "m"}
	case 6:
		if s, ok := v.(string); ok && s != "" {
			i := rng.IntN(len(s))
			return s[:i] + string(rune("aZ0_-.*@:/ é"[rng.IntN(12)])) + s[i+rng.IntN(2):]
		}
	}
	return oddStrings[rng.IntN(len(oddStrings))]
}

// garble changes the text where JSON itself may break, or only looks different.
func garble(rng *rand.Rand, text []byte) []byte {
	i := rng.IntN(len(text))
	inserted := []string{" ", "\n", "\t", ",", "\"", "\\u0041", "\\/", "\x00", "\xff", "\ufeff", "{", "}",
		"[", "]", ":", "0", "\\ud800", "null", "\\\""}
	switch rng.IntN(4) {
	case 0:
		return slices.Concat(text[:i], []byte(inserted[rng.IntN(len(inserted))]), text[i:])
	case 1:
		return slices.Concat(text[:i], text[i+1:])
	case 2:
		return []byte(strings.ReplaceAll(string(text), "/", `\/`))
	default:
		// The first member again: a name twice.
		if at := strings.IndexByte(string(text), ','); at > 0 && text[0] == '{' {
			return slices.Concat(text[:at], []byte(","), text[1:])
		}
		return text
	}
}

func TestAcceptPathAgreesWithExplainPath(t *testing.T) {
	p := newPair(t)
	rng := rand.New(rand.NewPCG(1, 2))
	examples := exampleFiles(t)
	for _, e := range examples {
		for _, status := range []int{200, 201, 302, 400, 401, 403, 404, 418, 429, 500, 502, 503, 504} {
			p.agree(t, status, e)
		}
	}
	for range 20_000 {
		body := mutant(rng, examples[rng.IntN(len(examples))])
		p.agree(t, []int{201, 201, 201, 400, 403, 404, 503}[rng.IntN(7)], body)
		if t.Failed() {
			break
		}
	}
}

func FuzzAcceptPath(f *testing.F) {
	for i, e := range exampleFiles(f) {
		f.Add(uint64(i), 201, e)
		f.Add(uint64(i), 400, e)
	}
	p := newPair(f)
	f.Fuzz(func(t *testing.T, seed uint64, status int, body []byte) {
		p.agree(t, status, body)
		p.agree(t, status, mutant(rand.New(rand.NewPCG(seed, 3)), body))
	})
}

// escapedSlashes is a body as some encoders of JSON write it.
func escapedSlashes(body []byte) []byte { return bytes.ReplaceAll(body, []byte("/"), []byte(`\/`)) }

// A right response with an escape, such as one in a URL, is not decoded byte by byte to
// look for secrets: that took six times as long as the check.
func TestEscapesCostNoCopies(t *testing.T) {
	p := newPair(t)
	body := string(exampleFiles(t)[2])
	for name, test := range map[string]struct {
		body string
		most float64
	}{
		"none":           {body, 0},
		"an ampersand":   {strings.Replace(body, `"EMAIL"`, `"EMAIL", "nickname": "a&b"`, 1), 0},
		"a percent":      {strings.Replace(body, `"EMAIL"`, `"EMAIL", "nickname": "a%20b"`, 1), 1},
		"every slash":    {string(escapedSlashes([]byte(body))), 1},
		"a lone percent": {strings.Replace(body, `"EMAIL"`, `"EMAIL", "nickname": "9 % of"`, 1), 0},
	} {
		ex := exchange(p.c, 201, []byte(test.body))
		if v := p.c.Check(ex, nil); len(v) > 0 {
			t.Fatalf("%s: %v", name, v)
		}
		if got := testing.AllocsPerRun(50, func() { p.c.Check(ex, nil) }); got > test.most {
			t.Errorf("%s: %v allocations, at most %v", name, got, test.most)
		}
	}
}
