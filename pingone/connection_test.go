package pingone_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfaload/contract"
	"mfaload/pingone"
	"mfaload/scenario"
)

// A head that does not tell where the body ends is one violation. Nobody waits
// for a body then: on a connection that stays open the end would never come.
func TestFramingFaultsWaitForNothing(t *testing.T) {
	t.Parallel()
	head := "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nCorrelation-Id: x\r\n"
	for name, response := range map[string]string{
		"negative length":              head + "Content-Length: -1\r\n\r\n{}",
		"length with a sign":           head + "Content-Length: +2\r\n\r\n{}",
		"empty length":                 head + "Content-Length:\r\n\r\n{}",
		"length beyond 64 bits":        head + "Content-Length: 99999999999999999999\r\n\r\n{}",
		"two lengths":                  head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
		"two lengths in one field":     head + "Content-Length: 2, 3\r\n\r\n{}",
		"a space before the colon":     head + "Content-Length : 2\r\n\r\n{}",
		"a tab before the colon":       head + "Transfer-Encoding\t: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"a folded field":               head + " Content-Length: 2\r\n\r\n{}",
		"a coding that is not chunked": head + "Transfer-Encoding: gzip\r\n\r\n{}",
		"the identity":                 head + "Transfer-Encoding: identity\r\n\r\n{}",
		"chunked is not last":          head + "Transfer-Encoding: chunked, gzip\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"two fields of codings":        head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n{}",
		"a length and chunks that are none": head + "Content-Length: 2\r\n" +
			"Transfer-Encoding: chunked\r\n\r\n{}",
		"a length and no end of a chunk": head + "Content-Length: 2\r\n" +
			"Transfer-Encoding: chunked\r\n\r\n1\r\n{}",
		"chunks of HTTP/1.0 that are none": strings.Replace(head, "1.1", "1.0", 1) +
			"Transfer-Encoding: chunked\r\n\r\n{}",
		"no content and a broken length": "HTTP/1.1 204 No Content\r\nCorrelation-Id: x\r\n" +
			"Content-Length: -1\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			authPath, _ := rawServer(t, response+silenceAfter)
			want := []string{"http.framing"}
			if strings.Contains(response, " 204 ") {
				want = append(want, "http.status")
			}
			if diff := cmp.Diff(want, outcomeOf(t, operationOn(t, authPath, nil))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A length that is the same each time tells the end all the same.
func TestLengthThatIsRepeated(t *testing.T) {
	head := "HTTP/1.1 201 Created\r\n"
	for name, response := range map[string]string{
		"in two fields": head + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
		"in a list":     head + "Content-Length: 2, 2\r\n\r\n{}",
		"broken chunks": head + "Transfer-Encoding: chunked\r\n\r\n{}\r\n",
	} {
		authPath, _ := rawServer(t, response+silenceAfter)
		want := outcome{Status: 201, Body: "{}", Framing: "http.framing"}
		if name == "broken chunks" {
			want.Body = "{}\r\n" // what is there
		}
		if diff := cmp.Diff(want, send(t, operationOn(t, authPath, nil))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// A response that switches to another protocol has no body to wait for.
func TestSwitchingProtocolsWaitsForNothing(t *testing.T) {
	authPath, _ := rawServer(t, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n"+
		"Connection: upgrade\r\n\r\n"+silenceAfter)
	if diff := cmp.Diff(outcome{Status: 101}, send(t, operationOn(t, authPath, nil))); diff != "" {
		t.Error(diff)
	}
}

// Whether a connection is kept is said by all fields Connection together, and
// by the version where they are silent.
func TestConnectionOptions(t *testing.T) {
	for _, tt := range []struct {
		name, version, fields string
		kept                  bool
	}{
		{"nothing", "1.1", "", true},
		{"close", "1.1", "Connection: close\r\n", false},
		{"close in capitals", "1.1", "connection: CLOSE\r\n", false},
		{"a list that ends in close", "1.1", "Connection: Upgrade, close\r\n", false},
		{"a list that begins with close", "1.1", "Connection: close ,Upgrade\r\n", false},
		{"two fields", "1.1", "Connection: keep-alive\r\nConnection: close\r\n", false},
		{"an option that holds close", "1.1", "Connection: close-not\r\n", true},
		{"HTTP/1.0", "1.0", "", false},
		{"HTTP/1.0 that keeps", "1.0", "Connection: Keep-Alive\r\n", true},
		{"HTTP/1.0 that keeps, in a list", "1.0", "Connection: x, keep-alive\r\n", true},
		{"HTTP/1.0 that contradicts itself", "1.0", "Connection: keep-alive, close\r\n", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			response := "HTTP/" + tt.version + " 201 Created\r\nContent-Length: 2\r\n" + tt.fields + "\r\n{}"
			authPath, connections := rawServer(t, response, response)
			op := operationOn(t, authPath, nil)
			for i := range 2 {
				if diff := cmp.Diff(outcome{Status: 201, Body: "{}"}, send(t, op)); diff != "" {
					t.Errorf("request %d: %s", i, diff)
				}
			}
			if kept := connections.Load() == 1; kept != tt.kept {
				t.Errorf("%d connections, want the connection kept: %v", connections.Load(), tt.kept)
			}
		})
	}
}

// A server may say that it waited long enough on an idle connection (RFC 9110,
// section 15.5.9): no request is lost, and no response is to blame.
func TestUnaskedTimeoutEndsAnIdleConnection(t *testing.T) {
	notice := "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
	full := "HTTP/1.1 201 Created\r\nContent-Length: 2\r\nCorrelation-Id: the-first\r\n\r\n{}"
	everyWay(t, func(t *testing.T, protocol scenario.Protocol, secure bool) {
		if protocol == scenario.HTTP2 {
			t.Skip("HTTP/2 has its own notice")
		}
		for name, tt := range map[string]struct {
			after   string
			framing []string
		}{
			"with the response": {notice, nil},
			"of HTTP/1.0":       {strings.Replace(notice, "1.1", "1.0", 1), nil},
			"another response": {strings.Replace(notice, "408 Request Timeout", "400 Bad Request", 1),
				[]string{"http.length"}},
		} {
			t.Run(name, func(t *testing.T) {
				op, write := unasked(t, secure, full, tt.after)
				var rules []string
				for i := range 2 {
					ex := &contract.Exchange{}
					if err := op.Send(t.Context(), scenario.User{ID: userID}, ex); err != nil {
						t.Fatalf("request %d: %v", i, err)
					}
					for _, v := range ex.Framing {
						rules = append(rules, v.Rule)
						if i == 1 && !strings.Contains(v.Got, "the-first") {
							t.Errorf("the violation does not name the response that it is about: %s", v.Got)
						}
					}
					if i == 0 {
						write()
					}
				}
				if !slices.Equal(rules, tt.framing) {
					t.Errorf("violations of %v, want %v", rules, tt.framing)
				}
			})
		}
	})
}

// unasked returns the operation on a server that answers the first request of
// its first connection, and writes something more once write is called.
func unasked(t *testing.T, secure bool, response, more string) (op *pingone.Operation, write func()) {
	t.Helper()
	first, written := make(chan struct{}), make(chan struct{})
	var connections atomic.Int64
	url, caFile := start(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		_, _ = io.WriteString(c, response)
		if connections.Add(1) == 1 {
			<-first
			_, _ = io.WriteString(c, more)
			close(written)
		}
	}, secure, nil)
	return open(t, url, caFile, scenario.HTTP1, nil), func() { close(first); <-written }
}

// A 408 that a request got is a response like any other.
func TestTimeoutThatWasAskedFor(t *testing.T) {
	authPath, _ := rawServer(t, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ex := &contract.Exchange{}
	var f *contract.Failure
	if err := operationOn(t, authPath, nil).Send(ctx, scenario.User{ID: userID}, ex); errors.As(err, &f) ||
		ex.Status != 408 {
		t.Errorf("%v, HTTP status %d", err, ex.Status)
	}
}
