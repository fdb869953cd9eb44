package pingone

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"syscall"
	"time"

	"mfaload/contract"
	"mfaload/scenario"
)

// target is where requests go.
type target struct {
	path     string // of the operation
	origin   string // scheme://host[:port]
	host     string // as the header Host has it
	basePath string // what comes before /deviceAuthentications in paths
	address  string // host:port to connect to
	tls      *tls.Config
	token    string
	envID    string

	http2        bool
	timeout      time.Duration
	loopbackOnly bool
	// opened, where set, is told of each new connection.
	opened func(contract.Connection)
}

func newTarget(authPath string, s *scenario.Scenario) (target, error) {
	u, err := url.Parse(authPath)
	if err != nil || u.Host == "" {
		return target{}, fmt.Errorf("authPath %q is no absolute URL: write for example https://auth.pingone.eu", authPath)
	}
	t := target{
		origin:       u.Scheme + "://" + u.Host,
		host:         u.Host,
		basePath:     "/" + s.Target.EnvID,
		token:        s.Target.AccessToken.Reveal(),
		envID:        s.Target.EnvID,
		http2:        s.Target.Protocol == scenario.HTTP2,
		timeout:      s.Target.Timeout,
		loopbackOnly: !s.Target.OwnerAgreed,
	}
	t.path = t.basePath + "/deviceAuthentications"
	port := u.Port()
	if u.Scheme == "https" {
		t.tls = &tls.Config{
			ServerName: u.Hostname(), MinVersion: tls.VersionTLS12,
			ClientSessionCache: tls.NewLRUClientSessionCache(64),
		}
		if t.tls.RootCAs, err = authorities(s.Target.CAFile); err != nil {
			return target{}, err
		}
	}
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	t.address = net.JoinHostPort(u.Hostname(), port)
	return t, nil
}

// authorities are the system's certificate authorities and those of a file; nil
// for just the system's.
func authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read target.caFile: %w: write the path of a PEM file", err)
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("read target.caFile: %s holds no certificate: write the path of a PEM file, with -----BEGIN CERTIFICATE-----", file)
	}
	return pool, nil
}

// facts are the values of the target that rules refer to.
func (t *target) facts() map[string]string {
	return map[string]string{"origin": t.origin, "basePath": t.basePath, "envID": t.envID, "token": t.token}
}

// dialer connects to the target. Without the owner's agreement it refuses
// addresses that are not loopback, whatever a host name resolves to.
func (t *target) dialer() *net.Dialer {
	d := &net.Dialer{Timeout: t.timeout, KeepAlive: 30 * time.Second}
	if t.loopbackOnly {
		d.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
			if ap, err := netip.ParseAddrPort(address); err != nil || !ap.Addr().Unmap().IsLoopback() {
				return errNotLoopback
			}
			return nil
		}
	}
	return d
}

var errNotLoopback = errors.New("the address is not loopback: set target.ownerAgreed once the owner agreed to the load")

// dial opens a connection of its own, TLS included.
func (t *target) dial(ctx context.Context) (net.Conn, error) {
	c := contract.Connection{Began: time.Now(), Secure: t.tls != nil}
	nc, err := t.dialer().DialContext(ctx, "tcp", t.address)
	if err != nil {
		return nil, err
	}
	c.Dial = time.Since(c.Began)
	if t.tls != nil {
		secured := tls.Client(nc, t.tls)
		if err := secured.HandshakeContext(ctx); err != nil {
			_ = nc.Close()
			return nil, err
		}
		c.Handshake = time.Since(c.Began) - c.Dial
		c.Resumed = secured.ConnectionState().DidResume
		nc = secured
	}
	if t.opened != nil {
		t.opened(c)
	}
	return nc, nil
}
