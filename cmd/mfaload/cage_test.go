package main_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mfaload/internal/redact"
)

// cage is where the canaries are kept: a folder, an environment, and a service
// and a proxy that give away what they hear.
type cage struct {
	t   *testing.T
	dir string
	env []string

	mu      sync.Mutex
	planted map[string]bool // files that are not mfaload's
	more    []string        // canaries that came up in a run
}

func newCage(t *testing.T) *cage {
	c := &cage{t: t, dir: t.TempDir(), planted: map[string]bool{}}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Proxy-Authenticate", "Basic realm="+everything)
		http.Error(w, r.Header.Get("Proxy-Authorization")+" "+canaryProxy+" "+everything,
			http.StatusProxyAuthRequired)
	}))
	t.Cleanup(proxy.Close)
	service, temporary := leakyService(t), filepath.Join(c.dir, "tmp")
	if err := os.Mkdir(temporary, 0o700); err != nil {
		t.Fatal(err)
	}
	c.env = append(os.Environ(), "TMPDIR="+temporary, "TOKEN="+canaryToken, "SECRET="+canarySecret,
		"HEADER="+canaryHeader, "EMAIL="+canaryEmail, "PHONE="+canaryPhone,
		"AUTH="+service, "PINGONE_AUTH_PATH="+service, "PINGONE_ENV_ID="+envID,
		"PINGONE_ACCESS_TOKEN="+canaryToken,
		"PROXY=http://jo:"+canaryProxy+"@"+strings.TrimPrefix(proxy.URL,
			"http://"), "OTEL_EXPORTER_OTLP_HEADERS=x-key="+canaryOTLP)
	return c
}

// plant writes a file that may hold canaries.
func (c *cage) plant(name, text string) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.planted[name] = true
	if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// look finds canaries in what mfaload gave away.
func (c *cage) look(where string, data []byte) {
	c.t.Helper()
	for len(data) > 2 && data[0] == 0x1f && data[1] == 0x8b {
		z, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			break
		}
		plain, err := io.ReadAll(z)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			c.t.Errorf("%s: %v", where, err)
		}
		data = plain
	}
	c.mu.Lock()
	all := append(tracks(), c.more...)
	c.mu.Unlock()
	if held := redact.New(all...); held.Holds(string(data)) {
		c.t.Errorf("%s shows a secret, perhaps escaped", where)
	}
	low := bytes.ToLower(data)
	for _, track := range all {
		if i := bytes.Index(low, []byte(strings.ToLower(track))); i >= 0 {
			c.t.Errorf("%s shows %q: …%s…", where, track, data[max(0, i-120):min(len(data), i+80)])
		}
	}
}

func (c *cage) command(args ...string) *exec.Cmd {
	cmd := exec.Command(program(c.t), args...)
	cmd.Dir, cmd.Env = c.dir, c.env
	return cmd
}

// Codes of commands that may end in more than one way: anyCode is any but that
// of a wrong command, whatever is any.
const (
	anyCode  = -1
	whatever = -2
)

// run runs a command to its end.
func (c *cage) run(wantCode int, args ...string) {
	c.t.Helper()
	c.finish(wantCode, c.command(args...))
}

// finish is run, with a command that is made already.
func (c *cage) finish(wantCode int, cmd *exec.Cmd) {
	c.t.Helper()
	out, err := cmd.CombinedOutput()
	c.ended(wantCode, cmd, out, err)
}

func (c *cage) ended(wantCode int, cmd *exec.Cmd, out []byte, err error) {
	c.t.Helper()
	args := cmd.Args[1:]
	if cmd.ProcessState == nil {
		c.t.Errorf("mfaload %v: %v", args, err)
		return
	}
	code := cmd.ProcessState.ExitCode()
	if wantCode >= 0 && code != wantCode && (code != 4 || !heldUp(string(out))) || wantCode == anyCode &&
		code == 2 {
		c.t.Errorf("mfaload %v: exit code %d, want %d:\n%s", args, code, wantCode, out)
	}
	c.look(fmt.Sprintf("mfaload %v", args), out)
}

// together runs what takes its time at the same time.
func together(all ...func()) {
	var running sync.WaitGroup
	for _, one := range all {
		running.Go(one)
	}
	running.Wait()
}

// watched looks at what others see while a command runs: the live page, the
// process list, the environment of processes, and files before they are whole.
func (c *cage) watched(wantCode int, args ...string) {
	address, shared := freeAddress(c.t), slices.Contains(args, "--shards")
	if !shared {
		args = append(args, "--listen", address)
	}
	cmd := c.command(args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		c.t.Error(err)
		return
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var readers sync.WaitGroup
	defer readers.Wait()
	for _, path := range []string{"", "page.js", "status", "metrics", "events"} {
		if shared {
			break
		}
		readers.Go(func() { c.fetch("http://" + address + "/" + path) })
	}
	for {
		select {
		case err := <-ended:
			c.ended(wantCode, cmd, out.Bytes(), err)
			return
		case <-time.After(100 * time.Millisecond):
			c.files()
			c.processes()
		}
	}
}

// fetch looks at something of the live page, if the run lasts as long.
func (c *cage) fetch(url string) {
	if reachable(strings.Split(url, "/")[2]) != nil {
		return
	}
	resp, err := http.Get(url)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	data, _ := io.ReadAll(resp.Body)
	c.look(url, data)
}

// processes looks at the process list: the program's, and what it started.
// That got no variables that it had not itself.
func (c *cage) processes() {
	lists, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, list := range lists {
		data, err := os.ReadFile(list)
		if err != nil || !bytes.HasPrefix(data, []byte(binary)) {
			continue
		}
		c.look("the process list", data)
		env, _ := os.ReadFile(filepath.Join(filepath.Dir(list), "environ"))
		for one := range strings.SplitSeq(strings.Trim(string(env), "\x00"), "\x00") {
			name, _, _ := strings.Cut(one, "=")
			if !slices.ContainsFunc(append(c.env[:len(c.env):len(c.env)], "=", "PWD=", "GOTRACEBACK=",
				"OTEL_EXPORTER_OTLP_ENDPOINT=", "OTEL_METRICS_EXPORTER="),
				func(own string) bool { return strings.HasPrefix(own, name+"=") }) {
				c.t.Errorf("a process got the variable %s", one)
			}
		}
	}
}

// killed looks at the crash dump of a command, once it wrote a file.
func (c *cage) killed(file string, args ...string) {
	if runtime.GOOS == "windows" {
		return
	}
	cmd := c.command(args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Env = append(slices.Clip(cmd.Env), "GOTRACEBACK=all")
	if err := cmd.Start(); err != nil {
		c.t.Error(err)
		return
	}
	for give := time.Now().Add(time.Minute); time.Now().Before(give); time.Sleep(10 * time.Millisecond) {
		if info, err := os.Stat(filepath.Join(c.dir, file)); err == nil && info.Size() > 0 {
			break
		}
	}
	_ = cmd.Process.Signal(syscall.SIGQUIT)
	_ = cmd.Wait()
	if !bytes.Contains(out.Bytes(), []byte("goroutine ")) {
		c.t.Errorf("mfaload %v: no crash dump: %s", args, out.Bytes())
	}
	c.look(fmt.Sprintf("the crash dump of mfaload %v", args), out.Bytes())
}

// files looks at every file below the folder that mfaload wrote, and at who may
// read them.
func (c *cage) files() {
	c.t.Helper()
	err := filepath.WalkDir(c.dir, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(c.dir, path)
		if err != nil || name == "." {
			return nil // gone since
		}
		if name == "tmp" {
			return fs.SkipDir // while it runs, what it reads lies there: see empty
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		}
		if got := info.Mode().Perm(); got != want && runtime.GOOS != "windows" {
			c.t.Errorf("%s: others may have it: %o, want %o", name, got, want)
		}
		c.mu.Lock()
		ours := c.planted[name]
		c.mu.Unlock()
		if d.IsDir() || ours {
			return nil
		}
		data, err := os.ReadFile(path)
		if err == nil {
			c.look(name, data)
		}
		return nil
	})
	if err != nil {
		c.t.Error(err)
	}
}

// empty says what was left in the folder for temporary files.
func (c *cage) empty() {
	left, _ := filepath.Glob(filepath.Join(c.dir, "tmp", "*"))
	if len(left) > 0 {
		c.t.Errorf("left behind: %v", left)
	}
}
