//go:build linux

package main

import (
	"bytes"
	"container/heap"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"mfaload/bench/model"
)

type loop struct {
	listener      *os.File // kept: the collector closes a file that nobody has
	accepts, poll int
	conns         map[int32]*conn
	maker         *maker
	due           waiting

	mu       sync.Mutex
	model    model.Model
	waits    bool
	first    time.Time
	arrivals []time.Duration
}

// conn is a connection with what was read and not yet answered.
type conn struct {
	fd       int
	in       []byte
	head     []byte // of the last request
	length   int    // of its body
	template *template
	gone     bool
}

func newLoop(addr string) (*loop, error) {
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
		maker: newMaker()}
	if err := unix.SetNonblock(lo.accepts, true); err != nil {
		return nil, err
	}
	return lo, errorOr(lo.watch(lo.accepts), lo.reset("none"))
}

func errorOr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func (l *loop) watch(fd int) error {
	return unix.EpollCtl(l.poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN,
		Fd: int32(fd)})
}

// reset forgets the requests so far and behaves as the text says from now on.
func (l *loop) reset(text string) error {
	m, waits, err := modelOf(text)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.model, l.waits, l.first, l.arrivals = m, waits, time.Time{}, make([]time.Duration, 0, 1<<20)
	return nil
}

func (l *loop) seen() []time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]time.Duration(nil), l.arrivals...)
}

// began returns when the first request came; zero for none.
func (l *loop) began() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first
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
		l.answerDue()
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

// serve answers a request, or has it answered when the model says.
func (l *loop) serve(c *conn, body []byte, now time.Time) {
	l.mu.Lock()
	if l.first.IsZero() {
		l.first = now
	}
	at := now.Sub(l.first)
	l.arrivals = append(l.arrivals, at)
	waits, done := l.waits, at
	if waits {
		done = l.model(at)
	}
	first := l.first
	l.mu.Unlock()
	if !waits {
		l.write(c, l.maker.fill(c.template, userOf(body), now))
		return
	}
	heap.Push(&l.due, pending{first.Add(done), c, append([]byte(nil), userOf(body)...)})
}

func (l *loop) answerDue() {
	for len(l.due) > 0 && !time.Now().Before(l.due[0].at) {
		p := heap.Pop(&l.due).(pending)
		if !p.conn.gone {
			l.write(p.conn, l.maker.fill(p.conn.template, p.user, p.at))
		}
	}
}

// write sends a response. It is smaller than a socket's buffer, so what can't
// be sent at once is a client that does not read.
func (l *loop) write(c *conn, answer []byte) {
	if n, err := unix.Write(c.fd, answer); err != nil || n != len(answer) {
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

// Places in a response that differ from request to request.
const (
	markID      = "IIIIIIII-IIII-IIII-IIII-IIIIIIIIIIII"
	markUser    = "UUUUUUUU-UUUU-UUUU-UUUU-UUUUUUUUUUUU"
	markRequest = "CCCCCCCC-CCCC-CCCC-CCCC-CCCCCCCCCCCC"
	markTime    = "TTTT-TT-TTTTT:TT:TT.TTTZ"
	stampForm   = "2006-01-02T15:04:05.000Z"
)

// reference is the documentation's example of a response, without blanks.
const reference = `{"_links":{"self":{"href":"%[1]s"},"device.select":{"href":"%[1]s"},` +
	`"otp.check":{"href":"%[1]s"}},` +
	`"_embedded":{"devices":[{"id":"ea055ca3-2b5b-4766-9628-95fc03f4ec9b","type":"EMAIL",` +
	`"status":"ACTIVE","email":"j****@pingidentity.com"}]},` +
	`"id":"` + markID + `","environment":{"id":"%[2]s"},"status":"OTP_REQUIRED",` +
	`"policy":{"id":"9761c24a-208d-0499-1bf6-39905184a4e1"},` +
	`"selectedDevice":{"id":"ea055ca3-2b5b-4766-9628-95fc03f4ec9b"},"user":{"id":"` + markUser + `"},` +
	`"createdAt":"` + markTime + `","updatedAt":"` + markTime + `"}`

// template is a response to requests with the same head.
type template struct {
	text                    []byte
	body                    int // where the body begins
	ids, users, times, corr []int
}

func newTemplate(origin, path string) *template {
	env := ""
	if parts := bytes.Split([]byte(path), []byte("/")); len(parts) > 1 {
		env = string(parts[1])
	}
	body := fmt.Sprintf(reference, origin+path+"/"+markID, env)
	head := "HTTP/1.1 201 Created\r\nContent-Type: application/json;charset=UTF-8\r\nCache-Control: " +
		"no-store\r\n" +
		"Correlation-Id: " + markRequest + "\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n"
	t := &template{text: []byte(head + body), body: len(head)}
	t.ids, t.users = places(t.text, markID), places(t.text, markUser)
	t.times, t.corr = places(t.text, markTime), places(t.text, markRequest)
	return t
}

func places(text []byte, mark string) (at []int) {
	for from := 0; ; {
		i := bytes.Index(text[from:], []byte(mark))
		if i < 0 {
			return at
		}
		at = append(at, from+i)
		from += i + len(mark)
	}
}

// maker fills in templates. It belongs to one goroutine.
type maker struct {
	random *rand.PCG
	stamp  [2 * len(stampForm)]byte // formatting needs room
	at     int64                    // the millisecond of stamp
}

func newMaker() *maker {
	return &maker{random: rand.NewPCG(uint64(time.Now().UnixNano()), 1)}
}

// fill writes a response into the template's own text, for this user.
func (m *maker) fill(t *template, user []byte, now time.Time) []byte {
	var id [36]byte
	m.uuid(&id)
	for _, at := range t.ids {
		copy(t.text[at:], id[:])
	}
	m.uuid(&id)
	for _, at := range t.corr {
		copy(t.text[at:], id[:])
	}
	for _, at := range t.users {
		copy(t.text[at:at+36], user)
	}
	if ms := now.UnixMilli(); ms != m.at {
		m.at = ms
		now.UTC().AppendFormat(m.stamp[:0], stampForm)
	}
	for _, at := range t.times {
		copy(t.text[at:], m.stamp[:len(stampForm)])
	}
	return t.text
}

func (m *maker) uuid(dst *[36]byte) {
	const digits = "0123456789abcdef"
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], m.random.Uint64())
	binary.LittleEndian.PutUint64(b[8:], m.random.Uint64())
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	at := 0
	for i, v := range b {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst[at] = '-'
			at++
		}
		dst[at], dst[at+1] = digits[v>>4], digits[v&15]
		at += 2
	}
}

func userOf(body []byte) []byte {
	at := bytes.Index(body, []byte(`"user"`))
	if at < 0 {
		return nil
	}
	body = body[at+6:]
	if at = bytes.Index(body, []byte(`"id"`)); at < 0 {
		return nil
	}
	body = body[at+4:]
	if at = bytes.IndexByte(body, '"'); at < 0 || len(body) < at+37 {
		return nil
	}
	return body[at+1 : at+37]
}
