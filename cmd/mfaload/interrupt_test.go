//go:build unix

package main_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"mfaload/internal/testkit"
	"mfaload/measure"
)

// A signal ends the sending at 20,000 requests a second, long before the hour
// that the run would last: the requests that still come fit into a moment of the
// schedule, also where all progress is shown and nobody reads it. The report has
// every request that came.
func TestInterruptAtFullSpeed(t *testing.T) {
	after := interrupt(t, 20_000)
	t.Logf("%d requests came after the signal, the last of them %v later", after.count, after.last)
	// A second's requests: a busy machine may take its time. Those of 100 ms, and
	// of all workers, are what BenchmarkInterrupt reports.
	if after.count > 20_000 {
		t.Errorf("%d requests came after the signal", after.count)
	}
	data, err := os.ReadFile(filepath.Join(after.results, "measurement.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := measure.Unpack(data)
	if err != nil {
		t.Fatal(err)
	}
	if !m.Interrupted || m.Main.Sent() != after.all {
		t.Errorf("interrupted %v: the report has %d requests, the server %d", m.Interrupted, m.Main.Sent(),
			after.all)
	}
}

// Signals that are sent again and again while the first one ends a verb, as wrappers
// such as 'timeout' do, do not kill it.
func TestSameSignalAgain(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "token.yaml")
	text := fmt.Sprintf(`name: token
target: {authPath: "http://%s", envID: %s, clientCredentials: {clientID: app, clientSecret: any-secret}}
users: [{name: all, ids: [%s]}]
load: {stages: [{rate: 1/s, duration: 1h}]}
`, l.Addr(), envID, userID)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, verb := range [][]string{{"run", "--out", filepath.Join(dir, "out"), file}, {"check", file}} {
		p := exec.Command(program(t), verb...)
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		requestReceived(t, l)
		go func() {
			for p.Process.Signal(syscall.SIGTERM) == nil {
				time.Sleep(time.Millisecond)
			}
		}()
		if _ = p.Wait(); p.ProcessState.ExitCode() != 130 {
			t.Errorf("%s: %v, want exit code 130", verb[0], p.ProcessState)
		}
	}
}

// requestReceived waits for a connection on which a request is sent.
func requestReceived(t *testing.T, l net.Listener) {
	t.Helper()
	for {
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if n, _ := conn.Read(make([]byte, 64<<10)); n > 0 {
			return
		}
	}
}

// BenchmarkInterrupt measures how long after a signal the last request comes.
func BenchmarkInterrupt(b *testing.B) {
	var worst time.Duration
	for b.Loop() {
		after := interrupt(b, 40_000)
		worst = max(worst, after.last)
		b.ReportMetric(float64(after.count), "requests-after")
	}
	b.ReportMetric(float64(worst.Microseconds())/1000, "worst-ms")
	if worst > 100*time.Millisecond {
		b.Errorf("the last request came %v after the signal", worst)
	}
}

// stopped is what a run did after a signal.
type stopped struct {
	results    string
	all, count uint64        // requests that came at all, and after the signal
	last       time.Duration // from the signal to the last request
}

// interrupt runs the binary at 20,000/s, and interrupts it after so many
// requests. Nobody reads what it shows, and then the pipe takes no more.
func interrupt(t testing.TB, requests uint64) (s stopped) {
	t.Helper()
	var came atomic.Uint64
	var last atomic.Int64
	began, enough := time.Now(), make(chan struct{})
	server := fastServer(t, func() {
		last.Store(int64(time.Since(began)))
		if came.Add(1) == requests {
			close(enough)
		}
	})
	s.results = filepath.Join(t.TempDir(), "out")
	file := filepath.Join(t.TempDir(), "fast.yaml")
	text := fmt.Sprintf(`name: fast
target: {authPath: %s, envID: %s, accessToken: any}
users: [{name: all, ids: [%s]}]
load: {stages: [{rate: 20000/s, duration: 1h}]}
contract: {levels: {run.clock: off}}
`, server, envID, userID)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	reader, unread, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	run := exec.Command(program(t), "run", "--out", s.results, file)
	run.Stderr = unread
	var out bytes.Buffer
	run.Stdout = &out
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	<-enough
	fill(t, unread)
	unread.Close()
	if err := run.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	before, at := came.Load(), time.Since(began)
	for quiet := false; !quiet && came.Load()-before <= 20_000; {
		n := came.Load()
		time.Sleep(200 * time.Millisecond) // only how long nobody reads depends on it
		quiet = came.Load() == n
	}
	go func() { _, _ = io.Copy(io.Discard, reader) }()
	if err := run.Wait(); run.ProcessState.ExitCode() != 130 {
		t.Fatalf("%v\n%s", err, out.String())
	}
	s.all = came.Load()
	s.count = s.all - before
	s.last = max(time.Duration(last.Load())-at, 0)
	return s
}

// fill writes to a pipe until it takes no more: whoever writes next waits.
func fill(t testing.TB, pipe *os.File) {
	t.Helper()
	fd := int(pipe.Fd())
	if err := syscall.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	for block := make([]byte, 512); ; {
		if _, err := syscall.Write(fd, block); err == syscall.EAGAIN {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.SetNonblock(fd, false); err != nil {
		t.Fatal(err)
	}
}

// fastServer answers every request as the documentation's example does, and
// tells of each.
func fastServer(t testing.TB, came func()) (authPath string) {
	t.Helper()
	example := testkit.ReadResponse("otp-email").Body
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	authPath = "http://" + l.Addr().String()
	answer := strings.ReplaceAll(string(example), "https://auth.pingone.com", authPath)
	go serveFast(l, strings.Split(answer, "03e1897e-33b0-40b9-b54e-68236769b1fa"), came)
	return authPath
}
