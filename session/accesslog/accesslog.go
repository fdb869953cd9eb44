// Package accesslog turns access logs into recordings that a load replays. Of each request it keeps the time
// and the number of its user, and nothing else.
package accesslog

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"mfaload/internal/disk"
	"mfaload/internal/number"
	"mfaload/internal/text"
	"mfaload/scenario"
	"mfaload/scenario/users"
)

// Conversion says which log is read, and what of it is written.
type Conversion struct {
	// Log is the log's file, or "-" for Stdin; with gzip, too.
	Log   string
	Stdin io.Reader
	// Path matches the paths, without their queries, of the requests that are taken.
	Path *regexp.Regexp
	// Members of JSON lines; those of objects within have dots in their names. Without a MethodField all
	// requests are POST, without a UserField the log tells no users.
	TimeField, UserField, PathField, MethodField string
	// TimeUnit is what times count that are numbers since 1970: "s" or "ms", empty to refuse them.
	TimeUnit string
	// UsersFile has the users that replace those of the log, in their order; empty to write no users.
	UsersFile string
}

// LogTally counts what a log has.
type LogTally struct {
	Lines, Taken, Skipped, Unreadable uint64
	// UnreadableLine is the first line that can't be read, and UnreadableReason why.
	UnreadableLine   uint64
	UnreadableReason string
	// First and Last are the times of requests that were taken, and Peak the most in a second.
	First, Last time.Time
	Peak        uint64
	// Coarse says that no time has a fraction of a second.
	Coarse bool
	// Users counts the different users of those requests.
	Users int
}

// maxUsers bounds the different users of a log, each of which takes about 40 bytes of memory.
const maxUsers = 10_000_000

// WriteFile writes the recording to a file in one step: NDJSON or CSV, with gzip or without, as its name
// ends.
func (c *Conversion) WriteFile(path string) (t *LogTally, err error) {
	err = disk.ReplaceWith(path, func(w io.Writer) error {
		name, zipped := strings.CutSuffix(path, ".gz")
		ndjson := strings.HasSuffix(name, ".ndjson")
		if !zipped {
			t, err = c.Write(w, ndjson)
			return err
		}
		zip := gzip.NewWriter(w)
		t, err = c.Write(zip, ndjson)
		return errors.Join(err, zip.Close())
	}, 0o600)
	return t, err
}

// Write writes the recording as CSV or NDJSON. A log without a request to take is an error.
func (c *Conversion) Write(w io.Writer, ndjson bool) (*LogTally, error) {
	in, name := c.Stdin, "the standard input"
	if c.Log != scenario.Stdin {
		name = c.Log
		f, err := disk.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	pool, err := readPool(c.UsersFile)
	if err != nil {
		return nil, err
	}
	defer pool.close()
	out := bufio.NewWriterSize(w, 256<<10)
	k := &converter{Conversion: c, pool: pool, write: pool.rowWriter(out, ndjson),
		known: map[userHash]uint32{}}
	k.sorter = users.Sorter[loggedRequest]{Row: k.inOrder,
		Compare: func(a, b loggedRequest) int { return cmp.Compare(a.at, b.at) }}
	if err := k.read(in); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := k.complete(name); err != nil {
		return nil, err
	}
	return &k.tally, out.Flush()
}

type userHash [16]byte

// loggedRequest is what is kept of a request.
type loggedRequest struct {
	at       int64 // nanoseconds since 1970
	line     uint64
	user     uint32 // its number, from 1; 0 if the log tells none
	decimals uint8  // of a second, that the log has
}

type converter struct {
	*Conversion
	pool     *userPool
	write    func(*loggedRequest) error
	sorter   users.Sorter[loggedRequest]
	known    map[userHash]uint32
	tally    LogTally
	last     int64  // time of the request that was taken last
	inSecond uint64 // requests of its second
}

// read takes in the whole log.
func (k *converter) read(in io.Reader) error {
	plain, err := users.Plain(in)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, text.Hint("the gzip data is damaged: compress the log again"))
	}
	lines := logLines{r: bufio.NewReaderSize(plain, users.MaxRow)}
	for {
		line, whole, err := lines.next()
		if errors.Is(err, io.EOF) {
			return k.sorter.Flush()
		}
		if err != nil {
			return fmt.Errorf("line %d: %w\n%s", lines.number, err,
				text.Hint("check that the log is complete"))
		}
		k.tally.Lines++
		flaw := fmt.Sprintf("it has more than %d KB", users.MaxRow>>10)
		if whole {
			flaw, err = k.line(line, lines.number)
		}
		if err != nil {
			return err
		}
		if flaw == "" {
			continue
		}
		if k.tally.Unreadable++; k.tally.Unreadable == 1 {
			k.tally.UnreadableLine, k.tally.UnreadableReason = lines.number, flaw
		}
	}
}

const namesNoUser = "it names no user, and --users-file needs one"

// line takes in a line. A flaw says why it can't be read, without a word of it.
func (k *converter) line(line []byte, n uint64) (flaw string, err error) {
	r, flaw := k.parse(line)
	switch {
	case flaw != "":
		return flaw, nil
	case r.method != "POST" || !k.Path.MatchString(r.path):
		k.tally.Skipped++
		return "", nil
	case r.user == "" && k.UsersFile != "":
		return namesNoUser, nil
	}
	row := loggedRequest{at: r.at.UnixNano(), decimals: r.decimals, line: n}
	if row.user, err = k.numberOf(r.user); err != nil {
		return "", err
	}
	return "", k.sorter.Add(row)
}

// numberOf is the number of a user: the n-th different one has the number n.
func (k *converter) numberOf(user string) (uint32, error) {
	if user == "" {
		return 0, nil
	}
	sum := sha256.Sum256([]byte(user))
	hash := userHash(sum[:])
	if n, known := k.known[hash]; known {
		return n, nil
	}
	if k.tally.Users == maxUsers {
		return 0, fmt.Errorf("more than %d different users\n%s", maxUsers, text.Hint("split the log"))
	}
	k.tally.Users++
	k.known[hash] = uint32(k.tally.Users)
	return uint32(k.tally.Users), nil
}

// inOrder writes a request that is in its place.
func (k *converter) inOrder(r loggedRequest) error {
	at := time.Unix(0, r.at).UTC()
	switch {
	case k.tally.Taken == 0:
		k.tally.First, k.tally.Coarse = at, true
	case r.at < k.last:
		return fmt.Errorf("line %d is earlier than a request that is %d requests or more before it\n%s",
			r.line, users.OrderWindow, text.Hint("sort the log by its times"))
	case r.at/1e9 != k.last/1e9:
		k.inSecond = 0
	}
	k.tally.Taken++
	k.inSecond++
	k.tally.Coarse = k.tally.Coarse && r.decimals == 0
	k.last, k.tally.Last, k.tally.Peak = r.at, at, max(k.tally.Peak, k.inSecond)
	if k.lacksUsers() {
		return nil
	}
	return k.write(&r)
}

// lacksUsers says whether the log has more users than there are to replace them.
func (k *converter) lacksUsers() bool { return k.UsersFile != "" && k.tally.Users > k.pool.len() }

// complete refuses what is no recording.
func (k *converter) complete(name string) error {
	t := &k.tally
	if k.lacksUsers() {
		return fmt.Errorf("%s names %s users, and %s has %s\n%s", name, number.Count(uint64(t.Users)),
			k.UsersFile, number.Count(uint64(k.pool.len())),
			text.Hint("add users to the file, or write no users: leave --users-file out"))
	}
	if t.Taken > 0 {
		return nil
	}
	remedy := "name the paths to take with --path"
	switch {
	case t.Lines == 0:
		remedy = "name a log that is not empty"
	case t.UnreadableReason == namesNoUser:
		remedy = "leave --users-file out, or name the JSON member of the user with --user-field"
	case t.Skipped == 0:
		remedy = "use a log of the common or combined format, or name the members of JSON lines with " +
			"--time-field, --path-field, --method-field and --user-field"
	}
	return fmt.Errorf("%s has no request to take: %s\n%s", name, t.lineCounts(), text.Hint("%s", remedy))
}

func (t *LogTally) lineCounts() string {
	counts := fmt.Sprintf("lines: %s; taken: %s, other requests: %s, unreadable: %s",
		number.Count(t.Lines), number.Count(t.Taken), number.Count(t.Skipped), number.Count(t.Unreadable))
	if t.Unreadable > 0 {
		counts += fmt.Sprintf(" (line %d is the first: %s)", t.UnreadableLine, t.UnreadableReason)
	}
	return counts
}

// Text says it in lines. The mean rate is that of a replay, which ends with the last request's second.
func (t *LogTally) Text() string {
	seconds := float64(t.Last.Sub(t.First)/time.Second + 1)
	known := "the log tells no users"
	if t.Users > 0 {
		known = "different users: " + number.Count(uint64(t.Users))
	}
	said := fmt.Sprintf("%s\nfrom %s to %s: mean %s/s, peak %s/s; %s\n", t.lineCounts(),
		t.First.Format(time.RFC3339Nano), t.Last.Format(time.RFC3339Nano),
		number.Significant(float64(t.Taken)/seconds), number.Count(t.Peak), known)
	if t.Coarse && t.Peak > 1 {
		said += "the log has whole seconds: a replay sends all requests of a second at its start; a log " +
			"with milliseconds keeps them apart\n"
	}
	return said
}

// logLines reads a log line by line.
type logLines struct {
	r      *bufio.Reader
	number uint64 // of the line that was read last, from 1
}

// next returns the next line that is not blank. It is valid until the next call, and only if it is whole.
func (l *logLines) next() (line []byte, whole bool, err error) {
	for {
		line, err = l.r.ReadSlice('\n')
		if len(line) == 0 && err != nil {
			return nil, false, err
		}
		l.number++
		whole = len(line) <= users.MaxRow && !errors.Is(err, bufio.ErrBufferFull)
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = l.r.ReadSlice('\n')
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, false, err
		}
		if !whole || strings.TrimSpace(string(line)) != "" {
			return line, whole, nil
		}
	}
}
