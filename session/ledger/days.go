package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mfaload/internal/number"
	"mfaload/scenario/users"
)

// Day is what a ledger knows of a UTC day.
type Day struct {
	Date     string `json:"date"`
	Users    int    `json:"users"`
	Requests uint64 `json:"requests"`
	// MaxPerUser is the most that one of them had.
	MaxPerUser uint64 `json:"max_per_user"`
	// OfUser is what the user had who was asked for; nil where nobody was.
	OfUser *uint64      `json:"of_user,omitempty"`
	Runs   []*BookedRun `json:"runs"`
	// Damaged are the lines that can't be read: the counts lack what they say.
	Damaged []int `json:"damaged_lines,omitempty"`
}

// Days reads a ledger, the oldest day first, and what a user had on each; nobody where the ID is empty.
func Days(folder, user string) ([]Day, error) {
	id, named := users.ParseID(user)
	if user != "" && !named {
		return nil, fmt.Errorf("--user %.80q is not an ID: 36 characters, 8-4-4-4-12 hexadecimal digits",
			user)
	}
	dates, err := datesOf(folder)
	all := []Day{}
	for _, date := range dates {
		b := newBook(folder, date)
		if err := b.refresh(); err != nil {
			return nil, fmt.Errorf("read the ledger: %w", err)
		}
		day := Day{Date: date, Runs: b.runs, Damaged: b.damaged}
		for _, n := range b.counts {
			if n > 0 {
				day.Users++
			}
			day.Requests, day.MaxPerUser = day.Requests+n, max(day.MaxPerUser, n)
		}
		if named {
			n := b.counts[b.mark(id)]
			day.OfUser = &n
		}
		all = append(all, day)
	}
	return all, err
}

// datesOf are the days that have a file, in order.
func datesOf(folder string) (dates []string, err error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		date, is := strings.CutSuffix(e.Name(), fileType)
		if _, err := time.Parse(time.DateOnly, date); is && err == nil {
			dates = append(dates, date)
		}
	}
	return dates, err
}

// Text is the day for people.
func (d *Day) Text() string {
	var t strings.Builder
	fmt.Fprintf(&t, "%s  %s, %s, at most %s for a user\n", d.Date, number.Plural(d.Users, "user"),
		number.Plural(int(d.Requests), "request"), number.Count(d.MaxPerUser))
	if d.OfUser != nil {
		fmt.Fprintf(&t, "  this user: %s\n", number.Plural(int(*d.OfUser), "request"))
	}
	if n := len(d.Damaged); n > 0 {
		fmt.Fprintf(&t, "  %s can't be read, the first is line %d: no run starts on this day\n",
			number.Plural(n, "line"), d.Damaged[0])
	}
	for _, r := range d.Runs {
		fmt.Fprintf(&t, "  %s  %s: %s", r.Started.Format(time.RFC3339), r.Name,
			number.Plural(int(r.Requests), "request"))
		if !r.Ended {
			t.WriteString(" at most: it is running, or was killed")
		}
		t.WriteString("\n")
	}
	return t.String()
}

// Prune removes the days that are so many days ago, or more, and returns them. Today stays.
func Prune(folder string, days int) (removed []string, err error) {
	dates, err := datesOf(folder)
	if err != nil || len(dates) == 0 {
		return nil, err
	}
	from := dateOf(dayOf(time.Now()) - int64(max(days-1, 0)))
	err = (&Account{folder: folder}).locked(func() (err error) {
		for _, date := range dates {
			if date < from && err == nil {
				if err = os.Remove(filepath.Join(folder, date+fileType)); err == nil {
					removed = append(removed, date)
				}
			}
		}
		return err
	})
	slices.Sort(removed)
	return removed, err
}
