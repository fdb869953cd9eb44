// Package h2 is a client's end of connections of HTTP/2. Frames and Huffman's code are
// those of golang.org/x/net; what streams, windows and tables of fields do is written here,
// because a conformance test has to see what net/http hides. A fault of the server's is
// noted and, where the connection can still be understood, overlooked: a client would
// give the connection up (RFC 9113, section 5.4), and then nobody would know why.
//
// Where the rules come from (RFC 9113; * marks RFC 7541):
//
//	rule            section           what it says
//	h2.length       8.1.1             content-length is what DATA frames have
//	h2.pseudo       8.1, 8.3          one :status, first, and nothing else with a colon
//	h2.fields       8.2, 8.2.1        names in lower case, names and values without controls
//	h2.connection   8.2.2             no fields of a connection
//	h2.order        8.1               HEADERS, DATA, then perhaps trailers that end the stream
//	h2.closed       5.1               nothing after the end of a stream
//	h2.idle         5.1, 5.1.1        nothing on streams that nobody opened
//	h2.push         6.6, 8.4          no push, for it was turned off
//	h2.hpack        4.3, 2 to 6*      header blocks can be read
//	h2.settings     6.5               settings have values that they may have
//	h2.window       6.9               windows are kept, and never beyond 2^31-1
//	h2.frame        4.2, 6            frames have a size and a stream that they may have
package h2

import (
	"context"
	"errors"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"

	"mfaload/contract"
	"mfaload/pingone/transport/socket"
)

// Bounds on what a server may send.
const (
	// MaxHead bounds a response's head, and a list of fields.
	MaxHead = 64 << 10
	// MaxBody bounds a response's body. The rest is not read.
	MaxBody = 1 << 20

	maxFrame      = 16 << 10 // the least that HTTP/2 allows
	streamWindow  = MaxBody + 64<<10
	connWindow    = 16 << 20
	initialWindow = 1<<16 - 1
	maxWindow     = 1<<31 - 1
	maxStream     = 1<<31 - 1
	// maxIdleFrames bounds the frames of idleTime that come without a response.
	maxIdleFrames = 10_000
	idleTime      = 10 * time.Second
	// maxQueued bounds what waits to be written as frames come.
	maxQueued = 16 << 20
	// maxResets is how many streams are remembered that this end reset.
	maxResets = 4096
)

// Errors of connections and streams.
var (
	// ErrFull means that a connection takes no request now. Nothing was sent.
	ErrFull = errors.New("the connection takes no more streams")
	// ErrNotProcessed means that the server said it did not process the request: its
	// GOAWAY names an earlier stream as the last, or it refused the stream.
	ErrNotProcessed = errors.New("the server says that it did not process the request")
	// ErrReset means that the server reset the stream.
	ErrReset = errors.New("the server reset the stream")
	// ErrGoneAway means that a connection ended that the server had said goes away.
	ErrGoneAway = errors.New("the connection went away before the response")
	// ErrNotHTTP2 means that what came is no HTTP/2.
	ErrNotHTTP2 = errors.New("what came is no HTTP/2")
	// ErrHeadTooLong means that a response's head is longer than [MaxHead].
	ErrHeadTooLong = errors.New("the response's head is longer than 65536 bytes")
	// ErrFlood means that frames came without end that belong to no response.
	ErrFlood = errors.New("endless frames that make no progress towards a response")
)

// ConnConfig is what connections have in common.
type ConnConfig struct {
	// Timeout is that of a request. A connection that is silent for half of it, while
	// requests wait, takes no more of them.
	Timeout time.Duration
	// MaxRequests is how many requests a connection takes; 0 for as many as HTTP/2 allows.
	// Ahead is told, in a goroutine of its own, of a connection that took AheadOf of them.
	MaxRequests, AheadOf int
	Ahead                func(c *StreamConn)
	// Freed, if set, is told of each request that has ended. It must not block, nor call the
	// connection.
	Freed func()
	// IDName is the name of the field with a request's ID, in lower case.
	IDName string
	// Gone is told once of a connection that takes no more requests, in a goroutine of
	// its own. Away says that the server announced it.
	Gone func(c *StreamConn, away bool)
}

// StreamRequest is what is sent.
type StreamRequest struct {
	// Fields are those that requests share. Two requests with the same pointer have the
	// same, which costs least.
	Fields *SharedFields
	// ID is the value of the field [ConnConfig.IDName]; empty for none.
	ID []byte
	// TraceParent is the value of the field traceparent; empty for none.
	TraceParent []byte
	Body        []byte
}

// StreamConn is a connection to a server. It is safe for concurrent use.
type StreamConn struct {
	nc     net.Conn
	opened contract.Connection
	// path tells how much of a wait the network took.
	path   socket.PathMeter
	config *ConnConfig
	in     frameReader

	// room is how many streams more the server allows now, for whoever chooses among
	// connections: it may be less by then. Waiting is how many wait for a response.
	room, waiting atomic.Int64

	mu      sync.Mutex
	err     error // it ended
	away    bool  // the server said that it goes away
	retired bool  // it takes no more requests, and ends with the last of them
	streams map[uint32]*stream
	next    uint32 // the number of the next stream
	last    uint32 // the highest that a stream may have
	ahead   uint32 // the number of the stream that [ConnConfig.Ahead] is told of
	limit   int64  // of streams at once, the server's
	free    []*stream
	resets  resets
	faults  []contract.Violation // that belong to no response: the next one tells of them
	bound   []*binding
	idle    int       // frames since the last response that brought none nearer
	since   time.Time // or since then: they are counted again after idleTime

	settings peerSettings
	window   int64 // for bodies of requests
	received int64 // of bodies, since the server was told last

	frameWriter
	liveness
}

// peerSettings are those of the server that streams begin with.
type peerSettings struct {
	window int64
	frame  int
	table  int
}

// liveness tells a connection that is silent from one that is dead.
type liveness struct {
	timer   *time.Timer
	due     time.Time // when the timer ends
	heard   time.Time // when something came last, or the first request after a rest was sent
	pinged  time.Time // zero for no ping under way
	counter byte
}

// stream is one request and its response.
type stream struct {
	id       uint32
	ex       *contract.Exchange
	done     chan error
	deadline time.Time
	binding  *binding
	window   int64  // for the rest of the request's body
	rest     []byte // that was not sent yet
	unsent   bool   // the request did not end yet
	headed   bool   // the final head came
	head     int    // bytes of informational ones
	length   int64  // by content-length; -1 for none
	body     int64  // bytes of DATA
}

// binding ends streams with their context.
type binding struct {
	ctx     context.Context
	stop    func() bool
	streams int
}

// New begins HTTP/2 on a connection: it says what it takes and waits for what the
// server takes. Its errors leave the connection open; [StreamConn.Start] is to come next.
func New(nc net.Conn, opened contract.Connection, config *ConnConfig) (*StreamConn, error) {
	c := &StreamConn{nc: nc, opened: opened,
		path: socket.PathMeter{Conn: nc}, config: config, streams: map[uint32]*stream{}, next: 1,
		last:  maxStream,
		limit: 1<<31 - 1, settings: peerSettings{initialWindow, maxFrame, maxTable}, window: initialWindow}
	if n := config.MaxRequests; n > 0 && n < maxStream/2 {
		c.last, c.ahead = streamOf(n), streamOf(config.AheadOf)
	}
	c.in.init(nc)
	c.framer = http2.NewFramer(&c.out, nil)
	c.out = append(c.out, http2.ClientPreface...)
	_ = c.framer.WriteSettings(http2.Setting{ID: http2.SettingEnablePush, Val: 0},
		http2.Setting{ID: http2.SettingInitialWindowSize, Val: streamWindow},
		http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: MaxHead})
	_ = c.framer.WriteWindowUpdate(0, connWindow-initialWindow)
	if _, err := nc.Write(c.out); err != nil {
		return nil, err
	}
	c.out = c.out[:0]
	c.writing = true // nothing more before Start: whoever is told of the end knows the connection then
	h, err := c.in.framer.ReadFrameHeader()
	if err == nil && h.Type != http2.FrameSettings || errors.Is(err, http2.ErrFrameTooLarge) {
		return nil, ErrNotHTTP2
	}
	if err == nil {
		err = c.handle(h)
	}
	return c, err
}

// streamOf is the number of the nth stream of a connection.
func streamOf(n int) uint32 { return uint32(2*n - 1) }

// Start has the connection read what the server sends.
func (c *StreamConn) Start() {
	c.mu.Lock()
	c.publish()
	c.writing = false
	c.flushAside()
	c.mu.Unlock()
	go c.read()
}

// Room is how many streams more the connection takes. It may be less by now.
func (c *StreamConn) Room() int64 { return c.room.Load() }

// Unused says that the connection has taken no request.
func (c *StreamConn) Unused() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.next == 1
}

// Waiting is how many requests wait for their response. It may be another by now.
func (c *StreamConn) Waiting() int64 { return c.waiting.Load() }

// Limit is how many streams the server allows at once. Ok is false for a connection that
// takes none for another reason.
func (c *StreamConn) Limit() (n int64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.limit, c.usable()
}

// usable says whether the connection takes requests, but for its limit.
func (c *StreamConn) usable() bool {
	return c.err == nil && !c.retired
}

// publish tells those who choose a connection.
func (c *StreamConn) publish() {
	n := int64(len(c.streams))
	c.waiting.Store(n)
	if c.usable() {
		c.room.Store(c.limit - n)
	} else {
		c.room.Store(0)
	}
}

// Retire lets the connection take no more requests. It ends once none waits on it any more.
func (c *StreamConn) Retire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.retire()
}

func (c *StreamConn) retire() {
	if !c.retired {
		c.retired = true
		c.publish()
		go c.config.Gone(c, c.away)
	}
	if len(c.streams) == 0 {
		c.end(net.ErrClosed)
	}
}

// end ends the connection and all its streams.
func (c *StreamConn) end(err error) {
	if c.err != nil {
		return
	}
	c.err = err
	if c.timer != nil {
		c.timer.Stop()
	}
	_ = c.nc.Close()
	for _, s := range c.streams {
		c.finish(s, c.endOf(s, err))
	}
	for _, b := range c.bound {
		b.stop()
	}
	c.retire()
}

// RoundTrip sends a request and reads the response to it into ex, until a deadline. Where
// it returns [ErrFull] nothing was sent.
func (c *StreamConn) RoundTrip(ctx context.Context, deadline time.Time, r StreamRequest,
	ex *contract.Exchange) error {
	c.mu.Lock()
	if !c.usable() || int64(len(c.streams)) >= c.limit {
		c.mu.Unlock()
		return ErrFull
	}
	if err := ctx.Err(); err != nil {
		c.mu.Unlock()
		return err
	}
	s := c.begin(ctx, deadline, ex)
	c.writeRequest(s, &r)
	others := len(c.streams) > gatherFrom
	c.flush(others)
	err := <-s.done
	c.mu.Lock()
	c.free = append(c.free, s)
	c.mu.Unlock()
	return err
}

// begin opens a stream.
func (c *StreamConn) begin(ctx context.Context, deadline time.Time, ex *contract.Exchange) *stream {
	var s *stream
	if n := len(c.free); n > 0 {
		s, c.free = c.free[n-1], c.free[:n-1]
	} else {
		s = &stream{done: make(chan error, 1)}
	}
	*s = stream{id: c.next, ex: ex, done: s.done, deadline: deadline, binding: c.bind(ctx),
		window: c.settings.window, length: -1}
	ex.HTTP2 = true
	ex.Use(&c.opened, ex.Dial)
	c.path.Begin(ex.Sent)
	if len(c.streams) == 0 {
		c.heard = ex.Sent
	}
	c.streams[s.id] = s
	if c.next += 2; c.next > c.last {
		c.retire()
	}
	if s.id == c.ahead {
		go c.config.Ahead(c)
	}
	c.publish()
	c.wake(deadline)
	c.wake(c.heard.Add(c.config.Timeout / 4))
	return s
}

// bind has streams end with a context. The requests of a run have one.
func (c *StreamConn) bind(ctx context.Context) *binding {
	for i, b := range c.bound {
		if b.ctx == ctx {
			b.streams++
			return b
		}
		if b.streams == 0 {
			b.stop()
			c.bound[i] = c.bound[len(c.bound)-1]
			c.bound = c.bound[:len(c.bound)-1]
			return c.bind(ctx)
		}
	}
	b := &binding{ctx: ctx, streams: 1}
	b.stop = context.AfterFunc(ctx, func() { c.cancel(b) })
	c.bound = append(c.bound, b)
	return b
}

// cancel ends the streams of a context that is over.
func (c *StreamConn) cancel(b *binding) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.streams {
		if s.binding == b {
			c.giveUp(s, b.ctx.Err())
		}
	}
	if c.writing && b.ctx.Err() != nil {
		c.limitWrite(time.Now().Add(100 * time.Millisecond))
	}
	c.flushAside()
}

// giveUp ends a stream from this side.
func (c *StreamConn) giveUp(s *stream, err error) {
	c.reset(s.id, http2.ErrCodeCancel)
	c.finish(s, err)
}

// reset tells the server that a stream is over.
func (c *StreamConn) reset(id uint32, code http2.ErrCode) {
	c.resets.add(id)
	_ = c.framer.WriteRSTStream(id, code)
}

// finish hands a stream's end to whoever waits for it. Its exchange is not touched again.
func (c *StreamConn) finish(s *stream, err error) {
	delete(c.streams, s.id)
	s.binding.streams--
	if err == nil && len(c.faults) > 0 {
		s.ex.Framing = append(s.ex.Framing, c.faults...)
		c.faults = c.faults[:0]
	}
	s.ex, s.rest, s.binding = nil, nil, nil
	s.done <- err
	c.publish()
	if c.retired && len(c.streams) == 0 {
		c.end(net.ErrClosed)
	}
	if c.config.Freed != nil {
		c.config.Freed()
	}
}

// wake has the timer end at a time, or earlier.
func (c *StreamConn) wake(at time.Time) {
	if c.due.IsZero() || at.Before(c.due) {
		c.due = at
		if c.timer == nil {
			c.timer = time.AfterFunc(time.Until(at), c.tick)
			return
		}
		c.timer.Reset(time.Until(at))
	}
}

// tick ends streams whose time is over, and looks whether the server is there. The timer
// is set to the first thing that may happen, and not to each.
func (c *StreamConn) tick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	c.due = time.Time{}
	for _, s := range c.streams {
		if s.deadline.After(now) {
			c.wake(s.deadline)
		} else {
			c.giveUp(s, os.ErrDeadlineExceeded)
		}
	}
	if c.err != nil || len(c.streams) == 0 {
		c.flushAside()
		return
	}
	quiet := c.config.Timeout / 4
	switch {
	case now.Sub(c.heard) < quiet:
		c.wake(c.heard.Add(quiet))
	case c.pinged.IsZero():
		c.pinged = now
		c.counter++
		_ = c.framer.WritePing(false, [8]byte{c.counter})
		c.wake(now.Add(quiet))
	case now.Sub(c.pinged) < quiet:
		c.wake(c.pinged.Add(quiet))
	default:
		c.retire() // requests that wait keep their time: it may only stand still
	}
	if c.writing && now.Sub(c.began) > c.config.Timeout/2 {
		c.limitWrite(now) // nothing is taken from it for that long
	}
	c.flushAside()
}

// alive notes that something came.
func (c *StreamConn) alive(now time.Time) {
	c.heard, c.pinged = now, time.Time{}
	if len(c.streams) > 0 {
		c.wake(now.Add(c.config.Timeout / 4))
	}
}

// gatherFrom is how many requests have to be under way for one to wait, before it is
// written, for others that are about to be.
const gatherFrom = 4

// frameWriter collects frames and writes them. Whoever adds one while nobody writes does so;
// what is added meanwhile goes with the next write.
type frameWriter struct {
	framer  *http2.Framer // into out
	out     byteWriter
	spare   []byte
	writing bool
	limited bool          // the write has a deadline
	began   time.Time     // the write
	fields  *SharedFields // that the server's table has
	block   []byte        // of those fields
}

// flush writes what waits, unless somebody does. It unlocks the connection.
func (c *StreamConn) flush(gather bool) {
	if c.writing || c.err != nil || len(c.out) == 0 {
		c.mu.Unlock()
		return
	}
	c.writing, c.began = true, time.Now()
	if gather {
		c.mu.Unlock()
		runtime.Gosched() // who is about to send may add to it
		c.mu.Lock()
	}
	for range 2 {
		if !c.write() {
			c.mu.Unlock()
			return
		}
	}
	// Others keep on adding: this one's response may be there.
	go c.writeAll()
	c.mu.Unlock()
}

// flushAside is flush for those who must not wait. The connection stays locked.
func (c *StreamConn) flushAside() {
	if c.writing || c.err != nil || len(c.out) == 0 {
		return
	}
	c.writing, c.began = true, time.Now()
	go c.writeAll()
}

func (c *StreamConn) writeAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.write() {
	}
}

// write writes what waits once, and says whether there is more.
func (c *StreamConn) write() bool {
	if c.err != nil || len(c.out) == 0 {
		c.writing = false
		return false
	}
	out := c.out
	c.out, c.spare = c.spare[:0], nil
	c.began = time.Now()
	c.mu.Unlock()
	_, err := c.nc.Write(out)
	c.mu.Lock()
	if cap(out) <= 4*maxFrame {
		c.spare = out[:0]
	}
	if c.limited {
		c.limited = false
		_ = c.nc.SetWriteDeadline(time.Time{})
	}
	if err != nil {
		c.end(err)
	}
	return true
}

// limitWrite ends the write that is under way at a time.
func (c *StreamConn) limitWrite(at time.Time) {
	c.limited = true
	_ = c.nc.SetWriteDeadline(at)
}

// resets remembers the streams that this end reset: what comes on them was sent before
// the server knew.
type resets struct {
	known  map[uint32]bool
	order  []uint32
	at     int
	forgot uint32 // the highest that is not remembered any more
}

func (r *resets) add(id uint32) {
	if r.known == nil {
		r.known = map[uint32]bool{}
	}
	if len(r.order) < maxResets {
		r.order = append(r.order, id)
	} else {
		delete(r.known, r.order[r.at])
		r.forgot = max(r.forgot, r.order[r.at])
		r.order[r.at] = id
		r.at = (r.at + 1) % maxResets
	}
	r.known[id] = true
}

// may says whether this end may have reset a stream.
func (r *resets) may(id uint32) bool { return id <= r.forgot || r.known[id] }
