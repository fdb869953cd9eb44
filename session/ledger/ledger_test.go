package ledger_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mfaload/contract"
	"mfaload/internal/testkit"
	"mfaload/measure"
	"mfaload/runner/schedule"
	"mfaload/scenario"
	"mfaload/scenario/users"
	"mfaload/session"
	"mfaload/session/ledger"
)

func id(n int) string { return fmt.Sprintf("788d4931-6936-43f2-82ff-%012d", n) }

// load sends so many requests in a second for so many users, each at most limit times a day.
func load(requests, size int, limit uint64) *scenario.Scenario {
	g := scenario.Group{Name: "all", Weight: 1, MaxPerUser: limit, Exhausted: scenario.Wrap}
	for n := range size {
		g.IDs = append(g.IDs, id(n))
	}
	return &scenario.Scenario{Name: "test", Groups: []scenario.Group{g},
		Load: testkit.Load(testkit.Constant(scenario.Rate(requests), time.Second))}
}

// send sends the requests of a schedule until some were sent, and returns whom they were for.
func send(t *testing.T, a *ledger.Account, s *schedule.Schedule, most int) (sent []string) {
	t.Helper()
	for arrival := range s.All() {
		if len(sent) == most {
			break
		}
		if arrival.Withheld != "" {
			continue
		}
		if err := a.Admit(arrival.User, true); err != nil {
			t.Error(err)
		}
		sent = append(sent, arrival.User.ID)
	}
	return sent
}

// today is the newest day of a ledger, and what a user had on it.
func today(t *testing.T, folder, user string) (ledger.Day, uint64) {
	t.Helper()
	days, err := ledger.Days(folder, user)
	if err != nil || len(days) == 0 {
		t.Fatal(days, err)
	}
	day := days[len(days)-1]
	if day.OfUser == nil {
		return day, 0
	}
	return day, *day.OfUser
}

// Runs pass over the users who had enough, and one that finds too few is refused.
func TestRunsShareTheDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		s := load(3, 5, 2)
		first, _, err := ledger.Begin(folder, ledger.Demand{Scenario: s})
		if err != nil {
			t.Fatal(err)
		}
		send(t, first, schedule.New(s), 3)
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		// Each run begins with the first user: the third has to pass over those who had two.
		for i, want := range []string{"0 1 2", "3 4 3"} {
			a, used, err := ledger.Begin(folder, ledger.Demand{Scenario: s, PassOver: true})
			if err != nil {
				t.Fatal(err)
			}
			var rows []string
			for _, user := range send(t, a, schedule.New(s).WithUsed(used), 10) {
				rows = append(rows, user[len(user)-1:])
			}
			if got := strings.Join(rows, " "); got != want {
				t.Errorf("run %d: %s", i, got)
			}
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
		}
		_, _, err = ledger.Begin(folder, ledger.Demand{Scenario: s, PassOver: true})
		if refused := new(session.NotStartedError); !errors.As(err, &refused) {
			t.Errorf("the users have one request left, and the run three: %v", err)
		}
		if _, _, err = ledger.Begin(folder, ledger.Demand{Scenario: load(1, 1, 2)}); err == nil {
			t.Error("a user who had two may get a third")
		}
		if day, _ := today(t, folder, ""); day.Requests != 9 || day.MaxPerUser != 2 || len(day.Runs) != 3 {
			t.Errorf("%+v", day)
		}
	})
}

// What was reserved counts until the run gives it back, and a run that is killed never does.
func TestReservedCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder, s := t.TempDir(), load(8, 2, 10)
		a, _, err := ledger.Begin(folder, ledger.Demand{Scenario: s})
		if err != nil {
			t.Fatal(err)
		}
		send(t, a, schedule.New(s), 3)
		if day, n := today(t, folder, id(0)); n != 4 || day.Requests != 8 || day.Runs[0].Ended {
			t.Errorf("%d, %+v", n, day)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		if day, n := today(t, folder, id(0)); n != 2 || day.Requests != 3 || !day.Runs[0].Ended {
			t.Errorf("%d, %+v", n, day)
		}
		if text, _ := os.ReadFile(filepath.Join(folder, "2000-01-01.ledger")); strings.Contains(string(text),
			"788d4931") {
			t.Errorf("the file names users: %s", text)
		}
	})
}

// A step that selects a device sends a message, and is reserved with its request.
func TestStepsCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder, s := t.TempDir(), load(4, 2, 4)
		s.Groups[0].Then = []scenario.FlowStep{{Action: scenario.ReadStep}, {Action: scenario.SelectDevice}}
		a, _, err := ledger.Begin(folder, ledger.Demand{Scenario: s})
		if err != nil {
			t.Fatal(err)
		}
		send(t, a, schedule.New(s), 4)
		if err := errors.Join(a.Admit(scenario.User{ID: id(0)}, false), a.Close()); err != nil {
			t.Fatal(err)
		}
		if day, n := today(t, folder, id(0)); n != 3 || day.Requests != 5 {
			t.Errorf("%d, %+v", n, day)
		}
		if _, _, err = ledger.Begin(folder, ledger.Demand{Scenario: s}); err == nil {
			t.Error("a user with 3 of 4 requests may get 4 more")
		}
	})
}

// A user's requests of a day end with it: a run over midnight goes on, also if it began late.
func TestMidnight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		time.Sleep(24*time.Hour - 500*time.Millisecond - time.Since(time.Now().Truncate(24*time.Hour)))
		yesterday, s := load(2, 2, 2), load(4, 2, 3)
		a, _, err := ledger.Begin(folder, ledger.Demand{Scenario: yesterday})
		if err != nil {
			t.Fatal(err)
		}
		send(t, a, schedule.New(yesterday), 2)
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		b, used, err := ledger.Begin(folder, ledger.Demand{Scenario: s, PassOver: true})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for arrival := range schedule.New(s).WithUsed(used).All() {
			time.Sleep(time.Until(began.Add(arrival.At)))
			if err := b.Admit(arrival.User, true); err != nil {
				t.Errorf("at %v: %v", arrival.At, err)
			}
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		days, err := ledger.Days(folder, "")
		if err != nil || len(days) != 2 || days[0].Requests != 4 || days[1].Requests != 2 {
			t.Errorf("%+v, %v", days, err)
		}
	})
}

// Whoever asks without a reservation gets one request at a time, up to the limit, and those that must
// be refused have none.
func TestAdmit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		a, err := ledger.Open(load(1, 2, 2), folder)
		if err != nil {
			t.Fatal(err)
		}
		user := scenario.User{ID: id(1)}
		for n := range 4 {
			err := a.Admit(user, true)
			if full := new(contract.Failure); n >= 2 && (!errors.As(err, &full) || !full.Own ||
				full.Kind != measure.Capped) || n < 2 && err != nil {
				t.Errorf("request %d: %v", n, err)
			}
		}
		if err := errors.Join(a.Admit(user, false), a.Admit(scenario.User{}, true)); err != nil {
			t.Error(err)
		}
		if _, n := today(t, folder, id(1)); n != 3 {
			t.Errorf("%d requests are counted", n)
		}
		if err := os.RemoveAll(folder); err != nil {
			t.Fatal(err)
		}
		if unwritten := new(contract.Failure); !errors.As(a.Admit(user, false), &unwritten) ||
			unwritten.Kind != measure.NoLedger {
			t.Errorf("a request that could not be counted: %v", unwritten)
		}
	})
}

// A line that was cut off was never acted upon. One that is damaged may have counted anyone.
func TestDamage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder, s := t.TempDir(), load(4, 2, 10)
		file := filepath.Join(folder, "2000-01-01.ledger")
		a, _, err := ledger.Begin(folder, ledger.Demand{Scenario: s})
		if err != nil {
			t.Fatal(err)
		}
		send(t, a, schedule.New(s), 4)
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.SplitAfter(string(whole), "\n")
		for name, damaged := range map[string]string{
			"another number":  strings.Replace(string(whole), "+2", "+x", 1),
			"another run":     strings.Replace(string(whole), lines[1], "", 1),
			"less than none":  string(whole) + strings.Replace(lines[2], "+2", "-3", 1),
			"zeros":           string(whole) + "\x00\x00\x00\n",
			"another day":     strings.Replace(string(whole), "2000-01-01", "2000-01-02", 1),
			"no first line":   strings.Join(lines[1:], ""),
			"nothing":         "",
			"a run two times": string(whole) + lines[1],
		} {
			if err := os.WriteFile(file, []byte(damaged), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := ledger.Open(s, folder)
			if refused := new(session.NotStartedError); !errors.As(err, &refused) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, torn := range []string{lines[2][:10], "\x00\x00"} {
			if err := os.WriteFile(file, append(slices.Clone(whole), torn...), 0o600); err != nil {
				t.Fatal(err)
			}
			b, _, err := ledger.Begin(folder, ledger.Demand{Scenario: s})
			if err != nil {
				t.Fatal(err)
			}
			send(t, b, schedule.New(s), 1)
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if day, n := today(t, folder, id(0)); n != 3 || day.Requests != 5 || len(day.Damaged) != 0 {
			t.Errorf("%d, %+v", n, day)
		}
	})
}

// However many runs share a folder, each at another place, no user gets more than allowed.
func TestManyRunsAtOnce(t *testing.T) {
	folder := t.TempDir()
	var all sync.WaitGroup
	for seed := range uint64(8) {
		all.Go(func() {
			random := rand.New(rand.NewPCG(seed, 1))
			for range 10 {
				s := load(1+random.IntN(5), 5, 20)
				s.Groups[0].Order = []users.Order{users.Sequential, users.Random}[seed%2]
				a, used, err := ledger.Begin(folder, ledger.Demand{Scenario: s, PassOver: true})
				if err != nil {
					continue
				}
				send(t, a, schedule.New(s).WithUsed(used), random.IntN(6))
				if random.IntN(2) == 0 { // else it is killed
					if err := a.Close(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	if day, _ := today(t, folder, ""); day.MaxPerUser > 20 || day.Requests < 60 || len(day.Damaged) > 0 {
		t.Errorf("%+v", day)
	}
}

func TestPrune(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		for range 4 {
			if _, err := ledger.Open(load(1, 1, 1), folder); err != nil {
				t.Fatal(err)
			}
			time.Sleep(24 * time.Hour)
		}
		if _, err := ledger.Open(load(1, 1, 1), folder); err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			days int
			want string
		}{{3, "[2000-01-01 2000-01-02]"}, {3, "[]"}, {0, "[2000-01-03 2000-01-04]"}, {0, "[]"}} {
			removed, err := ledger.Prune(folder, step.days)
			if got := fmt.Sprint(removed); got != step.want || err != nil {
				t.Errorf("%d days: %s, %v", step.days, got, err)
			}
		}
	})
}

// Whatever a file holds, what its whole and sound lines reserve counts, and reading it again is the same.
func FuzzBook(f *testing.F) {
	const head = "mfaload-ledger/v1 2000-01-01 00112233445566778899aabbccddeeff\n"
	mark := strings.Repeat("0f", 16)
	f.Add(head + "run 1 2000-01-01T00:00:00Z a\n" + mark + " +2 1\n" + mark + " -1 1\nend 1\n")
	f.Add(head + mark + " +2 1\n\x00\n")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		folder := t.TempDir()
		file := filepath.Join(folder, "2000-01-01.ledger")
		days := func(text string) []ledger.Day {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			days, err := ledger.Days(folder, id(1))
			if err != nil {
				t.Skip()
			}
			return days
		}
		text = text[:strings.LastIndex(text, "\n")+1]
		before := days(text)[0]
		after := days(text + "run fuzz 2000-01-01T00:00:00Z a\n" + mark + " +7 fuzz\n")[0]
		if strings.Contains(text, "fuzz") {
			return
		}
		if after.Requests != before.Requests+7 || after.MaxPerUser < 7 ||
			len(after.Damaged) != len(before.Damaged) {
			t.Errorf("%+v\n%+v", before, after)
		}
	})
}
