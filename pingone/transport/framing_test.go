package transport_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfaload/contract"
	"mfaload/pingone/transport/transporttest"
)

// Parts of responses.
const (
	created = "HTTP/1.1 201 Created\r\n"
	plain   = created + "Content-Length: 2\r\n\r\n{}"
	early   = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
	chunks  = "Transfer-Encoding: chunked\r\n\r\n"
)

func TestFraming(t *testing.T) {
	t.Parallel()
	head := created + "Content-Type: application/json\r\n"
	whole := outcome{Status: 201, Body: "{}"}
	flawed := outcome{Status: 201, Body: "{}", Framing: "http.framing"}
	for _, test := range []struct {
		name, response string
		want           outcome
	}{
		{"length", plain, whole},
		{"chunks", head + chunks + "1\r\n{\r\n1;x=y\r\n}\r\n0\r\nTrailer: x\r\n\r\n", whole},
		{"until close", head + "\r\n{}", whole},
		{"HTTP/1.0", "HTTP/1.0 201 Created\r\n\r\n{}", whole},
		{"informational first", "HTTP/1.1 100 Continue\r\n\r\n" + early + plain, whole},
		{"bare line feeds", "HTTP/1.1 201 Created\nContent-Length: 2\n\n{}", whole},
		{"no reason", "HTTP/1.1 201\r\nContent-Length: 2\r\n\r\n{}", whole},
		{"redirect", "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", outcome{Status: 302}},
		{"no content", "HTTP/1.1 204 No Content\r\n\r\n", outcome{Status: 204}},
		{"length too small", created + "Content-Length: 2\r\n\r\n{\"a\":1}",
			outcome{Status: 201, Body: `{"`, Framing: "http.length"}},
		{"length too large", created + "Content-Length: 9\r\n\r\n{}", outcome{Failure: "answer cut off"}},
		{"length of nonsense", created + "Content-Length: two\r\n\r\n{}", flawed},
		{"two lengths", created + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", flawed},
		{"length and chunks", head + "Content-Length: 2\r\n" + chunks + "2\r\n{}\r\n0\r\n\r\n", flawed},
		{"chunks of HTTP/1.0", "HTTP/1.0 201 Created\r\n" + chunks + "2\r\n{}\r\n0\r\n\r\n", flawed},
		{"no last chunk", head + chunks + "2\r\n{}\r\n", outcome{Failure: "answer cut off"}},
		{"chunk of nonsense", head + chunks + "zz\r\n{}\r\n0\r\n\r\n",
			outcome{Status: 201, Body: "zz\r\n{}\r\n0\r\n\r\n", Framing: "http.framing"}},
		{"204 with a body", "HTTP/1.1 204 No Content\r\n\r\n{}",
			outcome{Status: 204, Framing: "http.bodyless"}},
		{"204 with a length", "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n{}",
			outcome{Status: 204, Framing: "http.bodyless"}},
		{"header without a name", head + ": x\r\nContent-Length: 2\r\n\r\n{}", flawed},
		{"no HTTP", "SSH-2.0-OpenSSH_9\r\n", outcome{Failure: "not HTTP"}},
		{"half a head", "HTTP/1.1 201 Cre", outcome{Failure: "answer cut off"}},
		{"nothing", "", outcome{Failure: "connection closed"}},
		{"silence", transporttest.Silence, outcome{Failure: "timeout"}},
		{"endless header", head + strings.Repeat("X: "+strings.Repeat("x", 1000)+"\r\n", 100),
			outcome{Failure: "head too long"}},
		{"endless line", "HTTP/1.1 201 " + strings.Repeat("x", 1<<20), outcome{Failure: "head too long"}},
		{"endless informational", strings.Repeat(early, 4000) + plain, outcome{Failure: "head too long"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			timeout := longTimeout
			if test.want.Failure == "timeout" {
				timeout = shortTimeout
			}
			url, _ := transporttest.StartRaw(t, test.response)
			if diff := cmp.Diff(test.want, send(t, open(t, url, within(timeout)))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A head that does not tell where the body ends breaks one rule. Nobody waits for a body
// then: on a connection that stays open the end would never come.
func TestFramingFaultsWaitForNothing(t *testing.T) {
	t.Parallel()
	head := created + "Content-Type: application/json\r\n"
	for name, response := range map[string]string{
		"negative length":          head + "Content-Length: -1\r\n\r\n{}",
		"length with a sign":       head + "Content-Length: +2\r\n\r\n{}",
		"empty length":             head + "Content-Length:\r\n\r\n{}",
		"length beyond 64 bits":    head + "Content-Length: 99999999999999999999\r\n\r\n{}",
		"two lengths":              head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
		"two lengths in one field": head + "Content-Length: 2, 3\r\n\r\n{}",
		"a space before the colon": head + "Content-Length : 2\r\n\r\n{}",
		"a tab before the colon": head +
			"Transfer-Encoding\t: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"a folded field":               head + " Content-Length: 2\r\n\r\n{}",
		"a coding that is not chunked": head + "Transfer-Encoding: gzip\r\n\r\n{}",
		"the identity":                 head + "Transfer-Encoding: identity\r\n\r\n{}",
		"chunked is not last": head +
			"Transfer-Encoding: chunked, gzip\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"two fields of codings":             head + "Transfer-Encoding: chunked\r\n" + chunks + "{}",
		"a length and chunks that are none": head + "Content-Length: 2\r\n" + chunks + "{}",
		"a length and no end of a chunk":    head + "Content-Length: 2\r\n" + chunks + "1\r\n{}",
		"chunks of HTTP/1.0 that are none":  strings.Replace(head, "1.1", "1.0", 1) + chunks + "{}",
		"no content and a broken length":    "HTTP/1.1 204 No Content\r\nContent-Length: -1\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			url, _ := transporttest.StartRaw(t, response+transporttest.SilenceAfter)
			ex := &contract.Exchange{}
			if err := open(t, url, nil).RoundTrip(t.Context(), request, ex); err != nil {
				t.Fatal(err)
			}
			var rules []string
			for _, v := range ex.Framing {
				rules = append(rules, v.Rule)
			}
			if diff := cmp.Diff([]string{"http.framing"}, slices.Compact(rules)); diff != "" {
				t.Error(diff)
			}
			if ex.Unframed != strings.Contains(response, " 201 ") {
				t.Errorf("unframed: %v", ex.Unframed)
			}
		})
	}
}

// A length that is the same each time tells the end all the same.
func TestLengthThatIsRepeated(t *testing.T) {
	for name, response := range map[string]string{
		"in two fields": created + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
		"in a list":     created + "Content-Length: 2, 2\r\n\r\n{}",
		"broken chunks": created + chunks + "{}\r\n",
	} {
		url, _ := transporttest.StartRaw(t, response+transporttest.SilenceAfter)
		want := outcome{Status: 201, Body: "{}", Framing: "http.framing"}
		if name == "broken chunks" {
			want.Body = "{}\r\n" // what is there
		}
		if diff := cmp.Diff(want, send(t, open(t, url, nil))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// A response that switches to another protocol has no body to wait for.
func TestSwitchingProtocolsWaitsForNothing(t *testing.T) {
	url, _ := transporttest.StartRaw(t, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n"+
		"Connection: upgrade\r\n\r\n"+transporttest.SilenceAfter)
	if diff := cmp.Diff(outcome{Status: 101}, send(t, open(t, url, nil))); diff != "" {
		t.Error(diff)
	}
}

func TestLongBodyIsCut(t *testing.T) {
	long := strings.Repeat("x", 2<<20)
	for name, response := range map[string]string{
		"by its length": fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", created, len(long), long),
		"in chunks": created + chunks +
			strings.Repeat("10000\r\n"+strings.Repeat("x", 1<<16)+"\r\n", 64) + "0\r\n\r\n",
		"until close": created + "\r\n" + long,
		"a lie":       created + "Content-Length: 4611686018427387903\r\n\r\n" + long,
	} {
		url, _ := transporttest.StartRaw(t, response)
		ex := &contract.Exchange{}
		if err := open(t, url, nil).RoundTrip(t.Context(), request, ex); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !ex.Cut || len(ex.Body) != 1<<20 {
			t.Errorf("%s: cut %v at %d bytes, want 1 MiB", name, ex.Cut, len(ex.Body))
		}
	}
}
