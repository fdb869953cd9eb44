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
	"syscall"
	"time"

	"mfaload/contract"
	"mfaload/measure"
	"mfaload/pingone/transport/h2"
)

// Kinds of failures that no other package knows; the others are labels of package
// measure. They are few words, for statistics.
const (
	kindCanceled    = "canceled"
	kindClosed      = "connection closed"
	kindCutOff      = "answer cut off"
	kindFlood       = "flood of frames"
	kindGoingAway   = "connection going away"
	kindHeadTooLong = "head too long"
	kindNoStreams   = "no stream allowed"
	kindNotHTTP     = "not HTTP"
	kindProxy       = "proxy failed"
	// kindRenegotiation is the failure of a server that asks for another handshake on
	// a connection that has had one: servers up to TLS 1.2 do to get a certificate,
	// when they see which path is requested.
	kindRenegotiation = "TLS renegotiation refused"
	kindReset         = "connection reset"
	kindStreamReset   = "stream reset"
	kindTLS           = "TLS failed"
	kindUnreachable   = "host unreachable"
	kindUnresolved    = "name not resolved"
)

// asFailure is [Failure], but for errOtherProtocol.
func asFailure(ctx context.Context, err error) error {
	if err == errOtherProtocol {
		return err
	}
	return Failure(ctx, err)
}

// Failure names the reason why there is no whole response.
func Failure(ctx context.Context, err error) *contract.Failure {
	var known *contract.Failure
	if errors.As(err, &known) {
		return known
	}
	if kind := ownLimit(err); kind != "" {
		return &contract.Failure{Kind: kind, Own: true, Err: withoutAddresses(err)}
	}
	kind := failureKind(ctx, err)
	f := &contract.Failure{Kind: kind, Disconnected: disconnected(kind, err), Err: withoutAddresses(err)}
	if kind == kindRenegotiation {
		f.Err = fmt.Errorf("%w: %s", f.Err, renegotiationHint)
	}
	return f
}

// disconnected says whether a failure is one of the connection, and not of this
// machine.
func disconnected(kind string, err error) bool {
	switch kind {
	case measure.ConnectionRefused, kindReset, kindClosed, kindGoingAway, kindCutOff, kindUnreachable,
		kindUnresolved, kindProxy, kindTLS, kindRenegotiation:
		return true
	case measure.Timeout:
		var op *net.OpError
		return errors.As(err, &op) && op.Op == "dial"
	}
	return false
}

// failureKind is one of few words, for statistics.
func failureKind(ctx context.Context, err error) string {
	var dns *net.DNSError
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return kindCanceled
	case errors.Is(err, errIdleClosed):
		return measure.IdleClosed
	case errors.Is(err, h2.ErrNotProcessed):
		return measure.NotProcessed
	case errors.Is(err, errNotHTTP), errors.Is(err, errNotHTTP2), errors.Is(err, h2.ErrNotHTTP2):
		return kindNotHTTP
	case errors.Is(err, errHeadTooLong), errors.Is(err, h2.ErrHeadTooLong):
		return kindHeadTooLong
	case errors.Is(err, h2.ErrReset):
		return kindStreamReset
	case errors.Is(err, h2.ErrGoneAway):
		return kindGoingAway
	case errors.Is(err, h2.ErrFlood):
		return kindFlood
	case errors.Is(err, errNoStreams):
		return kindNoStreams
	case errors.As(err, &dns):
		return kindUnresolved
	case errors.Is(ctx.Err(), context.DeadlineExceeded), isTimeout(err):
		return measure.Timeout
	case errors.As(err, new(*proxyError)):
		return kindProxy
	case errors.Is(err, io.ErrUnexpectedEOF):
		return kindCutOff
	case errors.Is(err, io.EOF):
		return kindClosed
	case wantsRenegotiation(err):
		return kindRenegotiation
	case isTLS(err):
		return kindTLS
	case errors.Is(err, net.ErrClosed):
		return kindClosed
	default:
		return systemFailure(err, runtime.GOOS)
	}
}

const renegotiationHint = "the server wants to renegotiate TLS, which mfaload does not do: have it ask " +
	"for target.clientCertificate in the handshake"

func wantsRenegotiation(err error) bool {
	return strings.Contains(err.Error(), "tls: no renegotiation")
}

func isTLS(err error) bool {
	var certificate *tls.CertificateVerificationError
	var unknownCA x509.UnknownAuthorityError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	return errors.As(err, &certificate) || errors.As(err, &unknownCA) || errors.As(err, &record) ||
		errors.As(err, &alert) || strings.Contains(err.Error(), "tls: ")
}

// errnoKind gives error numbers of operating systems a kind.
type errnoKind struct {
	kind   string
	errnos []syscall.Errno
}

// kindByErrno is the kind of an error in a table; "" where its number is not there.
func kindByErrno(table []errnoKind, err error) string {
	for _, entry := range table {
		for _, errno := range entry.errnos {
			if errors.Is(err, errno) {
				return entry.kind
			}
		}
	}
	return ""
}

// systemFailures are the error numbers of a connection that are about the network or
// the peer. Those from 1000 on are of Windows, where the names of package syscall
// have other numbers; no other system has any that high.
var systemFailures = []errnoKind{
	{measure.ConnectionRefused, []syscall.Errno{syscall.ECONNREFUSED, 1225, 10061}},
	{kindReset, []syscall.Errno{syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE,
		1236, 10052, 10053, 10054, 10058, 10101}},
	{measure.Timeout, []syscall.Errno{syscall.ETIMEDOUT, 1460, 10060}},
	{kindUnreachable, []syscall.Errno{syscall.ENETUNREACH, syscall.EHOSTUNREACH,
		1231, 1232, 10051, 10064, 10065}},
	{measure.NoMemory, []syscall.Errno{syscall.ENOBUFS, syscall.ENOMEM, 10055}},
}

// windowsReset is ERROR_NETNAME_DELETED: how Windows ends a read that is under way
// when the peer resets the connection. Elsewhere the number has another meaning.
const windowsReset = syscall.Errno(64)

// systemFailure names what the operating system says.
func systemFailure(err error, system string) string {
	if kind := kindByErrno(systemFailures, err); kind != "" {
		return kind
	}
	if system == "windows" && errors.Is(err, windowsReset) {
		return kindReset
	}
	return measure.OtherFailure
}

// withoutAddresses is a network error without the addresses of this side.
func withoutAddresses(err error) error {
	var passing *proxyError
	if errors.As(err, &passing) {
		return fmt.Errorf("the proxy: %w", withoutAddresses(passing.err))
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return fmt.Errorf("%s: %v", op.Op, op.Err)
	}
	return err
}

// windowsAddressNotAvailable is WSAEADDRNOTAVAIL.
const windowsAddressNotAvailable = syscall.Errno(10049)

// systemLimits are the error numbers of connect(2) and socket(2) that are about
// this machine. Those from 10000 on are of Windows, where the names of package
// syscall have other numbers; no other system has any that high.
var systemLimits = []errnoKind{
	{measure.NoDescriptors, []syscall.Errno{syscall.EMFILE, syscall.ENFILE, 10024}},
	// With a source address, bind(2) finds no port; FreeBSD says EAGAIN.
	{measure.NoPorts, []syscall.Errno{syscall.EADDRNOTAVAIL, syscall.EADDRINUSE, syscall.EAGAIN,
		windowsAddressNotAvailable, 10048}},
	{measure.NoMemory, []syscall.Errno{syscall.ENOBUFS, syscall.ENOMEM, 10055}},
	// A packet filter, or what confines the process.
	{measure.NotPermitted, []syscall.Errno{syscall.EPERM, syscall.EACCES, 10013}},
	{measure.NetworkDown, []syscall.Errno{syscall.ENETDOWN, 10050}},
}

// ownLimit names the limit of this machine's, or of mfaload's, for which no
// connection could be opened, and so nothing was sent; "" where it was another
// reason. On a connection that is open the same errors are failures: what was
// sent by then is not known.
func ownLimit(err error) string {
	var op *net.OpError
	var dns *net.DNSError
	switch {
	case errors.Is(err, errNotLoopback):
		return measure.NotLoopback
	case errors.Is(err, errNoSource), errors.As(err, new(*sourceError)):
		return measure.NoSource
	case errors.As(err, &dns):
		return lookupLimit(dns)
	case !errors.As(err, &op) || op.Op != "dial":
		return ""
	}
	return kindByErrno(systemLimits, err)
}

// lookupLimit is ownLimit of a name that could not be resolved. Of its cause
// package net keeps the text only.
func lookupLimit(dns *net.DNSError) string {
	for _, limit := range systemLimits {
		for _, errno := range limit.errnos {
			if errors.Is(dns, errno) || strings.HasSuffix(dns.Err, errno.Error()) {
				return limit.kind
			}
		}
	}
	return ""
}

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
	if t.http2 && !t.dialer.speaksHTTP2(nc) {
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
