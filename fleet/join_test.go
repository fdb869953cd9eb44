package fleet

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func testJoin(t testing.TB) *Join {
	t.Helper()
	identity, err := NewIdentity("pr-812")
	if err != nil {
		t.Fatal(err)
	}
	j, err := identity.Join([]string{"192.0.2.1:4222", "[::1]:4222"})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func TestJoinFile(t *testing.T) {
	j, path := testJoin(t), filepath.Join(t.TempDir(), "join")
	// Whoever may read the file that is there already must not read this one.
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := j.Write(path); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	read, err := ParseJoin(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(j, read); diff != "" {
		t.Error(diff)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
}

func TestBadJoinFiles(t *testing.T) {
	for says, change := range map[string]func(*Join){
		"its schema is":                    func(j *Join) { j.Schema = "mfaload/join/v2" },
		"it names no server":               func(j *Join) { j.URLs = nil },
		"not of the form tls://host:port":  func(j *Join) { j.URLs[1] = "nats://192.0.2.1:4222" },
		"not a SHA-256":                    func(j *Join) { j.Pin = "00" },
		"its token":                        func(j *Join) { j.Token = "short" },
		"is not a run name":                func(j *Join) { j.Run = "a.b" },
		"NATS server 1 is not of the form": func(j *Join) { j.URLs[0] = "tls://u:secret@h:1" },
	} {
		j := testJoin(t)
		change(j)
		data, err := json.Marshal(j)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseJoin(data); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("the error is %v, and does not say %q", err, says)
		}
	}
}

func TestAddresses(t *testing.T) {
	for from, want := range map[string]string{"192.0.2.1:4222": "192.0.2.1:4222",
		"[2001:db8::1]:1": "[2001:db8::1]:1"} {
		at, err := net.ResolveTCPAddr("tcp", from)
		if err != nil {
			t.Fatal(err)
		}
		if all, err := Addresses(at); err != nil || len(all) != 1 || all[0] != want {
			t.Errorf("%s: %v, %v", from, all, err)
		}
	}
	all, err := Addresses(&net.TCPAddr{Port: 4222})
	if err != nil || len(all) == 0 {
		t.Fatal(all, err)
	}
	if last, _, _ := net.SplitHostPort(all[len(all)-1]); !net.ParseIP(last).IsLoopback() {
		t.Errorf("loopback is not the last of %v", all)
	}
}

func FuzzParseJoin(f *testing.F) {
	data, err := json.Marshal(testJoin(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"schema":"mfaload/join/v1","run":"r","urls":["tls://[::1]:4222"],` +
		`"certificate_sha256":"","token":""}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		j, err := ParseJoin(data)
		if err != nil {
			return
		}
		again, err := json.Marshal(j)
		if err != nil {
			t.Fatal(err)
		}
		read, err := ParseJoin(again)
		if err != nil || !cmp.Equal(j, read) {
			t.Errorf("%s becomes %v, %v", data, read, err)
		}
	})
}
