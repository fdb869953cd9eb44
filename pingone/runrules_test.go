package pingone_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/contract"
)

// serial is a response with an ID of its own that is right in all else.
func serial(t testing.TB, n int) []byte {
	t.Helper()
	id := fmt.Sprintf("%08x-0000-4000-8000-000000000000", n)
	return []byte(strings.ReplaceAll(string(exampleFiles(t)[2]), "03e1897e-33b0-40b9-b54e-68236769b1fa", id))
}

// over checks a response as a part of a run and returns the run's rules that it
// breaks.
func over(c *contract.Contract, w *contract.Window, body []byte,
	change func(*contract.Exchange)) (broken []string) {
	ex := exchange(c, 201, body)
	ex.Window = w
	w.Enter(ex, "788d4931-6936-43f2-82ff-178f5762298a")
	if change != nil {
		change(ex)
	}
	for _, v := range c.Check(ex, nil) {
		if strings.HasPrefix(v.Rule, "run.") {
			broken = append(broken, v.Rule)
		}
	}
	return broken
}

func TestRulesOverTheRun(t *testing.T) {
	created := time.Date(2021, 11, 16, 19, 35, 54, 554e6, time.UTC)
	at := func(sent, received time.Time, date string) func(*contract.Exchange) {
		return func(ex *contract.Exchange) {
			ex.Sent, ex.Received = sent, received
			if date != "" {
				ex.Header = append(ex.Header, contract.HeaderField{Name: "Date", Value: date})
			}
		}
	}
	for _, test := range []struct {
		name string
		body string
		do   func(*contract.Exchange)
		want []string
	}{
		{"another response", string(serial(t, 2)), nil, nil},
		{"the same response", string(serial(t, 1)), nil, []string{"run.body"}},
		{"the same ID", string(serial(t, 1)) + " ", nil, []string{"run.id"}},
		{"the same ID in another case", strings.ReplaceAll(string(serial(t, 0xa1)), "000000a1", "000000A1"),
			nil, []string{"run.id"}},
		{"the same ID in a wrong response", strings.Replace(string(serial(t, 1)), "j****@", "john@", 1), nil,
			[]string{"run.id"}},
		{"another's user", strings.Replace(string(serial(t, 3)), "788d4931-6936", "11111111-6936", 1), nil,
			[]string{"run.crossed"}},
		{"nobody's user", strings.Replace(string(serial(t, 4)), "788d4931-6936", "22222222-6936", 1), nil,
			nil},
		{"within the exchange", string(serial(t, 5)),
			at(created.Add(-time.Second), created.Add(time.Second), ""), nil},
		{"before the exchange", string(serial(t, 6)),
			at(created.Add(2*time.Second), created.Add(3*time.Second), ""), []string{"run.clock"}},
		{"after the exchange", string(serial(t, 7)),
			at(created.Add(-3*time.Second), created.Add(-2*time.Second), ""), []string{"run.clock"}},
		{"the server's clock is an hour ahead", string(serial(t, 8)),
			at(created.Add(-time.Hour), created.Add(-time.Hour+50*time.Millisecond),
				"Tue, 16 Nov 2021 19:35:54 GMT"), nil},
		{"an old answer of a server that is an hour ahead", string(serial(t, 9)),
			at(created.Add(-time.Hour+time.Minute), created.Add(-time.Hour+time.Minute),
				"Tue, 16 Nov 2021 19:36:54 GMT"), []string{"run.clock"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPair(t)
			w := contract.NewWindow(100)
			flying := &contract.Exchange{}
			w.Enter(flying, "11111111-6936-43f2-82ff-178f5762298a")
			for _, n := range []int{1, 0xa1} {
				if broken := over(p.c, w, serial(t, n), nil); broken != nil {
					t.Fatalf("a first response breaks %v", broken)
				}
			}
			if diff := cmp.Diff(test.want, over(p.c, w, []byte(test.body), test.do)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The window forgets what is older than its responses, and nothing younger.
func TestWindowIsExact(t *testing.T) {
	p := newPair(t)
	const size = 5000
	w := contract.NewWindow(size)
	for n := range 3 * size {
		if broken := over(p.c, w, serial(t, n), nil); broken != nil {
			t.Fatalf("answer %d breaks %v", n, broken)
		}
		if n%97 != 0 || n < size {
			continue
		}
		// Asking puts nothing new in: what is there is only found.
		if broken := over(p.c, w, serial(t, n-size+1), nil); cmp.Diff([]string{"run.body"}, broken) != "" {
			t.Fatalf("after %d answers, the oldest that is remembered breaks %v", n+1, broken)
		}
	}
	if broken := over(p.c, w, serial(t, 0), nil); broken != nil {
		t.Errorf("what was forgotten breaks %v", broken)
	}
}

func TestWindowIsSafeForManyWorkers(t *testing.T) {
	p := newPair(t)
	w := contract.NewWindow(contract.DefaultWindow)
	var wg sync.WaitGroup
	var mu sync.Mutex
	broken := 0
	for worker := range 4 {
		wg.Go(func() {
			for n := range 500 {
				// Every response is given to two of the workers.
				found := over(p.c, w, serial(t, worker/2*500+n), nil)
				mu.Lock()
				broken += len(found)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if broken != 1000 {
		t.Errorf("%d answers were found to be second ones, want 1000", broken)
	}
}
