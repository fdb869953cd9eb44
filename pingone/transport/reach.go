package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"time"
)

// reachError is why a target can't be reached, with what to do about it.
type reachError struct {
	err  error
	hint string
}

func (e *reachError) Error() string { return e.err.Error() }
func (e *reachError) Unwrap() error { return e.err }

// Hint says what to do; "" where the error says it.
func (e *reachError) Hint() string { return e.hint }

// Reach opens a connection as the load will, sends no request on it, and looks for what
// would fail each one. Its error says why the target can't be reached, and its method
// Hint what to do; it is "" where the error says it.
func (t *Transport) Reach(ctx context.Context) error {
	d := t.dialer
	var wanted bool // a certificate of the client
	secure := d.tls.Clone()
	if secure != nil {
		secure.GetClientCertificate = func(r *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			wanted = true
			return certificateFor(r, d.tls.Certificates), nil
		}
	}
	nc, c, err := d.open(ctx, secure, d.timeout)
	if err == nil {
		defer func() { _ = nc.Close() }()
		if d.opened != nil {
			d.opened(c)
		}
		err = t.settle(ctx, nc, wanted, c.Handshake)
	}
	if err == nil {
		return nil
	}
	return &reachError{fmt.Errorf("reach %s: %w", t.origin, Failure(ctx, err)), t.hint(err, wanted)}
}

// certificateFor is what a client shows that has these certificates: the first
// that the server may take, or none.
func certificateFor(r *tls.CertificateRequestInfo, own []tls.Certificate) *tls.Certificate {
	for i := range own {
		if r.SupportsCertificate(&own[i]) == nil {
			return &own[i]
		}
	}
	return &tls.Certificate{}
}

// settle waits for what a server says only after the handshake: with TLS 1.3 that it
// refuses the client's certificate, with TLS 1.2 that it wants to renegotiate.
func (t *Transport) settle(ctx context.Context, nc net.Conn, wanted bool, handshake time.Duration) error {
	secured, ok := nc.(*tls.Conn)
	if !ok {
		if t.http2 {
			return t.greet(ctx, nc)
		}
		return nil
	}
	state := secured.ConnectionState()
	if t.http2 && state.NegotiatedProtocol != "h2" {
		return errNotHTTP2
	}
	if !wanted && state.Version > tls.VersionTLS12 {
		return nil
	}
	_ = nc.SetReadDeadline(time.Now().Add(min(max(4*handshake, 200*time.Millisecond), t.timeout)))
	var one [1]byte
	_, err := nc.Read(one[:])
	if isTimeout(err) {
		_, err = readNow(nc, one[:]) // this machine may have been busy: what came by now
	}
	if err == nil || isTimeout(err) {
		return nil
	}
	return err
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// http2Greeting is what a client of HTTP/2 sends first (RFC 9113, section 3.4):
// the preface and empty settings.
const http2Greeting = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// greet says whether a server without TLS speaks HTTP/2: it sends its own
// settings first then.
func (t *Transport) greet(ctx context.Context, nc net.Conn) error {
	return endWith(ctx, nc, t.deadline(ctx, time.Now()), func() error {
		if _, err := io.WriteString(nc, http2Greeting); err != nil {
			return err
		}
		var frame [9]byte
		_, err := io.ReadFull(nc, frame[:])
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || err == nil && frame[3] != 4 {
			return errNotHTTP2
		}
		return err
	})
}

// hint says what to do about an error of a connection.
func (t *Transport) hint(err error, wanted bool) string {
	var name x509.HostnameError
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var passing *proxyError
	text := err.Error()
	switch {
	case errors.As(err, &passing):
		return "check target.proxy: the service itself was not reached"
	case errors.Is(err, errNotHTTP2), strings.Contains(text, "no application protocol"):
		return "the server does not speak HTTP/2: leave out target.protocol, for HTTP/1.1"
	case errors.As(err, &name):
		return fmt.Sprintf("the server's certificate is not for %s: check target.authPath, or set "+
			"target.serverName to a name that it has", t.dialer.tls.ServerName)
	case errors.As(err, &unknown):
		return "no authority that this machine trusts signed the server's certificate: name the file with " +
			"its authority in target.caFile"
	case errors.As(err, &invalid):
		return "the server's certificate is not valid now, or not for this use: check the clock of this " +
			"machine, or tell the owner"
	case errors.As(err, &record):
		return "what responds there does not speak TLS: write http:// in target.authPath, or another port"
	case wantsRenegotiation(err):
		return renegotiationHint
	case wanted && (isTLS(err) || isClosed(err)):
		return t.certificateHint()
	case strings.Contains(text, "protocol version"):
		return "the server speaks neither TLS 1.2 nor 1.3: nothing older is used"
	}
	return "check target.authPath, and the network between here and there"
}

// isClosed says whether the other side ended the connection.
func isClosed(err error) bool {
	return errors.Is(err, io.EOF) || systemFailure(err, runtime.GOOS) == kindReset
}

func (t *Transport) certificateHint() string {
	if len(t.dialer.tls.Certificates) == 0 {
		return "the server wants a certificate of the client: name one in target.clientCertificate"
	}
	return "the server does not take the certificate of target.clientCertificate: check that its authority " +
		"is one that the server trusts, and that it is not out of date"
}
