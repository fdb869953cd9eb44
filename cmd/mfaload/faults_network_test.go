//go:build linux

package main_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"
)

// A server whose queue of new connections is full lets them hang.
func TestConnectingHangs(t *testing.T) {
	t.Parallel()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil { // holds one connection, the preflight's
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address := net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: name.(*unix.SockaddrInet4).Port}
	f := &faulty{server: &faultServer{}, target: "timeout: 150ms, authPath: http://" + address.String()}
	rep, printed, code := f.run(t)
	if rep == nil || code != 1 && code != 4 {
		t.Fatalf("exit code %d:\n%s", code, printed)
	}
	f.exact(t, rep)
	if diff := cmp.Diff(counts{"timeout": 10}, counts(rep.Errors)); diff != "" {
		t.Error(diff)
	}
}

// A proxy that refuses is a failure of its own, never the service's.
func TestProxyRefuses(t *testing.T) {
	t.Parallel()
	made, ca := certificateFor(t, time.Now().Add(time.Hour), "127.0.0.1")
	server := startFaults(t, &tls.Config{Certificates: []tls.Certificate{made}}, (*incoming).answerAndClose)
	proxy := startFaults(t, nil, nil)
	proxy.admit(func(c net.Conn, n int) bool {
		in := bufio.NewReader(c)
		if _, err := http.ReadRequest(in); err != nil {
			return false
		}
		if n > 4 { // the preflight and four requests pass
			_, _ = io.WriteString(c, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
			return false
		}
		to, err := net.Dial("tcp", server.address)
		if err != nil {
			return false
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(to, in); to.Close() }()
		_, _ = io.Copy(c, to)
		return false
	})
	f := &faulty{server: server, target: "caFile: " + ca + ", ownerAgreed: true, proxy: http://" +
		proxy.address + ", authPath: https://" + server.address}
	f.load = "{workers: 1, stages: [{rate: 200/s, requests: 10}]}"
	rep, printed, code := f.run(t)
	if rep == nil || code != 1 && code != 4 {
		t.Fatalf("exit code %d:\n%s", code, printed)
	}
	f.exact(t, rep)
	if diff := cmp.Diff(counts{"proxy failed": 6}, counts(rep.Errors)); diff != "" {
		t.Error(diff)
	}
}

// TestNames has names fail and change, in a network with a name server of its
// own.
func TestNames(t *testing.T) {
	t.Parallel()
	if os.Getenv(inside) == "" {
		runInside(t)
		return
	}
	loopbackUp(t)
	conf := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(conf, []byte("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"),
		0o600); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(conf, "/etc/resolv.conf", "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	made, ca := certificateFor(t, time.Now().Add(time.Hour), "auth.example")
	secure := &tls.Config{Certificates: []tls.Certificate{made}}
	first := startFaults(t, secure, (*incoming).answerAndClose)
	_, port, _ := net.SplitHostPort(first.address)
	second := &faultServer{t: t, fault: (*incoming).answerAndClose, open: map[net.Conn]bool{},
		came: map[string]int{}, address: "127.0.0.2:" + port}
	second.start(secure)
	t.Cleanup(second.kill)
	names := serveNames(t)
	target := "ownerAgreed: true, caFile: " + ca + ", authPath: https://auth.example:" + port
	load := "{workers: 1, stages: [{rate: 100/s, requests: 20}]}"

	// The name leads elsewhere in the middle: what is opened from then on goes there.
	names.answer.Store(1)
	first.behave(func(x *incoming) bool {
		if x.number == 9 {
			names.answer.Store(2)
		}
		return x.answerAndClose()
	})
	f := &faulty{server: first, target: target, load: load}
	rep, printed, code := f.run(t)
	if rep == nil || rep.Requests.Answered != 20 || len(rep.Errors) > 0 {
		t.Fatalf("exit code %d:\n%s", code, printed)
	}
	if first.answered != 10 || second.answered != 10 {
		t.Errorf("the servers answered %d and %d requests, want 10 each", first.answered, second.answered)
	}

	// It fails in the middle.
	names.answer.Store(1)
	first.behave(func(x *incoming) bool {
		if x.number == 4 {
			names.answer.Store(0)
		}
		return x.answerAndClose()
	})
	first.came, first.answered = map[string]int{}, 0
	if rep, printed, code = f.run(t); rep == nil {
		t.Fatalf("exit code %d:\n%s", code, printed)
	}
	f.exact(t, rep)
	if diff := cmp.Diff(counts{"name not resolved": 15}, counts(rep.Errors)); diff != "" {
		t.Error(diff)
	}

	// It is not there from the start.
	if rep, printed, code = f.run(t); rep == nil || rep.NotStarted == "" || code != 3 ||
		!strings.Contains(printed, "nothing was sent") {
		t.Errorf("exit code %d:\n%s", code, printed)
	}
}

// runInside runs the test again where it may change the network and mount files:
// in namespaces that end with it.
func runInside(t *testing.T) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), inside+"="+program(t))
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil && strings.Contains(string(out), "--- PASS: "+t.Name()):
	case cmd.ProcessState == nil && os.Getenv("CI") != "true":
		t.Skipf("this system gives no namespaces: %v", err)
	default:
		t.Fatalf("%v\n%s", err, out)
	}
}

// loopbackUp switches the loopback of a new network on.
func loopbackUp(t *testing.T) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		t.Fatal(err)
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request); err != nil {
		t.Fatal(err)
	}
}

// nameServer answers every question with an address of loopback, the last byte
// of which may change; with a failure where that is 0.
type nameServer struct {
	answer atomic.Int32
}

func serveNames(t *testing.T) *nameServer {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:53")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.Close() })
	s := &nameServer{}
	go func() {
		buffer := make([]byte, 512)
		for {
			n, from, err := pc.ReadFrom(buffer)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buffer[:n]) != nil || len(m.Questions) == 0 {
				continue
			}
			if out, err := s.reply(m); err == nil {
				_, _ = pc.WriteTo(out, from)
			}
		}
	}()
	return s
}

func (s *nameServer) reply(m dnsmessage.Message) ([]byte, error) {
	q, last := m.Questions[0], byte(s.answer.Load())
	reply := dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, RecursionAvailable: true},
		Questions: m.Questions}
	switch {
	case last == 0:
		reply.RCode = dnsmessage.RCodeNameError
	case q.Type == dnsmessage.TypeA:
		reply.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class},
			Body:   &dnsmessage.AResource{A: [4]byte{127, 0, 0, last}},
		}}
	}
	return reply.Pack()
}
