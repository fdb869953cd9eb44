package pingone

import (
	"errors"
	"net"
	"strings"
	"syscall"
)

// Reasons of mfaload's own, or of its machine's, for which a request is not sent.
// Package measure has the same names.
const (
	noToken       = "no valid token"
	noSource      = "no source address"
	noPorts       = "out of local ports"
	noDescriptors = "out of file descriptors"
	noMemory      = "out of socket memory"
	notPermitted  = "not permitted by this machine"
	networkDown   = "network of this machine down"
	notLoopback   = "not loopback"
)

// windowsAddressNotAvailable is WSAEADDRNOTAVAIL.
const windowsAddressNotAvailable = syscall.Errno(10049)

// systemLimits are the error numbers of connect(2) and socket(2) that are about
// this machine. Those from 10000 on are of Windows, where the names of package
// syscall have other numbers; no other system has any that high.
var systemLimits = []struct {
	kind   string
	errors []syscall.Errno
}{
	{noDescriptors, []syscall.Errno{syscall.EMFILE, syscall.ENFILE, 10024}},
	// With a source address, bind(2) finds no port; FreeBSD says EAGAIN.
	{noPorts, []syscall.Errno{syscall.EADDRNOTAVAIL, syscall.EADDRINUSE, syscall.EAGAIN,
		windowsAddressNotAvailable, 10048}},
	{noMemory, []syscall.Errno{syscall.ENOBUFS, syscall.ENOMEM, 10055}},
	// A packet filter, or what confines the process.
	{notPermitted, []syscall.Errno{syscall.EPERM, syscall.EACCES, 10013}},
	{networkDown, []syscall.Errno{syscall.ENETDOWN, 10050}},
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
		return notLoopback
	case errors.Is(err, errNoSource), errors.As(err, new(*sourceError)):
		return noSource
	case errors.As(err, &dns):
		return lookupLimit(dns)
	case !errors.As(err, &op) || op.Op != "dial":
		return ""
	}
	for _, limit := range systemLimits {
		for _, errno := range limit.errors {
			if errors.Is(err, errno) {
				return limit.kind
			}
		}
	}
	return ""
}

// lookupLimit is ownLimit of a name that could not be resolved. Of its cause
// package net keeps the text only.
func lookupLimit(dns *net.DNSError) string {
	for _, limit := range systemLimits {
		for _, errno := range limit.errors {
			if errors.Is(dns, errno) || strings.HasSuffix(dns.Err, errno.Error()) {
				return limit.kind
			}
		}
	}
	return ""
}
