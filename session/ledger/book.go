// Package ledger counts what users were sent in a UTC day, over all runs that share a folder.
package ledger

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"mfaload/internal/disk"
	"mfaload/scenario/users"
)

const (
	// format is the first word of a day's file. The date and the salt of its marks follow.
	format   = "mfaload-ledger/v1"
	fileType = ".ledger"
	saltSize = 16
	markSize = 16
	// maxBook bounds the file of a day, in bytes: 60 million lines.
	maxBook = 2 << 30
)

// userMark stands for a user in the file of a day, in hexadecimal. Each day has marks of its own.
type userMark [2 * markSize]byte

// book is what the file of a day says. Its lines are appended, and each stands for itself:
//
//	mfaload-ledger/v1 2026-12-01 SALT
//	run 4f1c2a90 2026-12-01T10:00:00Z sign-on
//	MARK +10 4f1c2a90
//	MARK -3 4f1c2a90
//	end 4f1c2a90
//
// A run reserves requests for a user before it sends them, and gives back at its end what it did
// not send.
type book struct {
	path    string
	date    string
	salt    []byte
	read    int64 // bytes that were read, to the end of a line
	line    int
	counts  map[userMark]uint64
	runs    []*BookedRun
	byID    map[string]*BookedRun
	damaged []int // lines that can't be read
}

// BookedRun is a run that sent requests on a day, or may have.
type BookedRun struct {
	ID string `json:"id"`
	// Name is the scenario's, and Started when the run reserved its first request.
	Name    string    `json:"scenario"`
	Started time.Time `json:"started"`
	// Requests is how many it sent. Where it did not end, it is how many it may have sent.
	Requests uint64 `json:"requests"`
	// Ended says that the run gave back what it did not send: it was not killed, and is over.
	Ended bool `json:"ended"`
}

// dayOf counts UTC days from 1970 on, and dateOf names one.
func dayOf(t time.Time) int64 { return t.Unix() / 86400 }

func dateOf(day int64) string { return time.Unix(day*86400, 0).UTC().Format(time.DateOnly) }

func newBook(folder, date string) *book {
	return &book{path: filepath.Join(folder, date+fileType), date: date, counts: map[userMark]uint64{},
		byID: map[string]*BookedRun{}}
}

// mark is how the file knows a user: without the salt, which only it has, nobody can tell who that is.
func (b *book) mark(id users.ID) (m userMark) {
	sum := hmac.New(sha256.New, b.salt)
	sum.Write(id[:])
	hex.Encode(m[:], sum.Sum(nil)[:markSize])
	return m
}

// create writes the file's first line where there is no file. Whoever calls it has the folder's lock.
func (b *book) create() error {
	salt := make([]byte, saltSize)
	if _, err := rand.Read(salt); err != nil {
		return err
	}
	return disk.Replace(b.path, fmt.Appendf(nil, "%s %s %x\n", format, b.date, salt), 0o600)
}

// refresh reads what was appended since it read last. What follows the last whole line was never
// completed: its run sent nothing of it.
func (b *book) refresh() error {
	f, err := disk.OpenRegular(b.path)
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && (info.Size() > maxBook || info.Size() < b.read) {
		return fmt.Errorf("%s has %d bytes, and %d were read of it: mfaload did not write it", b.path,
			info.Size(), b.read)
	}
	data, err := io.ReadAll(io.NewSectionReader(f, b.read, maxBook-b.read))
	if err != nil {
		return err
	}
	return b.add(data)
}

func (b *book) add(data []byte) error {
	for {
		line, rest, whole := bytes.Cut(data, []byte("\n"))
		if !whole {
			break
		}
		b.read += int64(len(line)) + 1
		b.line++
		if b.line == 1 {
			if !b.header(string(line)) {
				return fmt.Errorf("%s is no ledger of %s", b.path, b.date)
			}
		} else if !b.entry(string(line)) {
			b.damaged = append(b.damaged, b.line)
		}
		data = rest
	}
	if b.line == 0 {
		return fmt.Errorf("%s is empty: mfaload did not write it", b.path)
	}
	return nil
}

func (b *book) header(line string) (sound bool) {
	words := strings.Split(line, " ")
	if len(words) != 3 || words[0] != format || words[1] != b.date || len(words[2]) != 2*saltSize {
		return false
	}
	var err error
	b.salt, err = hex.DecodeString(words[2])
	return err == nil
}

// entry reads a line after the first one.
func (b *book) entry(line string) (sound bool) {
	words := strings.SplitN(line, " ", 4)
	switch {
	case len(words) == 4 && words[0] == "run":
		started, err := time.Parse(time.RFC3339, words[2])
		if err != nil || b.byID[words[1]] != nil {
			return false
		}
		r := &BookedRun{ID: words[1], Name: words[3], Started: started}
		b.byID[r.ID], b.runs = r, append(b.runs, r)
		return true
	case len(words) == 2 && words[0] == "end" && b.byID[words[1]] != nil:
		b.byID[words[1]].Ended = true
		return true
	case len(words) != 3 || len(words[0]) != len(userMark{}) || len(words[1]) < 2:
		return false
	}
	n, err := strconv.ParseUint(words[1][1:], 10, 32)
	r := b.byID[words[2]]
	if err != nil || n == 0 || r == nil {
		return false
	}
	m := userMark([]byte(words[0]))
	switch count := b.counts[m]; {
	case words[1][0] == '+':
		b.counts[m], r.Requests = count+n, r.Requests+n
	case words[1][0] == '-' && n <= count && n <= r.Requests:
		b.counts[m], r.Requests = count-n, r.Requests-n
	default:
		return false
	}
	return true
}

// extend appends lines, and returns when they would outlive a power cut.
func (b *book) extend(lines []byte) error {
	if err := disk.Extend(b.path, b.read, lines); err != nil {
		return err
	}
	return b.add(lines)
}

// sound is an error where lines can't be read: whose requests they counted is unknown, so that
// every user may have had his last one.
func (b *book) sound() error {
	if len(b.damaged) == 0 {
		return nil
	}
	return fmt.Errorf("%s, line %d is damaged, so the requests of no user can be told", b.path,
		b.damaged[0])
}

// open reads the file of a day, and makes it if it is not there.
func openBook(folder string, date string) (*book, error) {
	b := newBook(folder, date)
	err := b.refresh()
	if errors.Is(err, fs.ErrNotExist) {
		if err = b.create(); err == nil {
			err = b.refresh()
		}
	}
	if err != nil {
		return nil, err
	}
	return b, b.sound()
}
