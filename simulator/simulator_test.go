package simulator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mfaload/internal/testkit"
	"mfaload/scenario"
	"mfaload/simulator"
)

const (
	env  = "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6"
	user = "788d4931-6936-43f2-82ff-178f5762298a"
	path = "/" + env + "/deviceAuthentications"
)

func newSimulator(t testing.TB, c scenario.Simulator) *simulator.Environment {
	t.Helper()
	return simulatorFor(t, scenario.Target{Simulator: &c})
}

func simulatorFor(t testing.TB, target scenario.Target) *simulator.Environment {
	t.Helper()
	target.EnvID = env
	if target.Simulator.Users == nil {
		target.Simulator.Users = []scenario.SimulatedUsers{{IDs: []string{user}, Devices: []string{"EMAIL"}}}
	}
	s, err := simulator.New(target)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// post sends a body and changes the request before.
func post(s http.Handler, body string, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "http://127.0.0.1:8080"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer token")
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func forUser(id string) string { return `{"user":{"id":"` + id + `"}}` }

// A response and a refusal have all members of those that the documentation shows.
func TestRespondsAsDocumented(t *testing.T) {
	s := newSimulator(t, scenario.Simulator{})
	for name, body := range map[string]string{"otp-email": forUser(user), "invalid-data": "{}"} {
		documented := testkit.ReadResponse(name)
		w := post(s, body, nil)
		if w.Code != documented.Status {
			t.Errorf("%s: status %d", name, w.Code)
		}
		got := members(t, w.Body.Bytes())
		for _, member := range members(t, documented.Body) {
			if !slices.Contains(got, member) {
				t.Errorf("%s: %s is missing: %s", name, member, w.Body)
			}
		}
	}
}

// members are the pointers of all members of a JSON document.
func members(t *testing.T, text []byte) (all []string) {
	t.Helper()
	var root any
	if err := json.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	var walk func(at string, v any)
	walk = func(at string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, value := range v {
				all = append(all, at+"/"+name)
				walk(at+"/"+name, value)
			}
		case []any:
			for i, value := range v {
				walk(fmt.Sprint(at, "/", i), value)
			}
		}
	}
	walk("", root)
	return all
}

func TestRefusals(t *testing.T) {
	with := func(member string) string { return `{"user":{"id":"` + user + `"},` + member + `}` }
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	url := func(method, path string) func(*http.Request) {
		return func(r *http.Request) { r.Method, r.URL.Path = method, path }
	}
	for _, test := range []struct {
		name, body string
		change     func(*http.Request)
		status     int
		want       string // "code detail target"
	}{
		{"no token", forUser(user), func(r *http.Request) { r.Header.Del("Authorization") }, 401,
			"ACCESS_FAILED INVALID_TOKEN "},
		{"another scheme", forUser(user), set("Authorization", "Basic dTpw"), 401,
			"ACCESS_FAILED INVALID_TOKEN "},
		{"another token", forUser(user), set("Authorization", "Bearer other"), 401,
			"ACCESS_FAILED INVALID_TOKEN "},
		{"an empty token", forUser(user), set("Authorization", "Bearer "), 401,
			"ACCESS_FAILED INVALID_TOKEN "},
		{"another environment", forUser(user),
			url("POST", "/11111111-2222-3333-4444-555555555555/deviceAuthentications"), 403,
			"ACCESS_FAILED INSUFFICIENT_PERMISSIONS "},
		{"another content type", forUser(user), set("Content-Type", "text/plain"), 415, "INVALID_REQUEST  "},
		{"no JSON", `{"user"`, nil, 400, "INVALID_REQUEST  "},
		{"no body", ``, nil, 400, "INVALID_REQUEST  "},
		{"a huge body", `"` + strings.Repeat("x", 1<<17) + `"`, nil, 400, "INVALID_REQUEST  "},
		{"no user", `{}`, nil, 400, "INVALID_DATA REQUIRED_VALUE user.id"},
		{"no ID", `{"user":{}}`, nil, 400, "INVALID_DATA REQUIRED_VALUE user.id"},
		{"null", `{"user":{"id":null}}`, nil, 400, "INVALID_DATA REQUIRED_VALUE user.id"},
		{"a number", `{"user":{"id":5}}`, nil, 400, "INVALID_DATA INVALID_VALUE user.id"},
		{"no ID form", `{"user":{"id":"5"}}`, nil, 400, "INVALID_DATA INVALID_VALUE user.id"},
		{"a user of the wrong type", `{"user":5}`, nil, 400, "INVALID_DATA INVALID_VALUE user"},
		{"a member twice", `{"user":{"id":"` + user + `","id":"` + user + `"}}`, nil, 400,
			"INVALID_REQUEST  "},
		{"half a surrogate pair", `{"user":{"id":"\ud800"}}`, nil, 400, "INVALID_REQUEST  "},
		{"a number beyond all", `{"user":{"id":1e999}}`, nil, 400, "INVALID_DATA INVALID_VALUE user.id"},
		{"a policy without an ID", with(`"policy":{}`), nil, 400, "INVALID_DATA REQUIRED_VALUE policy.id"},
		{"no device", with(`"selectedDevice":{}`), nil, 400, "INVALID_DATA REQUIRED_VALUE selectedDevice.id"},
		{"another type of device", with(`"selectedDevice":{"oneTime":{"type":"email"}}`), nil, 400,
			"INVALID_DATA INVALID_VALUE selectedDevice.oneTime.type"},
		{"a number that is none", with(`"selectedDevice":{"oneTime":{"type":"SMS","phone":"nobody"}}`), nil,
			400,
			"INVALID_DATA INVALID_VALUE selectedDevice.oneTime.phone"},
		{"test mode in words",
			with(`"selectedDevice":{"oneTime":{"type":"SMS","phone":"+14135550150","testMode":"no"}}`),
			nil, 400, "INVALID_DATA INVALID_VALUE selectedDevice.oneTime.testMode"},
		{"a locale that is null", with(`"notification":{"template":{"locale":null}}`), nil, 400,
			"INVALID_DATA INVALID_VALUE notification.template.locale"},
		{"long header fields", forUser(user), set("X-Filler", strings.Repeat("a", 7000)), 431,
			"INVALID_REQUEST  "},
		{"another charset", forUser(user), set("Content-Type", "application/json; charset=utf-16"), 415,
			"INVALID_REQUEST  "},
		{"a bad policy", `{"user":{"id":"` + user + `"},"policy":{"id":"x"}}`, nil, 400,
			"INVALID_DATA INVALID_VALUE policy.id"},
		{"unknown user", forUser("00000000-0000-0000-0000-000000000000"), nil, 404, "NOT_FOUND  "},
		{"another path", forUser(user), url("POST", "/x"), 404, "NOT_FOUND  "},
		{"another method", forUser(user), url("PUT", path), 405, "INVALID_REQUEST  "},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := simulatorFor(t,
				scenario.Target{Simulator: &scenario.Simulator{}, AccessToken: scenario.NewSecret("token")})
			w := post(s, test.body, test.change)
			var body struct {
				Code    string
				Message string
				Details []struct{ Code, Message, Target string }
			}
			if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
				t.Fatalf("%v: %s", err, w.Body)
			}
			got := body.Code + "  "
			if len(body.Details) > 0 {
				got = body.Code + " " + body.Details[0].Code + " " + body.Details[0].Target
			}
			if w.Code != test.status || got != test.want || body.Message == "" {
				t.Errorf("%d %q, want %d %q", w.Code, got, test.status, test.want)
			}
			if w.Header().Get("Correlation-Id") == "" {
				t.Error("no correlation ID")
			}
		})
	}
}

func TestReadBack(t *testing.T) {
	s := newSimulator(t, scenario.Simulator{})
	w := post(s, forUser(user), nil)
	var body struct{ ID string }
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	read := post(s, "", func(r *http.Request) { r.Method, r.URL.Path = "GET", path+"/"+body.ID })
	if read.Code != 200 || read.Body.String() != w.Body.String() {
		t.Errorf("%d: %s", read.Code, read.Body)
	}
	none := post(s, "", func(r *http.Request) { r.Method, r.URL.Path = "GET", path+"/"+user })
	if none.Code != 404 {
		t.Errorf("an unknown transaction: %d", none.Code)
	}
	if stats := s.Stats(); stats.Received != 1 || stats.Statuses[201] != 1 {
		t.Errorf("reads are counted as initializations: %+v", stats)
	}
}

// A transaction goes through the steps of its flow, and no further than a step leads.
func TestSteps(t *testing.T) {
	users := []scenario.SimulatedUsers{{IDs: []string{user}, Devices: []string{"EMAIL", "MOBILE"}}}
	s := newSimulator(t, scenario.Simulator{Users: users})
	type transaction struct {
		ID, Status, CreatedAt string
		Test                  struct{ OTP string }
		Embedded              struct{ Devices []struct{ ID string } } `json:"_embedded"`
		Links                 map[string]any                          `json:"_links"`
	}
	decode := func(w *httptest.ResponseRecorder) (b transaction) {
		if err := json.Unmarshal(w.Body.Bytes(), &b); err != nil {
			t.Fatal(err)
		}
		return b
	}
	step := func(b *transaction, media, body string, status int, state string) {
		t.Helper()
		w := post(s, body, func(r *http.Request) {
			r.URL.Path = path + "/" + b.ID
			r.Header.Set("Content-Type", "application/vnd.pingidentity."+media+"+json")
		})
		read := decode(post(s, "", func(r *http.Request) { r.Method, r.URL.Path = "GET", path+"/"+b.ID }))
		if w.Code != status || read.Status != state || read.CreatedAt != b.CreatedAt {
			t.Errorf("%s %s: HTTP status %d, then %+v, want %d and %s", media, body, w.Code, read, status,
				state)
		}
		if _, has := read.Links["otp.check"]; has != (state == "OTP_REQUIRED") {
			t.Errorf("links at %s: %v", state, read.Links)
		}
	}
	b := decode(post(s, forUser(user), nil))
	device := func(i int) string { return `{"device":{"id":"` + b.Embedded.Devices[i].ID + `"}}` }
	step(&b, "device.select", `{"device":{"id":"`+env+`"}}`, 400, "DEVICE_SELECTION_REQUIRED")
	step(&b, "otp.check", `{"otp":"123456"}`, 400, "DEVICE_SELECTION_REQUIRED")
	step(&b, "device.select", device(1), 200, "PUSH_CONFIRMATION_REQUIRED")
	step(&b, "device.select", device(0), 400, "PUSH_CONFIRMATION_REQUIRED")
	step(&b, "cancel.push.authentication", `{"reason":"NO"}`, 400, "PUSH_CONFIRMATION_REQUIRED")
	step(&b, "cancel.push.authentication", `{"reason":"CHANGE_DEVICE"}`, 200, "DEVICE_SELECTION_REQUIRED")
	step(&b, "device.select", device(0), 200, "OTP_REQUIRED")
	step(&b, "otp.check", `{"otp":""}`, 400, "OTP_REQUIRED")
	step(&b, "otp.check", `{`, 400, "OTP_REQUIRED")
	b = decode(post(s, `{"user":{"id":"`+user+`"},"selectedDevice":{"oneTime":{"type":"SMS",`+
		`"phone":"+14135550150","testMode":true}}}`, nil))
	step(&b, "otp.check", `{"otp":"1`+b.Test.OTP+`"}`, 400, "OTP_REQUIRED")
	step(&b, "otp.check", `{"otp":"`+b.Test.OTP+`"}`, 200, "COMPLETED")
	step(&b, "otp.check", `{"otp":"`+b.Test.OTP+`"}`, 400, "COMPLETED")
}

func TestStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSimulator(t,
			scenario.Simulator{Stalls: []scenario.Stall{{Every: 3 * time.Second, For: time.Second}}})
		start := time.Now()
		for _, test := range []struct{ at, took time.Duration }{
			{0, 0}, {2999, 0}, {3000, 1000}, {4100, 0}, {6250, 750}, {7000, 0}, {9999, 1},
		} {
			time.Sleep(test.at*time.Millisecond - time.Since(start))
			before := time.Now()
			post(s, forUser(user), nil)
			if took := time.Since(before); took != test.took*time.Millisecond {
				t.Errorf("at %d ms a response took %v, want %d ms", test.at, took, test.took)
			}
		}
	})
}

func TestLatencies(t *testing.T) {
	for _, test := range []struct {
		latency  scenario.Latency
		p50, p99 time.Duration
	}{
		{scenario.Latency{Kind: "constant", A: 50 * time.Millisecond}, 50 * time.Millisecond,
			50 * time.Millisecond},
		{scenario.Latency{Kind: "normal", A: 100 * time.Millisecond, B: 10 * time.Millisecond},
			100 * time.Millisecond, 123263479},
		{scenario.Latency{Kind: "lognormal", A: 80 * time.Millisecond, B: 250 * time.Millisecond},
			80 * time.Millisecond, 250 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newSimulator(t, scenario.Simulator{Latency: test.latency, Seed: 1})
			var took []time.Duration
			for range 10_000 {
				before := time.Now()
				post(s, forUser(user), nil)
				took = append(took, time.Since(before))
			}
			slices.Sort(took)
			for p, want := range map[int]time.Duration{50: test.p50, 99: test.p99} {
				if got := took[len(took)*p/100]; math.Abs(float64(got-want)) > 0.06*float64(want) {
					t.Errorf("%s: p%d = %v, want %v", test.latency.Kind, p, got, want)
				}
			}
		})
	}
}

// A simulator that starts slowly is as many times as slow at first, and e times less so after each while.
func TestStartup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSimulator(t, scenario.Simulator{Latency: scenario.Latency{Kind: "constant",
			A: 100 * time.Millisecond}, Startup: &scenario.Startup{Slower: 3, For: 10 * time.Second}})
		first := time.Now()
		for after, want := range []time.Duration{300 * time.Millisecond, 173575888, 127067056} {
			time.Sleep(time.Until(first.Add(time.Duration(after) * 10 * time.Second)))
			before := time.Now()
			post(s, forUser(user), nil)
			if took := time.Since(before); took < want || took > want+1 {
				t.Errorf("after %d0 s a response took %v, want %v", after, took, want)
			}
		}
	})
}

func TestRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSimulator(t,
			scenario.Simulator{Limit: &scenario.Limit{Rate: 10, Burst: 5, RetryAfter: 2 * time.Second}})
		for range 100 { // 20/s for 5 s
			w := post(s, forUser(user), nil)
			if w.Code == 429 && w.Header().Get("Retry-After") != "2" {
				t.Errorf("Retry-After %q", w.Header().Get("Retry-After"))
			}
			time.Sleep(50 * time.Millisecond)
		}
		// The burst, and 10/s for the 4.95 s between the first and the last.
		if n := s.Stats().Statuses[201]; n != 54 {
			t.Errorf("%d of 100 were answered, want 54", n)
		}
	})
}

func TestGivesUpWithTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSimulator(t, scenario.Simulator{Latency: scenario.Latency{Kind: "constant", A: time.Hour}})
		ctx := t.Context()
		before := time.Now()
		post(s, forUser(user), func(r *http.Request) {
			c, cancel := context.WithTimeout(ctx, time.Second)
			t.Cleanup(cancel)
			*r = *r.WithContext(c)
		})
		if took := time.Since(before); took != time.Second {
			t.Errorf("took %v", took)
		}
		if stats := s.Stats(); stats.Statuses[0] != 1 || stats.Received != 1 {
			t.Errorf("%+v", stats)
		}
	})
}

func TestIsSafeForManyClients(t *testing.T) {
	var faults []scenario.Fault
	for _, f := range simulator.Faults() {
		if !strings.HasPrefix(f.Name, "conn.") && !strings.HasPrefix(f.Name, "http.") &&
			f.Name != "answer.slow" {
			faults = append(faults, scenario.Fault{Name: f.Name, Share: 0.1})
		}
	}
	s := newSimulator(t, scenario.Simulator{Faults: faults})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				post(s, forUser(user), nil)
			}
		})
	}
	wg.Wait()
	stats, total := s.Stats(), uint64(0)
	for _, n := range stats.Statuses {
		total += n
	}
	if stats.Received != 1600 || total != 1600 {
		t.Errorf("%+v", stats)
	}
}

func TestBadConfigurations(t *testing.T) {
	for want, c := range map[string]scenario.Simulator{
		`unknown fault "echo.usr": use one of`: {Faults: []scenario.Fault{{Name: "echo.usr",
			Share: 1}}},
		"fault echo.user: the share 2 is not above 0": {Faults: []scenario.Fault{{Name: "echo.user",
			Share: 2}}},
		"fault echo.user: the share NaN is not": {Faults: []scenario.Fault{{Name: "echo.user",
			Share: math.NaN()}}},
		`user x: unknown device type "FAX": use one of`: {Users: []scenario.SimulatedUsers{
			{IDs: []string{"x"}, Devices: []string{"FAX"}}}},
		`user x: "LOST" is not a documented status: use one of`: {Users: []scenario.SimulatedUsers{
			{IDs: []string{"x"}, Status: "LOST"}}},
	} {
		if _, err := simulator.New(scenario.Target{Simulator: &c}); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestDevicesAreStable(t *testing.T) {
	bodies := map[string]bool{}
	for range 2 {
		w := post(newSimulator(t, scenario.Simulator{Seed: 1}), forUser(user), nil)
		var body struct {
			Embedded json.RawMessage `json:"_embedded"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
			t.Fatal(err)
		}
		bodies[string(body.Embedded)] = true
	}
	if len(bodies) != 1 {
		t.Errorf("the same user has other devices on the next start: %v", bodies)
	}
}

// Whatever a request holds, there is a response, with a correlation ID.
func FuzzRequest(f *testing.F) {
	for _, body := range []string{forUser(user), `{}`, `{"user":{"id":5}}`,
		`{"user":{"id":"` + user + `"},"selectedDevice":{"oneTime":{"type":"SMS","phone":"1"}}}`,
		`{"user":{"id":"` + user + `"},"selectedDevice":{"oneTime":{"type":"EMAIL","email":"@"}}}`,
		`{"user":{"id":"` + user + `"},"selectedDevice":null,"policy":{"id":""}}`} {
		f.Add(body, "application/json")
	}
	s := newSimulator(f, scenario.Simulator{})
	f.Fuzz(func(t *testing.T, body, contentType string) {
		w := post(s, body, func(r *http.Request) { r.Header.Set("Content-Type", contentType) })
		if w.Code < 200 || w.Header().Get("Correlation-Id") == "" || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%d %v %q", w.Code, w.Header(), w.Body)
		}
	})
}

func BenchmarkSimulator(b *testing.B) {
	s := newSimulator(b, scenario.Simulator{})
	b.ReportAllocs()
	for b.Loop() {
		if w := post(s, forUser(user), nil); w.Code != 201 {
			b.Fatal(fmt.Sprint(w.Code))
		}
	}
}

// A client's credentials come encoded as those of a form (RFC 6749, section
// 2.3.1).
func TestBasicCredentialsAreDecoded(t *testing.T) {
	const id, secret = "a client", "a+b/c%d:é"
	s := simulatorFor(t, scenario.Target{Simulator: &scenario.Simulator{},
		ClientCredentials: &scenario.ClientCredentials{ClientID: id,
			ClientSecret: scenario.NewSecret(secret)}})
	for _, tt := range []struct {
		name, id, secret string
		status           int
	}{
		{"encoded", url.QueryEscape(id), url.QueryEscape(secret), 200},
		{"not encoded", id, secret, 401},
		{"broken", "%", "%zz", 401},
		{"another secret", url.QueryEscape(id), "x", 401},
	} {
		w := post(s, "grant_type=client_credentials", func(r *http.Request) {
			r.URL.Path = strings.Replace(path, "deviceAuthentications", "as/token", 1)
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.SetBasicAuth(tt.id, tt.secret)
		})
		if w.Code != tt.status {
			t.Errorf("%s: HTTP status %d, want %d: %s", tt.name, w.Code, tt.status, w.Body)
		}
	}
}

// The service has one form of an ID, however a request writes it.
func TestIDsAreAnsweredInLowerCase(t *testing.T) {
	s := newSimulator(t, scenario.Simulator{})
	w := post(s, forUser(strings.ToUpper(user)), func(r *http.Request) {
		r.URL.Path = strings.Replace(path, "abfba8f6", "ABFBA8F6", 1)
	})
	var body struct{ User, Environment struct{ ID string } }
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || w.Code != 201 {
		t.Fatalf("%v: HTTP status %d: %s", err, w.Code, w.Body)
	}
	if body.User.ID != user || body.Environment.ID != strings.ToLower(body.Environment.ID) {
		t.Errorf("user %s, environment %s", body.User.ID, body.Environment.ID)
	}
}

// What is not finished in time expires, three wrong passcodes start a cool-down, and what was done is counted
// by action.
func TestTransactionsExpireAndPasscodesCoolDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const push = "11111111-1111-1111-1111-111111111111"
		s := newSimulator(t, scenario.Simulator{Expiry: time.Minute, Transactions: 4,
			Users: []scenario.SimulatedUsers{
				{IDs: []string{user}, Devices: []string{"EMAIL"}, TestMode: true},
				{IDs: []string{push}, Devices: []string{"MOBILE"}}}})
		type transaction struct {
			ID, Status string
			Test       struct{ OTP string }
		}
		begin := func(id string) (b transaction) {
			if err := json.Unmarshal(post(s, forUser(id), nil).Body.Bytes(), &b); err != nil {
				t.Fatal(err)
			}
			return b
		}
		read := func(b transaction, status int, state string) {
			t.Helper()
			w := post(s, "", func(r *http.Request) { r.Method, r.URL.Path = "GET", path+"/"+b.ID })
			if w.Code != status || !strings.Contains(w.Body.String(), state) {
				t.Errorf("%d %s, want %d %s", w.Code, w.Body, status, state)
			}
		}
		check := func(b transaction, passcode string, status int, code string) {
			t.Helper()
			w := post(s, `{"otp":"`+passcode+`"}`, func(r *http.Request) {
				r.URL.Path = path + "/" + b.ID
				r.Header.Set("Content-Type", "application/vnd.pingidentity.otp.check+json")
			})
			if w.Code != status || !strings.Contains(w.Body.String(), code) {
				t.Errorf("%d %s, want %d %s", w.Code, w.Body, status, code)
			}
		}
		otp, pushed := begin(user), begin(push)
		time.Sleep(time.Minute)
		read(otp, 200, `"FAILED"`)
		read(pushed, 200, `"PUSH_CONFIRMATION_TIMED_OUT"`)
		check(otp, otp.Test.OTP, 400, "REQUEST_FAILED")
		otp = begin(user)
		for range 3 {
			check(otp, "wrong", 400, "INVALID_OTP")
		}
		check(otp, otp.Test.OTP, 400, "REQUEST_FAILED")
		time.Sleep(2 * time.Minute)
		old := otp
		otp = begin(user)
		check(otp, otp.Test.OTP, 200, "COMPLETED")
		for range 3 {
			begin(user)
		}
		read(old, 404, "NOT_FOUND")
		want := map[string]map[int]uint64{"read": {200: 2, 404: 1}, "otp.check": {200: 1, 400: 5}}
		if got := s.Stats(); !reflect.DeepEqual(got.Steps, want) || got.Received != 7 {
			t.Errorf("%+v", got)
		}
	})
}
