package h2

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"golang.org/x/net/http2"

	"mfaload/contract"
)

// Rules of the contract about HTTP/2.
const (
	ruleLength     = "h2.length"
	rulePseudo     = "h2.pseudo"
	ruleFields     = "h2.fields"
	ruleConnection = "h2.connection"
	ruleOrder      = "h2.order"
	ruleClosed     = "h2.closed"
	ruleIdle       = "h2.idle"
	rulePush       = "h2.push"
	ruleHPACK      = "h2.hpack"
	ruleSettings   = "h2.settings"
	ruleWindow     = "h2.window"
	ruleFrame      = "h2.frame"
	ruleBodyless   = "http.bodyless"
)

// frameReader reads frames, many at a time.
type frameReader struct {
	nc       net.Conn
	framer   *http2.Framer
	buffer   []byte
	from, to int
	at       time.Time // when what is in the buffer came

	decoder blockDecoder
	list    fieldText
	block   []byte // of a head that goes on in CONTINUATION frames
	blocked http2.FrameHeader
}

func (r *frameReader) init(nc net.Conn) {
	r.nc, r.buffer = nc, make([]byte, 4*maxFrame)
	r.framer = http2.NewFramer(nil, r)
	r.framer.SetMaxReadFrameSize(maxFrame)
	r.decoder.max = maxTable
	r.list.limit = MaxHead
}

// Read implements [io.Reader].
func (r *frameReader) Read(b []byte) (int, error) {
	if r.from == r.to {
		if err := r.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(b, r.buffer[r.from:r.to])
	r.from += n
	return n, nil
}

// fill receives more, at least a byte.
func (r *frameReader) fill() error {
	if r.from > 0 {
		r.to = copy(r.buffer, r.buffer[r.from:r.to])
		r.from = 0
	}
	n, err := r.nc.Read(r.buffer[r.to:])
	if n > 0 {
		r.to += n
		r.at = time.Now()
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// take returns the next n bytes, of a frame at most; they are valid until the next read.
func (r *frameReader) take(n int) ([]byte, error) {
	for r.to-r.from < n {
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
	r.from += n
	return r.buffer[r.from-n : r.from], nil
}

// read handles frames until the connection ends.
func (c *StreamConn) read() {
	for {
		h, err := c.in.framer.ReadFrameHeader()
		switch {
		case err == nil:
			err = c.handle(h)
		case errors.Is(err, http2.ErrFrameTooLarge):
			err = c.oversize(h)
		case errors.As(err, new(http2.ConnectionError)):
			err = fmt.Errorf("%w: %v", ErrNotHTTP2, c.in.framer.ErrorDetail())
		}
		if err != nil {
			c.mu.Lock()
			c.end(err)
			c.mu.Unlock()
			return
		}
	}
}

// oversize passes over a frame that is larger than this end allows.
func (c *StreamConn) oversize(h http2.FrameHeader) error {
	if h.Type == http2.FrameHeaders || h.Type == http2.FrameContinuation || h.Length > MaxBody {
		return ErrNotHTTP2 // it can't be read on without it
	}
	if _, err := io.CopyN(io.Discard, &c.in, int64(h.Length)); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.alive(c.in.at)
	c.note(c.streams[h.StreamID], ruleFrame, fmt.Sprintf("frames of at most %d bytes", maxFrame),
		fmt.Sprintf("a %v frame of %d bytes", h.Type, h.Length))
	if h.Type == http2.FrameData {
		c.credit(int64(h.Length))
	}
	return c.pass(h)
}

// note notes a fault for the contract to judge: in the stream's response, or where it is
// no stream's in the next one of the connection.
func (c *StreamConn) note(s *stream, rule, expected, got string) {
	v := contract.Violation{Rule: rule, Expected: expected, Got: got}
	to := &c.faults
	if s != nil {
		to = &s.ex.Framing
	}
	if len(*to) < 8 {
		*to = append(*to, v)
	}
}

// pass counts a frame that brings no response nearer.
func (c *StreamConn) pass(h http2.FrameHeader) error {
	if now := c.in.at; now.Sub(c.since) > idleTime {
		c.idle, c.since = 0, now
	}
	if c.idle++; c.idle > maxIdleFrames || len(c.out) > maxQueued {
		return fmt.Errorf("%w: the last is a %v frame", ErrFlood, h.Type)
	}
	c.flushAside()
	return nil
}

// handle handles a frame whose head was read.
func (c *StreamConn) handle(h http2.FrameHeader) error {
	switch h.Type {
	case http2.FrameData, http2.FrameHeaders, http2.FrameContinuation, http2.FrameWindowUpdate:
		payload, err := c.in.take(int(h.Length))
		if err != nil {
			return err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.alive(c.in.at)
		switch h.Type {
		case http2.FrameData:
			return c.data(h, payload)
		case http2.FrameWindowUpdate:
			return c.windowUpdate(h, payload)
		}
		return c.headers(h, payload)
	}
	frame, err := c.in.framer.ReadFrameForHeader(h)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.alive(c.in.at)
	if err != nil {
		return c.malformed(h, err)
	}
	return c.control(frame)
}

// malformed handles a frame that the library can't read.
func (c *StreamConn) malformed(h http2.FrameHeader, err error) error {
	if !errors.As(err, new(http2.ConnectionError)) && !errors.As(err, new(http2.StreamError)) {
		return err // of the connection itself
	}
	rule := ruleFrame
	if h.Type == http2.FrameSettings {
		rule = ruleSettings
	}
	c.note(nil, rule, fmt.Sprintf("a %v frame as it is defined", h.Type),
		fmt.Sprintf("one of %d bytes on stream %d", h.Length, h.StreamID))
	return c.pass(h)
}

// control handles frames that are about the connection.
func (c *StreamConn) control(frame http2.Frame) error {
	h := frame.Header()
	switch f := frame.(type) {
	case *http2.SettingsFrame:
		if !f.IsAck() {
			c.take(f)
			_ = c.framer.WriteSettingsAck()
		}
	case *http2.PingFrame:
		if !f.IsAck() {
			_ = c.framer.WritePing(true, f.Data)
		}
	case *http2.GoAwayFrame:
		c.goAway(f)
		return nil
	case *http2.RSTStreamFrame:
		c.streamReset(f)
		return nil
	case *http2.PushPromiseFrame:
		c.note(c.streams[f.StreamID], rulePush, "no PUSH_PROMISE, for push is turned off",
			fmt.Sprintf("stream %d is promised", f.PromiseID))
		c.reset(f.PromiseID, http2.ErrCodeRefusedStream)
		c.in.list.reset()
		if err := c.in.decoder.decode(f.HeaderBlockFragment(), &c.in.list); err != nil || !f.HeadersEnded() {
			return ErrNotHTTP2
		}
	}
	return c.pass(h)
}

// take takes over the server's settings (section 6.5.2).
func (c *StreamConn) take(f *http2.SettingsFrame) {
	for i := range f.NumSettings() {
		setting := f.Setting(i)
		switch setting.ID {
		case http2.SettingMaxConcurrentStreams:
			c.limit = int64(setting.Val)
			c.publish()
		case http2.SettingInitialWindowSize:
			change := int64(setting.Val) - c.settings.window
			c.settings.window += change
			for _, s := range c.streams {
				s.window += change
				c.holds(s, s.window)
			}
			c.writeBodies()
		case http2.SettingHeaderTableSize:
			c.settings.table = int(min(setting.Val, maxTable))
			c.fields = nil
		case http2.SettingMaxFrameSize, http2.SettingEnablePush:
			if setting.Valid() != nil || setting.ID == http2.SettingEnablePush && setting.Val != 0 {
				c.note(nil, ruleSettings, "values that a server's settings may have", setting.String())
			} else if setting.ID == http2.SettingMaxFrameSize {
				c.settings.frame = int(setting.Val)
			}
		}
	}
}

// holds says whether a window is one that there may be.
func (c *StreamConn) holds(s *stream, window int64) bool {
	if window > maxWindow {
		c.note(s, ruleWindow, "windows of at most 2^31-1 bytes", fmt.Sprintf("one of %d bytes", window))
	}
	return window <= maxWindow
}

func (c *StreamConn) windowUpdate(h http2.FrameHeader, payload []byte) error {
	s := c.streams[h.StreamID]
	if len(payload) != 4 {
		return c.malformed(h, http2.ConnectionError(http2.ErrCodeFrameSize))
	}
	n := int64(binary.BigEndian.Uint32(payload) & maxWindow)
	switch {
	case n == 0:
		c.note(s, ruleWindow, "windows that open by a byte at least", "a WINDOW_UPDATE of 0")
	case h.StreamID == 0:
		if c.holds(nil, c.window+n) {
			c.window += n
			c.writeBodies()
		}
	case s != nil:
		if c.holds(s, s.window+n) {
			s.window += n
			c.writeBody(s)
		}
	case c.never(h.StreamID):
		c.noteIdle(h)
	}
	return c.pass(h)
}

// never says that nobody opened a stream.
func (c *StreamConn) never(id uint32) bool { return id%2 == 0 || id >= c.next }

func (c *StreamConn) noteIdle(h http2.FrameHeader) {
	c.note(nil, ruleIdle, "frames on streams that were opened",
		fmt.Sprintf("a %v frame on stream %d", h.Type, h.StreamID))
}

// stray handles a frame on a stream that is not open.
func (c *StreamConn) stray(h http2.FrameHeader) error {
	switch {
	case h.StreamID == 0:
		c.note(nil, ruleFrame, "frames of a response on a stream", fmt.Sprintf("a %v frame on none", h.Type))
	case c.never(h.StreamID) && !c.resets.may(h.StreamID):
		c.noteIdle(h)
	case !c.resets.may(h.StreamID):
		c.note(nil, ruleClosed, "no frame after the end of a stream",
			fmt.Sprintf("a %v frame on stream %d, which had ended", h.Type, h.StreamID))
	}
	return c.pass(h)
}

// goAway handles the notice that the connection takes no more (section 6.8). Streams
// above the last one were not processed.
func (c *StreamConn) goAway(f *http2.GoAwayFrame) {
	for _, s := range c.streams {
		if s.id > f.LastStreamID {
			c.finish(s, fmt.Errorf("%w: GOAWAY after stream %d", ErrNotProcessed, f.LastStreamID))
		}
	}
	c.away = true
	c.retire()
}

// streamReset handles the end of a stream by the server (section 6.4).
func (c *StreamConn) streamReset(f *http2.RSTStreamFrame) {
	s := c.streams[f.StreamID]
	switch {
	case s == nil:
		if c.never(f.StreamID) && !c.resets.may(f.StreamID) {
			c.noteIdle(f.FrameHeader)
		}
	case f.ErrCode == http2.ErrCodeRefusedStream && !s.headed:
		c.finish(s, fmt.Errorf("%w: REFUSED_STREAM", ErrNotProcessed))
	default:
		c.finish(s, fmt.Errorf("%w: %v", ErrReset, f.ErrCode))
	}
}

// endOf is what the end of the connection means for a stream.
func (c *StreamConn) endOf(s *stream, err error) error {
	closed := errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed)
	switch {
	case c.away && (closed || errors.As(err, new(*net.OpError))):
		return ErrGoneAway
	case !closed:
		return err
	case s.headed:
		return io.ErrUnexpectedEOF
	}
	return io.EOF
}

// unpad takes the padding out of a payload (section 6.1).
func unpad(h http2.FrameHeader, payload []byte) (rest []byte, ok bool) {
	if !h.Flags.Has(http2.FlagDataPadded) {
		return payload, true
	}
	if len(payload) == 0 || int(payload[0]) >= len(payload) {
		return nil, false
	}
	return payload[1 : len(payload)-int(payload[0])], true
}

// headers handles a HEADERS frame or a CONTINUATION.
func (c *StreamConn) headers(h http2.FrameHeader, payload []byte) error {
	if h.Type == http2.FrameHeaders {
		c.in.blocked, c.in.block = h, c.in.block[:0]
		var ok bool
		if payload, ok = unpad(h, payload); ok && h.Flags.Has(http2.FlagHeadersPriority) {
			if ok = len(payload) >= 5; ok {
				payload = payload[5:]
			}
		}
		if !ok {
			return fmt.Errorf("%w: a HEADERS frame shorter than its padding", ErrNotHTTP2)
		}
	}
	block, whole := payload, h.Flags.Has(http2.FlagHeadersEndHeaders)
	if h.Type == http2.FrameContinuation || !whole {
		c.in.block = append(c.in.block, payload...)
		block = c.in.block
	}
	if !whole {
		if len(block) > MaxHead {
			if s := c.streams[h.StreamID]; s != nil {
				c.giveUp(s, ErrHeadTooLong)
			}
			return ErrHeadTooLong
		}
		return c.pass(h)
	}
	h = c.in.blocked
	c.in.list.reset()
	err := c.in.decoder.decode(block, &c.in.list)
	s := c.streams[h.StreamID]
	if s == nil {
		if err == nil {
			err = c.stray(h)
		}
		return err
	}
	c.fieldsOf(s, h.Flags.Has(http2.FlagHeadersEndStream), err != nil)
	return err
}

// fieldsOf handles the fields of a stream that were decoded, which ends with them or not.
// Broken says that what is behind them could not be.
func (c *StreamConn) fieldsOf(s *stream, ends, broken bool) {
	if broken {
		c.note(s, ruleHPACK, "header blocks that can be decoded", "one that can't be")
	}
	switch {
	case c.in.list.over:
		c.giveUp(s, ErrHeadTooLong)
	case s.headed:
		c.trailer(s, ends)
	default:
		c.responseHead(s, ends, broken)
	}
}

// trailer handles the fields after a body.
func (c *StreamConn) trailer(s *stream, ends bool) {
	if !ends {
		c.note(s, ruleOrder, "trailers that end the stream", "a second head that does not")
	}
	begin := 0
	for _, end := range c.in.list.ends {
		if c.in.list.text[begin] == ':' && end.name > begin {
			c.note(s, rulePseudo, "no pseudo-header field in trailers",
				fmt.Sprintf("%.60q", c.in.list.text[begin:end.name]))
		}
		begin = end.value
	}
	if ends {
		c.complete(s)
	}
}

// responseHead handles the head of a response, or of one before it.
func (c *StreamConn) responseHead(s *stream, ends, broken bool) {
	status, ok := c.readHead(s)
	switch {
	case !ok:
		c.giveUp(s, fmt.Errorf("%w: no :status of three digits", ErrNotHTTP2))
		return
	case status < 200 && !ends && !broken:
		if status == 101 {
			c.note(s, rulePseudo, "no HTTP status 101, which HTTP/2 does not have", "HTTP status 101")
		}
		if s.head += len(c.in.list.text) + 1; s.head > MaxHead {
			c.giveUp(s, ErrHeadTooLong)
		}
		return
	}
	s.headed = true
	s.ex.Status = status
	c.announce(s)
	switch {
	case broken:
		s.ex.Unframed = true
		c.arrived(s)
	case ends:
		if status < 200 {
			c.note(s, ruleOrder, "a response after an informational one", "the end of the stream")
		}
		c.complete(s)
	}
}

// readHead takes the decoded fields over into the stream's exchange.
func (c *StreamConn) readHead(s *stream) (status int, ok bool) {
	ex, list := s.ex, &c.in.list
	text := ex.HoldHead(list.text)
	ex.Header = ex.Header[:0]
	regular := false
	begin := 0
	for _, end := range list.ends {
		name, value := text[begin:end.name], text[end.name:end.value]
		begin = end.value
		if strings.HasPrefix(name, ":") {
			if name == ":status" && status == 0 {
				status = statusOf(value)
			} else {
				c.note(s, rulePseudo, "one pseudo-header field, :status", fmt.Sprintf("%.60q", name))
			}
			if regular {
				c.note(s, rulePseudo, "pseudo-header fields before the others",
					fmt.Sprintf("%.60q after them", name))
			}
			continue
		}
		regular = true
		if !isName(name) || !isValue(value) {
			c.note(s, ruleFields, "names in lower case, and values without controls",
				fmt.Sprintf("a field %.60q", name))
		}
		if ofConnection(name) {
			c.note(s, ruleConnection, "no field that is about a connection of HTTP/1.1",
				fmt.Sprintf("%.60q", name))
		}
		ex.Header = append(ex.Header, contract.HeaderField{Name: name, Value: value})
	}
	return status, status > 0
}

// statusOf reads three digits; 0 for anything else.
func statusOf(text string) (status int) {
	if len(text) != 3 || text[0] == '0' {
		return 0
	}
	for _, b := range []byte(text) {
		if b < '0' || b > '9' {
			return 0
		}
		status = 10*status + int(b-'0')
	}
	return status
}

// isName says whether a name is a token in lower case (section 8.2.1).
func isName(s string) bool {
	for i := range len(s) {
		if !nameBytes[s[i]] {
			return false
		}
	}
	return s != ""
}

var nameBytes = func() (t [256]bool) {
	for b := '!'; b < 0x7f; b++ {
		t[b] = !strings.ContainsRune(`"(),/:;<=>?@[\]{}`, b) && (b < 'A' || b > 'Z')
	}
	return t
}()

// isValue says whether a value is one that a field may have (section 8.2.1).
func isValue(s string) bool {
	if s == "" {
		return true
	}
	if first, last := s[0], s[len(s)-1]; first == ' ' || first == '\t' || last == ' ' || last == '\t' {
		return false
	}
	return strings.IndexByte(s, 0) < 0 && strings.IndexByte(s, '\r') < 0 && strings.IndexByte(s, '\n') < 0
}

// ofConnection says whether a field is one that HTTP/2 has no place for (section 8.2.2).
func ofConnection(name string) bool {
	switch len(name) {
	case len("upgrade"):
		return strings.EqualFold(name, "upgrade")
	case len("connection"), len("proxy-connection"), len("transfer-encoding"):
		return strings.EqualFold(name, "connection") || strings.EqualFold(name, "keep-alive") ||
			strings.EqualFold(name, "proxy-connection") || strings.EqualFold(name, "transfer-encoding")
	}
	return false
}

// bodyless says whether responses with a status have no body (RFC 9110, section 6.4.1).
func bodyless(status int) bool { return status == 204 || status == 304 }

// announce reads how long the body will be.
func (c *StreamConn) announce(s *stream) {
	value, count := s.ex.Header.Get("content-length")
	if count == 0 {
		return
	}
	s.length = 0
	for _, b := range []byte(value) {
		if b < '0' || b > '9' || s.length > 1<<59 || value == "" {
			s.length = -1
			break
		}
		s.length = 10*s.length + int64(b-'0')
	}
	if s.length < 0 || value == "" || count > 1 {
		s.length = -1
		c.note(s, ruleLength, "one content-length that is a number",
			fmt.Sprintf("%.60q, %d times", value, count))
	}
	if s.length > 0 && bodyless(s.ex.Status) {
		s.length = -1
		c.note(s, ruleBodyless, fmt.Sprintf("no body with HTTP status %d", s.ex.Status),
			"a header that announces one")
	}
}

// data handles a DATA frame.
func (c *StreamConn) data(h http2.FrameHeader, payload []byte) error {
	c.credit(int64(h.Length))
	s := c.streams[h.StreamID]
	if s == nil {
		return c.stray(h)
	}
	text, ok := unpad(h, payload)
	if !ok {
		c.note(s, ruleFrame, "padding within its frame", "a DATA frame shorter than its padding")
	}
	if padding := len(payload) - len(text); padding > 0 {
		_ = c.framer.WriteWindowUpdate(s.id, uint32(padding)) // so that the window is that of the body
		c.flushAside()
	}
	ends := h.Flags.Has(http2.FlagDataEndStream)
	switch {
	case !s.headed && ends:
		c.giveUp(s, fmt.Errorf("%w: a body without a head", ErrNotHTTP2))
	case !s.headed:
		c.note(s, ruleOrder, "a head before the body", "a DATA frame")
	case !c.grow(s, text):
		s.ex.Cut = true
		c.reset(s.id, http2.ErrCodeCancel)
		c.arrived(s)
		c.flushAside()
	case ends:
		c.complete(s)
	}
	if len(text) == 0 || !ok {
		return c.pass(h)
	}
	return nil
}

// grow adds to a body, and says whether it is within its bound.
func (c *StreamConn) grow(s *stream, text []byte) bool {
	s.body += int64(len(text))
	if bodyless(s.ex.Status) {
		if s.body == int64(len(text)) && s.body > 0 {
			c.note(s, ruleBodyless, fmt.Sprintf("no body with HTTP status %d", s.ex.Status), "a DATA frame")
		}
		return true
	}
	room := MaxBody - len(s.ex.Body)
	s.ex.Body = append(s.ex.Body, text[:min(room, len(text))]...)
	return len(text) <= room
}

// credit gives a window back that a body has used.
func (c *StreamConn) credit(n int64) {
	if c.received += n; c.received > connWindow {
		c.note(nil, ruleWindow, "bodies within the connection's window", "a body beyond it")
	}
	if c.received >= connWindow/2 {
		_ = c.framer.WriteWindowUpdate(0, uint32(c.received))
		c.received = 0
		c.flushAside()
	}
}

// complete ends a stream that the server ended.
func (c *StreamConn) complete(s *stream) {
	if s.length >= 0 && s.length != s.body && !bodyless(s.ex.Status) {
		c.note(s, ruleLength, fmt.Sprintf("%d bytes, by content-length", s.length),
			fmt.Sprintf("%d bytes in DATA frames", s.body))
	}
	if s.unsent {
		c.reset(s.id, http2.ErrCodeNo)
		c.flushAside()
	}
	c.arrived(s)
}

// arrived hands a response over.
func (c *StreamConn) arrived(s *stream) {
	c.idle = 0
	s.ex.Received = c.in.at
	c.finish(s, nil)
}
