package fleet

import (
	"crypto/tls"
	"go/parser"
	"go/token"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestServerLibrary keeps what may change with any version of the server
// library in one file.
func TestServerLibrary(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			path, _ := strconv.Unquote(i.Path.Value)
			if strings.HasPrefix(path, "github.com/nats-io/nats-server") && name != "server.go" &&
				!strings.HasSuffix(name, "_test.go") {
				t.Errorf("%s imports %s: only server.go may", name, path)
			}
		}
	}
}

func TestServerTakesTLS13Only(t *testing.T) {
	tm := newTeam(t, 1)
	address := tm.Embedded.Addr().String()
	handshake := func(most uint16) error {
		nc, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		info := make([]byte, 4096) // comes before the handshake
		if _, err := nc.Read(info); err != nil {
			t.Fatal(err)
		}
		return tls.Client(nc, &tls.Config{InsecureSkipVerify: true, MaxVersion: most}).Handshake()
	}
	if err := handshake(tls.VersionTLS12); err == nil {
		t.Error("it takes TLS 1.2")
	}
	if err := handshake(tls.VersionTLS13); err != nil {
		t.Error(err)
	}
}

func TestListenSaysWhatIsWrong(t *testing.T) {
	identity, err := NewIdentity("test")
	if err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for address, says := range map[string]string{
		"127.0.0.1":           "missing port",
		"127.0.0.1:port":      `"port" is not a port`,
		taken.Addr().String(): "address already in use",
	} {
		if e, err := Listen(address, identity); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", address, err)
			if err == nil {
				e.Close()
			}
		}
	}
}
