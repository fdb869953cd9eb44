package check_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"

	"mfaload/scenario"
	"mfaload/simulator"
)

// that is written from the documentation, and knows nothing of what is generated.
type mutant struct {
	class, name string
	faults      []scenario.Fault
	hook        func() hook // new for each service; nil for none
}

// call is a request on its way to the simulator, and reply what comes back.
type call struct {
	*http.Request
	body []byte
	json any // nil where it is no JSON
}

type reply struct {
	status int
	header http.Header
	body   []byte
}

type hook func(c *call, next func(*call) *reply) *reply

// service wraps a hook around the simulator.
func service(h hook) func(http.Handler) http.Handler {
	return func(sim http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			a := h(newCall(r, body), func(c *call) *reply {
				inner := c.Request.Clone(c.Context())
				inner.Body, inner.ContentLength = io.NopCloser(bytes.NewReader(c.body)), int64(len(c.body))
				out := httptest.NewRecorder()
				sim.ServeHTTP(out, inner)
				return &reply{out.Code, out.Header(), out.Body.Bytes()}
			})
			a.write(w)
		})
	}
}

func (a *reply) write(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

func newCall(r *http.Request, body []byte) *call {
	c := &call{Request: r, body: body}
	_ = json.Unmarshal(body, &c.json)
	return c
}

// at is the value at a path, and whether there is one.
func (c *call) at(path string) (v any, has bool) {
	v = c.json
	for name := range strings.SplitSeq(path, ".") {
		object, is := v.(map[string]any)
		if v, has = object[name]; !is || !has {
			return nil, false
		}
	}
	return v, true
}

// instead is the call with a body, and as it should be otherwise.
func (c *call) instead(body string) *call {
	r := c.Request.Clone(c.Context())
	r.Method, r.URL.Path, r.Header = "POST", "/"+envID+"/deviceAuthentications", http.Header{}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer the-access-token")
	return newCall(r, []byte(body))
}

// plain is the call with the smallest valid body for the same user.
func (c *call) plain() *call {
	id, _ := c.at("user.id")
	user, is := id.(string)
	if !is || !isPlainID(user) || strings.HasPrefix(user, "00000000") {
		user = ownUser
	}
	return c.instead(`{"user":{"id":"` + user + `"}}`)
}

// accepts are mutants that take a request which has something wrong.
func accepts(class, name string, wrong func(c *call) bool) mutant {
	return mutant{class: class, name: name, hook: func() hook {
		return func(c *call, next func(*call) *reply) *reply {
			a := next(c)
			if c.Method == "POST" && a.status/100 == 4 && a.status != 401 && a.status != 403 && wrong(c) {
				return next(c.plain())
			}
			return a
		}
	}}
}

// changes are mutants that change some replies.
func changes(class, name string, change func(c *call, a *reply) *reply) mutant {
	return mutant{class: class, name: name, hook: func() hook {
		return func(c *call, next func(*call) *reply) *reply { return change(c, next(c)) }
	}}
}

// text is the string at a path.
func (c *call) text(path string) string {
	v, _ := c.at(path)
	s, _ := v.(string)
	return s
}

// refusal is a refusal of the platform's form.
func refusal(status int, code, detail, target string) *reply {
	details := ""
	if detail != "" {
		details = fmt.Sprintf(`,"details":[{"code":%q,"message":"m","target":%q}]`, detail, target)
	}
	return &reply{status, http.Header{"Content-Type": {"application/json"}, "Correlation-Id": {"c"}},
		fmt.Appendf(nil, `{"id":"6c796712-0f16-4062-815a-e0a92f4a2143","code":%q,"message":"m"%s}`, code,
			details)}
}

// kinds are the members of a request with their JSON type, written down from the documentation.
var kinds = map[string]string{"user": "object", "user.id": "string", "policy": "object",
	"policy.id":      "string",
	"selectedDevice": "object", "selectedDevice.id": "string", "selectedDevice.oneTime": "object",
	"selectedDevice.oneTime.type": "string", "selectedDevice.oneTime.email": "string",
	"selectedDevice.oneTime.phone": "string", "selectedDevice.oneTime.testMode": "boolean",
	"notification": "object", "notification.template": "object", "notification.template.name": "string",
	"notification.template.variant": "string", "notification.template.locale": "string",
	"notification.template.variables": "object", "application": "object", "application.id": "string",
	"mobilePayload": "string", "rp": "object", "rp.id": "string"}

func kindOf(v any) string {
	switch v.(type) {
	case string:
		return "string"
	case float64:
		return "number"
	case bool:
		return "boolean"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return "null"
}

var ids = []string{"user.id", "policy.id", "selectedDevice.id", "application.id"}

func isPlainID(s string) bool {
	parts := strings.Split(s, "-")
	return len(s) == 36 && len(parts) == 5 && strings.Trim(s, "0123456789abcdefABCDEF-") == ""
}

// fleet is all mutants.
func fleet() (all []mutant) {
	all = slices.Concat(faultMutants(), validationMutants(), parserMutants(), limitMutants(),
		refusingMutants(),
		replyMutants(), sideEffectMutants(), tokenMutants(), existenceMutants(), assignmentMutants(),
		echoMutants(), hiddenMutants(), readingMutants())
	return append(all, combined(all)...)
}

func faultMutants() (all []mutant) {
	for _, f := range simulator.Faults() {
		for _, share := range []float64{1, 0.2} {
			if f.Name == "answer.slow" && share < 1 || f.Name == "header.retryAfter" {
				continue // a service that limits no rate has no Retry-After
			}
			all = append(all, mutant{class: "fault of a response", name: fmt.Sprintf("%s in %v%%", f.Name,
				share*100),
				faults: []scenario.Fault{{Name: f.Name, Share: share}}})
		}
	}
	return all
}

// combined are pairs of mutants with hooks, by chance.
func combined(all []mutant) (pairs []mutant) {
	hooked := slices.DeleteFunc(slices.Clone(all), func(m mutant) bool { return m.hook == nil })
	random := rand.New(rand.NewPCG(1, 1))
	for range 60 {
		a, b := hooked[random.IntN(len(hooked))], hooked[random.IntN(len(hooked))]
		pairs = append(pairs, mutant{class: "combination", name: a.name + " and " + b.name,
			hook: func() hook {
				inner, outer := a.hook(), b.hook()
				return func(c *call, next func(*call) *reply) *reply {
					return outer(c, func(c *call) *reply { return inner(c, next) })
				}
			}})
	}
	return pairs
}
