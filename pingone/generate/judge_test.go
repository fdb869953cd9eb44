package generate_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"mfaload/contract"
	"mfaload/pingone/generate"
)

func always(string) contract.Level { return contract.Fail }

// Each rule is broken by one response, and by it alone.
func TestJudge(t *testing.T) {
	const refused = `{"code":"INVALID_DATA","message":"m","details":[{"target":"user.id"}]}`
	wrong := generate.Case{Expect: generate.Refused, Rule: "request.refused", Statuses: []int{400},
		Target:   "user.id",
		Personal: []string{"john@example.com"}}
	valid := generate.Case{Expect: generate.Valid}
	open := generate.Case{Expect: generate.Open, Assigned: map[string]string{"environment.id": `"2"`}}
	for _, test := range []struct {
		name   string
		c      generate.Case
		status int
		body   string
		want   []string
	}{
		{"refused as documented", wrong, 400, refused, nil},
		{"created as documented", valid, 201, `{}`, nil},
		{"either", open, 400, refused, nil},
		{"too fast", valid, 429, `{}`, nil},
		{"a valid one refused", valid, 400, refused, []string{"request.valid"}},
		{"a wrong one taken", wrong, 201, `{}`, []string{"request.refused"}},
		{"a wrong one led on", wrong, 302, ``, []string{"request.refused"}},
		{"a crash", wrong, 500, `{}`, []string{"request.failed"}},
		{"another status", wrong, 409, `{}`, []string{"request.status"}},
		{"another target", wrong, 400, `{"details":[{"target":"policy.id"}]}`, []string{"request.target"}},
		{"the object around it", wrong, 400, `{"details":[{"target":"/user"}]}`, nil},
		{"a target that only begins alike", wrong, 400, `{"details":[{"target":"user.identity"}]}`,
			[]string{"request.target"}},
		{"an address", wrong, 400, `{"message":"john@example.com"}`, []string{"request.secret"}},
		{"a trace", valid, 201, `{"x":"at a.B(C.java:7)"}`, []string{"request.internals"}},
		{"markup", wrong, 400, generate.Marker, []string{"request.escaped"}},
		{"taken over", open, 201, `{"environment":{"id":"2"}}`, []string{"request.assigned"}},
		{"not taken over", open, 201, `{"environment":{"id":"3"}}`, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			ex := &contract.Exchange{Status: test.status, Body: []byte(test.body)}
			var got []string
			for _, v := range generate.Judge(&test.c, ex, always) {
				got = append(got, v.Rule)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			off := func(string) contract.Level { return contract.Off }
			if found := generate.Judge(&test.c, ex, off); len(found) > 0 {
				t.Errorf("rules that are off are broken: %v", found)
			}
		})
	}
}

func TestJudgePair(t *testing.T) {
	refusals := func(statuses [2]int, bodies [2]string, took [2]time.Duration) (all []generate.PairRefusal) {
		for i := range 16 {
			all = append(all, generate.PairRefusal{Known: i%2 == 0, Status: statuses[i%2],
				Body: []byte(bodies[i%2]), Took: took[i%2] + time.Duration(i)*time.Microsecond})
		}
		return all
	}
	const a, b = `{"id":"11111111-1111-4111-8111-111111111111"}`,
		`{"id":"22222222-2222-4222-8222-222222222222"}`
	alike, same := [2]int{401, 401}, [2]time.Duration{time.Millisecond, time.Millisecond}
	for name, test := range map[string]struct {
		all   []generate.PairRefusal
		leaks bool
	}{
		"alike but for IDs": {refusals(alike, [2]string{a, b}, same), false},
		"another status":    {refusals([2]int{401, 404}, [2]string{a, b}, same), true},
		"another body":      {refusals(alike, [2]string{a, `{}`}, same), true},
		"another time": {refusals(alike, [2]string{a, b}, [2]time.Duration{20 * time.Millisecond, 1}),
			true},
		"too few to time": {refusals(alike, [2]string{a, b}, [2]time.Duration{20 * time.Millisecond,
			1})[:4], false},
		"not refused": {refusals([2]int{201, 401}, [2]string{a, b}, same), false},
		"one side":    {refusals(alike, [2]string{a, b}, same)[:1], false},
	} {
		if found := generate.JudgePair(test.all, always); (len(found) > 0) != test.leaks {
			t.Errorf("%s: %v", name, found)
		}
	}
}

// What fails is made as small as the smallest request that is known to fail, in at most 25 sends.
func TestShrink(t *testing.T) {
	s := schema(t)
	owner := `"user":{"id":"` + user + `"}`
	for _, test := range []struct {
		name, place, keyword, body, smallest string
		expect                               generate.Expect
		fails                                string // a text that has to stay
	}{
		{"a fault among members", "policy.id", "type",
			`{` + owner +
				`,"notification":{"template":{"name":"a","variables":{"name":"value"}}},"policy":{"id":5}}`,
			`{` + owner + `,"policy":{"id":5}}`, generate.Refused, `"id":5`},
		{"a member of all", "application", "valid",
			`{` + owner + `,"policy":{"id":"` + known + `"},"notification":{"template":{}},` +
				`"application":{"id":"` + known + `"}}`,
			`{` + owner + `,"application":{}}`, generate.Valid, `"application"`},
		{"a pair", "(body)", "pairs",
			`{` + owner + `,"policy":{"id":"` + known +
				`"},"notification":{"template":{"name":"en"}},"rp":{"id":"enen"}}`,
			`{` + owner + `,"notification":{},"rp":{}}`, generate.Valid, `"rp"`},
		{"a long text", "rp.id", "valid", `{` + owner + `,"rp":{"id":"` + string(bytes.Repeat([]byte("a"),
			3000)) + `"}}`,
			`{` + owner + `,"rp":{"id":"aaaaaaaaaaa"}}`, generate.Open, `aaaaaaaaaa`},
		{"white space before it", "(body)", "valid",
			"\r\n\t {" + owner + `,  "policy":{"id":"` + known + "\"}\r\n}\n", "\r\n\t {" + owner + "}",
			generate.Valid, "\r\n\t {"},
		{"a name with an escape", "(body)", "valid",
			`{"\u0075ser":{"id":"` + user + `"},"policy":{"id":"` + known + `"},"rp":{}}`,
			`{"\u0075ser":{"id":"` + user + `"}}`, generate.Valid, `\u0075`},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := &generate.Case{Place: test.place, Keyword: test.keyword, Expect: test.expect,
				Request: generate.Request{Method: "POST", Path: "/", Body: []byte(test.body)}}
			asked := 0
			got, sends := s.Shrink(c, 25, func(r generate.Request) bool {
				asked++
				fails := bytes.Contains(r.Body, []byte(test.fails))
				if test.keyword == "pairs" {
					fails = fails && bytes.Contains(r.Body, []byte(`"notification"`))
				}
				return fails
			})
			if limit := len(test.smallest) * 12 / 10; got.Size() > limit || sends != asked || sends > 25 {
				t.Errorf("%d bytes in %d sends: %s\nwant at most %d", got.Size(), sends, got.Body, limit)
			}
		})
	}
}
