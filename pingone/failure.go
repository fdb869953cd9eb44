package pingone

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

	"mfaload/contract"
)

// failure names the reason why there is no whole answer.
func failure(ctx context.Context, err error) error {
	var known *contract.Failure
	if errors.As(err, &known) {
		return known
	}
	if kind := ownLimit(err); kind != "" {
		return &contract.Failure{Kind: kind, Own: true, Err: plain(err)}
	}
	kind := failureKind(ctx, err)
	f := &contract.Failure{Kind: kind, Disconnected: disconnected(kind, err), Err: plain(err)}
	if kind == renegotiation {
		f.Err = fmt.Errorf("%w: %s", f.Err, renegotiationHint)
	}
	return f
}

// disconnected says whether a failure is one of the connection, and not of this
// machine.
func disconnected(kind string, err error) bool {
	switch kind {
	case contract.ConnectionRefused, "connection reset", "connection closed", "connection going away",
		"answer cut off", "host unreachable", "name not resolved", "proxy failed", "TLS failed", renegotiation:
		return true
	case "timeout":
		var op *net.OpError
		return errors.As(err, &op) && op.Op == "dial"
	}
	return false
}

// failureKind is one of few words, for statistics.
func failureKind(ctx context.Context, err error) string {
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return "canceled"
	case errors.Is(err, errIdleClosed):
		return "idle connection closed"
	case errors.Is(err, errNotHTTP), errors.Is(err, errNotHTTP2):
		return "not HTTP"
	case errors.Is(err, errHeadTooLong):
		return "head too long"
	case errors.As(err, &dns):
		return "name not resolved"
	case errors.Is(ctx.Err(), context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case errors.As(err, new(*proxyError)):
		return "proxy failed"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "answer cut off"
	case errors.Is(err, io.EOF):
		return "connection closed"
	case wantsRenegotiation(err):
		return renegotiation
	case isTLS(err):
		return "TLS failed"
	// net/http does not export its errors of HTTP/2.
	case strings.Contains(err.Error(), "stream error:"):
		return "stream reset"
	case strings.Contains(err.Error(), "GOAWAY"), neverSent(err):
		return "connection going away"
	case strings.Contains(err.Error(), "http2: client conn"), errors.Is(err, net.ErrClosed):
		return "connection closed"
	default:
		return systemFailure(err, runtime.GOOS)
	}
}

// otherFailure is the kind of a failure that has no name.
const otherFailure = "other failure"

// renegotiation is the failure of a server that asks for another handshake on a
// connection that has had one: servers up to TLS 1.2 do to get a certificate, when
// they see which path is requested.
const renegotiation = "TLS renegotiation refused"

const renegotiationHint = "the server wants to renegotiate TLS, which mfaload does not do: have it ask for target.clientCertificate in the handshake"

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

// systemFailures are the error numbers of a connection that are about the network or
// the peer. Those from 1000 on are of Windows, where the names of package syscall
// have other numbers; no other system has any that high.
var systemFailures = []struct {
	kind   string
	errors []syscall.Errno
}{
	{contract.ConnectionRefused, []syscall.Errno{syscall.ECONNREFUSED, 1225, 10061}},
	{"connection reset", []syscall.Errno{syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE, 1236, 10052, 10053, 10054, 10058, 10101}},
	{"timeout", []syscall.Errno{syscall.ETIMEDOUT, 1460, 10060}},
	{"host unreachable", []syscall.Errno{syscall.ENETUNREACH, syscall.EHOSTUNREACH, 1231, 1232, 10051, 10064, 10065}},
	{noMemory, []syscall.Errno{syscall.ENOBUFS, syscall.ENOMEM, 10055}},
}

// windowsReset is ERROR_NETNAME_DELETED: how Windows ends a read that is under way
// when the peer resets the connection. Elsewhere the number has another meaning.
const windowsReset = syscall.Errno(64)

// systemFailure names what the operating system says.
func systemFailure(err error, system string) string {
	for _, failure := range systemFailures {
		for _, errno := range failure.errors {
			if errors.Is(err, errno) {
				return failure.kind
			}
		}
	}
	if system == "windows" && errors.Is(err, windowsReset) {
		return "connection reset"
	}
	return otherFailure
}

// plain is a network error without the addresses of this side.
func plain(err error) error {
	var passing *proxyError
	if errors.As(err, &passing) {
		return fmt.Errorf("the proxy: %w", plain(passing.err))
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return fmt.Errorf("%s: %v", op.Op, op.Err)
	}
	return err
}
