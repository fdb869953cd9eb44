package transport

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"mfaload/measure"
)

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
