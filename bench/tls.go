//go:build linux

package main

// tls compares the tools over HTTPS. The server is net/http, which is slower
// than most of them, so look at the processor time of a request.
func (b *bench) tls() error {
	b.print("\n## HTTPS, HTTP/1.1: 64 connections, as fast as each can")
	a := attack{origin: "https://" + secureHost, connections: 64, length: b.length,
		certificate: b.server.certificate}
	if err := b.compare(a); err != nil {
		return err
	}
	b.print("\n## HTTPS, HTTP/2: 64 requests at once, as fast as each can")
	a.http2 = true
	return b.compare(a)
}
