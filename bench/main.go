//go:build linux

// Bench compares mfaload with its peers, side by side in one run, and prints
// the tables of bench/RESULTS.md. The server (bench/server) and the client of
// the moment each have a processor of their own, so nothing else should run
// next to it; it needs two processors and the programs that bench/peers.sh
// installs. Peers that are missing are left out.
package main

import (
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
	out     io.Writer
	dir     string // for scratch files
	mfaload string
	server  *server
	runs    int
	length  time.Duration
}

// tables are the parts of the comparison, in order.
var tables = []struct {
	name string
	make func(*bench) error
}{
	{"throughput", (*bench).throughput},
	{"clients", (*bench).clients},
	{"punctuality", (*bench).punctuality},
	{"truth", (*bench).truth},
	{"memory", (*bench).memory},
	{"start", (*bench).start},
	{"tls", (*bench).tls},
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	only := flag.String("only", "", "tables to make, separated by commas; all if empty")
	runs := flag.Int("runs", 5, "paired runs of each comparison, whose median counts")
	length := flag.Duration("length", 5*time.Second, "length of one run")
	mfaload := flag.String("mfaload", "bin/mfaload", "the program to compare")
	server := flag.String("server", "bench/.peers/server", "the server to compare against")
	out := flag.String("out", "", "file for the tables, in addition to standard output")
	flag.Parse()

	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := &bench{out: os.Stdout, dir: dir, runs: *runs, length: *length}
	if b.mfaload, err = filepath.Abs(*mfaload); err != nil {
		return err
	}
	if *out != "" {
		f, err := os.Create(*out)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		b.out = io.MultiWriter(os.Stdout, f)
	}
	if b.server, err = startServer(*server, dir); err != nil {
		return err
	}
	defer b.server.stop()
	b.head()
	for _, t := range tables {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), t.name) {
			continue
		}
		if err := t.make(b); err != nil {
			return fmt.Errorf("table %s: %w", t.name, err)
		}
	}
	return nil
}

func (b *bench) head() {
	version, _ := exec.Command(b.mfaload, "version").Output()
	kernel, _ := exec.Command("uname", "-sr").Output()
	b.print("# Results\n\nMade by `make bench` on %s: %s, %s, %s. The server and the client of the moment "+
		"had a processor each.\nRatios are medians of %d paired runs of %v.\n",
		time.Now().UTC().Format(time.DateOnly), processor(), strings.TrimSpace(string(kernel)),
		strings.TrimSpace(strings.SplitN(string(version), "\n", 2)[0]), b.runs, b.length)
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
	b.row("`mfaload run` until its first request came, validation included", number(median(first), 1))
	return nil
}
