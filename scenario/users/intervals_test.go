package users_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"mfaload/scenario/users"
)

const day = 24 * time.Hour

// orders are those that draw nothing by chance.
var orders = []users.Order{users.Sequential, users.Shuffle}

// However turns come, no row is handed out more often than PerDay within 24
// hours, and one that is withheld had as many within those and a minute.
func TestPerDay(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		p := users.QueueOptions{Rows: 1 + random.IntN(5), Order: orders[random.IntN(2)], Seed: seed,
			PerDay: 1 + random.Uint64N(4)}
		if seed%3 == 0 {
			p.PerUser = time.Duration(random.Int64N(int64(3 * time.Hour)))
		}
		q, at, given, capped := users.NewQueue(p), time.Duration(0), make([][]time.Duration, p.Rows), 0
		for at < 5*day {
			at += time.Duration(random.Int64N(int64(2 * time.Hour)))
			switch row, why := q.Next(at); why {
			case users.Available:
				given[row] = append(given[row], at)
				if n := within(given[row], at-day); n > p.PerDay {
					t.Fatalf("%+v: row %d was handed out %d times in the day before %v", p, row, n, at)
				}
			case users.Capped:
				capped++
				total := uint64(0)
				for _, times := range given {
					total += within(times, at-day-time.Minute)
				}
				if total < p.PerDay*uint64(p.Rows) {
					t.Fatalf("%+v: withheld at %v, after %d turns in a day", p, at, total)
				}
			}
		}
		if capped == 0 && p.PerUser == 0 {
			t.Errorf("%+v: nothing was ever withheld", p)
		}
	}
}

// within counts the times after one.
func within(times []time.Duration, after time.Duration) (n uint64) {
	for _, at := range times {
		if at > after {
			n++
		}
	}
	return n
}

// Draws pass over the users who had enough: everyone gets exactly PerDay, and
// then nobody anything, however long it takes.
func TestPerDayOfRandom(t *testing.T) {
	for _, perUser := range []time.Duration{0, time.Second} {
		p := users.QueueOptions{Rows: 97, Order: users.Random, Seed: 5, PerDay: 3, PerUser: perUser}
		q, counts := users.NewQueue(p), make([]int, p.Rows)
		at, last := time.Duration(0), users.Available
		for given := 0; last != users.Capped; at += time.Second {
			var row int
			if row, last = q.Next(at); last == users.Available {
				counts[row]++
				given++
			}
			if at > time.Hour {
				t.Fatalf("after %d users nobody is left, and nobody says so", given)
			}
		}
		for row, n := range counts {
			if n != 3 {
				t.Errorf("perUser %v: row %d was handed out %d times", perUser, row, n)
			}
		}
		if _, why := q.Next(at + 3*day); why != users.Capped {
			t.Errorf("perUser %v: days later: %v", perUser, why)
		}
	}
}

// Turns from before the first one count against PerDay until their day ends: users who had enough are
// passed over, the others get all that is left, and nobody's interval is shorter for it.
func TestTurnsBefore(t *testing.T) {
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 2))
		p := users.QueueOptions{Rows: 1 + random.IntN(9), Order: append(orders, users.Random)[seed%3],
			Seed: seed, PerDay: 1 + random.Uint64N(4), Stop: seed%7 == 0 && seed%3 != 2}
		if seed%2 == 0 {
			p.PerUser = time.Duration(random.Int64N(int64(time.Hour)))
		}
		had, left := make([]uint32, p.Rows), uint64(0)
		for row := range had {
			had[row] = random.Uint32N(6)
			left += p.PerDay - min(uint64(had[row]), p.PerDay)
		}
		q, given, until := users.NewQueue(p), make([][]time.Duration, p.Rows), 20*time.Hour
		q.Begin(had, until)
		total, last := uint64(0), users.Available
		for at := time.Duration(0); at < until; at += time.Duration(random.Int64N(int64(10 * time.Minute))) {
			var row int
			if row, last = q.Next(at); last != users.Available {
				continue
			}
			total++
			if n := len(given[row]); n > 0 && at-given[row][n-1] < p.PerUser {
				t.Errorf("%+v: row %d was handed out after %v again", p, row, at-given[row][n-1])
			}
			if given[row] = append(given[row], at); uint64(had[row])+uint64(len(given[row])) > p.PerDay {
				t.Errorf("%+v: row %d had %d turns before, and got %d", p, row, had[row], len(given[row]))
			}
		}
		if !p.Stop && (total != left || last != users.Capped) {
			t.Errorf("%+v: %d turns were left, and %d were handed out: %v", p, left, total, last)
		}
		row, why := q.Next(until + time.Hour)
		if p.Order != users.Random && !p.Stop && why != users.Capped && why != users.Available {
			t.Errorf("%+v: row %d after the day's end: %v", p, row, why)
		}
	}
}
