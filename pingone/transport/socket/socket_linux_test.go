package socket

import (
	"bufio"
	"errors"
	"io"
	"net"
	"testing"

	"mfaload/pingone/transport/transporttest"
)

// Only what certainly never arrived is excused, never a request that a service received
// and did not respond to.
func TestUnacknowledged(t *testing.T) {
	for _, test := range []struct {
		name string
		// server is given what is received first; the client sends the second line once
		// it returns, or before where it reads that too.
		server func(c *net.TCPConn, in *bufio.Reader)
		waits  bool // for the server, before the second line is sent
		want   bool
	}{
		{"closed before the request", func(c *net.TCPConn, _ *bufio.Reader) { c.Close() }, true, true},
		{"half closed before the request", func(c *net.TCPConn, _ *bufio.Reader) { _ = c.CloseWrite() }, true,
			true},
		{"closed after the request", func(c *net.TCPConn, in *bufio.Reader) { readLine(in); c.Close() },
			false, false},
		{"half closed after the request",
			func(c *net.TCPConn, in *bufio.Reader) { readLine(in); _ = c.CloseWrite() }, false, false},
		{"reset after the request", func(c *net.TCPConn, in *bufio.Reader) {
			readLine(in)
			_ = c.SetLinger(0)
			c.Close()
		}, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			client, server := transporttest.Pair(t)
			in := bufio.NewReader(server)
			exchange(t, client, server, in)
			done := make(chan struct{})
			go func() { defer close(done); test.server(server, in) }()
			if test.waits {
				<-done
			}
			if _, err := io.WriteString(client, line); err != nil {
				t.Fatal(err)
			}
			_, err := client.Read(make([]byte, 1))
			if got := errors.Is(err, io.EOF) && Unacknowledged(client, len(line)); got != test.want {
				t.Errorf("unacknowledged %v after %v, want %v", got, err, test.want)
			}
			<-done
		})
	}
}

const line = "a request\n"

// exchange has a connection used once.
func exchange(t *testing.T, client, server net.Conn, in *bufio.Reader) {
	t.Helper()
	for _, step := range []func() error{
		func() error { _, err := io.WriteString(client, line); return err },
		func() error { readLine(in); _, err := io.WriteString(server, "x"); return err },
		func() error { _, err := client.Read(make([]byte, 1)); return err },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
}

func readLine(in *bufio.Reader) { _, _ = in.ReadString('\n') }
