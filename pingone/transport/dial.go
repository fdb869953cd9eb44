package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"mfaload/contract"
	"mfaload/internal/disk"
	"mfaload/measure"
	"mfaload/scenario"
)

// dialer opens the connections of every transport. It is safe for concurrent
// use.
type dialer struct {
	network   string       // tcp, tcp4 or tcp6
	addresses []string     // host:port to connect to, in turn; the proxy's where there is one
	sources   []netip.Addr // to connect from, in turn; none for the system's choice
	proxy     *proxy       // nil for none
	tls       *tls.Config  // nil without TLS
	timeout   time.Duration
	// loopbackOnly refuses addresses that are not loopback, whatever a host's
	// name resolves to.
	loopbackOnly bool
	count        atomic.Uint64 // connections that were dialled
	number       atomic.Uint64 // of the last connection that requests can use
	resolver     resolver
	// opened, where set, is told of each new connection.
	opened func(contract.Connection)
	// http2 says that HTTP/2 is spoken without TLS.
	http2 bool
}

// networks are the names that package net has for versions of IP.
var networks = map[scenario.IPVersion]string{
	"": "tcp", scenario.AnyIP: "tcp", scenario.IPv4: "tcp4", scenario.IPv6: "tcp6",
}

// newDialer returns the dialler for a host, its port and the scenario's target.
func newDialer(u *url.URL, s *scenario.Target) (*dialer, error) {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	host := net.JoinHostPort(u.Hostname(), port)
	d := &dialer{
		network: networks[s.IPVersion], addresses: []string{host}, timeout: s.Timeout,
		loopbackOnly: !s.OwnerAgreed,
	}
	for _, text := range s.SourceAddresses {
		address, err := netip.ParseAddr(text)
		if err != nil {
			return nil, fmt.Errorf("target.sourceAddresses: %q is not an IP address: write one such as "+
				"192.0.2.10", text)
		}
		d.sources = append(d.sources, address)
	}
	if len(s.Resolve) > 0 {
		d.addresses = endpoints(s.Resolve, port)
	}
	var err error
	if u.Scheme == "https" {
		if d.tls, err = tlsConfig(u.Hostname(), s); err != nil {
			return nil, err
		}
	}
	if !s.Proxy.IsZero() {
		if d.loopbackOnly {
			return nil, errors.New("target.proxy may lead to any machine: set target.ownerAgreed once the " +
				"owner agreed to the load")
		}
		if d.proxy, err = newProxy(s.Proxy, host); err != nil {
			return nil, err
		}
		d.addresses = []string{d.proxy.address}
	}
	return d, nil
}

func endpoints(resolve []scenario.Endpoint, port string) (addresses []string) {
	for _, e := range resolve {
		at := port
		if e.Port != 0 {
			at = strconv.Itoa(e.Port)
		}
		addresses = append(addresses, net.JoinHostPort(e.Address, at))
	}
	return addresses
}

// next returns where the next connection goes and where it comes from, so that
// in time every source meets every address. N counts the turns of the addresses.
func (d *dialer) next() (n uint64, address string, from net.Addr) {
	n = d.count.Add(1) - 1
	if k := uint64(len(d.sources)); k > 0 {
		from = net.TCPAddrFromAddrPort(netip.AddrPortFrom(d.sources[n%k], 0))
		n /= k
	}
	k := uint64(len(d.addresses))
	return n / k, d.addresses[n%k], from
}

// connect opens a connection to the target's host, or to the proxy. Where that
// is a name, it is looked up each time, and new connections take turns over all
// its addresses that respond.
func (d *dialer) connect(ctx context.Context) (net.Conn, error) {
	n, address, from := d.next()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return d.connectTo(ctx, address, from)
	}
	found, err := d.resolver.lookup(ctx, d.network, host)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: d.network, Err: err}
	}
	return d.resolver.inTurn(ctx, found, n, from, func(ctx context.Context, ip netip.Addr) (net.Conn, error) {
		return d.connectTo(ctx, net.JoinHostPort(ip.String(), port), from)
	})
}

// connectTo opens a connection to an address of IP and port.
func (d *dialer) connectTo(ctx context.Context, address string, from net.Addr) (net.Conn, error) {
	// A nil LocalAddr must be a nil interface.
	nd := &net.Dialer{KeepAlive: 30 * time.Second, LocalAddr: from}
	if d.loopbackOnly {
		nd.ControlContext = onlyLoopback
	}
	nc, err := nd.DialContext(ctx, d.network, address)
	if errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, windowsAddressNotAvailable) {
		switch {
		case from != nil && !ownAddress(from):
			return nil, &sourceError{from.(*net.TCPAddr).IP}
		case from == nil && !reachable(d.network, address):
			return nil, errNoSource
		}
	}
	return nc, err
}

// errNoSource means that the system has no address of the version of IP that an
// address needs.
var errNoSource = errors.New("this machine has no address from which it could be reached: set " +
	"target.ipVersion, or give the machine one")

// reachable says whether the system has an address to reach another one from.
// Connecting a UDP socket sends nothing.
func reachable(network, address string) bool {
	nc, err := net.Dial("udp"+network[len("tcp"):], address)
	if err != nil {
		return false
	}
	_ = nc.Close()
	return true
}

// ownAddress says whether the system lets a socket have the address at all.
// Where it does, the address has no free port.
func ownAddress(from net.Addr) bool {
	l, err := net.ListenTCP("tcp", from.(*net.TCPAddr))
	if err != nil {
		return !errors.Is(err, syscall.EADDRNOTAVAIL)
	}
	_ = l.Close()
	return true
}

// sourceError is about an address to connect from that this machine lacks.
type sourceError struct{ ip net.IP }

func (e *sourceError) Error() string {
	return fmt.Sprintf("this machine has no address %v: fix target.sourceAddresses", e.ip)
}

func onlyLoopback(_ context.Context, _, address string, _ syscall.RawConn) error {
	if ap, err := netip.ParseAddrPort(address); err != nil || !ap.Addr().Unmap().IsLoopback() {
		return errNotLoopback
	}
	return nil
}

var errNotLoopback = errors.New("the address is not loopback: set target.ownerAgreed once the owner " +
	"agreed to the load")

// dial opens a connection that a transport can use: through the proxy, and TLS
// included. It may be the successor of another one.
func (d *dialer) dial(ctx context.Context, successor bool) (net.Conn, contract.Connection, error) {
	nc, c, err := d.open(ctx, d.tls, d.timeout)
	if err != nil {
		return nil, c, err
	}
	c.Number, c.HTTP2, c.Successor = d.number.Add(1), d.speaksHTTP2(nc), successor
	if d.opened != nil {
		d.opened(c)
	}
	return nc, c, nil
}

// speaksHTTP2 says whether HTTP/2 is what is spoken on a connection: with TLS the server chose it.
func (d *dialer) speaksHTTP2(nc net.Conn) bool {
	if secured, ok := nc.(*tls.Conn); ok {
		return secured.ConnectionState().NegotiatedProtocol == "h2"
	}
	return d.http2
}

// dialHTTP1 opens a connection for HTTP/1.1 that is not one of the load's.
func (d *dialer) dialHTTP1(ctx context.Context, timeout time.Duration) (net.Conn, error) {
	secure := d.tls.Clone()
	if secure != nil {
		secure.NextProtos = nil
	}
	nc, _, err := d.open(ctx, secure, timeout)
	return nc, err
}

func (d *dialer) open(ctx context.Context, secure *tls.Config,
	timeout time.Duration) (net.Conn, contract.Connection, error) {
	c := contract.Connection{Began: time.Now(), Secure: secure != nil}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	nc, err := d.connect(ctx)
	if d.proxy != nil {
		nc, err = d.proxy.pass(ctx, nc, err)
	}
	if err != nil {
		return nil, c, err
	}
	c.Dial = time.Since(c.Began)
	if secure != nil {
		secured := tls.Client(newTLSSocket(nc), secure)
		if err := secured.HandshakeContext(ctx); err != nil {
			_ = nc.Close()
			return nil, c, err
		}
		c.Handshake = time.Since(c.Began) - c.Dial
		c.Resumed = secured.ConnectionState().DidResume
		nc = secured
	}
	return nc, c, nil
}

// tlsConfig is how the target's host is named and trusted.
func tlsConfig(host string, s *scenario.Target) (*tls.Config, error) {
	c := &tls.Config{
		ServerName: host, MinVersion: tls.VersionTLS12,
		ClientSessionCache: tls.NewLRUClientSessionCache(64),
	}
	if s.ServerName != "" {
		c.ServerName = s.ServerName
	}
	var err error
	if c.RootCAs, err = authorities(s.CAFile); err != nil {
		return nil, err
	}
	if files := s.ClientCertificate; files.Cert != "" {
		own, err := disk.KeyPair(files.Cert, files.Key)
		if err != nil {
			return nil, fmt.Errorf("read target.clientCertificate: %w: write the paths of PEM files that "+
				"belong "+
				"together, the key not encrypted", disk.Cause(err))
		}
		c.Certificates = []tls.Certificate{own}
	}
	return c, nil
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
	text, err := disk.Read(file, disk.MaxCredentials)
	if err != nil {
		return nil, fmt.Errorf("read target.caFile: %w: write the path of a PEM file", disk.Cause(err))
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("read target.caFile: %s holds no certificate: write the path of a PEM file, "+
			"with -----BEGIN CERTIFICATE-----", file)
	}
	return pool, nil
}

// resolver finds the addresses of a host by its name, and remembers those that did
// not respond. It is safe for concurrent use.
type resolver struct {
	// find looks a name up; nil is the system's way.
	find func(ctx context.Context, network, host string) ([]netip.Addr, error)

	mu           sync.Mutex
	unresponsive map[netip.Addr]time.Time // when an address last did not respond
}

const (
	// retryAfter is for how long an address that did not respond is tried last.
	retryAfter = 10 * time.Second
	// maxUnresponsive bounds the addresses that are remembered.
	maxUnresponsive = 1000
	// maxAttempt is the most that an address may take while others are left.
	maxAttempt = 3 * time.Second
)

// lookups are the names that a resolver has for versions of IP.
var lookups = map[string]string{"tcp": "ip", "tcp4": "ip4", "tcp6": "ip6"}

// lookup returns the addresses of a name in one order, however often it is looked up.
func (r *resolver) lookup(ctx context.Context, network, host string) ([]netip.Addr, error) {
	find := r.find
	if find == nil {
		find = net.DefaultResolver.LookupNetIP
	}
	found, err := find(ctx, lookups[network], host)
	if err != nil {
		return nil, err
	}
	for i := range found {
		found[i] = found[i].Unmap()
	}
	slices.SortFunc(found, netip.Addr.Compare)
	return slices.Compact(found), nil
}

// inTurn tries the addresses from the one whose turn it is on, those that did not
// respond a moment ago last. Its error is that of the first that was tried.
func (r *resolver) inTurn(ctx context.Context, found []netip.Addr, turn uint64, from net.Addr,
	connect func(context.Context, netip.Addr) (net.Conn, error)) (net.Conn, error) {
	order := r.order(found, turn, from)
	var first error = &net.OpError{Op: "dial", Net: "tcp",
		Err: &net.DNSError{Err: "no address of the wanted version of IP", IsNotFound: true}}
	for i, ip := range order {
		nc, err := r.try(ctx, ip, len(order)-i, connect)
		if err == nil {
			return nc, nil
		}
		if i == 0 {
			first = err
		}
		if limit := ownLimit(err); ctx.Err() != nil || limit == measure.NoPorts ||
			limit == measure.NoDescriptors || limit == measure.NoMemory {
			return nil, err
		}
	}
	return nil, first
}

// try connects to an address, within its share of the time where others are left.
func (r *resolver) try(ctx context.Context, ip netip.Addr, left int,
	connect func(context.Context, netip.Addr) (net.Conn, error)) (net.Conn, error) {
	mine := ctx
	if end, has := ctx.Deadline(); has && left > 1 {
		var cancel context.CancelFunc
		mine, cancel = context.WithTimeout(ctx, min(time.Until(end)/time.Duration(left), maxAttempt))
		defer cancel()
	}
	nc, err := connect(mine, ip)
	if ctx.Err() == nil && ownLimit(err) == "" {
		r.note(ip, err != nil)
	}
	return nc, err
}

func (r *resolver) note(ip netip.Addr, failed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !failed {
		delete(r.unresponsive, ip)
		return
	}
	if r.unresponsive == nil || len(r.unresponsive) == maxUnresponsive {
		r.unresponsive = map[netip.Addr]time.Time{}
	}
	r.unresponsive[ip] = time.Now()
}

// order is the addresses in the order in which they are tried. One of another
// version of IP than the source is left out.
func (r *resolver) order(found []netip.Addr, turn uint64, from net.Addr) []netip.Addr {
	source, _ := from.(*net.TCPAddr)
	var responsive, others []netip.Addr
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, ip := range found {
		switch at, known := r.unresponsive[ip]; {
		case source != nil && source.AddrPort().Addr().Unmap().Is4() != ip.Is4():
		case known && time.Since(at) < retryAfter:
			others = append(others, ip)
		default:
			responsive = append(responsive, ip)
		}
	}
	if k := uint64(len(responsive)); k > 0 {
		responsive = slices.Concat(responsive[turn%k:], responsive[:turn%k])
	}
	return append(responsive, others...)
}
