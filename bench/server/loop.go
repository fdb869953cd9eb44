//go:build linux

package main

import (
	"bytes"
	"container/heap"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

type loop struct {
	listener      *os.File // kept: the collector closes a file that nobody has
	accepts, poll int
	conns         map[int32]*conn
	maker         *maker
	due           waiting
	behaviour     *behaviour
}

// conn is a connection with what was read and has no response yet.
type conn struct {
	fd       int
	in       []byte
	head     []byte // of the last request
	length   int    // of its body
	template *template
	gone     bool
}

func newLoop(addr string, b *behaviour) (*loop, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		return nil, err
	}
	poll, err := unix.EpollCreate1(0)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	lo := &loop{listener: file, accepts: int(file.Fd()), poll: poll, conns: map[int32]*conn{},
		maker: newMaker(), behaviour: b}
	if err := unix.SetNonblock(lo.accepts, true); err != nil {
		return nil, err
	}
	return lo, lo.watch(lo.accepts)
}

func (l *loop) watch(fd int) error {
	return unix.EpollCtl(l.poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN,
		Fd: int32(fd)})
}

func (l *loop) run() {
	runtime.LockOSThread()
	events := make([]unix.EpollEvent, 256)
	for {
		n, err := unix.EpollWait(l.poll, events, 0)
		if err != nil && err != unix.EINTR {
			fmt.Fprintln(os.Stderr, "server: wait for requests:", err)
			os.Exit(1)
		}
		for _, e := range events[:max(n, 0)] {
			if int(e.Fd) == l.accepts {
				l.accept()
			} else if c := l.conns[e.Fd]; c != nil {
				l.read(c)
			}
		}
		l.respondDue()
	}
}

func (l *loop) accept() {
	for {
		fd, _, err := unix.Accept4(l.accepts, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return
		}
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		l.conns[int32(fd)] = &conn{fd: fd}
		if l.watch(fd) != nil {
			_ = unix.Close(fd)
		}
	}
}

func (l *loop) drop(c *conn) {
	c.gone = true
	delete(l.conns, int32(c.fd))
	_ = unix.Close(c.fd)
}

func (l *loop) read(c *conn) {
	if cap(c.in)-len(c.in) < 4096 {
		c.in = append(make([]byte, 0, 2*cap(c.in)+8192), c.in...)
	}
	n, err := unix.Read(c.fd, c.in[len(c.in):cap(c.in)])
	if err == unix.EAGAIN || err == unix.EINTR {
		return
	}
	if err != nil || n <= 0 {
		l.drop(c)
		return
	}
	now := time.Now()
	c.in = c.in[:len(c.in)+n]
	rest := c.in
	for !c.gone {
		end := bytes.Index(rest, []byte("\r\n\r\n"))
		if end < 0 {
			break
		}
		head := rest[:end+4]
		if !bytes.Equal(head, c.head) {
			c.remember(head)
		}
		if len(rest) < len(head)+c.length {
			break
		}
		l.serve(c, rest[len(head):len(head)+c.length], now)
		rest = rest[len(head)+c.length:]
	}
	c.in = c.in[:copy(c.in, rest)]
}

// remember takes a request's head apart.
func (c *conn) remember(head []byte) {
	c.head = append(c.head[:0], head...)
	lines := bytes.Split(head, []byte("\r\n"))
	path, host := "/", ""
	if words := bytes.Fields(lines[0]); len(words) == 3 {
		path = string(words[1])
	}
	c.length = 0
	for _, line := range lines[1:] {
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch value := string(bytes.TrimSpace(value)); string(bytes.ToLower(name)) {
		case "content-length":
			c.length, _ = strconv.Atoi(value)
		case "host":
			host = value
		}
	}
	c.template = newTemplate("http://"+host, path)
}

// serve responds to a request, at once or when the model says.
func (l *loop) serve(c *conn, body []byte, now time.Time) {
	due, waits := l.behaviour.arrived(now)
	if !waits {
		l.write(c, l.maker.fill(c.template, userOf(body), now))
		return
	}
	heap.Push(&l.due, pending{due, c, append([]byte(nil), userOf(body)...)})
}

func (l *loop) respondDue() {
	for len(l.due) > 0 && !time.Now().Before(l.due[0].at) {
		p := heap.Pop(&l.due).(pending)
		if !p.conn.gone {
			l.write(p.conn, l.maker.fill(p.conn.template, p.user, p.at))
		}
	}
}

// write sends a response. It is smaller than a socket's buffer, so what can't
// be sent at once is a client that does not read.
func (l *loop) write(c *conn, response []byte) {
	if n, err := unix.Write(c.fd, response); err != nil || n != len(response) {
		l.drop(c)
	}
}

// pending is a response that is due later.
type pending struct {
	at   time.Time
	conn *conn
	user []byte
}

type waiting []pending

func (w waiting) Len() int           { return len(w) }
func (w waiting) Less(i, j int) bool { return w[i].at.Before(w[j].at) }
func (w waiting) Swap(i, j int)      { w[i], w[j] = w[j], w[i] }
func (w *waiting) Push(p any)        { *w = append(*w, p.(pending)) }
func (w *waiting) Pop() any {
	old := *w
	p := old[len(old)-1]
	*w = old[:len(old)-1]
	return p
}
