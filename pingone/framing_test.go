package pingone_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/contract"
	"mfaload/pingone"
	"mfaload/scenario"
)

const (
	envID  = "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6"
	userID = "788d4931-6936-43f2-82ff-178f5762298a"
)

// operationOn returns the operation on a server of this machine.
func operationOn(t *testing.T, authPath string, change func(*scenario.Scenario)) *pingone.Operation {
	t.Helper()
	s := &scenario.Scenario{
		Name:   "test",
		Target: scenario.Target{AuthPath: authPath, EnvID: envID, AccessToken: scenario.NewSecret("the-token"), Timeout: 2 * time.Second},
		Groups: []scenario.Group{{Name: "all", IDs: []string{userID}, Weight: 1, Expect: scenario.Expect{HTTPStatuses: []int{201}}}},
	}
	if change != nil {
		change(s)
	}
	op, err := pingone.New(s, embedded(t), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(op.Close)
	return op
}

func embedded(t *testing.T) *contract.Contract {
	t.Helper()
	c, err := pingone.Compile("contract.yaml", pingone.Document(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// rawServer answers each request of a connection with the next of the texts,
// then closes the connection. It says how many connections there were.
func rawServer(t *testing.T, answers ...string) (authPath string, connections *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	connections = &atomic.Int64{}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			go serveRaw(c, answers)
		}
	}()
	return "http://" + l.Addr().String(), connections
}

func serveRaw(c net.Conn, answers []string) {
	defer c.Close()
	in := bufio.NewReader(c)
	for _, answer := range answers {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return
		}
		if answer == silence {
			_, _ = io.Copy(io.Discard, in) // until the client gives up
			return
		}
		text, stalls := strings.CutSuffix(answer, silenceAfter)
		if _, err := io.WriteString(c, text); err != nil {
			return
		}
		if stalls {
			_, _ = io.Copy(io.Discard, in)
		}
	}
}

// silence in place of an answer is none, behind one it is a connection that
// stays open.
const (
	silence      = "silence"
	silenceAfter = "<silence>"
)

// outcome is what became of one exchange.
type outcome struct {
	Failure string
	Status  int
	Body    string
	Framing string
}

func send(t *testing.T, op *pingone.Operation) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	ex := &contract.Exchange{}
	err := op.Send(ctx, scenario.User{ID: userID}, ex)
	var f *contract.Failure
	if errors.As(err, &f) {
		return outcome{Failure: f.Kind}
	}
	if err != nil {
		t.Fatalf("an error of type %T: %v", err, err)
	}
	got := outcome{Status: ex.Status, Body: string(ex.Body)}
	for _, v := range ex.Framing {
		got.Framing += v.Rule
	}
	return got
}

const plain = "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}"

func TestFraming(t *testing.T) {
	t.Parallel()
	head := "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n"
	for _, test := range []struct {
		name, answer string
		want         outcome
	}{
		{"length", plain, outcome{Status: 201, Body: "{}"}},
		{"chunks", head + "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;x=y\r\n}\r\n0\r\nTrailer: x\r\n\r\n", outcome{Status: 201, Body: "{}"}},
		{"until close", head + "\r\n{}", outcome{Status: 201, Body: "{}"}},
		{"HTTP/1.0", "HTTP/1.0 201 Created\r\n\r\n{}", outcome{Status: 201, Body: "{}"}},
		{"informational first", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + plain, outcome{Status: 201, Body: "{}"}},
		{"bare line feeds", "HTTP/1.1 201 Created\nContent-Length: 2\n\n{}", outcome{Status: 201, Body: "{}"}},
		{"no reason", "HTTP/1.1 201\r\nContent-Length: 2\r\n\r\n{}", outcome{Status: 201, Body: "{}"}},
		{"redirect", "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", outcome{Status: 302}},
		{"no content", "HTTP/1.1 204 No Content\r\n\r\n", outcome{Status: 204}},
		{"length too small", "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{\"a\":1}", outcome{Status: 201, Body: `{"`, Framing: "http.length"}},
		{"length too large", "HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\n{}", outcome{Failure: "answer cut off"}},
		{"length of nonsense", "HTTP/1.1 201 Created\r\nContent-Length: two\r\n\r\n{}", outcome{Status: 201, Body: "{}", Framing: "http.framing"}},
		{"two lengths", "HTTP/1.1 201 Created\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", outcome{Status: 201, Body: "{}", Framing: "http.framing"}},
		{"length and chunks", head + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", outcome{Status: 201, Body: "{}", Framing: "http.framing"}},
		{"chunks of HTTP/1.0", "HTTP/1.0 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", outcome{Status: 201, Body: "{}", Framing: "http.framing"}},
		{"no last chunk", head + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", outcome{Failure: "answer cut off"}},
		{"chunk of nonsense", head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", outcome{Status: 201, Body: "zz\r\n{}\r\n0\r\n\r\n", Framing: "http.framing"}},
		{"204 with a body", "HTTP/1.1 204 No Content\r\n\r\n{}", outcome{Status: 204, Framing: "http.bodyless"}},
		{"204 with a length", "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n{}", outcome{Status: 204, Framing: "http.bodyless"}},
		{"header without a name", head + ": x\r\nContent-Length: 2\r\n\r\n{}", outcome{Status: 201, Body: "{}", Framing: "http.framing"}},
		{"no HTTP", "SSH-2.0-OpenSSH_9\r\n", outcome{Failure: "not HTTP"}},
		{"half a head", "HTTP/1.1 201 Cre", outcome{Failure: "answer cut off"}},
		{"nothing", "", outcome{Failure: "connection closed"}},
		{"silence", silence, outcome{Failure: "timeout"}},
		{"endless header", head + strings.Repeat("X: "+strings.Repeat("x", 1000)+"\r\n", 100), outcome{Failure: "head too long"}},
		{"endless line", "HTTP/1.1 201 " + strings.Repeat("x", 1<<20), outcome{Failure: "head too long"}},
		{"endless informational", strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", 4000) + plain, outcome{Failure: "head too long"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			authPath, _ := rawServer(t, test.answer)
			if diff := cmp.Diff(test.want, send(t, operationOn(t, authPath, nil))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLongBodyIsCut(t *testing.T) {
	for name, answer := range map[string]string{
		"by its length": fmt.Sprintf("HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n%s", 2<<20, strings.Repeat("x", 2<<20)),
		"in chunks":     "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("10000\r\n"+strings.Repeat("x", 1<<16)+"\r\n", 64) + "0\r\n\r\n",
		"until close":   "HTTP/1.1 201 Created\r\n\r\n" + strings.Repeat("x", 2<<20),
		"a lie":         "HTTP/1.1 201 Created\r\nContent-Length: 4611686018427387903\r\n\r\n" + strings.Repeat("x", 2<<20),
	} {
		authPath, _ := rawServer(t, answer)
		op := operationOn(t, authPath, nil)
		ex := &contract.Exchange{}
		if err := op.Send(t.Context(), scenario.User{ID: userID}, ex); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !ex.Cut || len(ex.Body) != 1<<20 {
			t.Errorf("%s: cut %v at %d bytes, want 1 MiB", name, ex.Cut, len(ex.Body))
		}
	}
}

func TestConnectionsAreKept(t *testing.T) {
	authPath, connections := rawServer(t, plain, plain, plain)
	op := operationOn(t, authPath, nil)
	for range 3 {
		if got := send(t, op); got.Status != 201 {
			t.Errorf("%+v", got)
		}
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

// A connection that the server closed while it was idle costs no request.
func TestClosedIdleConnectionIsReplaced(t *testing.T) {
	authPath, connections := rawServer(t, plain)
	op := operationOn(t, authPath, nil)
	for i := range 20 {
		// The close may come while the request is being sent. Then the request
		// fails and is not sent again.
		switch got := send(t, op); {
		case got.Status == 201, got.Failure == "connection closed", got.Failure == "connection reset":
		default:
			t.Errorf("request %d: %+v", i, got)
		}
	}
	if n := connections.Load(); n < 10 {
		t.Errorf("%d connections", n)
	}
}

func TestNotReusedAfterLeftovers(t *testing.T) {
	authPath, connections := rawServer(t, plain+"{}", plain)
	op := operationOn(t, authPath, nil)
	if got := send(t, op); got.Framing != "http.length" {
		t.Errorf("%+v", got)
	}
	send(t, op)
	if n := connections.Load(); n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
}

func TestNeverLeavesLoopbackWithoutConsent(t *testing.T) {
	// 192.0.2.0/24 is documentation; nothing may even be tried there.
	op := operationOn(t, "http://192.0.2.1", nil)
	if got := send(t, op); got.Failure != "not loopback" {
		t.Errorf("%+v", got)
	}
	if err := op.Preflight(t.Context()); err == nil || !strings.Contains(err.Error(), "ownerAgreed") {
		t.Errorf("%v", err)
	}
}

func TestCanceledRequest(t *testing.T) {
	authPath, _ := rawServer(t, silence)
	op := operationOn(t, authPath, nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	go cancel()
	err := op.Send(ctx, scenario.User{ID: userID}, &contract.Exchange{})
	var f *contract.Failure
	if !errors.As(err, &f) || f.Kind != "canceled" {
		t.Errorf("%v", err)
	}
}

func TestRequestAsSent(t *testing.T) {
	var got string
	authPath := capture(t, &got)
	op := operationOn(t, authPath, func(s *scenario.Scenario) {
		s.Groups[0].Request = map[string]any{"policy": map[string]any{"id": "p"}}
	})
	send(t, op)
	want := "POST /" + envID + "/deviceAuthentications HTTP/1.1\r\nHost: " + strings.TrimPrefix(authPath, "http://") +
		"\r\nContent-Type: application/json\r\nAccept: application/json\r\nUser-Agent: mfaload\r\nAuthorization: Bearer the-token\r\nContent-Length: 77\r\n\r\n" +
		`{"policy":{"id":"p"},"user":{"id":"` + userID + `"}}`
	want = strings.Replace(want, "Length: 77", fmt.Sprintf("Length: %d", len(want)-strings.Index(want, "{")), 1)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// capture serves one request and keeps its bytes.
func capture(t *testing.T, got *string) (authPath string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		buf := make([]byte, 4096)
		n := 0
		for !strings.HasSuffix(string(buf[:n]), "}}") {
			m, err := c.Read(buf[n:])
			if err != nil {
				return
			}
			n += m
		}
		*got = string(buf[:n])
		_, _ = io.WriteString(c, plain)
	}()
	return "http://" + l.Addr().String()
}
