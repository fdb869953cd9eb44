package transport

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	socks "golang.org/x/net/proxy"

	"mfaload/scenario"
)

// proxy is what connections go through.
type proxy struct {
	address string // host:port of its own
	target  string // host:port that it connects to
	user    *url.Userinfo
	socks   bool
	// perRequest says that requests are handed to it one by one, in the form that
	// proxies take: HTTP/1.1 without TLS is not tunnelled.
	perRequest bool
}

func newProxy(text scenario.Secret, target string) (*proxy, error) {
	u, err := url.Parse(text.Reveal())
	if err != nil || u.Port() == "" {
		// Its text is never shown.
		return nil, errors.New("target.proxy is not a URL: write for example http://proxy.example:3128")
	}
	return &proxy{address: u.Host, target: target, user: u.User, socks: u.Scheme == "socks5"}, nil
}

// pass gets a new connection to the proxy through to the target. The error is
// that of connecting to the proxy.
func (p *proxy) pass(ctx context.Context, nc net.Conn, err error) (net.Conn, error) {
	if err != nil {
		return nil, &proxyError{err}
	}
	switch {
	case p.socks:
		err = p.passSOCKS(ctx, nc)
	case !p.perRequest:
		err = p.passHTTP(ctx, nc)
	}
	if err != nil {
		_ = nc.Close()
		return nil, &proxyError{err}
	}
	return nc, nil
}

// proxyError is what went wrong at the proxy, or on the way to it: it says
// nothing of the service.
type proxyError struct{ err error }

func (e *proxyError) Error() string { return "the proxy: " + e.err.Error() }
func (e *proxyError) Unwrap() error { return e.err }

// connectedDialer is a connection that exists, in the place of a dialler.
type connectedDialer struct{ net.Conn }

func (d connectedDialer) Dial(string, string) (net.Conn, error) { return d.Conn, nil }
func (d connectedDialer) DialContext(context.Context, string, string) (net.Conn, error) {
	return d.Conn, nil
}

// passSOCKS asks a SOCKS5 proxy for the target. Names are the proxy's to look
// up. The connection itself is used on, for TCP connections are the quicker.
func (p *proxy) passSOCKS(ctx context.Context, nc net.Conn) error {
	var auth *socks.Auth
	if p.user != nil {
		password, _ := p.user.Password()
		auth = &socks.Auth{User: p.user.Username(), Password: password}
	}
	d, err := socks.SOCKS5("tcp", p.address, auth, connectedDialer{nc})
	if err != nil {
		return err
	}
	_, err = d.(socks.ContextDialer).DialContext(ctx, "tcp", p.target)
	if err != nil && strings.Contains(err.Error(), "authentication") {
		return fmt.Errorf("%w: %s", err, p.socksRemedy())
	}
	return err
}

// socksRemedy is what to do about a SOCKS5 proxy that refuses the credentials.
func (p *proxy) socksRemedy() string {
	if p.user == nil {
		return "write a user name and a password in target.proxy, as socks5://user:password@host:port"
	}
	return "check the user name and the password of target.proxy"
}

// maxProxyHead bounds a proxy's response to CONNECT.
const maxProxyHead = 16 << 10

// passHTTP asks an HTTP proxy for a tunnel to the target.
func (p *proxy) passHTTP(ctx context.Context, nc net.Conn) error {
	deadline, _ := ctx.Deadline()
	return endWith(ctx, nc, deadline, func() error { return p.openTunnel(nc) })
}

func (p *proxy) openTunnel(nc net.Conn) error {
	request := "CONNECT " + p.target + " HTTP/1.1\r\nHost: " + p.target + "\r\n" + p.authorization() + "\r\n"
	if _, err := nc.Write([]byte(request)); err != nil {
		return err
	}
	head := make([]byte, 0, 512)
	for !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
		// The tunnel's first byte must not be read with the head.
		var one [1]byte
		if _, err := nc.Read(one[:]); err != nil {
			return err
		}
		if head = append(head, one[0]); len(head) > maxProxyHead {
			return errors.New("its response to CONNECT is too long")
		}
	}
	line, _, _ := strings.Cut(string(head), "\r\n")
	status, _, err := statusLine(line)
	switch {
	case err != nil:
		return errors.New("its response to CONNECT is not HTTP")
	case status == 407:
		return p.unauthorized(string(head))
	case status/100 != 2:
		return fmt.Errorf("it refuses the connection (HTTP status %d)", status)
	}
	return nil
}

// unauthorized says why a proxy refuses its credentials (HTTP status 407).
func (p *proxy) unauthorized(head string) error {
	var schemes []string
	for line := range strings.SplitSeq(head, "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		if strings.EqualFold(name, "Proxy-Authenticate") {
			scheme, _, _ := strings.Cut(strings.TrimSpace(value), " ")
			schemes = append(schemes, strings.TrimRight(scheme, ","))
		}
	}
	basic := func(scheme string) bool { return strings.EqualFold(scheme, "Basic") }
	switch {
	case len(schemes) > 0 && !slices.ContainsFunc(schemes, basic):
		return fmt.Errorf("it wants another authentication than Basic (%.60q; HTTP status 407), which "+
			"mfaload can't do: use a proxy with Basic authentication, or one that lets this machine "+
			"through without any", strings.Join(schemes, ", "))
	case p.user == nil:
		return errors.New("it wants a user name and a password (HTTP status 407): write them in " +
			"target.proxy, as http://user:password@host:port")
	}
	return errors.New("it refuses the user name or the password of target.proxy (HTTP status 407): check " +
		"both, with %-encoding for characters such as @, : and /")
}

// authorization is the header line that an HTTP proxy asks for; "" without
// credentials.
func (p *proxy) authorization() string {
	if p.user == nil || p.socks {
		return ""
	}
	password, _ := p.user.Password()
	credentials := []byte(p.user.Username() + ":" + password)
	return "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString(credentials) + "\r\n"
}

// endWith runs an exchange on a connection, whose reads and writes end with a context
// and at a deadline; zero is none. Once the context is over the connection can't be
// used any more, however the exchange ended: its reads may be ended only now.
func endWith(ctx context.Context, nc net.Conn, deadline time.Time, exchange func() error) error {
	_ = nc.SetDeadline(deadline)
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	err := exchange()
	switch {
	case stop():
		_ = nc.SetDeadline(time.Time{})
	case err == nil, errors.Is(err, os.ErrDeadlineExceeded):
		return ctx.Err()
	}
	return err
}
