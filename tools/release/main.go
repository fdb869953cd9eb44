// Command release builds what users download into dist: an archive for each
// system with the program, its man pages, completions, scenarios and licenses;
// a list of what each was made from (CycloneDX, checked against its schema and
// against what the program says of itself); and the checksums of all. What can
// be started here, by itself or by an emulator, is started.
//
//	go run -C tools ./release -version v1.2.3 [-out DIR] [-for linux/amd64,…]
//
// The same source, version and Go give the same bytes, on any machine and in any
// folder: nothing has a time of its own, and lists are in order.
package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
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

type maker struct {
	version, out, work string
	cache              string // "": Go's own
	stamp              time.Time
	files              []file // in every archive
	schema             *jsonschema.Schema
}

type file struct{ name, from string }

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
	licenses := filepath.Join(r.work, "THIRD_PARTY_LICENSES.txt")
	if err := os.WriteFile(licenses, texts, 0o644); err != nil {
		return err
	}
	r.files = []file{{"README.md", "../README.md"}, {"CHANGELOG.md", "../CHANGELOG.md"},
		{"THIRD_PARTY_LICENSES.txt", licenses}}
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

// mode is what a file of an archive may do: programs run, all are readable.
func mode(f file) os.FileMode {
	if strings.HasPrefix(path.Base(f.name), "mfaload") && !strings.Contains(f.name, "/") {
		return 0o755
	}
	return 0o644
}

// tarball packs files under a folder. Owner, times and order are always the same.
func tarball(name, folder string, files []file, stamp time.Time) error {
	return packed(name, func(out io.Writer) error {
		zw, err := gzip.NewWriterLevel(out, gzip.BestCompression)
		if err != nil {
			return err
		}
		tw := tar.NewWriter(zw)
		for _, f := range files {
			data, err := os.ReadFile(f.from)
			if err != nil {
				return err
			}
			header := &tar.Header{Name: path.Join(folder, f.name), Mode: int64(mode(f)),
				Size: int64(len(data)), ModTime: stamp, Format: tar.FormatUSTAR}
			if err := tw.WriteHeader(header); err != nil {
				return err
			}
			if _, err := tw.Write(data); err != nil {
				return err
			}
		}
		return errors.Join(tw.Close(), zw.Close())
	})
}

// zipped is tarball for Windows.
func zipped(name, folder string, files []file, stamp time.Time) error {
	return packed(name, func(out io.Writer) error {
		zw := zip.NewWriter(out)
		for _, f := range files {
			data, err := os.ReadFile(f.from)
			if err != nil {
				return err
			}
			header := &zip.FileHeader{Name: path.Join(folder, f.name), Method: zip.Deflate, Modified: stamp}
			header.SetMode(mode(f))
			w, err := zw.CreateHeader(header)
			if err != nil {
				return err
			}
			if _, err := w.Write(data); err != nil {
				return err
			}
		}
		return zw.Close()
	})
}

func packed(name string, write func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

// bill writes what a program was made from, and looks at what was written.
func (r *maker) bill(binary, name string) error {
	if _, err := r.run([]string{"GOFLAGS=-trimpath"}, "tool", "-modfile=tools/go.mod", "cyclonedx-gomod",
		"bin", "-json", "-licenses", "-noserial", "-notimestamp",
		"-std", "-version", r.version, "-output", name, binary); err != nil {
		return err
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	bom := new(cdx.BOM)
	if err := cdx.NewBOMDecoder(bytes.NewReader(text), cdx.BOMFileFormatJSON).Decode(bom); err != nil {
		return fmt.Errorf("read the bill of materials: %w", err)
	}
	// The tool's own checksums differ by the machine that it was built on.
	for i := range *bom.Metadata.Tools.Tools {
		(*bom.Metadata.Tools.Tools)[i].Hashes = nil
	}
	if err := complete(bom, binary, r.version); err != nil {
		return err
	}
	var b bytes.Buffer
	if err := cdx.NewBOMEncoder(&b, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false).Encode(
		bom); err != nil {
		return fmt.Errorf("write the bill of materials: %w", err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(b.Bytes()))
	if err != nil {
		return fmt.Errorf("read the bill of materials: %w", err)
	}
	if err := r.schema.Validate(document); err != nil {
		return fmt.Errorf("the bill of materials breaks its schema: %w", err)
	}
	return os.WriteFile(name, b.Bytes(), 0o644)
}

// complete wants the version, every module that the program says it was linked
// from, and a license for each.
func complete(bom *cdx.BOM, binary, version string) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	if got := bom.Metadata.Component.Version; got != version {
		return fmt.Errorf("the bill of materials is of version %q, the program %q", got, version)
	}
	listed := map[string]cdx.Component{}
	for _, c := range *bom.Components {
		listed[c.Name+" "+c.Version] = c
	}
	for _, m := range info.Deps {
		c, found := listed[m.Path+" "+m.Version]
		if !found {
			return fmt.Errorf("the bill of materials lacks %s %s", m.Path, m.Version)
		}
		if c.Licenses == nil && (c.Evidence == nil || c.Evidence.Licenses == nil) {
			return fmt.Errorf("the bill of materials has no license of %s %s", m.Path, m.Version)
		}
	}
	std := "std " + strings.TrimSpace(info.GoVersion)
	if _, found := listed[std]; !found {
		return fmt.Errorf("the bill of materials lacks %s", std)
	}
	return nil
}

// billSchema compiles CycloneDX's schema, which its library carries.
func (r *maker) billSchema() (*jsonschema.Schema, error) {
	dir, err := r.run(nil, "list", "-C", "tools", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go")
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	for file, name := range map[string]string{"bom-1.6.schema.json": "bom-1.6.schema.json",
		"spdx.schema.json": "spdx.schema.json", "jsf-0.82.schemax.json": "jsf-0.82.schema.json"} {
		text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "schema", file))
		if err != nil {
			return nil, err
		}
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		if err := compiler.AddResource("http://cyclonedx.org/schema/"+name, document); err != nil {
			return nil, err
		}
	}
	return compiler.Compile("http://cyclonedx.org/schema/bom-1.6.schema.json")
}

// emulators run programs of other systems, the first one that is installed.
var emulators = map[string][]string{
	"linux/amd64":   {"qemu-x86_64-static", "qemu-x86_64"},
	"linux/arm64":   {"qemu-aarch64-static", "qemu-aarch64"},
	"windows/amd64": {"wine64", "wine"},
}

// trial is a run that any machine can do, however slow it makes it.
const trial = `name: trial
target: {simulator: {users: [{ids: [788d4931-6936-43f2-82ff-178f5762298a], devices: [EMAIL]}]}}
users: [{name: email, ids: [788d4931-6936-43f2-82ff-178f5762298a]}]
load: {stages: [{rate: 10/s, duration: 1s}]}
`

// started starts a program where that can be done, has it do a run, and says
// by what, or why not.
func (r *maker) started(system, binary string) (string, error) {
	var emulator []string
	if system != runtime.GOOS+"/"+runtime.GOARCH {
		for _, name := range emulators[system] {
			if path, err := exec.LookPath(name); err == nil {
				emulator = []string{path}
				break
			}
		}
		switch {
		case emulators[system] == nil:
			return "NOT STARTED: nothing here runs it", nil
		case emulator == nil:
			return "NOT STARTED: " + emulators[system][0] + " is not installed", nil
		}
	}
	said, err := r.start(emulator, binary, "version")
	if strings.Contains(said, "bcryptprimitives.dll not found") {
		return "NOT STARTED: this wine is too old for Go's programs", nil
	}
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(said, "mfaload "+r.version+" ") || !strings.Contains(said, system) {
		return "", fmt.Errorf("it says that it is %q", strings.TrimSpace(said))
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(binary), "trial.yaml"), []byte(trial),
		0o600); err != nil {
		return "", err
	}
	said, err = r.start(emulator, binary, "run", "-q", "--out", "trial", "trial.yaml")
	// Late sends, on a machine that emulates another, make a run inconclusive.
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 4 && strings.HasPrefix(said, "INCONCLUSIVE") {
		err = nil
	}
	if err != nil {
		return "", err
	}
	verdict, _, _ := strings.Cut(said, " ")
	by := "started"
	if emulator != nil {
		by += " by " + filepath.Base(emulator[0])
	}
	return by + ", a run: " + strings.ToLower(verdict), nil
}

// start runs a program in its folder and returns what it said.
func (r *maker) start(emulator []string, binary string, args ...string) (string, error) {
	argv := append(append(emulator, binary), args...)
	c := exec.Command(argv[0], argv[1:]...)
	c.Dir = filepath.Dir(binary)
	c.Env = append(os.Environ(), "WINEDEBUG=-all", "WINEPREFIX="+cmp.Or(os.Getenv("WINEPREFIX"),
		filepath.Join(r.work, "wine")))
	out, err := c.CombinedOutput()
	said := strings.ReplaceAll(string(out), "\r\n", "\n")
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s", strings.Join(argv, " "), err, said)
	}
	return said, err
}

// static refuses a program for Linux that wants a library or a loader.
func static(binary string) error {
	f, err := elf.Open(binary)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			return errors.New("the program is not static")
		}
	}
	return nil
}
