package pingone_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"mfaload/contract"
	"mfaload/internal/testkit"
	"mfaload/pingone"
)

// outline is the violations as "level rule pointer", each once.
func outline(violations []contract.Violation) []string {
	list := []string{}
	for _, v := range violations {
		list = append(list, fmt.Sprintf("%v %s %s", v.Level, v.Rule, v.Pointer))
	}
	return slices.Compact(list)
}

func (b *mutation) response(t testing.TB) response {
	t.Helper()
	a := b.base(t)
	a.apply(t, b.edits...)
	return a
}

func TestSingleFaults(t *testing.T) {
	c := compile(t)
	table := slices.Concat(mutations(), http2Mutations())
	if len(table) < 100 {
		t.Errorf("the table has %d mutations", len(table))
	}
	for _, b := range table {
		t.Run(b.name, func(t *testing.T) {
			a := b.response(t)
			if diff := cmp.Diff(b.want, outline(c.Check(a.exchange(c), nil))); diff != "" {
				t.Errorf("violations (-want +got):\n%s\nof %s", diff, a.body)
			}
		})
	}
}

// The contract finds in each response of the corpus what stands above it, on both
// paths.
func TestCorpus(t *testing.T) {
	p := newPair(t)
	for _, r := range testkit.Responses() {
		t.Run(r.Name, func(t *testing.T) {
			a := ofCorpus(r)
			for path, found := range map[string][]contract.Violation{
				"check":   p.c.Check(a.exchange(p.c), nil),
				"explain": p.oracle.Explain(a.exchange(p.oracle), nil),
			} {
				if diff := cmp.Diff(r.Expect, outline(found)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", path, diff)
				}
			}
		})
	}
}

// The bases conform, and so do these variants of them.
func TestConforming(t *testing.T) {
	c := compile(t)
	for _, b := range conforming() {
		t.Run(b.name, func(t *testing.T) {
			a := b.response(t)
			if diff := cmp.Diff(b.want, outline(c.Check(a.exchange(c), nil))); diff != "" {
				t.Errorf("violations (-want +got):\n%s\nof %s", diff, a.body)
			}
			for _, want := range b.want {
				if strings.HasPrefix(want, "fail") {
					t.Errorf("%s is no conforming variant", want)
				}
			}
		})
	}
}

// Several faults are all found, and nothing that only follows from them.
func TestSeveralFaults(t *testing.T) {
	c := compile(t)
	for _, b := range severalFaults() {
		t.Run(b.name, func(t *testing.T) {
			a := b.response(t)
			if diff := cmp.Diff(b.want, outline(c.Check(a.exchange(c), nil))); diff != "" {
				t.Errorf("violations (-want +got):\n%s\nof %s", diff, a.body)
			}
		})
	}
}

// Each rule has a mutation that breaks exactly it, and is evaluated by the response
// that breaks it and by one that does not.
func TestEveryRuleHasAMutation(t *testing.T) {
	c := compile(t)
	rules := c.Rules()
	index := map[string]int{}
	for i, ru := range rules {
		index[ru.Name] = i
	}
	broken, kept := map[string]bool{}, map[string]bool{}
	over := one("over HTTP/2", email, "", overHTTP2)
	for _, b := range append(slices.Concat(mutations(), http2Mutations(), conforming()), over) {
		a := b.response(t)
		ex := a.exchange(c)
		found := map[string]bool{}
		for _, v := range c.Check(ex, nil) {
			found[v.Rule] = true
		}
		for name, i := range index {
			switch evaluated := ex.Evaluated[i/64]>>(i%64)&1 == 1; {
			case found[name] && !evaluated:
				t.Errorf("%s: %s is broken but not evaluated", b.name, name)
			case found[name]:
				broken[name] = true
			case evaluated:
				kept[name] = true
			}
		}
	}
	for _, ru := range rules {
		if ru.Name == "expect.refused" || strings.HasPrefix(ru.Name, "run.") {
			continue // tested with the operation, and with the window of a run
		}
		if !broken[ru.Name] {
			t.Errorf("no mutation breaks %s", ru.Name)
		}
		if !kept[ru.Name] {
			t.Errorf("no response is evaluated by %s and keeps it", ru.Name)
		}
	}
}

// A rule counts as evaluated only where the response could have broken it.
func TestEvaluated(t *testing.T) {
	c := compile(t)
	rules := c.Rules()
	for _, tt := range []struct {
		rule     string
		mutation mutation
		want     bool
	}{
		{"links.same", one("", email, ""), true},
		{"links.same", one("self only", failed, ""), false},
		{"links.same", one("a relation with its own URL", failed, "",
			set("/_links/user", href(selfURL+"/user"))), false},
		{"header.location", one("none", email, ""), false},
		{"header.location", one("there", email, "", field("Location", selfURL)), true},
		{"header.location", one("at a refusal", refusal, "", field("Location", "/x")), false},
		{"assertion.options", one("those of PingID desktop", assertion, "",
			drop("/publicKeyCredentialRequestOptions"), set("/pingIdDesktopCredentialRequestOptions", `"x"`)),
			true},
		{"links.same", one("self broken", email, "", set("/_links/self", href(""))), false},
		{"echo.policy", one("", email, ""), true},
		{"echo.policy", one("none sent", oneTime, ""), false},
		{"echo.user", one("not readable", email, "", body("{")), false},
		{"echo.user", one("a refusal", refusal, ""), false},
		{"device.known", one("no IDs", oneTime, ""), false},
		{"device.unique", one("no IDs", oneTime, ""), false},
		{"selected.required", one("", email, ""), true},
		{"selected.required", one("another status", selection, ""), false},
		{"assertion.options", one("", email, ""), false},
		{"failed.error", one("", failed, ""), true},
		{"time.order", one("broken", email, "", set("/updatedAt", `"x"`)), false},
		{"error.known", one("no row", refused(418, "X"), ""), false},
		{"error.body", one("", refusal, ""), true},
		{"error.body", one("nothing promised", refused(502, "X"), ""), false},
		{"header.contentType", one("not ours", refusal, "", body("<p>")), false},
		{"header.retryAfter", one("none", refused(429, "X"), ""), false},
		{"secret.token", one("", email, ""), true},
		{"secret.token", one("no token", email, "", fact("token", "")), false},
		{"http.framing", one("", email, ""), true},
		{"http.framing", one("over HTTP/2", email, "", overHTTP2), false},
		{"http.bodyless", one("over HTTP/2", email, "", overHTTP2), true},
		{"h2.frame", one("", email, ""), false},
		{"h2.frame", one("over HTTP/2", email, "", overHTTP2), true},
		{"expect.refused", one("", refusal, ""), false},
		{"echo.device", one("no device asked for", email, ""), false},
		{"selected.oneTime", one("no one-time device asked for", email, ""), false},
		{"selected.oneTime", one("asked for", oneTime, "",
			fact("request.selectedDevice.oneTime.type", "EMAIL")), true},
		{"test.otp", one("not in test mode", oneTime, "", set("/test", `{"otp":"123456"}`)), false},
		{"assertion.rp", one("no relying party asked for", assertion, "",
			set("/publicKeyCredentialRequestOptions", `"{\"rpId\":\"a.example\"}"`)), false},
		{"assertion.rp", one("none in the options", assertion, "", fact("request.rp.id", "a.example")),
			false},
	} {
		t.Run(tt.rule+" "+tt.mutation.name, func(t *testing.T) {
			a := tt.mutation.response(t)
			ex := a.exchange(c)
			c.Check(ex, nil)
			i := slices.IndexFunc(rules, func(ru contract.Rule) bool { return ru.Name == tt.rule })
			if got := ex.Evaluated[i/64]>>(i%64)&1 == 1; got != tt.want {
				t.Errorf("evaluated: %v, want %v", got, tt.want)
			}
		})
	}
}

// The names are fixed: people script against them.
func TestRuleNames(t *testing.T) {
	want := strings.Fields(`
		http.status http.length http.bodyless http.framing h2.length h2.pseudo h2.fields
		h2.connection h2.order h2.closed h2.idle h2.push h2.hpack h2.settings h2.window h2.frame
		secret.token expect.refused
		header.contentTypeOnce header.contentType header.contentEncoding header.correlationID
		header.retryAfter header.location body.size body.bom body.json body.utf8 body.single body.names
		body.depth body.object error.body shape.required shape.type id.form status.form status.known
		time.form time.precision time.order echo.user echo.environment echo.policy echo.device
		echo.oneTime echo.application links.self links.same links.status links.host device.type
		device.typeKnown device.statusKnown device.masked device.unique device.known selected.required
		selected.form selected.oneTime selected.null selected.masked assertion.options assertion.rp
		test.otp failed.error error.known field.unknown run.id run.body run.crossed run.clock`)
	notes := strings.Fields(`
		header.correlationID header.location status.known time.precision links.host device.typeKnown
		device.statusKnown device.unique echo.application selected.null selected.masked assertion.rp
		test.otp error.known field.unknown run.clock`)
	var names []string
	for _, ru := range compile(t).Rules() {
		names = append(names, ru.Name)
		level := contract.Fail
		if slices.Contains(notes, ru.Name) {
			level = contract.Note
		}
		if ru.Level != level || ru.Description == "" || ru.Source == "" {
			t.Errorf("%+v: want level %v, a description and a source", ru, level)
		}
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}

func TestFactNames(t *testing.T) {
	want := []string{"basePath", "envID", "origin", "request.application.id", "request.policy.id",
		"request.rp.id",
		"request.selectedDevice.id", "request.selectedDevice.oneTime.email",
		"request.selectedDevice.oneTime.phone",
		"request.selectedDevice.oneTime.testMode", "request.selectedDevice.oneTime.type", "request.user.id",
		"token"}
	if diff := cmp.Diff(want, slices.Sorted(slices.Values(compile(t).FactNames()))); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
}

func TestExpectedAndGot(t *testing.T) {
	c := compile(t)
	for _, tt := range []struct {
		mutation      mutation
		at            string
		expected, got string
	}{
		{one("type", email, "", set("/status", "7")), "/status", "string", "number 7"},
		{one("missing", email, "", drop("/policy")), "/policy", "a required member", "nothing"},
		{one("form", email, "", set("/id", `"x"`)), "/id", "36 characters, 8-4-4-4-12 hexadecimal",
			`string "x"`},
		{one("echo", email, "", set("/user/id", `"x"`)), "/user/id", `"788d4931-6936-43f2-82ff-178f5762298a"`,
			`string "x"`},
		{one("item", selection, "", set("/_embedded/devices/1/type", `"totp"`)), "/_embedded/devices/1/type",
			"upper-case words joined by _", `string "totp"`},
		{one("e-mail", email, "", set("/_embedded/devices/0/email", `"john@example.com"`)),
			"/_embedded/devices/0/email",
			"masked with *, without the full local part or number", `string "j***@***"`},
		{one("phone", email, "", set("/_embedded/devices/0/phone", `"+14135550150"`)),
			"/_embedded/devices/0/phone",
			"masked with *, without the full local part or number", `string "***"`},
		{one("otp", email, "", set("/test", `{"otp":["123456"]}`)), "/test/otp", "string or number",
			"array of 1"},
		{one("unknown otp", email, "", set("/otp", `"123456"`)), "/otp", "a member that the contract names",
			"string ***"},
		{one("token", email, "", set("/user/id", `"`+token+`"`)), "/user/id",
			`"788d4931-6936-43f2-82ff-178f5762298a"`, `string "***"`},
		{one("empty", email, "", body("")), "", "a JSON text", "an empty body"},
		{one("status", email, "", status(302)), "", "the HTTP status is 201, a 4xx or a 5xx",
			"HTTP status 302"},
		{one("page", refusal, "", body("<p>"+token)), "", "an object with id or code", `"<p>***"`},
		{one("header", email, "", field("Content-Type", "text/html")), "Content-Type",
			"application/json or application/hal+json", `"text/html"`},
	} {
		t.Run(tt.mutation.name, func(t *testing.T) {
			a := tt.mutation.response(t)
			found := c.Check(a.exchange(c), nil)
			i := slices.IndexFunc(found, func(v contract.Violation) bool {
				return v.At == tt.at &&
					v.Rule != "secret.token"
			})
			if i < 0 {
				t.Fatalf("no violation at %q: %v", tt.at, found)
			}
			if diff := cmp.Diff([]string{tt.expected, tt.got},
				[]string{found[i].Expected, found[i].Got}); diff != "" {
				t.Errorf("expected and got (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLevelsOfTheContract(t *testing.T) {
	off := func(rule string) contract.RuleLevel {
		return contract.RuleLevel{Rule: rule, Level: contract.Off}
	}
	for _, tt := range []struct {
		name     string
		levels   []contract.RuleLevel
		mutation mutation
		want     []string
	}{
		{"a rule off", []contract.RuleLevel{off("echo.user")}, one("", email, "", set("/user/id", other)),
			[]string{}},
		{"a family off", []contract.RuleLevel{off("links.*")},
			one("", email, "", set("/_links", `{"self":{"href":""}}`)), []string{}},
		{"names off", []contract.RuleLevel{off("body.names")},
			one("", email, "", swap(`"OTP_REQUIRED",`, `"x","status":"OTP_REQUIRED",`)), []string{}},
		{"byte-order mark off", []contract.RuleLevel{off("body.bom")},
			one("", email, "", before("\xef\xbb\xbf")), []string{}},
		{"error body off", []contract.RuleLevel{off("error.body")}, one("", refusal, "", body("<p>")),
			[]string{}},
		{"a note to fail", []contract.RuleLevel{{Rule: "status.known", Level: contract.Fail}},
			one("", email, "", set("/status", `"NEW"`)), []string{"fail status.known /status"}},
		{"the last change wins", []contract.RuleLevel{off("id.form"), {Rule: "id.*", Level: contract.Note}},
			one("", email, "", set("/policy/id", `"x"`), fact("request.policy.id", "")),
			[]string{"note id.form /policy/id"}},
		{"a keyword that no schema has", []contract.RuleLevel{off("shape.maxLength")}, one("", email, ""),
			[]string{}},
		{"all of the shape off", []contract.RuleLevel{off("shape.*")},
			one("", email, "", set("/bypassAllowed", "1")), []string{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := compile(t, tt.levels...)
			a := tt.mutation.response(t)
			ex := a.exchange(c)
			if diff := cmp.Diff(tt.want, outline(c.Check(ex, nil))); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
			for i, ru := range c.Rules() {
				if ru.Level == contract.Off && ex.Evaluated[i/64]>>(i%64)&1 == 1 {
					t.Errorf("%s is off but evaluated", ru.Name)
				}
			}
		})
	}
}

// Nothing of a response comes back with many places: one rule at one pointer is
// reported 100 times at most.
func TestBoundedReports(t *testing.T) {
	c := compile(t)
	a := email(t)
	a.apply(t, set("/_embedded/devices", "["+strings.Repeat("1,", 9_000)+"1]"))
	if n := len(c.Check(a.exchange(c), nil)); n != 100 {
		t.Errorf("%d violations, want 100", n)
	}
	a = email(t)
	a.body = []byte("{")
	for i := range 9_000 {
		a.body = fmt.Appendf(a.body, `"a%c%c%c":1,`, 'a'+i%26, 'a'+i/26%26, 'a'+i/676)
	}
	a.body = append(a.body, `"z":1}`...)
	if n := len(c.Check(a.exchange(c), nil)); n > 1000 {
		t.Errorf("%d violations, want at most 1000", n)
	}
}

// Numbers of few bytes must not cost much time or memory, nor panic.
func TestHugeNumbers(t *testing.T) {
	c := compile(t)
	for _, n := range []string{"1e999999999", "-1e999999999", "1e-999999999", "0e999999999",
		strings.Repeat("9", 500_000), "1" + strings.Repeat("0", 40) + ".5"} {
		a := email(t)
		a.apply(t, set("/test", `{"otp":1}`), set("/createdAt", "0"))
		a.body = []byte(strings.NewReplacer(`"otp":1`, `"otp":`+n, `"createdAt":0`,
			`"createdAt":`+n).Replace(string(a.body)))
		if diff := cmp.Diff([]string{"fail shape.type /createdAt"},
			outline(c.Check(a.exchange(c), nil))); diff != "" {
			t.Errorf("%.20s (-want +got):\n%s", n, diff)
		}
	}
}

// The document's own examples are those of the service's documentation.
func TestDocumentExamples(t *testing.T) {
	var doc struct {
		Components struct {
			Examples map[string]struct{ Value map[string]any }
		}
	}
	if err := yaml.Unmarshal(pingone.Document(), &doc); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]string{"Email": "otp-email", "OneTimeEmail": "otp-email-onetime",
		"InvalidData": "invalid-data"} {
		var want map[string]any
		if err := json.Unmarshal(testkit.ReadResponse(file).Body, &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, doc.Components.Examples[name].Value); diff != "" {
			t.Errorf("example %s (-%s +contract.yaml):\n%s", name, file, diff)
		}
	}
}

// Every member of a response says what it is and where that is documented.
func TestDescriptions(t *testing.T) {
	var doc struct {
		Components struct{ Schemas map[string]any }
	}
	if err := yaml.Unmarshal(pingone.Document(), &doc); err != nil {
		t.Fatal(err)
	}
	marked := regexp.MustCompile(`\[[SDOI]\]\s*$`)
	var walk func(at string, v any)
	walk = func(at string, v any) {
		schema, _ := v.(map[string]any)
		for name, value := range schema {
			walk(at+"/"+name, value)
		}
		properties, _ := schema["properties"].(map[string]any)
		for name, value := range properties {
			member, _ := value.(map[string]any)
			if text, _ := member["description"].(string); !marked.MatchString(text) {
				t.Errorf("%s/properties/%s: description %q has no mark of its source", at, name, text)
			}
		}
	}
	for name, schema := range doc.Components.Schemas {
		walk(name, schema)
	}
}

// Checks share a contract without disturbing each other.
func TestConcurrentChecks(t *testing.T) {
	c := compile(t)
	table := mutations()
	for worker := range 4 {
		t.Run(fmt.Sprint("worker ", worker), func(t *testing.T) {
			t.Parallel()
			for i := range table {
				b := &table[(i*(worker+3))%len(table)]
				a := b.response(t)
				if diff := cmp.Diff(b.want, outline(c.Check(a.exchange(c), nil))); diff != "" {
					t.Errorf("%s (-want +got):\n%s", b.name, diff)
				}
			}
		})
	}
}

func FuzzCheck(f *testing.F) {
	c := compile(f)
	for _, b := range slices.Concat(mutations(), conforming(), severalFaults()) {
		a := b.response(f)
		contentType, _ := a.header.Get("Content-Type")
		f.Add(a.status, a.body, contentType, "X-Echo", token, a.cut)
	}
	f.Fuzz(func(t *testing.T, status int, body []byte, contentType, name, value string, cut bool) {
		a := email(t)
		a.status, a.body, a.cut = status, body, cut
		a.header = contract.Fields{{Name: "Content-Type", Value: contentType}, {Name: name, Value: value}}
		ex := a.exchange(c)
		kept := contract.Violation{Rule: "kept"}
		found := c.Check(ex, []contract.Violation{kept})
		if found[0] != kept {
			t.Error("what was in dst is gone")
		}
		checkViolations(t, c, ex, found[1:])
	})
}

// checkViolations demands what holds for any response.
func checkViolations(t *testing.T, c *contract.Contract, ex *contract.Exchange, found []contract.Violation) {
	levels, index := map[string]contract.Level{}, map[string]int{}
	for i, ru := range c.Rules() {
		levels[ru.Name], index[ru.Name] = ru.Level, i
	}
	for i, v := range found {
		if v.Level != levels[v.Rule] || v.Level == contract.Off {
			t.Errorf("%s has the level %v, the rule %v", v.Rule, v.Level, levels[v.Rule])
		}
		if ex.Evaluated[index[v.Rule]/64]>>(index[v.Rule]%64)&1 == 0 {
			t.Errorf("%s is broken but not evaluated", v.Rule)
		}
		if i > 0 && (v.Pointer < found[i-1].Pointer ||
			v.Pointer == found[i-1].Pointer && v.Rule < found[i-1].Rule) {
			t.Errorf("%v comes after %v", v, found[i-1])
		}
		if len(v.Pointer) > 500 || len(v.At) > 600 {
			t.Errorf("pointer of %d bytes, place of %d", len(v.Pointer), len(v.At))
		}
		if index := regexp.MustCompile(`/[0-9]+(/|$)`); index.MatchString(v.Pointer) {
			t.Errorf("index in the pointer %s", v.Pointer)
		}
		for _, text := range []string{v.Expected, v.Got, v.Pointer, v.At} {
			if !utf8.ValidString(text) || strings.Contains(text, token) {
				t.Errorf("%q is not UTF-8 or shows the token", text)
			}
		}
		if utf8.RuneCountInString(v.Expected) > 120 || utf8.RuneCountInString(v.Got) > 120 ||
			v.Expected == "" || v.Got == "" {
			t.Errorf("expected %q, got %q", v.Expected, v.Got)
		}
	}
}
