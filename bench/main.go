//go:build linux

// Bench compares mfaload with its peers, side by side in one run, and makes
// bench/RESULTS.md. The server (nginx or bench/server) and the client of the moment
// each have a processor of their own, so nothing else should run next to it; it needs
// two processors and the programs that bench/peers.sh installs. Peers that are
// missing are left out.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

type bench struct {
	out          io.Writer
	dir          string // for scratch files
	mfaload      string
	peers        []peer
	serverBinary string
	server       *server // the one that runs
	runs         int
	length       time.Duration
}

// tables are the parts of the comparison, in order, and the servers they are about.
var tables = []struct {
	name   string
	server string
	make   func(*bench) error
}{
	{"throughput", nginx, (*bench).throughput},
	{"tls-punctuality", ownTLS, (*bench).punctualityTLS},
	{"tls-stall", ownTLS, (*bench).stall},
	{"tls-memory", ownTLS, (*bench).memoryTLS},
	{"punctuality", own, (*bench).punctuality},
	{"truth", own, (*bench).truth},
	{"memory", own, (*bench).memory},
	{"start", own, (*bench).start},
	{"clients", own, (*bench).clients},
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() (err error) {
	only := flag.String("only", "", "tables to make, separated by commas; all if empty")
	runs := flag.Int("runs", 3, "paired runs of each comparison, whose median counts")
	length := flag.Duration("length", 5*time.Second, "length of one run")
	mfaload := flag.String("mfaload", "bin/mfaload", "the program to compare")
	server := flag.String("server", "bench/.peers/server", "the server to compare against")
	out := flag.String("out", "", "file for the tables, next to standard output")
	flag.Parse()

	var text bytes.Buffer
	b := &bench{out: io.MultiWriter(os.Stdout, &text), serverBinary: *server, runs: *runs, length: *length}
	if b.dir, err = os.MkdirTemp("", "bench"); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(b.dir) }()
	if b.mfaload, err = filepath.Abs(*mfaload); err != nil {
		return err
	}
	if err := b.certify(); err != nil {
		return err
	}
	defer b.stopServer()
	began := time.Now()
	b.head()
	b.findPeers()
	for _, t := range tables {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), t.name) {
			continue
		}
		if err = b.serve(t.server); err == nil {
			err = t.make(b)
		}
		if err != nil {
			return fmt.Errorf("table %s: %w", t.name, err)
		}
	}
	b.print("\nMade in %v.", time.Since(began).Round(time.Second))
	if *out == "" {
		return nil
	}
	return os.WriteFile(*out, text.Bytes(), 0o644)
}

func (b *bench) head() {
	version, _ := exec.Command(b.mfaload, "version").Output()
	kernel, _ := exec.Command("uname", "-sr").Output()
	load, _ := os.ReadFile("/proc/loadavg")
	busy, _, _ := strings.Cut(string(load), " ")
	b.print("# Results\n\nMade by `make bench` on %s with %s on %s, %s. The server and the client of "+
		"the moment had a processor each; the load average before was %s. Ratios are medians of "+
		"%d paired runs of %v.",
		time.Now().UTC().Format(time.DateOnly), firstLine(version), processor(), firstLine(kernel),
		busy, b.runs, b.length)
}

func firstLine(text []byte) string {
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

// bar prints whether mfaload meets a demand, by what was found, and if not why.
func (b *bench) bar(demand string, met bool, found, why string) {
	switch {
	case met:
		b.print("- Bar %s: met (%s).", demand, found)
	case why == "":
		b.print("- Bar %s: **missed** (%s).", demand, found)
	default:
		b.print("- Bar %s: **missed** (%s): %s.", demand, found, why)
	}
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	name, n := "unknown processor", 0
	for line := range strings.Lines(string(text)) {
		if key, value, _ := strings.Cut(line, ":"); strings.TrimSpace(key) == "model name" {
			name, n = strings.TrimSpace(value), n+1
		}
	}
	return fmt.Sprintf("%d × %s", n, name)
}

func (b *bench) print(format string, args ...any) { fmt.Fprintf(b.out, format+"\n", args...) }

func (b *bench) row(cells ...string) { b.print("| %s |", strings.Join(cells, " | ")) }

func (b *bench) header(cells ...string) {
	b.print("")
	b.row(cells...)
	b.row(slices.Repeat([]string{"---"}, len(cells))...)
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// median is the middle of some figures; 0 of none.
func median(figures []float64) float64 {
	if len(figures) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(figures))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func number(x float64, digits int) string { return fmt.Sprintf("%.*f", digits, x) }

// start measures how long mfaload takes to be there and to send a request.
func (b *bench) start() error {
	b.print("\n## Start")
	b.header("what", "median ms")
	var version, first []float64
	var o outcome
	for range 4 * b.runs {
		began := time.Now()
		if _, err := b.execute(&o, nil, b.mfaload, "version"); err != nil {
			return err
		}
		version = append(version, time.Since(began).Seconds()*1000)
	}
	b.row("`mfaload version`, the whole process", number(median(version), 1))
	for range b.runs {
		if err := b.server.behave("none"); err != nil {
			return err
		}
		began := time.Now()
		a := attack{origin: "http://" + plainHost, connections: 64, rate: 100, length: time.Second}
		if _, err := mfaload(b, peer{binary: b.mfaload}, a); err != nil {
			return err
		}
		at, err := b.server.firstAt()
		if err != nil {
			return err
		}
		first = append(first, at.Sub(began).Seconds()*1000)
	}
	b.row("`mfaload run` until its first request arrived, validation included", number(median(first), 1))
	return nil
}

// memory measures the largest resident memory of the whole process, results
// written, with 1,000 workers and 20 groups, for a short run and a long one.
func (b *bench) memory() error {
	b.print("\n## Memory: 1,000 workers, 20 groups")
	b.header("requests", "peak RSS MB")
	const rate = 20_000
	for _, requests := range []int{100_000, 600_000} {
		length := time.Duration(requests) * time.Second / rate
		var groups strings.Builder
		for g := range 20 {
			fmt.Fprintf(&groups, "  - {name: group-%d, ids: [%08d-6936-43f2-82ff-178f5762298a], expect: "+
				"{httpStatus: 201, status: OTP_REQUIRED}}\n", g, g)
		}
		if err := b.write(map[string]string{"memory.yaml": fmt.Sprintf("name: memory\ntarget: {authPath: "+
			"'http://%s', envID: %s, accessToken: token-0123456789}\nusers:\n%sload: {workers: 1000, "+
			"warmup: 2s, stages: [{rate: %d/s, duration: %v}]}\n", plainHost, envID, groups.String(), rate,
			length)}); err != nil {
			return err
		}
		if err := b.server.behave("constant:20ms"); err != nil {
			return err
		}
		results := b.path("memory")
		_ = os.RemoveAll(results)
		var o outcome
		// Whatever the verdict, the requests were sent.
		_, _ = b.execute(&o, nil, b.mfaload, "run", "-q", "--out", results, b.path("memory.yaml"))
		report, err := readReport(results)
		if err != nil {
			return err
		}
		b.row(fmt.Sprint(report.Requests.Sent), number(o.peak, 1))
	}
	return b.server.behave("none")
}

// memoryTLS measures the largest resident memory with 1,000 requests in flight.
func (b *bench) memoryTLS() error {
	b.print("\n## Memory over HTTPS: 1,000 requests in flight")
	b.header("protocol", "peak RSS MB")
	if err := b.server.behave("constant:1s"); err != nil {
		return err
	}
	peak := map[bool]float64{}
	for _, http2 := range []bool{false, true} {
		o, err := b.try(b.peers[0], attack{origin: "https://" + secureHost, connections: 1000, rate: 1000,
			length: b.length, http2: http2})
		if err != nil {
			return err
		}
		peak[http2] = o.peak
		b.row(map[bool]string{false: "HTTP/1.1", true: "HTTP/2"}[http2], number(o.peak, 1))
	}
	b.print("")
	b.bar("HTTP/2 ≤ HTTP/1.1", peak[true] <= peak[false], fmt.Sprintf("%.1f MB of %.1f MB", peak[true],
		peak[false]), "")
	return nil
}
