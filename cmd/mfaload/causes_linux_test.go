package main_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"mfaload/pingone/transport/transporttest"
	"mfaload/report"
)

// injected is a delay of a known cause, in a run of 80 requests.
type injected struct {
	name, want string
	secure     bool
	target     string // further keys
	load       string // instead of 100/s for 800 ms
	handle     func(number int64, w http.ResponseWriter)
	configure  func(*httptest.Server)
	between    func(server string) (address string) // what stands in front of the server
	rule       func(p packet) (drop bool, delay time.Duration)
	freeze     func(mfaload *os.Process) // is called once
}

const (
	slowOne   = 30 // the number of the request that is slow
	frozenFor = 400 * time.Millisecond
)

func respond(w http.ResponseWriter) {
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, "{}")
}

// slowFirst responds late to one request.
func slowFirst(number int64, w http.ResponseWriter) {
	if number == slowOne {
		time.Sleep(frozenFor)
	}
	respond(w)
}

// slowBody stands still after the head of one response.
func slowBody(number int64, w http.ResponseWriter) {
	w.WriteHeader(http.StatusCreated)
	_ = http.NewResponseController(w).Flush()
	if number == slowOne {
		time.Sleep(frozenFor)
	}
	_, _ = io.WriteString(w, "{}")
}

// steady takes as long for each request.
func steady(took time.Duration) func(int64, http.ResponseWriter) {
	return func(_ int64, w http.ResponseWriter) {
		time.Sleep(took)
		respond(w)
	}
}

// timed says that it took no time.
func timed(_ int64, w http.ResponseWriter) {
	w.Header().Set("Server-Timing", "total;dur=0.1")
	respond(w)
}

// oneEach has each request open a connection.
func oneEach(server *httptest.Server) { server.Config.SetKeepAlivesEnabled(false) }

// slowHandshake has one handshake take long.
func slowHandshake(number int64, configure func(*httptest.Server)) func(*httptest.Server) {
	return func(server *httptest.Server) {
		configure(server)
		var n atomic.Int64
		server.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			if n.Add(1) == number {
				time.Sleep(frozenFor)
			}
			return nil, nil
		}}
	}
}

// relay forwards connections, and holds what comes from the client once.
func relay(t *testing.T) func(server string) string {
	return func(server string) string {
		var n atomic.Int64
		url := transporttest.Listen(t, func(c net.Conn) {
			to, err := net.Dial("tcp", server)
			if err != nil {
				return
			}
			defer to.Close()
			go func() { _, _ = io.Copy(c, to) }()
			for b := make([]byte, 64<<10); ; {
				k, err := c.Read(b)
				if n.Add(1) == slowOne {
					time.Sleep(frozenFor)
				}
				if _, failed := to.Write(b[:k]); failed != nil || err != nil {
					return
				}
			}
		})
		return strings.TrimPrefix(url, "http://")
	}
}

// slowProxy is an HTTP proxy that is slow to open one connection.
func slowProxy(t *testing.T) string {
	var n atomic.Int64
	return transporttest.Listen(t, func(c net.Conn) {
		r, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		if n.Add(1) == slowOne {
			time.Sleep(frozenFor)
		}
		to, err := net.Dial("tcp", r.Host)
		if err != nil {
			return
		}
		defer to.Close()
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(to, c) }()
		_, _ = io.Copy(c, to)
	})
}

// freezes stops a process for a while.
func freezes(p *os.Process) {
	_ = p.Signal(syscall.SIGSTOP)
	time.Sleep(frozenFor)
	_ = p.Signal(syscall.SIGCONT)
}

// relayTo has the test program forward connections to an address, and print its own.
const relayTo = "MFALOAD_RELAY_TO"

func relayForever(t *testing.T, to string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(l.Addr())
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", to)
		if err != nil {
			return
		}
		go func() { _, _ = io.Copy(c, server) }()
		go func() { _, _ = io.Copy(server, c) }()
	}
}

// stoppedServer is a service whose process is stopped for a while: its system still acknowledges what it
// receives.
func stoppedServer(t *testing.T, name string, further injected) injected {
	further.name, further.want, further.handle = name, "service", steady(0)
	var front *exec.Cmd
	further.between = func(server string) string {
		front = exec.Command(os.Args[0], "-test.run=^TestCauses$")
		front.Env = append(os.Environ(), relayTo+"="+server)
		out, err := front.StdoutPipe()
		if err == nil {
			err = front.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = front.Process.Kill(); _ = front.Wait() })
		address, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(address)
	}
	further.freeze = func(*os.Process) { freezes(front.Process) }
	return further
}

// cause injects a delay and returns the cause that the report names for the slowest request.
func (i *injected) cause(t *testing.T) string {
	t.Helper()
	var received atomic.Int64
	reached := make(chan struct{})
	url, ca := transporttest.Start(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		n := received.Add(1)
		if n == slowOne {
			close(reached)
		}
		i.handle(n, w)
	}, i.secure, i.configure)
	scheme, address, _ := strings.Cut(url, "://")
	if i.between != nil {
		address = i.between(address)
	}
	if i.load == "" {
		i.load = "{stages: [{rate: 100/s, duration: 800ms}]}"
	}
	if i.secure {
		i.target += ", serverName: example.com, caFile: '" + ca + "'"
	}
	dir := t.TempDir()
	file, out := filepath.Join(dir, "cause.yaml"), filepath.Join(dir, "out")
	text := fmt.Sprintf("name: cause\ntarget: {authPath: '%s://%s', envID: %s, accessToken: any, "+
		"ownerAgreed: true%s}\n"+
		"users: [{name: all, ids: [%s], maxPerUser: 1000/d}]\nload: %s\n", scheme, address, envID, i.target,
		userID, i.load)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run := exec.Command(program(t), "run", "-q", "--yes", "--out", out, file)
	var said bytes.Buffer
	run.Dir = dir // with a ledger of its own
	run.Stdout, run.Stderr = &said, &said
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	if i.freeze != nil {
		<-reached
		i.freeze(run.Process)
	}
	_ = run.Wait()
	written, err := os.ReadFile(filepath.Join(out, "report.json"))
	if err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	var rep report.Report
	if err := json.Unmarshal(written, &rep); err != nil || rep.TimeSpent == nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	slowest := rep.TimeSpent.Slowest[0]
	t.Logf("%s, %v of %v ms, typical %v", slowest.Cause, slowest.Spent, slowest.Response,
		rep.TimeSpent.Slow.Typical)
	return slowest.Cause
}

// delays are those that need no network device.
func delays(t *testing.T) []injected {
	return []injected{
		{name: "slow first byte", want: "service", handle: slowFirst},
		{name: "slow first byte, TLS", want: "service", handle: slowFirst, secure: true},
		{name: "slow first byte, HTTP/2", want: "service", handle: slowFirst, secure: true,
			target: ", protocol: h2"},
		{name: "slow first byte, it says", want: "service", handle: func(n int64, w http.ResponseWriter) {
			if n == slowOne {
				w.Header().Set("Server-Timing", "total;dur=400")
			}
			slowFirst(n, w)
		}, target: ", serviceTimeHeader: Server-Timing"},
		{name: "slow body", want: "body", handle: slowBody},
		{name: "slow body, TLS", want: "body", handle: slowBody, secure: true},
		{name: "slow body, HTTP/2", want: "body", handle: slowBody, secure: true, target: ", protocol: h2"},
		{name: "slow handshake", want: "tls", handle: steady(0), secure: true,
			configure: slowHandshake(slowOne, oneEach)},
		{name: "slow handshake, HTTP/2", want: "tls", handle: steady(0), secure: true,
			target: ", protocol: h2", configure: slowHandshake(2, func(*httptest.Server) {})},
		{name: "slow proxy", want: "connect", handle: steady(0), secure: true,
			target: ", proxy: '" + slowProxy(t) + "'", configure: oneEach},
		{name: "one worker", want: "workers", handle: steady(30 * time.Millisecond),
			load: "{workers: 1, drain: 5s, stages: [{rate: 100/s, duration: 800ms}]}"},
		{name: "one connection", want: "connection_limit", handle: steady(30 * time.Millisecond),
			target: ", connections: 1", load: "{drain: 5s, stages: [{rate: 100/s, duration: 800ms}]}"},
		{name: "stopped mfaload", want: "own", handle: steady(0), freeze: freezes},
		{name: "stopped mfaload, requests in flight", want: "own", handle: steady(50 * time.Millisecond),
			freeze: freezes},
		stoppedServer(t, "stopped server", injected{}),
		stoppedServer(t, "stopped server, TLS", injected{secure: true}),
		stoppedServer(t, "stopped server, HTTP/2", injected{secure: true, target: ", protocol: h2"}),
		{name: "slow way to a service that tells", want: "network", handle: timed, between: relay(t),
			target: ", serviceTimeHeader: Server-Timing"},
	}
}

// The cause of a delay is the one that was injected.
func TestCauses(t *testing.T) {
	if to := os.Getenv(relayTo); to != "" {
		relayForever(t, to)
		return
	}
	named := map[string]bool{}
	for _, i := range delays(t) {
		quick := slices.Contains([]string{"service", "body", "own", "network"}, i.want) && !named[i.want]
		if named[i.want] = true; !quick && os.Getenv("MFALOAD_CAUSES") == "" {
			continue // make causes runs it
		}
		t.Run(i.name, func(t *testing.T) {
			if got := i.cause(t); got != i.want {
				t.Errorf("the cause is %s, not %s", got, i.want)
			}
		})
	}
}
