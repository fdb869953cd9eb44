//go:build !linux

package pingone

import "net"

// unacknowledged can't be known here: the system does not tell.
func unacknowledged(net.Conn, int) bool { return false }
