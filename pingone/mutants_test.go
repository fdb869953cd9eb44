package pingone_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"flag"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfaload/contract"
)

var update = flag.Bool("update", false, "write testdata/mutants.txt.gz again")

const mutantsFile = "testdata/mutants.txt.gz"

// mutants are how many responses [TestMutantsAreFrozen] checks.
const mutants = 20_000

// TestMutantsAreFrozen holds what the contract says of 20,000 wrong responses to
// what an earlier version said: of every documented single fault, of pairs of them
// in one response (headers, framing, status and body), and of bodies with one or
// two values changed at random. A line is a response, its checksum and its
// violations. With -update they are written again.
func TestMutantsAreFrozen(t *testing.T) {
	p := newPair(t)
	random := rand.New(rand.NewPCG(17, 0))
	seen := map[string]bool{}
	var lines []string
	add := func(name string, of, again *contract.Exchange) {
		key := checksum(of)
		if seen[key] {
			return
		}
		seen[key] = true
		line := key + " " + name + explained(p.oracle.Explain(of, nil)) + "\tcheck"
		for _, v := range p.c.Check(again, nil) {
			line += fmt.Sprintf(" %v:%s:%s", v.Level, v.Rule, v.Pointer)
		}
		lines = append(lines, line)
	}
	single := slices.Concat(mutations(), conforming(), severalFaults())
	for i := range single { // some have one name, and an order by chance
		a := single[i].response(t)
		single[i].name += " " + checksum(a.exchange(p.oracle))
	}
	slices.SortFunc(single, func(a, b mutation) int { return strings.Compare(a.name, b.name) })
	for _, b := range single {
		a := b.response(t)
		add(b.name, a.exchange(p.oracle), a.exchange(p.c))
	}
	for _, one := range single {
		for _, two := range single {
			// Chosen by their names, so that another fault in the table changes no other line.
			if crc32.ChecksumIEEE([]byte(one.name+two.name))%20 != 0 {
				continue
			}
			a := one.response(t)
			if len(a.body) < 20_000 && mutate(&a, two.edits) {
				add(one.name+" + "+two.name, a.exchange(p.oracle), a.exchange(p.c))
			}
		}
	}
	examples := exampleFiles(t)
	statuses := []int{201, 201, 201, 200, 400, 401, 403, 404, 409, 429, 500, 503}
	for len(lines) < mutants {
		text := mutant(random, examples[random.IntN(len(examples))])
		status := statuses[random.IntN(len(statuses))]
		add(fmt.Sprint(status), exchange(p.oracle, status, text), exchange(p.c, status, text))
	}
	slices.Sort(lines)
	text := strings.Join(lines, "\n") + "\n"
	if *update {
		writeFrozen(t, text)
	}
	want := readFrozen(t)
	if want == text {
		return
	}
	differ, current := 0, byKey(lines)
	for key, old := range byKey(strings.Split(strings.TrimSpace(want), "\n")) {
		if current[key] == old {
			continue
		}
		if differ++; differ <= 10 {
			diff := cmp.Diff(strings.Split(old, "\t"), strings.Split(current[key], "\t"))
			t.Errorf("other violations, or no such response any more (-want +got):\n%s", diff)
		}
	}
	t.Errorf("%d responses of %s have other violations", differ, mutantsFile)
}

// byKey has lines by the checksum of the response that each begins with.
func byKey(lines []string) map[string]string {
	all := map[string]string{}
	for _, line := range lines {
		key, _, _ := strings.Cut(line, " ")
		all[key] = line
	}
	return all
}

func checksum(ex *contract.Exchange) string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%d %v %v %v %q %q", ex.Status, ex.Header, ex.Cut, ex.Framing, ex.Facts, ex.Body)
	return fmt.Sprintf("%x", sum.Sum(nil)[:6])
}

// explained are violations as texts. Those of one rule at one place have no order:
// they stand for members that the contract does not name.
func explained(violations []contract.Violation) (text string) {
	for len(violations) > 0 {
		n, first := 1, violations[0]
		for n < len(violations) && violations[n].Rule == first.Rule &&
			violations[n].Pointer == first.Pointer {
			n++
		}
		var same []string
		for _, v := range violations[:n] {
			same = append(same, fmt.Sprintf("\t%v %s %q %q %q", v.Level, v.Rule, v.Pointer, v.Expected,
				v.Got))
		}
		slices.Sort(same)
		text += strings.Join(same, "")
		violations = violations[n:]
	}
	return text
}

// mutate applies the edits of another fault. It is false where they have nothing to
// change in this response.
func mutate(a *response, edits []edit) (done bool) {
	attempt := &attempted{}
	defer func() {
		if recover() != nil {
			done = false
		}
	}()
	a.apply(attempt, edits...)
	return true
}

// attempted is a test that an edit may fail.
type attempted struct{ testing.TB }

func (*attempted) Helper()               {}
func (*attempted) Fatal(...any)          { panic("it does not fit") }
func (*attempted) Fatalf(string, ...any) { panic("it does not fit") }

func writeFrozen(t *testing.T, text string) {
	t.Helper()
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(mutantsFile, packed.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readFrozen(t *testing.T) string {
	t.Helper()
	f, err := os.Open(mutantsFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(bufio.NewReader(f))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
