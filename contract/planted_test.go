package contract

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"mfaload/internal/testkit"
)

// defects are mistakes that an accept path could have. Each changes a freshly
// built acceptor.
func defects(a *acceptPath) map[string]func(*acceptPath) {
	all := map[string]func(*acceptPath){
		"required members are not missed": func(a *acceptPath) { a.root.required = 0 },
		"references are not followed": func(a *acceptPath) {
			a.headers = slices.DeleteFunc(a.headers,
				func(f *acceptRule) bool { return f.predicate == predicateReference })
		},
		"secrets are not looked for": func(a *acceptPath) { a.secrets = nil },
	}
	for i, ru := range a.headers {
		all["header rule "+ru.Name+" is forgotten"] = func(a *acceptPath) {
			a.headers = slices.Delete(a.headers, i, i+1)
		}
	}
	for i, f := range a.rules {
		all["rule "+f.Name+" is forgotten"] = func(a *acceptPath) { a.rules = slices.Delete(a.rules, i, i+1) }
	}
	for _, way := range []string{"id", "status", "environment", "environment.id", "policy", "policy.id",
		"user", "user.id", "createdAt", "updatedAt",
		"_links", "_links.self", "_links.self.href", "_embedded", "_embedded.devices", "_embedded.devices.*",
		"_embedded.devices.*.id",
		"_embedded.devices.*.type", "selectedDevice", "bypassAllowed"} {
		all["any type will do at "+way] = func(a *acceptPath) { nodeAt(a, way).types = anyType }
		if n := nodeAt(a, way); len(n.texts) > 0 {
			all["any text will do at "+way] = func(a *acceptPath) { nodeAt(a, way).texts = nil }
		}
		if n := nodeAt(a, way); n.required != 0 {
			all["no member is required at "+way] = func(a *acceptPath) { nodeAt(a, way).required = 0 }
		}
		if n := nodeAt(a, way); len(n.choices) > 0 {
			all["no branch has to fit at "+way] = func(a *acceptPath) { nodeAt(a, way).choices = nil }
		}
	}
	return all
}

func nodeAt(a *acceptPath, way string) *acceptNode {
	n := a.root
	for name := range strings.SplitSeq(way, ".") {
		if name == "*" {
			n = n.items
			continue
		}
		n = n.members[slices.IndexFunc(n.members, func(m acceptMember) bool { return m.name == name })].node
	}
	return n
}

// The proof that the accept path is sound is worth something only if it fails
// for an accept path that is not: every planted defect lets a response pass that
// the explain path would not take, and systematic single faults find it.
func TestPlantedDefectsAreFound(t *testing.T) {
	document, err := os.ReadFile("../pingone/contract.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c, err := Compile("contract.yaml", document, nil)
	if err != nil {
		t.Fatal(err)
	}
	sound := c.acceptPath(201)
	corpus := singleFaults(t)
	t.Logf("%d defects, %d answers", len(defects(sound)), len(corpus))
	for name, plant := range defects(sound) {
		broken, why := c.newAcceptPath(201)
		if why != "" {
			t.Fatal(why)
		}
		plant(broken)
		caught := false
		for _, ex := range corpus {
			if passes(c, broken, ex) && len(c.Explain(ex, nil)) > 0 {
				if passes(c, sound, ex) {
					t.Fatalf("the sound accept path takes %s", ex.Body)
				}
				caught = true
				break
			}
		}
		// Where no response of the corpus can break a rule alone, another rule
		// covers for it.
		if caught == covered[name] {
			t.Errorf("%s: found is %v by %d answers", name, caught, len(corpus))
		}
	}
}

// covered are defects that let nothing pass: what they miss breaks another rule
// of the accept path too.
var covered = map[string]bool{
	"any text will do at status":                   true, // status.known
	"any text will do at _embedded.devices.*.type": true, // device.typeKnown
	"any text will do at createdAt":                true, // time.precision
	"any text will do at updatedAt":                true, // time.precision
	"any text will do at environment.id":           true, // echo.environment
	"any text will do at id":                       true, // links.self
	"no member is required at _links":              true, // links.status
	"any type will do at selectedDevice":           true, // selected.form
	"any type will do at user":                     true, // echo.user
	"no member is required at user":                true, // echo.user
}

func passes(c *Contract, a *acceptPath, ex *Exchange) bool {
	r := c.checkers.Get().(*checker)
	defer r.release()
	r.ex, r.response = ex, a.response
	return a.accept(r, &r.scan) == right
}

// singleFaults are responses that differ from a right one in one place.
func singleFaults(t *testing.T) (all []*Exchange) {
	t.Helper()
	values := []any{nil, true, 5.0, "", "x", []any{}, map[string]any{}, []any{5.0},
		"11111111-2222-3333-4444-555555555555", "otp_required", "NEW", "FAILED", "ASSERTION_REQUIRED",
		"DEVICE_SELECTION_REQUIRED", "2001-01-01T00:00:00.000Z", "2031-01-01T00:00:00.000Z",
		"2021-11-16T19:35:54Z", "john@pingidentity.com",
		"https://other.example/abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6" +
			"/deviceAuthentications/03e1897e-33b0-40b9-b54e-68236769b1fa",
		"https://auth.pingone.com/x", "the-access-token"}
	for _, name := range []string{"otp-email", "otp-email-onetime"} {
		text := testkit.ReadResponse(name).Body
		for _, base := range variants(t, text) {
			for _, place := range places(base) {
				for _, v := range append(slices.Clone(values), deleted{}) {
					all = append(all, responseOf(t, change(base, place, v), name))
				}
			}
			for _, extra := range []string{"region", "publicKeyCredentialRequestOptions", "bypassAllowed",
				"error"} {
				with := change(base, []string{extra}, 5.0)
				all = append(all, responseOf(t, with, name),
					responseOf(t, change(base, []string{extra}, "{"), name))
			}
		}
		plainly := func() *Exchange { return responseOf(t, decode(t, text), name) }
		for _, h := range []Fields{{}, {{"Content-Type", "application/json"}},
			{{"Content-Type", "text/html"}, {"Correlation-Id", "x"}},
			{{"Content-Type", "application/json"}, {"Content-Type", "application/json"},
				{"Correlation-Id", "x"}},
			{{"Content-Type", "application/json"}, {"Correlation-Id", "x"}, {"Location", "/elsewhere"}},
			{{"Content-Type", "application/json"}, {"Correlation-Id", "x"}, {"Content-Encoding", "identity"}},
			{{"Content-Type", "application/json"}, {"Correlation-Id", "the-access-token"}}} {
			ex := plainly()
			ex.Header = h
			all = append(all, ex)
		}
		all = append(all, notAsAsked(t, decode(t, text), name)...)
	}
	return all
}

// notAsAsked are right responses to other requests than were sent.
func notAsAsked(t *testing.T, base any, name string) (all []*Exchange) {
	assertion := change(change(base, []string{"status"}, "ASSERTION_REQUIRED"),
		[]string{"publicKeyCredentialRequestOptions"}, `{"rpId":"b.example"}`)
	for fact, tree := range map[string]any{
		"request.selectedDevice.id":               base,
		"request.selectedDevice.oneTime.type":     base,
		"request.selectedDevice.oneTime.testMode": base,
		"request.application.id": change(base, []string{"application"},
			map[string]any{"id": "b"}),
		"request.rp.id": assertion,
	} {
		ex := responseOf(t, tree, name)
		ex.Facts[slices.Index(factNames, fact)] = "a"
		all = append(all, ex)
	}
	return all
}

// variants are right responses of other statuses.
func variants(t *testing.T, text []byte) []any {
	base := decode(t, text)
	links := map[string]any{"self": base.(map[string]any)["_links"].(map[string]any)["self"]}
	all := []any{base}
	for status, extra := range map[string]map[string]any{
		"ASSERTION_REQUIRED": {"publicKeyCredentialRequestOptions": "{}"},
		"FAILED":             {"error": map[string]any{"code": "X", "message": "m"}},
		"COMPLETED":          {},
	} {
		v := change(change(base, []string{"status"}, status), []string{"_links"}, links)
		for name, value := range extra {
			v = change(v, []string{name}, value)
		}
		all = append(all, v)
	}
	policy := change(base, []string{"policy", "id"}, "9761c24a-208d-0499-1bf6-39905184a4e1")
	twice := change(base, []string{"_embedded", "devices"},
		append([]any{}, firstDevice(base), firstDevice(base)))
	return append(all, policy, twice)
}

func firstDevice(v any) any {
	return v.(map[string]any)["_embedded"].(map[string]any)["devices"].([]any)[0]
}

type deleted struct{}

func decode(t *testing.T, text []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// places are the ways to all values of a tree.
func places(v any) (all [][]string) {
	switch v := v.(type) {
	case map[string]any:
		for name, child := range v {
			all = append(all, []string{name})
			for _, p := range places(child) {
				all = append(all, append([]string{name}, p...))
			}
		}
	case []any:
		for i, child := range v {
			for _, p := range places(child) {
				all = append(all, append([]string{fmt.Sprint(i)}, p...))
			}
		}
	}
	return all
}

// change returns a copy of a tree with another value at one place.
func change(v any, place []string, value any) any {
	if len(place) == 0 {
		return value
	}
	switch v := v.(type) {
	case map[string]any:
		c := map[string]any{}
		for name, child := range v {
			c[name] = child
		}
		if _, gone := value.(deleted); gone && len(place) == 1 {
			delete(c, place[0])
			return c
		}
		c[place[0]] = change(v[place[0]], place[1:], value)
		return c
	case []any:
		c := slices.Clone(v)
		i := int(place[0][0] - '0')
		c[i] = change(v[i], place[1:], value)
		return c
	}
	return value
}

func responseOf(t *testing.T, tree any, name string) *Exchange {
	t.Helper()
	body, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	facts := map[string]string{"request.user.id": "788d4931-6936-43f2-82ff-178f5762298a",
		"envID":    "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6",
		"basePath": "/abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6", "origin": "https://auth.pingone.com",
		"token":             "the-access-token",
		"request.policy.id": "9761c24a-208d-0499-1bf6-39905184a4e1"}
	if strings.Contains(name, "onetime") {
		facts["request.user.id"] = "991776fd-145b-499e-8237-2c62aef35b2c"
		facts["origin"] = "https://auth.pingone.eu"
		facts["request.selectedDevice.oneTime.email"] = "john@pingidentity.com"
		delete(facts, "request.policy.id")
	}
	ex := &Exchange{Status: 201, Body: body, Header: Fields{{"Content-Type", "application/json"},
		{"Correlation-Id", "x"}}}
	for _, n := range factNames {
		ex.Facts = append(ex.Facts, facts[n])
	}
	return ex
}

// factNames are those of the embedded contract.
var factNames = func() []string {
	document, err := os.ReadFile("../pingone/contract.yaml")
	if err != nil {
		panic(err)
	}
	c, err := Compile("contract.yaml", document, nil)
	if err != nil {
		panic(err)
	}
	return c.FactNames()
}()
