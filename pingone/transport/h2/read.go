package h2

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
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
	at       time.Time // when the bytes in the buffer arrived

	decoder blockDecoder
	list    fieldText
	block   []byte // of a head that continues in CONTINUATION frames
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

// take returns the next n bytes, at most those of one frame. They are valid until the next read.
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

// oversize skips a frame that is larger than this end allows.
func (c *StreamConn) oversize(h http2.FrameHeader) error {
	if h.Type == http2.FrameHeaders || h.Type == http2.FrameContinuation || h.Length > MaxBody {
		return ErrNotHTTP2 // the frames after it depend on it
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

// note records a fault for the contract to judge: in the stream's response, or, without a
// stream, in the connection's next response.
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

// pass counts a frame that advances no response.
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

// handle handles a frame whose header was read.
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

// malformed records a frame that the library can't read.
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

// control handles frames about the connection.
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

// take applies the server's settings (RFC 9113, section 6.5.2).
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

// holds says whether a window is within its limit.
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

// never says whether nobody opened a stream.
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

// goAway handles the server's notice that it accepts no more streams (section 6.8). It did
// not process streams above the last one.
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

// endOf is the error of a stream whose connection ended.
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
