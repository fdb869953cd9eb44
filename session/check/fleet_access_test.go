package check_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"mfaload/scenario"
)

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
	authorization("any token is taken",
		func(_ *call, v string) bool { return strings.HasPrefix(v, "Bearer ") })
	authorization("an empty token is taken",
		func(_ *call, v string) bool { return strings.TrimSpace(v) == "Bearer" })
	authorization("any scheme is taken",
		func(_ *call, v string) bool { return strings.HasSuffix(v, " "+own) })
	authorization("no scheme is asked for", func(_ *call, v string) bool { return v == own })
	authorization("a token in the query is taken",
		func(c *call, _ string) bool { return c.URL.Query().Get("access_token") == own })
	authorization("a token in the body is taken",
		func(c *call, _ string) bool { return c.text("access_token") == own })
	authorization("only the begin of a token counts",
		func(_ *call, v string) bool { return strings.HasPrefix(v, "Bearer "+own[:8]) })
	authorization("a longer token is taken",
		func(_ *call, v string) bool { return strings.HasPrefix(v, "Bearer "+own) })
	authorization("a token that is cut off is taken",
		func(_ *call, v string) bool { return len(v) > 10 && strings.HasPrefix("Bearer "+own, v) })
	authorization("the end of a token does not count", func(_ *call, v string) bool {
		return len(v) == len("Bearer "+own) && strings.HasPrefix(v, "Bearer "+own[:len(own)-3])
	})
	authorization("a token without a signature is taken",
		func(_ *call, v string) bool { return strings.HasSuffix(v, ".") })
	authorization("reading asks for no token", func(c *call, _ string) bool { return c.Method == "GET" })
	authorization("reading takes any token",
		func(c *call, v string) bool { return c.Method == "GET" && v != "" })
	for _, kind := range []string{"expired", "foreign", "weak", "population"} {
		authorization("a token that is "+kind+" is taken",
			func(_ *call, v string) bool { return v == "Bearer token-of-"+kind })
		authorization("a token that is "+kind+" may read",
			func(c *call, v string) bool { return c.Method == "GET" && v == "Bearer token-of-"+kind })
		authorization("a token that is "+kind+" may create",
			func(c *call, v string) bool { return c.Method == "POST" && v == "Bearer token-of-"+kind })
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
	environment("the environment's begin counts",
		func(env string) bool { return strings.HasPrefix(env, envID[:20]) })
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
		name := cmp.Or(strings.TrimPrefix(token, "Bearer token-of-"), "no")
		tells(name+" token: another message for unknown users", with(token), message)
		if token != "Bearer token-of-population" { // 404 is what it gets
			tells(name+" token: another status for unknown users", with(token), status)
		}
	}
	tells("no token: known users take longer", func(c *call, a *reply) bool {
		return a.status == 401 && c.Header.Get("Authorization") == "" && c.json != nil && !unknown(c)
	}, late)
	tells("no token: unknown users take longer", with(""), late)
	tells("population token: users of another population take longer", func(c *call, a *reply) bool {
		return c.Method == "POST" && c.Header.Get("Authorization") == "Bearer token-of-population" &&
			isPlainID(c.text("user.id")) && !unknown(c)
	}, late)
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
	path("the path in lower case",
		func(c *call) bool { return strings.HasSuffix(c.URL.Path, "/deviceauthentications") })
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
		accepts("content type", "another charset",
			func(c *call) bool { return strings.Contains(c.Header.Get("Content-Type"), "utf-16") }))
}
