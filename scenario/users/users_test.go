package users_test

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/scenario/users"
)

// number is an ID that counts up.
func number(i int) (id users.ID) {
	binary.BigEndian.PutUint64(id[8:], uint64(i))
	return id
}

func store(t testing.TB, ids ...users.ID) *users.Store {
	t.Helper()
	s := &users.Store{}
	t.Cleanup(func() { s.Close() })
	for i, id := range ids {
		if err := s.Add(users.StoredRow{ID: id, Kind: uint16(i % 4097), Line: uint32(i + 2),
			Column: 7}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	return s
}

func numbers(n int) (ids []users.ID) {
	for i := range n {
		ids = append(ids, number(i))
	}
	return ids
}

func TestID(t *testing.T) {
	id, ok := users.ParseID("788D4931-6936-43f2-82ff-178f5762298a")
	if !ok || id.String() != idA {
		t.Errorf("got %v, %v", id, ok)
	}
	for _, text := range []string{"", idA[1:], idA + "0", "788d4931-6936-43f2-82ff+178f5762298a",
		"788d4931-6936-43f2-82ff-178f5762298g", "788d49316-936-43f2-82ff-178f5762298a"} {
		if _, ok := users.ParseID(text); ok {
			t.Errorf("%q is taken", text)
		}
	}
}

// IDs are the same however they are written, and are given back as they were.
func TestIDsKeepTheirCase(t *testing.T) {
	written := []string{idA, "788D4931-6936-43F2-82FF-178F5762298A", "788d4931-6936-43F2-82ff-178f5762298a",
		"788d4931-6936-43f2-82ff-178f5762298A"}
	for _, before := range []int{0, 3, 400_000} { // in lower case
		s := &users.Store{}
		add := func(text string) {
			id, ok := users.ParseID(text)
			if err := s.Add(users.StoredRow{ID: id, Case: users.CaseOf(text), Kind: 4096}); err != nil ||
				!ok {
				t.Fatal(err, ok)
			}
		}
		for range before {
			add(idA)
		}
		const rows = 1000
		for i := range rows {
			add(written[i%len(written)])
		}
		if err := s.Flush(); err != nil {
			t.Fatal(err)
		}
		c := s.Cursor()
		for i := range before + rows {
			want := idA
			if i >= before {
				want = written[(i-before)%len(written)]
			}
			e, err := c.At(i)
			if err != nil {
				t.Fatal(err)
			}
			if text := e.ID.Text(e.Case); text != want || e.Kind != 4096 {
				t.Fatalf("row %d after %d is %s of kind %d, want %s", i, before, text, e.Kind, want)
			}
		}
		found, _, err := users.Duplicates([]*users.Store{s}, 2)
		if err != nil || len(found) != 2 {
			t.Errorf("%v, %v", found, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A store gives back what was added, in memory and in its file, in any order.
func TestStore(t *testing.T) {
	for _, n := range []int{0, 1, 1000, 400_000} {
		s := store(t, numbers(n)...)
		if s.Len() != n {
			t.Fatalf("%d of %d", s.Len(), n)
		}
		c := s.Cursor()
		for i := range n {
			for _, row := range []int{i, n - 1 - i} {
				if n > 1000 && row != i && i%997 != 0 {
					continue
				}
				e, err := c.At(row)
				if err != nil {
					t.Fatal(err)
				}
				if want := (users.StoredRow{ID: number(row), Kind: uint16(row % 4097), Line: uint32(row + 2),
					Column: 7}); e != want {
					t.Fatalf("row %d is %+v", row, e)
				}
			}
		}
	}
}

func TestDuplicates(t *testing.T) {
	a := store(t, number(1), number(2), number(1), number(3))
	b := store(t, number(4), number(2), number(2))
	type d = users.Duplicate
	type w = users.Where
	want := []d{{w{0, 2}, w{0, 0}}, {w{1, 1}, w{0, 1}}, {w{1, 2}, w{0, 1}}}
	got, more, err := users.Duplicates([]*users.Store{a, b}, 10)
	if diff := cmp.Diff(want, got); diff != "" || more || err != nil {
		t.Errorf("%v, %v (-want +got):\n%s", more, err, diff)
	}
	got, more, _ = users.Duplicates([]*users.Store{a, b}, 2)
	if diff := cmp.Diff(want[:2], got); diff != "" || !more {
		t.Errorf("%v (-want +got):\n%s", more, diff)
	}
	if got, more,
		err := users.Duplicates([]*users.Store{store(t), store(t, numbers(100_000)...)}, 10); len(got) > 0 ||
		more || err != nil {
		t.Errorf("got %v, %v, %v", got, more, err)
	}
}

// More users than one pass compares, and the same user again and again.
func TestDuplicatesOfMany(t *testing.T) {
	if testing.Short() {
		t.Skip("fills temporary files")
	}
	s := &users.Store{}
	defer s.Close()
	const n = 4_500_000
	for i := range n {
		id := number(i)
		if i == n-1 {
			id = number(3)
		}
		if err := s.Add(users.StoredRow{ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	got, more, err := users.Duplicates([]*users.Store{s}, 10)
	if diff := cmp.Diff([]users.Duplicate{{users.Where{Row: n - 1}, users.Where{Row: 3}}}, got); diff != "" ||
		more || err != nil {
		t.Errorf("%v, %v (-want +got):\n%s", more, err, diff)
	}
}

func take(p users.QueueOptions, n int, every time.Duration) (rows []int) {
	q := users.NewQueue(p)
	for i := range n {
		row, why := q.Next(time.Duration(i) * every)
		if why != users.Available {
			row = -int(why)
		}
		rows = append(rows, row)
	}
	return rows
}

func TestOrders(t *testing.T) {
	if got := take(users.QueueOptions{Rows: 3}, 7, 0); !slices.Equal(got, []int{0, 1, 2, 0, 1, 2, 0}) {
		t.Errorf("sequential: %v", got)
	}
	if got := take(users.QueueOptions{Rows: 3, Stop: true}, 5, 0); !slices.Equal(got,
		[]int{0, 1, 2, -int(users.RanOut), -int(users.RanOut)}) {
		t.Errorf("stop: %v", got)
	}
	for _, rows := range []int{1, 2, 3, 4, 5, 17, 1000, 4097} {
		p := users.QueueOptions{Rows: rows, Order: users.Shuffle, Seed: 7}
		got := take(p, 2*rows, 0)
		if !slices.Equal(got[:rows], got[rows:]) {
			t.Errorf("%d rows: the next round has another order", rows)
		}
		sorted := slices.Sorted(slices.Values(got[:rows]))
		for i, row := range sorted {
			if i != row {
				t.Fatalf("%d rows: no permutation: %v", rows, sorted)
			}
		}
		if rows < 17 {
			continue
		}
		p.Seed = 8
		if other := take(p, rows, 0); slices.Equal(got[:rows], other) || slices.Equal(got[:rows], sorted) {
			t.Errorf("%d rows: the seed has no effect", rows)
		}
	}
}

// Each row comes to each place of a shuffle equally often over many seeds, and
// draws are even: chi-squared stays below what chance exceeds once in a
// thousand.
func TestShuffleAndRandomAreEven(t *testing.T) {
	const rows, n = 10, 20_000
	for _, order := range []users.Order{users.Shuffle, users.Random} {
		for place := range 3 {
			var seen [rows]int
			for seed := range uint64(n) {
				seen[users.NewQueue(users.QueueOptions{Rows: rows, Order: order,
					Seed: seed * 31}).Row(uint64(place))]++
			}
			chi := 0.0
			for _, k := range seen {
				chi += (float64(k) - n/rows) * (float64(k) - n/rows) / (n / rows)
			}
			if chi > 27.88 { // 9 degrees of freedom
				t.Errorf("order %s, place %d: chi-squared %.1f of %v", order, place, chi, seen)
			}
		}
	}
	if a, b := take(users.QueueOptions{Rows: 100, Order: users.Random, Seed: 1}, 50, 0),
		take(users.QueueOptions{Rows: 100, Order: users.Random, Seed: 1}, 50, 0); !slices.Equal(a, b) {
		t.Error("the same seed draws others")
	}
}

// Nobody is asked twice within the interval, and arrivals go unasked only when
// everybody was asked within it.
func TestPerUser(t *testing.T) {
	const interval = 3 * time.Second
	for name, p := range map[string]users.QueueOptions{
		"sequential": {}, "shuffle": {Order: users.Shuffle, Seed: 3},
		"random": {Order: users.Random, Seed: 3},
	} {
		for _, rows := range []int{1, 2, 29, 30, 31, 100} {
			p.Rows, p.PerUser = rows, interval
			q, last := users.NewQueue(p), map[int]time.Duration{}
			given, at := 0, time.Duration(0)
			for i := range 3000 {
				at += 100 * time.Millisecond
				if i == 1500 {
					at += 100 * time.Hour // a pause
				}
				row, why := q.Next(at)
				if why == users.TooSoon {
					for r := range rows {
						if before, asked := last[r]; !asked || at-before >= interval {
							t.Fatalf("%s, %d rows: at %v nobody, though %d was free", name, rows, at, r)
						}
					}
					continue
				}
				if before, asked := last[row]; asked && at-before < interval {
					t.Fatalf("%s: row %d at %v and at %v", name, row, before, at)
				}
				last[row] = at
				given++
			}
			if want := min(3000, 100*rows); given != want {
				t.Errorf("%s, %d rows: %d given, want %d", name, rows, given, want)
			}
		}
	}
}

// However long the interval and the run, times are not mistaken for others.
func TestPerUserOverDays(t *testing.T) {
	for _, interval := range []time.Duration{time.Millisecond, time.Minute, 24 * time.Hour,
		30 * 24 * time.Hour} {
		q := users.NewQueue(users.QueueOptions{Rows: 2, PerUser: interval})
		step, given := interval/4, 0
		for i := range 4000 {
			if _, why := q.Next(time.Duration(i) * step); why == users.Available {
				given++
			}
		}
		if given != 2000 {
			t.Errorf("%v: %d given, want 2000", interval, given)
		}
	}
}
