package live

import "net"

// Reachable is an address as others can open it: one that stands for all addresses
// of this machine (0.0.0.0, ::) is replaced by one of them, that of the network
// before that of the loopback.
func Reachable(a net.Addr) string {
	tcp, ok := a.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return a.String()
	}
	addresses, _ := net.InterfaceAddrs() // without them the loopback is left
	return (&net.TCPAddr{IP: best(addresses, tcp.IP.To4() == nil), Port: tcp.Port}).String()
}

// best is an address of a network that can be opened from elsewhere, of version 4
// before 6; the loopback's where there is none.
func best(addresses []net.Addr, six bool) net.IP {
	found := net.IPv4(127, 0, 0, 1)
	for _, a := range addresses {
		network, ok := a.(*net.IPNet)
		switch {
		case !ok || !network.IP.IsGlobalUnicast():
		case network.IP.To4() != nil:
			return network.IP
		case six && found.IsLoopback():
			found = network.IP
		}
	}
	return found
}
