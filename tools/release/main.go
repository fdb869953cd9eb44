// Command release builds what users download into dist: an archive for each
// system with the program, its man pages, completions, scenarios and licences;
// a list of what each was made from (CycloneDX, held against its schema and
// against what the program says of itself); and the checksums of all. What can
// be started here, by itself or by an emulator, is started.
//
//	go run -C tools ./release -version v1.2.3 [-out DIR] [-for linux/amd64,…]
//
// The same source, version and Go give the same bytes, on any machine and in any
// folder: nothing has a time of its own, and lists are in order.
package main

import (
	"bytes"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const platforms = "linux/amd64,linux/arm64,darwin/amd64,darwin/arm64,windows/amd64,windows/arm64"

func main() {
	version := flag.String("version", "", "the version, such as v1.2.3")
	out := flag.String("out", "dist", "the folder to write to, in the repository; what it holds is removed")
	cache := flag.String("cache", "", "the build cache of the program, in place of Go's own")
	wanted := flag.String("for", platforms, "the systems")
	flag.Parse()
	if err := release(*version, *out, *cache, strings.Split(*wanted, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func release(version, out, cache string, systems []string) error {
	if !regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z.+-]*$`).MatchString(version) {
		return fmt.Errorf("-version %q: name one such as v1.2.3", version)
	}
	if !filepath.IsAbs(out) {
		out = filepath.Join("..", out)
	}
	out, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	r := &maker{version: version, out: out, cache: cache, stamp: epoch()}
	work, err := os.MkdirTemp("", "mfaload-release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	r.work = work
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	if r.schema, err = r.billSchema(); err != nil {
		return err
	}
	if err := r.shared(); err != nil {
		return err
	}
	for _, system := range systems {
		goos, goarch, _ := strings.Cut(system, "/")
		if err := r.system(goos, goarch); err != nil {
			return fmt.Errorf("%s: %w", system, err)
		}
	}
	return checksums(out)
}

// epoch is the time that files in archives get: SOURCE_DATE_EPOCH, else that of
// the last commit, else the year in which archives begin.
func epoch() time.Time {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		committed, _ := exec.Command("git", "log", "-1", "--format=%ct").Output()
		text = strings.TrimSpace(string(committed))
	}
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Unix(seconds, 0).UTC()
	}
	return time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
}

// maker makes one release.
type maker struct {
	version, out, work string
	cache              string // "": Go's own
	stamp              time.Time
	files              []file // in every archive
	schema             *jsonschema.Schema
}

// file is a file of an archive.
type file struct{ name, from string }

// run runs the go command in the repository.
func (r *maker) run(env []string, args ...string) ([]byte, error) {
	c := exec.Command("go", args...)
	var said bytes.Buffer
	c.Dir, c.Stderr = "..", &said
	c.Env = append(append(os.Environ(), "CGO_ENABLED=0", "SOURCE_DATE_EPOCH="+
		strconv.FormatInt(r.stamp.Unix(), 10)), env...)
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, said.String())
	}
	return out, nil
}

// shared makes what is the same for all systems.
func (r *maker) shared() error {
	for _, kind := range []string{"man", "completion"} {
		dir := filepath.Join(r.work, kind)
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		if _, err := r.run(nil, "run", "-tags", "docs", "./cmd/mfaload", kind, dir); err != nil {
			return err
		}
	}
	texts, err := r.run(nil, "run", "-C", "tools", "./licenses", "-texts")
	if err != nil {
		return err
	}
	licences := filepath.Join(r.work, "THIRD_PARTY_LICENSES.txt")
	if err := os.WriteFile(licences, texts, 0o644); err != nil {
		return err
	}
	r.files = []file{{"README.md", "../README.md"}, {"CHANGELOG.md", "../CHANGELOG.md"},
		{"THIRD_PARTY_LICENSES.txt", licences}}
	for _, pattern := range []string{"../docs/*.md", "../docs/*/*.md", "../scenarios/*", r.work + "/man/*",
		r.work + "/completion/*", "../LICENSE*"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return err
		}
		for _, f := range found {
			name, err := filepath.Rel("..", f)
			if filepath.IsAbs(f) {
				name, err = filepath.Rel(r.work, f)
			}
			if err != nil {
				return err
			}
			r.files = append(r.files, file{filepath.ToSlash(name), f})
		}
	}
	return nil
}

// system makes one system's archive and bill of materials.
func (r *maker) system(goos, goarch string) error {
	env := []string{"GOOS=" + goos, "GOARCH=" + goarch, "GOAMD64=v1", "GOARM64=v8.0", "GOFLAGS=-trimpath"}
	if r.cache != "" {
		env = append(env, "GOCACHE="+r.cache)
	}
	name := "mfaload"
	if goos == "windows" {
		name += ".exe"
	}
	binary := filepath.Join(r.work, goos+"-"+goarch, name)
	if _, err := r.run(env, "build", "-tags", "grpcnotrace", "-buildvcs=false", "-ldflags",
		"-s -w -buildid= -X main.version="+r.version, "-o", binary, "./cmd/mfaload"); err != nil {
		return err
	}
	if goos == "linux" {
		if err := static(binary); err != nil {
			return err
		}
	}
	full := fmt.Sprintf("mfaload_%s_%s_%s", strings.TrimPrefix(r.version, "v"), goos, goarch)
	if err := r.bill(binary, filepath.Join(r.out, full+".cdx.json")); err != nil {
		return err
	}
	archive, write := full+".tar.gz", tarball
	if goos == "windows" {
		archive, write = full+".zip", zipped
	}
	files := append([]file{{name, binary}}, r.files...)
	if err := write(filepath.Join(r.out, archive), full, files, r.stamp); err != nil {
		return err
	}
	info, err := os.Stat(binary)
	if err != nil {
		return err
	}
	started, err := r.started(goos+"/"+goarch, binary)
	if err != nil {
		return err
	}
	fmt.Printf("%-44s program %4.1f MB, %s\n", archive, float64(info.Size())/1e6, started)
	return nil
}

// checksums writes SHA256SUMS, for 'sha256sum -c'.
func checksums(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var lines strings.Builder
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&lines, "%x  %s\n", sha256.Sum256(data), e.Name())
	}
	return os.WriteFile(filepath.Join(dir, "SHA256SUMS"), []byte(lines.String()), 0o644)
}
