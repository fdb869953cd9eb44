package ledger

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"

	"mfaload/contract"
	"mfaload/internal/number"
	"mfaload/internal/text"
	"mfaload/measure"
	"mfaload/scenario"
	"mfaload/scenario/users"
	"mfaload/session"
)

// DefaultFolder is the ledger of runs that name no other one.
const DefaultFolder = "results/ledger"

// patience is how long a process waits for others to give the folder's lock back. They need it for
// as long as it takes to read and write some lines.
const patience = 30 * time.Second

// Account is what one run may send, and has sent, by user. What is reserved outlives the process: a
// run that is killed counts in full. It is safe for concurrent use, and a nil one counts nothing.
type Account struct {
	folder, id, name string
	caps             []uint64 // by group; 0 is no limit
	before, after    uint64   // the most that a user of the run had, and has with it

	mu   sync.Mutex
	days map[int64]*accountDay
}

// accountDay is what a run reserved in the book of a day.
type accountDay struct {
	*book
	held map[users.ID]uint32 // and did not send so far
}

// Open begins a run's account in a folder. Without a folder it is the default one where the target
// is not this machine, and the account is nil where it is. The error is a [session.NotStartedError].
func Open(s *scenario.Scenario, folder string) (*Account, error) {
	if folder == "" && !s.Target.IsRemote() {
		return nil, nil
	}
	id := make([]byte, 8)
	if _, err := rand.Read(id); err != nil {
		return nil, err
	}
	a := &Account{folder: cmp.Or(folder, filepath.FromSlash(DefaultFolder)), id: hex.EncodeToString(id),
		name: s.Name, days: map[int64]*accountDay{}}
	for i := range s.Groups {
		a.caps = append(a.caps, s.Groups[i].MaxPerUser)
	}
	err := os.MkdirAll(a.folder, 0o700)
	if err == nil {
		err = a.locked(func() error { _, err := a.day(dayOf(time.Now())); return err })
	}
	return a, notStarted(err)
}

// notStarted is why a run does not start: what it would send could not be counted.
func notStarted(err error) error {
	if err == nil {
		return nil
	}
	return &session.NotStartedError{Err: fmt.Errorf("count the requests in the ledger: %w\n%s", err,
		text.Hint("nothing was sent; choose another folder with --ledger, or repair this one: "+
			"'mfaload ledger' shows what it holds, and a new file begins at midnight UTC"))}
}

// locked does what no other process may do in the folder at the same time.
func (a *Account) locked(do func() error) error {
	got := make(chan error, 1)
	var lock *lockedfile.File
	go func() {
		var err error
		lock, err = lockedfile.OpenFile(filepath.Join(a.folder, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
		got <- err
	}()
	select {
	case err := <-got:
		if err != nil {
			return err
		}
	case <-time.After(patience):
		return fmt.Errorf("%s: another process has had the lock for %v", a.folder, patience)
	}
	defer lock.Close()
	return do()
}

// day returns a day's book as it is now. Whoever calls it has the lock.
func (a *Account) day(day int64) (d *accountDay, err error) {
	if d = a.days[day]; d == nil {
		d = &accountDay{held: map[users.ID]uint32{}}
		if d.book, err = openBook(a.folder, dateOf(day)); err == nil {
			a.days[day] = d
		}
		return d, err
	}
	if err = d.refresh(); err == nil {
		err = d.sound()
	}
	return d, err
}

// reservation is what a run wants to send on a day, for each user.
type reservation map[users.ID]wanted

type wanted struct {
	requests uint32
	limit    uint64 // 0 is none
}

// reserve writes down what may be sent from now on.
func (a *Account) reserve(d *accountDay, all reservation) error {
	var lines bytes.Buffer
	if d.byID[a.id] == nil {
		fmt.Fprintf(&lines, "run %s %s %s\n", a.id, time.Now().UTC().Format(time.RFC3339), a.name)
	}
	for id, w := range all {
		if w.requests > 0 {
			fmt.Fprintf(&lines, "%s +%d %s\n", d.mark(id), w.requests, a.id)
		}
	}
	if err := d.extend(lines.Bytes()); err != nil {
		return err
	}
	for id, w := range all {
		d.held[id] += w.requests
	}
	return nil
}

// Admit counts a request right before it is sent. It is an error, and the request may not be sent,
// where the user had as many as a limited group allows, or where it can't be counted.
func (a *Account) Admit(u scenario.User, limited bool) error {
	id, named := users.ParseID(u.ID)
	if a == nil || !named {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	today := dayOf(time.Now())
	d := a.days[today]
	if d == nil || d.held[id] == 0 { // in the middle of a run that is rare
		w := wanted{requests: 1}
		if limited {
			w.limit = a.caps[u.Group]
		}
		if err := a.locked(func() (err error) { d, err = a.add(today, id, w); return err }); err != nil {
			if full := new(contract.Failure); errors.As(err, &full) {
				return full
			}
			return &contract.Failure{Kind: measure.NoLedger, Own: true, Err: err}
		}
	}
	d.held[id]--
	return nil
}

func (a *Account) add(today int64, id users.ID, w wanted) (*accountDay, error) {
	d, err := a.day(today)
	if err != nil {
		return nil, err
	}
	if had := d.counts[d.mark(id)]; w.limit > 0 && had+1 > w.limit {
		return nil, &contract.Failure{Kind: measure.Capped, Own: true, Err: fmt.Errorf("the user had %s "+
			"today, and maxPerUser allows %s a day: 'mfaload ledger' shows of which runs",
			number.Plural(int(had), "request"), number.Count(w.limit))}
	}
	return d, a.reserve(d, reservation{id: w})
}

// Close gives back what was reserved and not sent. Where that can't be written, it counts as sent.
func (a *Account) Close() error { return a.end(true) }

// CloseAsSent ends the account of a run that others sent: all that was reserved counts.
func (a *Account) CloseAsSent() error { return a.end(false) }

func (a *Account) end(giveBack bool) error {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	err := a.locked(func() (err error) {
		for day, d := range a.days {
			if d.byID[a.id] != nil {
				_, failed := a.day(day)
				if failed == nil {
					failed = a.endDay(d, giveBack)
				}
				err = errors.Join(err, failed)
			}
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("give back to the ledger what was not sent: %w: it counts as sent", err)
	}
	return nil
}

func (a *Account) endDay(d *accountDay, giveBack bool) error {
	var lines bytes.Buffer
	for id, n := range d.held {
		if n > 0 && giveBack {
			fmt.Fprintf(&lines, "%s -%d %s\n", d.mark(id), n, a.id)
		}
	}
	fmt.Fprintf(&lines, "end %s\n", a.id)
	return d.extend(lines.Bytes())
}

// Standing says what the ledger knew before the run, and what it will know.
func (a *Account) Standing() string {
	return fmt.Sprintf("ledger %s: users had up to %s today, up to %s with this run", a.folder,
		number.Plural(int(a.before), "request"), number.Count(a.after))
}
