//go:build !linux

package runner

// localPorts is how many ports there are for connections to one address, from one
// of this machine's: those that RFC 6335 has for it, which macOS, Windows and the
// BSDs use.
func localPorts() int { return 65535 - 49152 + 1 }
