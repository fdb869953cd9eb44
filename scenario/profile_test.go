package scenario_test

import (
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/scenario"
)

func TestParseProfile(t *testing.T) {
	for text, want := range map[string][]scenario.Point{
		"0,1\n1,2\n": {{Rate: 1}, {At: time.Second, Rate: 2}},
		"\uFEFFsecond,rate\r\n5, 1\r\n6.25, 2e2\r\n": {{Rate: 1},
			{At: 1250 * time.Millisecond, Rate: 200}},
		"\"second\",\"rate\"\n\"0\",\"1\"\n\n# x\n1,0\n": {{Rate: 1}, {At: time.Second}},
		"1718000000.1,1\n1718000000.2,2\n1718000001.1,3\n": {{Rate: 1}, {At: 100 * time.Millisecond, Rate: 2},
			{At: time.Second, Rate: 3}},
	} {
		got, err := scenario.ParseProfile("f", []byte(text))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%q: %v (-want +got):\n%s", text, err, diff)
		}
	}
	for text, want := range map[string]string{
		"": "f:1:1: a profile needs at least two rows of second,rate\n    write rows such as 0,50 and 60,80",
		"0,1\n\"1,2\n": "f:2:6: is not CSV: extraneous or missing \" in quoted-field\n    write rows such " +
			"as 60,80",
		"0,1\nnan,2\n": "f:2:1: second \"nan\" is out of range\n    write seconds since the start, or Unix " +
			"time",
		"0,1\n1,nan\n": "f:2:3: rate \"nan\" is not from 0 to 1000000\n    write requests a second",
		"user,hunter2\nhunter2,x\n": "f:2:1: a field is not a number\n    write rows such as 60,80: " +
			"seconds, and requests a second without a unit\n" +
			"f:2:9: a field is not a number\n    write rows such as 60,80: seconds, and requests a second " +
			"without a unit",
		"0,1\n1,50/s\n": "f:2:3: \"50/s\" is not a number\n    write rows such as 60,80: " +
			"seconds, and requests a second without a unit",
		"0,1\n2592000.5,2\n1,1\n": "f:2:1: the row is more than 30d after the first\n    shorten the " +
			"profile, or split the run",
		"0,1\n0.0000001,1\n": "f:2:1: the second is not after that of the row before\n    sort the " +
			"rows by their seconds, each one once",
		"0\n" + "1\n0,1\n0,2": "f:1:1: a row has 1 columns, not second,rate\n    write rows such as 60,80",
	} {
		_, err := scenario.ParseProfile("f", []byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

// A long profile is bounded, and what it adds up to is exact.
func TestLongProfile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "long.csv")
	if err := os.WriteFile(file, []byte("0,1\n"+rows(1_000_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := scenario.Parse("f", []byte(whole("load: {stages: [{profile: "+file+"}]}\n")), lookup)
	if err == nil || !strings.Contains(err.Error(), "more than 1000000 rows") {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(file, []byte("0,0.1\n"+rows(99_999)), 0o600); err != nil {
		t.Fatal(err)
	}
	s := parse(t, "f", whole("load: {stages: [{profile: "+file+"}]}\n"))
	if got := s.Load.Stages[0].Total(); math.Abs(got-10_000) > 1e-10 {
		t.Errorf("a hundred thousand seconds at 0.1/s add up to %.12f", got)
	}
}

// rows are a row a second, from second 1 on, at 0.1/s.
func rows(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strconv.Itoa(i+1) + ",0.1\n")
	}
	return b.String()
}

// FuzzProfile holds every text to be refused with places, or to be a profile
// whose times go up and whose rates can be sent.
func FuzzProfile(f *testing.F) {
	for _, text := range []string{"0,1\n1,2\n", "second,rate\n5,1\n6.25,2e2\n", "# x\n\"0\",\"1\"\n1,0\n",
		"0,1\n\"1,2\n", "0,nan\n", "1,2,3\n", "9e99,1\n0,1\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		points, err := scenario.ParseProfile("f", data)
		if err != nil {
			checkProblems(t, err, 1+len(lineBreaks.FindAllIndex(data, -1)))
			return
		}
		if len(points) < 2 || points[0].At != 0 {
			t.Fatalf("accepted %v", points)
		}
		for i, p := range points {
			if !(p.Rate >= 0 && p.Rate <= scenario.MaxRate) || i > 0 && p.At <= points[i-1].At {
				t.Fatalf("point %d: %v", i, p)
			}
		}
	})
}

func TestProfilesOfSpreadsheetsAndEditors(t *testing.T) {
	for text, want := range map[string]string{
		"\uFEFF\uFEFFsecond,rate\r\n0,50\r\n60,80\r\n": "",
		"sep=,\r\nsecond,rate\r\n0,50\r\n60,80\r\n":    "",
		"sep=;\r\n0;50\r\n60;80\r\n": "f:1:1: the line sep= asks a spreadsheet for " +
			"another separator\n    remove this line, and separate the columns with commas",
		"0;50\n60;80,5\n": "f:1:1: a row has 1 columns, not second,rate\n    " +
			"separate the columns with commas, and write decimal points: 60,80.5",
		"0,50,\n60,80,\n": "f:1:1: a row has 3 columns, not second,rate\n    " +
			"remove the comma at the end of the row",
		"0,50\r60,80\r":    "f:1:1: the lines end in CR alone\n    save the file with line ends LF or CRLF",
		"\x1f\x8b\x08rest": "f:1:1: the file is compressed with gzip\n    unpack it first, with gunzip",
		"[[0,50],[60,80]]": "f:1:1: the file is JSON\n    write rows of CSV such as 60,80",
	} {
		_, err := scenario.ParseProfile("f", []byte(text))
		if got := message(err); want == "" && got != "" || !strings.HasPrefix(got, want) {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}
