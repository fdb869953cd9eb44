package check

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/time/rate"

	"mfaload/contract"
	"mfaload/internal/disk"
	"mfaload/internal/text"
	"mfaload/live/console"
	"mfaload/measure"
	"mfaload/pingone"
	"mfaload/scenario"
	"mfaload/scenario/users"
)

const (
	// partial is what follows a feed's name while it is being made.
	partial     = ".partial"
	partialHead = "userID,expect\n"
	// maxPartial bounds what is read of one, in bytes.
	maxPartial = 1 << 30
	// maxFailed is how many requests in a row may fail.
	maxFailed = 10
)

// UserCheck finds out which users of a scenario's only group exist, and what each yields. It writes a
// feed of them, and goes on where an earlier check ended. It is used by one goroutine.
type UserCheck struct {
	*Check
	out    string
	most   int                 // requests
	known  map[users.ID]string // what users yield, as a feed expects it
	lock   *os.File
	end    int64 // of the partial feed
	failed int   // requests in a row
}

// UsersOf makes a group of a scenario its only one, and a file its users; the group keeps its own if
// the path is empty.
func UsersOf(s *scenario.Scenario, file string) error {
	s.Groups = slices.DeleteFunc(s.Groups, func(g scenario.Group) bool { return g.Usernameless })
	if n := len(s.Groups); n == 0 || n > 1 && file == "" {
		return fmt.Errorf("%s has %d groups that name users\n%s", s.File, n, text.Hint("name one of them "+
			"with --group, or a file of users: it takes the request of the first one"))
	}
	if s.Groups = s.Groups[:1]; file == "" {
		return nil
	}
	g := &s.Groups[0]
	if file != scenario.Stdin {
		whole, err := filepath.Abs(file)
		if err != nil {
			return err
		}
		file = whole
	}
	g.IDs, g.File.Path, g.Users = nil, file, nil
	return nil
}

// NewUsers prepares a check of users, at most so many requests of it; 0 is for all. It reads what an
// earlier check found, and keeps others from the feed until [UserCheck.Close].
func NewUsers(s *scenario.Scenario, c *console.Console, out string, most int) (*UserCheck, error) {
	u := &UserCheck{Check: &Check{console: c, scenario: s}, out: out, most: most,
		known: map[users.ID]string{}}
	if sameFile(s.Groups[0].File.Path, out) {
		return nil, fmt.Errorf("%s has the users that are checked\n%s", out,
			text.Hint("choose another file with --out"))
	}
	data, err := disk.Read(out, maxPartial)
	if err == nil {
		err = u.learn(out, data)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return u, u.resume()
}

func sameFile(one, other string) bool {
	a, err := os.Stat(one)
	b, missing := os.Stat(other)
	return err == nil && missing == nil && os.SameFile(a, b)
}

// resume opens the partial feed, which has what a check found that was killed.
func (u *UserCheck) resume() error {
	path := u.out + partial
	err := disk.Create(path, []byte(partialHead), 0o600)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("write the feed: %w\n%s", err, text.Hint("choose another file with --out"))
	}
	if u.lock, err = disk.OpenRegular(path); err != nil {
		return err
	}
	if err := disk.Lock(u.lock); err != nil {
		return fmt.Errorf("%s: another process is checking these users\n%s", path,
			text.Hint("wait until it ends, or choose another file with --out"))
	}
	data, err := disk.ReadRegular(path, maxPartial)
	if err != nil {
		return err
	}
	whole := data[:bytes.LastIndexByte(data, '\n')+1] // the rest was never completed
	u.end = int64(len(whole))
	return u.learn(path, whole)
}

// learn takes in what a feed expects of its users.
func (u *UserCheck) learn(path string, data []byte) error {
	var wrong error
	err := users.Scan(bytes.NewReader(data), func(r *users.Row) error {
		if len(r.Expect.Text) > 0 {
			u.known[r.ID] = string(r.Expect.Text)
		}
		return nil
	}, func(p users.RowProblem) {
		wrong = cmp.Or(wrong, fmt.Errorf("%s:%d:%d: %s\n%s", path, p.Line, p.Column, p.Text,
			text.Hint("choose another file with --out: a check goes on with an earlier one's feed only")))
	})
	return cmp.Or(err, wrong)
}

// Close lets others write the feed. What was found stays, for the next check.
func (u *UserCheck) Close() {
	if u.lock.Close() == nil && u.end <= int64(len(partialHead)) {
		_ = os.Remove(u.out + partial)
	}
}

// Requests is how many users there are, and for how many of them a request is sent.
func (u *UserCheck) Requests() (all, requests int, err error) {
	err = u.each(func(_ scenario.User, known string) error {
		if all++; known == "" && (u.most == 0 || requests < u.most) {
			requests++
		}
		return nil
	})
	return all, requests, err
}

func (u *UserCheck) each(do func(of scenario.User, known string) error) error {
	reader := u.scenario.Reader(0)
	for row := range u.scenario.Groups[0].Size() {
		of, err := reader.User(row)
		if err != nil {
			return err
		}
		id, _ := users.ParseID(of.ID)
		if err := do(of, u.known[id]); err != nil {
			return err
		}
	}
	return nil
}

// Send sends a request for each user of whom nothing is known, at a pace in requests a second, and
// writes down what comes of each before it sends the next one.
func (u *UserCheck) Send(ctx context.Context, op *pingone.Operation, pace float64) error {
	u.op, u.pace = op, rate.NewLimiter(rate.Limit(pace), 1)
	return u.each(func(of scenario.User, known string) error {
		if known != "" || u.most > 0 && u.sent == u.most {
			return nil
		}
		return u.ask(ctx, of)
	})
}

func (u *UserCheck) ask(ctx context.Context, of scenario.User) error {
	ex := &u.exchange[0]
	ex.Reset()
	ex.Number = uint64(u.sent)
	err := u.request(ctx, func(ctx context.Context) error { return u.op.Send(ctx, of, ex) })
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return u.fail(of, err)
	}
	u.failed = 0
	u.op.Check(of, ex, nil)
	if ex.Status == http.StatusUnauthorized {
		return fmt.Errorf("the service does not take the token: %s\n%s", ex.Label,
			text.Hint("get a new one, and run the command again: it goes on with the next user"))
	}
	expect := told(ex)
	if expect == "" {
		u.line(false, of.ID, ex.Label+"  tells nothing of the user")
		return nil
	}
	u.console.Print("        %s  %s\n", of.ID, ex.Label)
	row := fmt.Appendf(nil, "%s,%s\n", of.ID, expect)
	if err := disk.Extend(u.out+partial, u.end, row); err != nil {
		return fmt.Errorf("write the feed: %w\n%s", err, text.Hint("make room, and run the command again"))
	}
	u.end += int64(len(row))
	id, _ := users.ParseID(of.ID)
	u.known[id] = expect
	return nil
}

// fail notes that a request brought no response. One user may be the reason; many are not.
func (u *UserCheck) fail(of scenario.User, err error) error {
	u.line(false, of.ID, err.Error())
	failure := new(contract.Failure)
	own := errors.As(err, &failure) && failure.Own
	if u.failed++; own && failure.Kind == measure.Capped {
		u.failed = 0 // that says nothing of the next user
	} else if own || u.failed == maxFailed {
		return fmt.Errorf("no response came: %w\n%s", err, text.Hint("find out why, and run the command "+
			"again: it goes on with the users who are left"))
	}
	return nil
}

// told is what a feed expects of a user who yielded a response; "" if it tells nothing of the user.
func told(ex *contract.Exchange) string {
	switch {
	case ex.Status == http.StatusTooManyRequests, ex.Status == http.StatusRequestTimeout,
		ex.Status >= 500:
		return ""
	}
	return scenario.ExpectText(ex.Label)
}

// Finish writes the feed: all users in their order, and what those yield who are known. Complete says
// that all are.
func (u *UserCheck) Finish() (complete bool, err error) {
	g := &u.scenario.Groups[0]
	left, counts := 0, map[string]int{}
	err = disk.ReplaceWith(u.out, func(w io.Writer) error {
		if _, err := io.WriteString(w, "userID,expect,policy\n"); err != nil {
			return err
		}
		return u.each(func(of scenario.User, known string) error {
			policy := ""
			if of.Kind > 0 {
				policy = g.Users.Kinds[of.Kind-1].Policy
			}
			if counts[known]++; known == "" {
				left++
			}
			_, err := fmt.Fprintf(w, "%s,%s,%s\n", of.ID, known, policy)
			return err
		})
	}, 0o600)
	if err == nil {
		err = errors.Join(u.lock.Close(), os.Remove(u.out+partial))
	}
	if err != nil {
		return false, fmt.Errorf("write the feed: %w\n%s", err, text.Hint("choose another file with --out"))
	}
	u.console.Print("\n%d users\n", g.Size())
	for _, expect := range slices.Sorted(maps.Keys(counts)) {
		u.console.Print("  %6d  %s\n", counts[expect], cmp.Or(expect, "not known"))
	}
	u.console.Print("feed: %s\n", u.out)
	if left > 0 {
		u.console.Print("run the command again for those who are not known\n")
	}
	return left == 0, nil
}
