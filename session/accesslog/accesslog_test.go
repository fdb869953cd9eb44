package accesslog_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"mfaload/runner/schedule"
	"mfaload/scenario"
	"mfaload/scenario/users"
	"mfaload/session/accesslog"
)

const (
	userA = "788d4931-6936-43f2-82ff-178f5762298a"
	userB = "2F4A9C1E-7d0b-4c56-9e83-51b0c6d7a2f4"
	path  = "/e7/deviceAuthentications"
)

// conversion reads a log as the command does by default.
func conversion(log string) *accesslog.Conversion {
	return &accesslog.Conversion{Log: "-", Stdin: strings.NewReader(log), TimeField: "time",
		PathField: "path", MethodField: "method", Path: regexp.MustCompile("/deviceAuthentications$")}
}

// Each line is taken, skipped or unreadable, for the reason that it has.
func TestLines(t *testing.T) {
	seconds := func(c *accesslog.Conversion) { c.TimeUnit = "s" }
	for _, c := range []struct{ line, want string }{
		{`h - ann [29/Mar/2026:08:00:00 +0200] "POST ` + path + ` HTTP/1.1" 201 1`, "2026-03-29T06:00:00Z"},
		{`h - - [29/Mar/2026:08:00:00.250 +0200] "POST ` + path + `?a=1 HTTP/2.0" 201 1`,
			"2026-03-29T06:00:00.250Z"},
		{`v:443 ::1 - a b [c [29/Mar/2026:08:00:00 -0100] "POST https://x` + path + ` HTTP/1.1" 4 -`,
			"2026-03-29T09:00:00Z"},
		{`h - - [29/Mar/2026:08:00:00 +0200] "POST ` + path + `/77 HTTP/1.1" 201 1`, "skipped"},
		{`h - - [29/Mar/2026:08:00:00 +0200] "GET ` + path + ` HTTP/1.1" 201 1`, "skipped"},
		{`h - - [29/Mar/2026:08:00:00 +0200] "GET /\"POST ` + path + ` HTTP/1.1" 201 1`, "skipped"},
		{`h - - [29/Mar/2026:08:00:00 +0200] "-" 408 -`, "skipped"},
		{`h - - [29/Mar/2026:08:00:00] "POST ` + path + ` HTTP/1.1" 201 1`, "its time has no format"},
		{`h - - [29/Mar/1926:08:00:00 +0200] "POST ` + path + ` HTTP/1.1" 201 1`,
			"its time is not from 1970"},
		{`secret words`, "it has neither the common format"},
		{`{"time":"2026-03-29T08:00:00.5+02:00","method":"POST","path":"` + path + `"}`,
			"2026-03-29T06:00:00.5Z"},
		{`{"time":"29/Mar/2026:08:00:00 +0200","path":"POST ` + path + ` HTTP/1.1"}`, "2026-03-29T06:00:00Z"},
		{`{"time":1774764000.125,"method":"POST","path":"` + path + `","x":{"time":1}}`,
			"2026-03-29T06:00:00.125Z"},
		{`{"time":"1774764000","method":"POST","path":"` + path + `"}`, "2026-03-29T06:00:00Z"},
		{`{"time":1e9,"method":"POST","path":"` + path + `"}`, "its time has no format"},
		{`{"time":99999999999999,"method":"POST","path":"` + path + `"}`, "its time is no number of s"},
		{`{"time":1774764000,"path":"` + path + `"}`, `it has no text or number "method"`},
		{`{"time":1774764000,"method":"POST","path":["` + path + `"]}`, `it has no text or number "path"`},
		{`{"time":1774764000,"method":"PUT","path":"` + path + `"}`, "skipped"},
		{`{"time":1774764000,"method":"POST","path":"` + path + `"} {}`, "it is not a JSON object"},
		{`{"time":1774764000`, "it is not a JSON object"},
		{strings.Repeat("x", users.MaxRow+1), "it has more than 64 KB"},
	} {
		var b bytes.Buffer
		good := `{"time":"2026-03-29T06:00:00Z","method":"POST","path":"` + path + `"}`
		k := conversion("\n" + good + "\r\n" + c.line + "\n" + good)
		seconds(k)
		tally, err := k.Write(&b, false)
		if err != nil {
			t.Errorf("%.80s: %v", c.line, err)
			continue
		}
		rows := strings.Split(b.String(), "\n")
		switch {
		case tally.Lines != 3 || tally.Taken+tally.Skipped+tally.Unreadable != 3 || rows[0] != "time":
			t.Errorf("%.80s: %+v", c.line, tally)
		case c.want == "skipped" && tally.Skipped == 1, slices.Contains(rows, c.want) && tally.Taken == 3:
		case tally.Unreadable != 1 || tally.UnreadableLine != 3 ||
			!strings.HasPrefix(tally.UnreadableReason, c.want):
			t.Errorf("%.80s: %+v, want %s; %s", c.line, tally, c.want, rows)
		}
	}
}

// What load.replay makes of a recording are the log's times and, in the place of its users, those of a file.
func TestRecordingReplaysTheLog(t *testing.T) {
	dir := t.TempDir()
	var pool strings.Builder
	pool.WriteString("userID,expect\n")
	for i := range 50 {
		fmt.Fprintf(&pool, "00000000-0000-0000-0000-%012d,%s\n", i, []string{"", "404 NOT_FOUND"}[i%2])
	}
	writeFile(t, filepath.Join(dir, "users.csv"), pool.String())
	rng := rand.New(rand.NewPCG(7, 9))
	start := time.Date(2026, 3, 29, 0, 59, 58, 0, time.UTC)
	type line struct {
		at, end time.Time
		user    int
	}
	for _, form := range []struct {
		name string
		unit time.Duration
		line func(line) string
	}{
		{"r.csv", time.Second, func(l line) string {
			return fmt.Sprintf(`10.0.0.1 - u%d [%s] "POST %s HTTP/1.1" 201 1 "-" "curl"`, l.user,
				l.at.Format("02/Jan/2006:15:04:05 -0700"), path)
		}},
		{"r.ndjson", time.Microsecond, func(l line) string {
			return fmt.Sprintf(`{"time":%q,"method":"POST","path":%q,"who":{"id":"u%d"}}`,
				l.at.Format("2006-01-02T15:04:05.000000Z07:00"), path, l.user)
		}},
		{"r.csv.gz", time.Millisecond, func(l line) string {
			return fmt.Sprintf(`{"time":%d,"method":"POST","path":%q,"who.id":"u%d"}`, l.at.UnixMilli(), path,
				l.user)
		}},
	} {
		lines := make([]line, 2000)
		for i := range lines {
			at := start.Add(time.Duration(rng.Int64N(5e9))).Truncate(form.unit)
			at = at.In(time.FixedZone("", rng.IntN(5)*3600))
			lines[i] = line{at, at.Add(time.Duration(rng.Int64N(2e9))), rng.IntN(50)}
		}
		slices.SortStableFunc(lines, func(a, b line) int { return a.end.Compare(b.end) })
		var log strings.Builder
		numbers := map[int]int{}
		for _, l := range lines {
			log.WriteString(form.line(l) + "\n")
			if _, known := numbers[l.user]; !known {
				numbers[l.user] = len(numbers)
			}
		}
		k := conversion(log.String())
		k.UserField, k.TimeUnit, k.UsersFile = "who.id", "ms", filepath.Join(dir, "users.csv")
		tally, err := k.WriteFile(filepath.Join(dir, form.name))
		if err != nil || tally.Users != 50 || tally.Taken != 2000 ||
			tally.Coarse != (form.unit == time.Second) {
			t.Fatalf("%s: %+v, %v", form.name, tally, err)
		}
		slices.SortStableFunc(lines, func(a, b line) int { return a.at.Compare(b.at) })
		arrivals := slices.Collect(replay(t, dir, form.name).All())
		if len(arrivals) != len(lines) {
			t.Fatalf("%s: %d arrivals", form.name, len(arrivals))
		}
		for i, a := range arrivals {
			want := fmt.Sprintf("00000000-0000-0000-0000-%012d", numbers[lines[i].user])
			if a.At != lines[i].at.Sub(lines[0].at) || a.User.ID != want {
				t.Fatalf("%s: %d is %+v, want %v for %s", form.name, i, a, lines[i].at, want)
			}
		}
	}
}

func replay(t *testing.T, dir, file string) *schedule.Schedule {
	s, err := scenario.Parse(dir+"/s.yaml", []byte("name: s\ntarget: {simulator: {}}\nusers: [{name: a}]\n"+
		"load: {replay: {file: "+file+"}}\n"), os.LookupEnv)
	if err == nil {
		err = s.ReadUsers(nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return schedule.New(s)
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// What can't become a recording is refused, with what to do.
func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	entry := func(user string, second int) string {
		return fmt.Sprintf("h - %s [29/Mar/2026:08:00:%02d +0200] \"POST %s HTTP/1.1\" 201 1\n", user, second,
			path)
	}
	var zipped bytes.Buffer
	zip := gzip.NewWriter(&zipped)
	_, _ = zip.Write([]byte(entry("a", 1) + entry("b", 2)))
	_ = zip.Close()
	writeFile(t, dir+"/one.csv", "userID\n"+userB+"\n")
	writeFile(t, dir+"/twice.csv", "userID\n"+userA+"\n"+strings.ToUpper(userA)+"\n")
	for _, c := range []struct{ log, users, want string }{
		{"", "", "the standard input has no request to take: lines: 0; taken: 0, other requests: 0, " +
			"unreadable: 0\n  name a log that is not empty"},
		{"x\n", "", "with --time-field"},
		{strings.ReplaceAll(entry("a", 1), "POST", "GET"), "", "name the paths to take with --path"},
		{strings.Repeat(entry("a", 1), 2*users.OrderWindow) + entry("a", 0), "",
			"line 262145 is earlier than a request that is 131072 requests or more before it\n  sort"},
		{entry("a", 1) + entry("b", 2), "one.csv", "/one.csv has 1\n  add users to the file"},
		{entry("-", 1), "one.csv", "leave --users-file out"},
		{entry("a", 1), "twice.csv", "twice.csv:3:1: the user is a duplicate"},
		{entry("a", 1), "none.csv", "none.csv"},
		{zipped.String()[:zipped.Len()-9], "", "check that the log is complete"},
		{"\x1f\x8bxx", "", "compress the log again"},
	} {
		k := conversion(c.log)
		if c.users != "" {
			k.UsersFile = dir + "/" + c.users
		}
		_, err := k.WriteFile(dir + "/out.csv.gz")
		_, gone := os.Stat(dir + "/out.csv.gz")
		if err == nil || gone == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.90q: %v, want %s", c.log, err, c.want)
		}
	}
}

// FuzzWrite holds every line to be counted once, and every recording to be readable and to have nothing but
// times and the users of the file.
func FuzzWrite(f *testing.F) {
	for _, text := range []string{
		`h - ann [29/Mar/2026:08:00:00 +0200] "POST ` + path + ` HTTP/1.1" 201 1 "-" "curl \"x\""`,
		`{"time":"2026-03-29T08:00:00.5+02:00","method":"POST","path":"` + path + `","user":"ann"}`,
		`{"time":1774764000.125,"method":"POST","path":"POST ` + path + ` HTTP/1.1","user":1}` + "\n{}\nx",
		"\uFEFF\r\n] \"\n [] \"", `{"user":{"time":"9"}}`, "\x1f\x8b",
	} {
		f.Add(text)
	}
	pool := filepath.Join(f.TempDir(), "users.csv")
	if err := os.WriteFile(pool, []byte("userID\n"+userA+"\n"+userB+"\n"), 0o600); err != nil {
		f.Fatal(err)
	}
	row := regexp.MustCompile(`^(time|time,userID|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z(,(` +
		userA + `|` + userB + `))?)?$`)
	f.Fuzz(func(t *testing.T, log string) {
		for _, file := range []string{"", pool} {
			k := conversion(log)
			k.UserField, k.TimeUnit, k.UsersFile = "user", "s", file
			var b bytes.Buffer
			tally, err := k.Write(&b, false)
			if err != nil {
				continue
			}
			if tally.Taken+tally.Skipped+tally.Unreadable != tally.Lines || tally.Peak > tally.Taken ||
				tally.Last.Before(tally.First) {
				t.Errorf("%+v", tally)
			}
			for line := range strings.SplitSeq(b.String(), "\n") {
				if !row.MatchString(line) {
					t.Errorf("%q", line)
				}
			}
			rows := uint64(0)
			if err := users.ScanRecording(&b, func(*users.Row) error { rows++; return nil },
				func(p users.RowProblem) { t.Errorf("%+v", p) }); err != nil || rows != tally.Taken {
				t.Error(rows, tally, err)
			}
		}
	})
}
