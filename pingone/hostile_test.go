package pingone_test

import (
	"compress/gzip"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/contract"
	"mfaload/pingone"
	"mfaload/pingone/transport/transporttest"
	"mfaload/scenario"
)

// A bad response is one counted, named outcome, in bounded memory.
func TestHostileResponses(t *testing.T) {
	t.Parallel()
	head := "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nCorrelation-Id: x\r\n"
	whole := func(body string) string {
		return fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, len(body), body)
	}
	var zipped strings.Builder
	zip := gzip.NewWriter(&zipped)
	if _, err := zip.Write(make([]byte, 32<<20)); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, response string
		want           []string
	}{
		{"a body of 64 MiB", whole(strings.Repeat("x", 64<<20)), []string{"body.size"}},
		{"200,000 nested arrays", whole(strings.Repeat("[", 200_000)), []string{"body.depth"}},
		{"200,000 nested arrays, closed", whole(strings.Repeat("[", 200_000) + strings.Repeat("]", 200_000)),
			[]string{"body.depth"}},
		{"nested objects", whole(strings.Repeat(`{"a":`, 100_000)), []string{"body.depth"}},
		{"half a million items", whole(`{"_embedded":{"devices":[` + strings.Repeat("1,", 500_000) + `1]}}`),
			[]string{"body.size"}},
		{"half a million members", whole("{" + strings.Repeat(`"a":1,`, 150_000) + `"b":1}`),
			[]string{"body.names", "body.size"}},
		{"a gzip bomb",
			strings.Replace(whole(zipped.String()), "Correlation", "Content-Encoding: gzip\r\nCorrelation",
				1),
			[]string{"header.contentEncoding"}},
		{"zeros", whole(strings.Repeat("\x00", 1<<19)), []string{"body.json"}},
		{"one long string", whole(`"` + strings.Repeat("a", 1<<19) + `"`), []string{"body.object"}},
		{"one long number", whole(strings.Repeat("9", 1<<19)), []string{"body.object"}},
		{"headers without end", head + strings.Repeat("X-Header: "+strings.Repeat("y", 100)+"\r\n", 10_000),
			[]string{"head too long"}},
		{"a length that lies", head + "Content-Length: 99999999999999\r\n\r\n{}", []string{"answer cut off"}},
		{"a negative length", head + "Content-Length: -1\r\n\r\n{", []string{"http.framing"}},
		{"two lengths, and no end", head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}" +
			transporttest.SilenceAfter,
			[]string{"http.framing"}},
		{"no content and a broken length", "HTTP/1.1 204 No Content\r\nCorrelation-Id: x\r\n" +
			"Content-Length: -1\r\n\r\n" + transporttest.SilenceAfter,
			[]string{"http.framing", "http.status"}},
		{"chunks that lie", head + "Transfer-Encoding: chunked\r\n\r\nffffffffffffff\r\n{}",
			[]string{"answer cut off"}},
		{"a body that never ends", head + "Content-Length: 5\r\n\r\n{" + transporttest.SilenceAfter,
			[]string{"timeout"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			authPath, _ := transporttest.StartRaw(t, test.response)
			op := operationOn(t, authPath, func(s *scenario.Scenario) {
				if test.want[0] == "timeout" {
					s.Target.Timeout = time.Second
				}
			})
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			got := outcomeOf(t, op)
			runtime.ReadMemStats(&after)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 300<<20 {
				t.Errorf("allocated %d MiB", used>>20)
			}
		})
	}
}

// outcomeOf is the failure of one exchange, or the rules that its response breaks.
func outcomeOf(t *testing.T, op *pingone.Operation) []string {
	t.Helper()
	ex := &contract.Exchange{}
	u := scenario.User{ID: userID}
	err := op.Send(t.Context(), u, ex)
	var f *contract.Failure
	if errors.As(err, &f) {
		return []string{f.Kind}
	}
	var rules []string
	for _, v := range op.Check(u, ex, nil) {
		rules = append(rules, v.Rule)
	}
	slices.Sort(rules)
	return slices.Compact(rules)
}
