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
	"sync"
	"time"

	"mfaload/scenario"
	"mfaload/simulator"
)

// mutant is a service with a defect: the simulator with a fault of its own, or with a hook around it
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
			maps.Copy(w.Header(), a.header)
			w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
			w.WriteHeader(a.status)
			_, _ = w.Write(a.body)
		})
	}
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
	if !is || len(user) != 36 || strings.HasPrefix(user, "00000000") {
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

// text is the string at a path.
func (c *call) text(path string) string {
	v, _ := c.at(path)
	s, _ := v.(string)
	return s
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

func validationMutants() (all []mutant) {
	for _, path := range slices.Sorted(maps.Keys(kinds)) {
		all = append(all,
			accepts("validation left out", path+" of any type", func(c *call) bool {
				v, has := c.at(path)
				return has && kindOf(v) != kinds[path] && v != nil
			}),
			accepts("validation left out", path+" null", func(c *call) bool {
				v, has := c.at(path)
				return has && v == nil
			}))
		if kinds[path] == "string" {
			all = append(all, accepts("validation left out", path+" a number for a text", func(c *call) bool {
				v, _ := c.at(path)
				return kindOf(v) == "number"
			}))
		}
	}
	for _, path := range ids {
		all = append(all, accepts("validation left out", path+" in any form", func(c *call) bool {
			v, _ := c.at(path)
			return kindOf(v) == "string" && !isPlainID(c.text(path))
		}))
	}
	for _, path := range []string{"user.id", "policy.id", "selectedDevice.oneTime.type"} {
		above := path[:strings.LastIndexByte(path, '.')]
		all = append(all, accepts("validation left out", path+" missing", func(c *call) bool {
			v, _ := c.at(above)
			_, has := c.at(path)
			return kindOf(v) == "object" && !has
		}))
	}
	for _, kind := range []string{"EMAIL", "SMS", "VOICE"} {
		all = append(all, accepts("validation left out", kind+" without an address", func(c *call) bool {
			_, mail := c.at("selectedDevice.oneTime.email")
			_, phone := c.at("selectedDevice.oneTime.phone")
			return c.text("selectedDevice.oneTime.type") == kind && !mail && !phone
		}))
	}
	return append(all,
		accepts("validation left out", "a selected device without anything", func(c *call) bool {
			v, _ := c.at("selectedDevice")
			device, is := v.(map[string]any)
			return is && len(device) == 0
		}),
		accepts("validation left out", "any type of one-time device", func(c *call) bool {
			v, has := c.at("selectedDevice.oneTime.type")
			return has && kindOf(v) == "string" && !slices.Contains([]string{"EMAIL", "SMS", "VOICE"},
				v.(string))
		}),
		accepts("validation left out", "any address", func(c *call) bool {
			return c.text("selectedDevice.oneTime.email") != ""
		}),
		accepts("validation left out", "an empty address", func(c *call) bool {
			v, has := c.at("selectedDevice.oneTime.email")
			return has && v == ""
		}),
		accepts("validation left out", "any number", func(c *call) bool {
			return c.text("selectedDevice.oneTime.phone") != ""
		}),
		accepts("validation left out", "an unknown user", func(c *call) bool {
			return isPlainID(c.text("user.id")) && strings.HasPrefix(c.text("user.id"), "00000000")
		}),
		accepts("validation left out", "an unknown policy", func(c *call) bool {
			return isPlainID(c.text("policy.id")) && strings.HasPrefix(c.text("policy.id"), "00000000")
		}),
		accepts("validation left out", "an unknown device", func(c *call) bool {
			return isPlainID(c.text("selectedDevice.id"))
		}))
}

// parserMutants read JSON as libraries do that are set up to forgive.
func parserMutants() []mutant {
	broken := func(name string, wrong func(c *call) bool) mutant {
		return accepts("forgiving parser", name, func(c *call) bool { return c.json == nil && wrong(c) })
	}
	has := func(text string) func(c *call) bool {
		return func(c *call) bool { return bytes.Contains(c.body, []byte(text)) }
	}
	whole := func(c *call) []byte { return bytes.TrimSpace(c.body) }
	return []mutant{
		broken("a trailing comma", has(",}")), broken("comments", has("/*")), broken("single quotes",
			has("'user'")),
		broken("names without quotes", has("{user:")), broken("NaN", has("NaN")), broken("leading zeros",
			has(":01")),
		broken("tokens after the value", func(c *call) bool {
			d := json.NewDecoder(bytes.NewReader(c.body))
			var v map[string]any
			return d.Decode(&v) == nil && d.InputOffset() < int64(len(c.body))
		}),
		broken("an empty body", func(c *call) bool { return len(whole(c)) == 0 }),
		broken("a body that is cut off", func(c *call) bool {
			return bytes.HasPrefix(c.body, []byte(`{"user"`)) && !bytes.HasSuffix(c.body, []byte("}}"))
		}),
		broken("control characters", has("\x01")), broken("unknown escapes", has(`\x`)),
		broken("a zero byte at the end", func(c *call) bool { return bytes.HasSuffix(c.body, []byte{0}) }),
		broken("any text", func(c *call) bool { return true }),
		broken("XML", has("<user")), broken("a form", has("user.id=")),
		broken("UTF-16", has("{\x00")), broken("a byte-order mark", has("\ufeff")),
		accepts("forgiving parser", "overlong UTF-8", has("\xc0\xb7")),
		accepts("forgiving parser", "bytes that are no UTF-8", has("\xff")),
		accepts("forgiving parser", "half a surrogate pair", has(`\ud800`)),
		accepts("forgiving parser", "a value in an array of one", func(c *call) bool {
			for path := range kinds {
				if v, _ := c.at(path); kindOf(v) == "array" && len(v.([]any)) == 1 {
					return true
				}
			}
			list, is := c.json.([]any)
			return is && len(list) == 1
		}),
		accepts("forgiving parser", "an empty array for nothing", func(c *call) bool {
			list, is := c.json.([]any)
			return is && len(list) == 0
		}),
		accepts("forgiving parser", "null for a body", has("null")),
		accepts("forgiving parser", "a text for a body",
			func(c *call) bool { return kindOf(c.json) == "string" }),
		accepts("forgiving parser", "a number for a body",
			func(c *call) bool { return kindOf(c.json) == "number" }),
		accepts("forgiving parser", "a name twice", func(c *call) bool {
			return strings.Count(string(c.body), `"user":`) > 1 || strings.Count(string(c.body),
				`"policy":`) > 1 ||
				strings.Count(string(c.body), `"id":`) > strings.Count(string(c.body), `{"id":`)+1 ||
				strings.Count(string(c.body), `"type":`) > 1
		}),
		accepts("forgiving parser", "an object inside an object of its name", func(c *call) bool {
			_, nested := c.at("user.id.id")
			return nested
		}),
	}
}

func limitMutants() (all []mutant) {
	for _, path := range ids {
		form := func(name string, is func(s string) bool) {
			all = append(all, accepts("a limit is off", path+" "+name, func(c *call) bool {
				s := c.text(path)
				return s != "" && !isPlainID(s) && is(s)
			}))
		}
		form("one character shorter", func(s string) bool {
			return len(s) == 35 && strings.Count(s,
				"-") == 4
		})
		form("one character longer", func(s string) bool {
			return len(s) == 37 && isPlainID(s[:36]) &&
				s[36] != '\n'
		})
		form("without hyphens", func(s string) bool { return len(s) == 32 })
		form("in braces", func(s string) bool { return s[0] == '{' })
		form("with a line end", func(s string) bool { return strings.HasSuffix(s, "\n") })
		form("with a space", func(s string) bool { return s[0] == ' ' })
		form("with letters beyond f", func(s string) bool {
			return len(s) == 36 && strings.ContainsAny(s,
				"gG")
		})
		all = append(all, changes("a limit is off", path+" in upper case refused", func(c *call,
			a *reply) *reply {
			if s := c.text(path); a.status == 201 && s == strings.ToUpper(s) && strings.ToLower(s) != s {
				return refusal(400, "INVALID_DATA", "INVALID_VALUE", path)
			}
			return a
		}))
	}
	long := func(name string, limit int) mutant {
		return changes("a limit is off", name, func(c *call, a *reply) *reply {
			if n := len(c.Header.Get("X-Filler")); n > limit && a.status == 201 {
				return refusal(431, "INVALID_REQUEST", "", "")
			}
			return a
		})
	}
	return append(all, long("header fields up to 2 KB", 2048), long("header fields up to 3 KB", 3000),
		accepts("a limit is off", "header fields up to 8 KB", func(c *call) bool {
			n := len(c.Header.Get("X-Filler"))
			return n > 6000 && n < 8192
		}),
		accepts("a limit is off", "header fields of any length", func(c *call) bool {
			return len(c.Header.Get("X-Filler")) > 6000
		}),
		accepts("a limit is off", "types of devices in lower case", func(c *call) bool {
			s := c.text("selectedDevice.oneTime.type")
			return s != "" && s == strings.ToLower(s)
		}),
		accepts("a limit is off", "a type of device that is not documented", func(c *call) bool {
			s := c.text("selectedDevice.oneTime.type")
			return s != "" && s == strings.ToUpper(s) && s == strings.TrimSpace(s)
		}),
		accepts("a limit is off", "a type of device with a space", func(c *call) bool {
			return strings.HasSuffix(c.text("selectedDevice.oneTime.type"), " ")
		}))
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

// refusingMutants refuse what is valid.
func refusingMutants() (all []mutant) {
	refuses := func(name string, valid func(c *call) bool) {
		all = append(all, changes("valid requests refused", name, func(c *call, a *reply) *reply {
			if a.status == 201 && valid(c) {
				return refusal(400, "INVALID_DATA", "INVALID_VALUE", "user.id")
			}
			return a
		}))
	}
	for _, path := range slices.Sorted(maps.Keys(kinds)) {
		if path == "user" || path == "user.id" || strings.HasPrefix(path, "rp") || path == "mobilePayload" ||
			strings.HasPrefix(path, "notification.template.") && kinds[path] == "string" {
			continue // those may be refused: what they name is not there
		}
		refuses("any "+path, func(c *call) bool { _, has := c.at(path); return has })
	}
	for _, kind := range []string{"EMAIL", "SMS", "VOICE"} {
		refuses("one-time devices of type "+kind, func(c *call) bool {
			return c.text("selectedDevice.oneTime.type") == kind
		})
	}
	both := func(a, b string) func(c *call) bool {
		return func(c *call) bool {
			_, first := c.at(a)
			_, second := c.at(b)
			return first && second
		}
	}
	refuses("a policy with a device", both("policy", "selectedDevice"))
	refuses("a policy with a notification", both("policy", "notification"))
	refuses("a policy with an application", both("policy", "application"))
	refuses("a device with an application", both("selectedDevice", "application"))
	refuses("a device with a notification", both("selectedDevice", "notification"))
	refuses("testMode true", func(c *call) bool {
		v,
			_ := c.at("selectedDevice.oneTime.testMode")
		return v == true
	})
	refuses("testMode false", func(c *call) bool {
		v,
			_ := c.at("selectedDevice.oneTime.testMode")
		return v == false
	})
	refuses("a plus in an address",
		func(c *call) bool { return strings.Contains(c.text("selectedDevice.oneTime.email"), "+") })
	refuses("a dot in a number",
		func(c *call) bool { return strings.Contains(c.text("selectedDevice.oneTime.phone"), ".") })
	refuses("escapes", func(c *call) bool { return bytes.Contains(c.body, []byte(`\u00`)) })
	refuses("white space", func(c *call) bool { return bytes.ContainsAny(c.body[:1], " \r\n\t") })
	refuses("user as a later member", func(c *call) bool {
		return !bytes.HasPrefix(bytes.TrimSpace(c.body),
			[]byte(`{"user"`)) && len(c.body) > 2 && bytes.HasPrefix(c.body, []byte(`{"`)) &&
			!bytes.HasPrefix(c.body, []byte(`{"\`))
	})
	refuses("beyond ASCII", func(c *call) bool {
		return strings.ContainsFunc(string(c.body),
			func(r rune) bool { return r > 127 })
	})
	refuses("a charset", func(c *call) bool {
		return strings.Contains(c.Header.Get("Content-Type"),
			"charset")
	})
	refuses("a media type in upper case",
		func(c *call) bool { return strings.Contains(c.Header.Get("Content-Type"), "JSON") })
	refuses("Accept */*", func(c *call) bool { return c.Header.Get("Accept") == "*/*" })
	refuses("Accept hal+json", func(c *call) bool {
		return strings.Contains(c.Header.Get("Accept"),
			"hal+json")
	})
	refuses("a transaction ID",
		func(c *call) bool { return c.Header.Get("X-Ping-External-Transaction-ID") != "" })
	refuses("a session ID", func(c *call) bool { return c.Header.Get("X-Ping-External-Session-ID") != "" })
	return all
}

// causes are why the documented service refuses, told by its reply.
var causes = map[string]func(c *call, a *reply) bool{
	"a bad token":       func(_ *call, a *reply) bool { return a.status == 401 },
	"a bad environment": func(_ *call, a *reply) bool { return a.status == 403 },
	"an unknown user": func(c *call, a *reply) bool {
		return a.status == 404 &&
			isPlainID(c.text("user.id"))
	},
	"a bad path": func(c *call, a *reply) bool {
		return a.status == 404 &&
			!strings.HasSuffix(c.URL.Path, "/deviceAuthentications")
	},
	"a bad method":       func(_ *call, a *reply) bool { return a.status == 405 },
	"a bad content type": func(_ *call, a *reply) bool { return a.status == 415 },
	"bad JSON": func(_ *call, a *reply) bool {
		return a.status == 400 && bytes.Contains(a.body,
			[]byte("INVALID_REQUEST"))
	},
	"a bad member": func(_ *call, a *reply) bool {
		return a.status == 400 && bytes.Contains(a.body,
			[]byte("INVALID_VALUE"))
	},
	"a missing member": func(_ *call, a *reply) bool {
		return bytes.Contains(a.body,
			[]byte("REQUIRED_VALUE"))
	},
}

// replyMutants refuse for the right cause in a wrong way.
func replyMutants() (all []mutant) {
	edit := func(old, with string) func(*reply) *reply {
		return func(a *reply) *reply {
			a.body = bytes.ReplaceAll(a.body, []byte(old), []byte(with))
			return a
		}
	}
	status := func(n int) func(*reply) *reply { return func(a *reply) *reply { a.status = n; return a } }
	ways := []struct {
		name string
		bend func(*reply) *reply
	}{
		{"HTTP status 500", status(500)}, {"HTTP status 503", status(503)}, {"HTTP status 200", status(200)},
		{"HTTP status 302", status(302)}, {"HTTP status 409", status(409)},
		{"a page", func(a *reply) *reply {
			a.header.Set("Content-Type", "text/html")
			a.body = []byte("<html><body>Error</body></html>")
			return a
		}},
		{"no body", func(a *reply) *reply { a.body = nil; return a }},
		{"no code", edit(`"code"`, `"kode"`)}, {"no message", edit(`"message"`, `"text"`)},
		{"an unknown member", edit(`"message"`, `"region":"EU","message"`)},
		{"text/plain", func(a *reply) *reply { a.header.Set("Content-Type", "text/plain"); return a }},
		{"a stack trace", edit(`"message":"`,
			`"message":"com.fasterxml.jackson.databind.JsonMappingException: `)},
		{"a body that is cut off", func(a *reply) *reply { a.body = a.body[:len(a.body)-1]; return a }},
	}
	for _, cause := range slices.Sorted(maps.Keys(causes)) {
		for _, way := range ways {
			all = append(all, changes("refused in a wrong way", cause+": "+way.name, func(c *call,
				a *reply) *reply {
				if causes[cause](c, a) {
					return way.bend(a)
				}
				return a
			}))
		}
	}
	for _, path := range slices.Sorted(maps.Keys(kinds)) {
		target := []byte(`"target":"` + path + `"`)
		all = append(all, changes("refused in a wrong way", "another target than "+path, func(_ *call,
			a *reply) *reply {
			if a.status == 400 {
				a.body = bytes.Replace(a.body, target, []byte(`"target":"mfa"`), 1)
			}
			return a
		}))
	}
	return all
}

// sideEffectMutants refuse and leave a transaction.
func sideEffectMutants() (all []mutant) {
	leaves := func(name string, when func(c *call, a *reply) bool, location bool) {
		all = append(all, mutant{class: "side effect", name: name, hook: func() hook {
			var mu sync.Mutex
			left := map[string]*reply{}
			return func(c *call, next func(*call) *reply) *reply {
				mu.Lock()
				known := left[c.URL.Path[strings.LastIndexByte(c.URL.Path, '/')+1:]]
				mu.Unlock()
				if c.Method == "GET" && known != nil {
					return &reply{200, known.header.Clone(), known.body}
				}
				a := next(c)
				if c.Method != "POST" || a.status/100 != 4 || !when(c, a) {
					return a
				}
				var e struct{ ID string }
				_ = json.Unmarshal(a.body, &e)
				created := next(c.plain())
				if location {
					e.ID = "11111111-2222-4333-8444-555555555555"
					a.header.Set("Location", c.URL.Path+"/"+e.ID)
				}
				mu.Lock()
				left[e.ID] = created
				mu.Unlock()
				return a
			}
		}})
	}
	for _, cause := range []string{"an unknown user", "a bad content type", "bad JSON", "a bad member",
		"a missing member"} {
		leaves(cause, causes[cause], false)
		leaves(cause+", named by Location", causes[cause], true)
	}
	for _, path := range slices.Sorted(maps.Keys(kinds)) {
		leaves("a wrong "+path, func(_ *call, a *reply) bool {
			return bytes.Contains(a.body, []byte(`"target":"`+path+`"`))
		}, false)
	}
	return all
}

// tokenMutants do not look at tokens as they should.
func tokenMutants() (all []mutant) {
	authorization := func(name string, takes func(c *call, value string) bool) {
		all = append(all, mutant{class: "authorization", name: name, hook: func() hook {
			return func(c *call, next func(*call) *reply) *reply {
				if takes(c, c.Header.Get("Authorization")) {
					c.Header.Set("Authorization", "Bearer the-access-token")
				}
				return next(c)
			}
		}})
	}
	const own = "the-access-token"
	authorization("no token is asked for", func(_ *call, v string) bool { return v == "" })
	authorization("any token is taken", func(_ *call, v string) bool {
		return strings.HasPrefix(v,
			"Bearer ")
	})
	authorization("an empty token is taken", func(_ *call,
		v string) bool {
		return strings.TrimSpace(v) == "Bearer"
	})
	authorization("any scheme is taken", func(_ *call, v string) bool {
		return strings.HasSuffix(v,
			" "+own)
	})
	authorization("no scheme is asked for", func(_ *call, v string) bool { return v == own })
	authorization("a token in the query is taken", func(c *call,
		_ string) bool {
		return c.URL.Query().Get("access_token") == own
	})
	authorization("a token in the body is taken", func(c *call,
		_ string) bool {
		return c.text("access_token") == own
	})
	authorization("only the begin of a token counts", func(_ *call,
		v string) bool {
		return strings.HasPrefix(v, "Bearer "+own[:8])
	})
	authorization("a longer token is taken", func(_ *call, v string) bool {
		return strings.HasPrefix(v,
			"Bearer "+own)
	})
	authorization("a token that is cut off is taken", func(_ *call, v string) bool {
		return len(v) > 10 && strings.HasPrefix("Bearer "+own, v)
	})
	authorization("the end of a token does not count", func(_ *call, v string) bool {
		return len(v) == len("Bearer "+own) && strings.HasPrefix(v, "Bearer "+own[:len(own)-3])
	})
	authorization("a token without a signature is taken", func(_ *call,
		v string) bool {
		return strings.HasSuffix(v, ".")
	})
	authorization("reading asks for no token", func(c *call, _ string) bool { return c.Method == "GET" })
	authorization("reading takes any token", func(c *call, v string) bool {
		return c.Method == "GET" &&
			v != ""
	})
	for _, kind := range []string{"expired", "foreign", "weak", "population"} {
		authorization("a token that is "+kind+" is taken", func(_ *call,
			v string) bool {
			return v == "Bearer token-of-"+kind
		})
		authorization("a token that is "+kind+" may read", func(c *call, v string) bool {
			return c.Method == "GET" && v == "Bearer token-of-"+kind
		})
		authorization("a token that is "+kind+" may create", func(c *call, v string) bool {
			return c.Method == "POST" && v == "Bearer token-of-"+kind
		})
	}
	environment := func(name string, is func(env string) bool) {
		all = append(all, mutant{class: "authorization", name: name, hook: func() hook {
			return func(c *call, next func(*call) *reply) *reply {
				parts := strings.Split(c.URL.Path, "/")
				if len(parts) == 3 && parts[2] == "deviceAuthentications" && parts[1] != envID &&
					is(parts[1]) {
					c.URL.Path = "/" + envID + "/deviceAuthentications"
				}
				return next(c)
			}
		}})
	}
	environment("the environment does not count", func(string) bool { return true })
	environment("another environment is as good", isPlainID)
	environment("the environment's begin counts", func(env string) bool {
		return strings.HasPrefix(env,
			envID[:20])
	})
	return all
}

// existenceMutants tell what there is to who may not know.
func existenceMutants() (all []mutant) {
	tells := func(name string, when func(c *call, a *reply) bool, tell func(a *reply) *reply) {
		all = append(all, changes("existence leak", name, func(c *call, a *reply) *reply {
			if a.status/100 == 4 && when(c, a) {
				return tell(a)
			}
			return a
		}))
	}
	message := func(a *reply) *reply {
		a.body = bytes.Replace(a.body, []byte(`"message":"`), []byte(`"message":"Unknown. `), 1)
		return a
	}
	status := func(a *reply) *reply { a.status = 404; return a }
	late := func(a *reply) *reply { time.Sleep(15 * time.Millisecond); return a }
	unknown := func(c *call) bool {
		id := c.text("user.id")
		return isPlainID(id) && !slices.ContainsFunc(users, func(u scenario.SimulatedUsers) bool {
			return slices.Contains(u.IDs, id)
		})
	}
	with := func(token string) func(c *call, a *reply) bool {
		return func(c *call, _ *reply) bool {
			return c.Method == "POST" && c.Header.Get("Authorization") == token && unknown(c)
		}
	}
	for _, token := range []string{"", "Bearer token-of-expired", "Bearer token-of-foreign",
		"Bearer token-of-weak",
		"Bearer token-of-population"} {
		name := cmpOr(strings.TrimPrefix(token, "Bearer token-of-"), "no")
		tells(name+" token: another message for unknown users", with(token), message)
		if token != "Bearer token-of-population" { // 404 is what it gets
			tells(name+" token: another status for unknown users", with(token), status)
		}
	}
	tells("no token: known users take longer", func(c *call, a *reply) bool {
		return a.status == 401 && c.Header.Get("Authorization") == "" && c.json != nil && !unknown(c)
	}, late)
	tells("no token: unknown users take longer", with(""), late)
	tells("a damaged token: another status for unknown users", func(c *call, a *reply) bool {
		return a.status == 401 && c.Method == "POST" && c.Header.Get("Authorization") != "" && unknown(c)
	}, status)
	reading := func(c *call, a *reply) bool {
		return c.Method == "GET" && a.status == 401 && strings.Count(c.URL.Path, "/") == 3
	}
	var mu sync.Mutex
	made := map[string]bool{}
	all = append(all, mutant{class: "existence leak", name: "no token: 404 for unknown transactions",
		hook: func() hook {
			return func(c *call, next func(*call) *reply) *reply {
				a := next(c)
				var t struct{ ID string }
				mu.Lock()
				defer mu.Unlock()
				if a.status == 201 && json.Unmarshal(a.body, &t) == nil {
					made[t.ID] = true
				}
				if reading(c, a) && !made[c.URL.Path[strings.LastIndexByte(c.URL.Path, '/')+1:]] {
					a.status = 404
				}
				return a
			}
		}})
	tells("no token: 404 for unknown environments", func(c *call, a *reply) bool {
		return a.status == 401 && !strings.HasPrefix(c.URL.Path, "/"+envID)
	}, status)
	tells("no token: another message for unknown environments", func(c *call, a *reply) bool {
		return a.status == 401 && !strings.HasPrefix(c.URL.Path, "/"+envID)
	}, message)
	return all
}

func cmpOr(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// assignmentMutants take members over that only the service sets.
func assignmentMutants() (all []mutant) {
	for _, path := range []string{"id", "status", "environment.id", "createdAt", "updatedAt",
		"_links.self.href",
		"bypassAllowed", "userBypassEnabled", "authenticators", "user.username"} {
		all = append(all, changes("mass assignment", path, func(c *call, a *reply) *reply {
			value, has := c.at(path)
			var body map[string]any
			if a.status != 201 || !has || json.Unmarshal(a.body, &body) != nil {
				return a
			}
			parts := strings.Split(path, ".")
			inner := body
			for _, name := range parts[:len(parts)-1] {
				next, is := inner[name].(map[string]any)
				if !is {
					return a
				}
				inner = next
			}
			inner[parts[len(parts)-1]] = value
			a.body, _ = json.Marshal(body)
			return a
		}))
	}
	return append(all, changes("mass assignment", "any unknown member", func(c *call, a *reply) *reply {
		if value, has := c.at("mfaload"); a.status == 201 && has {
			text, _ := json.Marshal(value)
			a.body = append(a.body[:len(a.body)-1], []byte(`,"mfaload":`+string(text)+`}`)...)
		}
		return a
	}))
}

// echoMutants send back what they should not.
func echoMutants() (all []mutant) {
	page := func(name string, when func(c *call, a *reply) bool, text func(c *call) string) {
		all = append(all, changes("echo", name, func(c *call, a *reply) *reply {
			if s := text(c); s != "" && when(c, a) {
				a.header.Set("X-Reason", s)
			}
			return a
		}))
	}
	refused := func(_ *call, a *reply) bool { return a.status/100 == 4 }
	for _, path := range []string{"user.id", "policy.id", "selectedDevice.oneTime.phone",
		"selectedDevice.oneTime.email",
		"application.id"} {
		page("markup of "+path+" in a header field", refused, func(c *call) string {
			if s := c.text(path); strings.HasPrefix(s, "<") {
				return s
			}
			return ""
		})
	}
	page("markup of a header field in a header field", func(*call, *reply) bool { return true },
		func(c *call) string {
			if s := c.Header.Get("X-Ping-External-Transaction-ID"); strings.HasPrefix(s, "<") {
				return s
			}
			return ""
		})
	message := func(name string, text func(c *call) string) {
		all = append(all, changes("echo", name, func(c *call, a *reply) *reply {
			if s := text(c); s != "" && a.status/100 == 4 {
				a.body = bytes.Replace(a.body, []byte(`"message":"`), []byte(`"message":"`+s+" "), 1)
			}
			return a
		}))
	}
	message("an address in a message", func(c *call) string {
		if s := c.text("selectedDevice.oneTime.email"); strings.HasSuffix(s, "example.com") && s[0] != '@' &&
			strings.Count(s, "@") == 1 {
			return s
		}
		return ""
	})
	message("a number in a message", func(c *call) string {
		if s := c.text("selectedDevice.oneTime.phone"); strings.HasPrefix(s, "+1") && !strings.Contains(s,
			"O") {
			return s
		}
		return ""
	})
	message("the token in a message", func(c *call) string {
		if strings.Contains(c.Header.Get("Authorization"), "the-access-token") {
			return "the-access-token"
		}
		return ""
	})
	message("SQL in a message", func(c *call) string {
		if strings.Contains(c.text("user.id"), "'") {
			return "SQLSTATE 42601"
		}
		return ""
	})
	return all
}

// hiddenMutants have methods and paths that are not documented.
func hiddenMutants() (all []mutant) {
	for _, method := range []string{"GET", "PUT", "PATCH", "DELETE"} {
		for _, status := range []int{200, 204, 500} {
			all = append(all, changes("hidden", fmt.Sprintf("%s of the collection: %d", method, status),
				func(c *call, a *reply) *reply {
					if c.Method == method && strings.HasSuffix(c.URL.Path, "/deviceAuthentications") {
						a.status = status
						if a.body = []byte(`{"_embedded":{}}`); status == 204 {
							a.body = nil
						}
					}
					return a
				}))
		}
	}
	path := func(name string, is func(c *call) bool) {
		all = append(all, mutant{class: "hidden", name: name, hook: func() hook {
			return func(c *call, next func(*call) *reply) *reply {
				if c.Method == "POST" && is(c) {
					return next(c.plain())
				}
				return next(c)
			}
		}})
	}
	path("the path in lower case", func(c *call) bool {
		return strings.HasSuffix(c.URL.Path,
			"/deviceauthentications")
	})
	path("the path below /v1", func(c *call) bool { return strings.HasPrefix(c.URL.Path, "/v1/") })
	path("POST to the environment", func(c *call) bool { return c.URL.Path == "/"+envID+"/" })
	path("POST to a transaction that is not there", func(c *call) bool {
		return strings.Count(c.URL.Path,
			"/") == 3 && !strings.HasPrefix(c.URL.Path, "/v1")
	})
	path("POST below a transaction", func(c *call) bool { return strings.Count(c.URL.Path, "/") == 4 })
	for _, media := range []string{"text/plain", "application/xml", "application/x-www-form-urlencoded",
		"text/json",
		"application/jsonx"} {
		all = append(all, accepts("content type", media,
			func(c *call) bool { return c.Header.Get("Content-Type") == media }))
	}
	return append(all, accepts("content type", "none",
		func(c *call) bool { return c.Header.Get("Content-Type") == "" }),
		accepts("content type", "any",
			func(c *call) bool { return c.Header.Get("Content-Type") != "application/json" }),
		accepts("content type", "another charset", func(c *call) bool {
			return strings.Contains(c.Header.Get("Content-Type"), "utf-16")
		}))
}

// readingMutants read back another transaction than was created.
func readingMutants() (all []mutant) {
	reads := func(name string, change func(a *reply)) {
		all = append(all, changes("reading back", name, func(c *call, a *reply) *reply {
			if c.Method == "GET" && a.status == 200 {
				a.body = bytes.Clone(a.body)
				change(a)
			}
			return a
		}))
	}
	edit := func(old, with string) func(a *reply) {
		return func(a *reply) { a.body = bytes.Replace(a.body, []byte(old), []byte(with), 1) }
	}
	reads("is not there", func(a *reply) { *a = *refusal(404, "NOT_FOUND", "", "") })
	reads("fails", func(a *reply) { *a = *refusal(500, "UNEXPECTED_ERROR", "", "") })
	reads("another time", edit(`"createdAt":"2`, `"createdAt":"1`))
	reads("another status", edit(`"status":"OTP_REQUIRED"`, `"status":"COMPLETED"`))
	reads("no status", edit(`"status":"OTP_REQUIRED"`, `"x":1`))
	reads("another policy", edit(`"policy":{"id":"`, `"policy":{"id":"0`))
	reads("another user", edit(`"user":{"id":"7`, `"user":{"id":"8`))
	reads("no environment", edit(`"environment"`, `"environ"`))
	reads("a page", func(a *reply) { a.body = []byte("<html>") })
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
