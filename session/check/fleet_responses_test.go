package check_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
)

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
