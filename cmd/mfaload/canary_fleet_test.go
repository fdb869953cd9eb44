package main_test

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// fleet looks at runs on many machines: one that loses a worker, whose crash dump
// it is, and two that never begin, because of what a worker finds.
func (c *cage) fleet() {
	together(
		func() { c.led("led", anyCode, "token.yaml", c.env, "--join-within", "1m") },
		func() { c.led("unled", 3, "refused.yaml", c.env, "--join-within", "1m") },
		func() {
			c.led("misled", 3, "token.yaml", append(c.env[:len(c.env):len(c.env)],
				"TOKEN="+canaryToken+" \x01"), "--join-within", "3s")
		},
	)
}

// led leads two workers, and a third one whose join file has another token.
func (c *cage) led(name string, code int, scenario string, workers []string, more ...string) {
	join, strange := name+".join", name+".strange"
	c.mu.Lock()
	c.planted[join] = true
	c.mu.Unlock()
	worker := func(i int, file string) []string {
		return []string{"worker", "--start-within", "20s", "--join-file", file, "--shard", fmt.Sprint(i),
			"--out", fmt.Sprint(name, "-", i)}
	}
	together(
		func() {
			c.run(code, append([]string{"coordinate", "--shards", "2", "--listen", "127.0.0.1:0",
				"--join-file", join, "--out", name, scenario}, more...)...)
		},
		func() {
			cmd := c.command(worker(0, join)...)
			cmd.Env = workers
			c.finish(whatever, cmd)
		},
		func() {
			if code == 4 && runtime.GOOS != "windows" {
				c.killed(name+"-1/run.journal", worker(1, join)...)
				return
			}
			cmd := c.command(worker(1, join)...)
			cmd.Env = workers
			c.finish(whatever, cmd)
		},
		func() {
			c.estrange(join, strange)
			c.run(3, worker(0, strange)...)
		},
	)
}

// estrange copies a join file, once it is there, with another token; its own is a
// canary from then on.
func (c *cage) estrange(join, to string) {
	for give := time.Now().Add(time.Minute); time.Now().Before(give); time.Sleep(10 * time.Millisecond) {
		data, err := os.ReadFile(filepath.Join(c.dir, join))
		if err != nil {
			continue
		}
		var of struct{ Token string }
		if err := json.Unmarshal(data, &of); err != nil || of.Token == "" {
			c.t.Errorf("a join file without a token: %v", err)
			return
		}
		c.mu.Lock()
		c.more = append(c.more, of.Token)
		c.mu.Unlock()
		c.plant(to, strings.Replace(string(data), of.Token, canaryToken, 1))
		return
	}
}

// external looks at what is said of NATS servers with credentials in their URLs
// and in files, and of one that gives away what it was told.
func (c *cage) external() {
	for _, url := range []string{"tls://jo:" + canarySecret + "@127.0.0.1:1", "tls://" + canaryToken +
		"@127.0.0.1:1", "tls://jo:" + canarySecret + "@127.0.0.1:1/%zz",
		"tls://127.0.0.1:1?token=" + canaryToken, "tls://127.0.0.1:1/" + canaryToken, "nats://" +
			canaryToken + ":" + canarySecret + "@h", canaryToken, "tls://127.0.0.1:1#" + canaryToken} {
		c.run(2, "worker", "--nats", url, "--run", "r")
	}
	c.run(2, "coordinate", "--shards", "2", "--nats", "tls://"+canaryToken+"@127.0.0.1:1", "--run", "r",
		"token.yaml")
	c.run(2, "k8s", "--shards", "2", "--image", "x", "--nats", "tls://"+canaryToken+"@127.0.0.1:1",
		"token.yaml")
	c.plant("bad.creds", "-----BEGIN NATS USER JWT-----\n"+canaryToken+"\n------END NATS USER "+
		"JWT------\n-----BEGIN USER NKEY SEED-----\n"+canarySecret+"\n------END USER NKEY SEED------\n")
	c.plant("bad.join", `{"schema": "`+canarySecret+`", "run": "`+canarySecret+`", "token": "`+canaryToken+
		`"}`)
	c.plant("bad.identity", `{"run": "r", "token": "`+canaryToken+`", "key": "`+canarySecret+
		`", "certificate": "x"}`)
	server := c.loudServer()
	loud := func(more ...string) func() {
		return func() {
			c.run(3, append([]string{"worker", "--nats", server, "--run", "r", "--start-within", "1s"},
				more...)...)
		}
	}
	together(
		loud("--nats-ca", "loud.pem"), loud("--nats-ca", "bad.creds"), loud("--nats-ca", "loud.pem",
			"--creds", "bad.creds"),
		loud("--nats-ca", "loud.pem", "--nkey", "bad.creds"), loud("--nats-cert", "bad.creds", "--nats-key",
			"bad.creds"),
	)
	c.run(2, "worker", "--join-file", "bad.join")
	c.run(2, "worker", "--join-file", "bad.creds")
	c.run(3, "coordinate", "--shards", "2", "--listen", "127.0.0.1:0", "--identity", "bad.identity",
		"token.yaml")
	c.run(2, "coordinate", "--shards", "2", "--listen", "127.0.0.1:0", "--identity", "bad.creds",
		"token.yaml")
}

// loudServer is a NATS server that refuses with all that it knows; loud.pem is
// its authority.
func (c *cage) loudServer() (url string) {
	web := httptest.NewTLSServer(nil) // for its certificate
	c.t.Cleanup(web.Close)
	c.plant("loud.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE",
		Bytes: web.Certificate().Raw})))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go refuseLoudly(conn, web.TLS)
		}
	}()
	return "tls://" + l.Addr().String()
}

func refuseLoudly(conn net.Conn, config *tls.Config) {
	defer conn.Close()
	_, _ = io.WriteString(conn, `INFO {"server_id":"`+canaryToken+`","server_name":"`+canarySecret+
		`","version":"2.11.0","proto":1,"tls_required":true,"max_payload":1048576,"nonce":"x"}`+"\r\n")
	secure := tls.Server(conn, config)
	said, _ := bufio.NewReader(secure).ReadString('\n')
	_, _ = io.WriteString(secure, "-ERR 'Authorization Violation: "+everything+" "+
		""+strings.TrimSpace(said)+"'\r\n")
}
