package journal_test

import (
	"testing"
	"time"

	"mfaload/internal/testkit"
	"mfaload/measure"
	"mfaload/measure/journal"
)

// What a journal costs those who record, with 20 groups; what was recorded is
// taken away every 20,000 requests, a second of the highest rates. Take is how
// long that keeps, at most, a stripe from recording.
func BenchmarkTape(b *testing.B) {
	all := testkit.Observations(1, 20000)
	for i, o := range all {
		o.Group = i % 20
	}
	for _, taped := range []bool{false, true} {
		name := map[bool]string{false: "without", true: "with"}[taped]
		b.Run(name, func(b *testing.B) {
			r := measure.NewRecorder(20, []string{"echo.user", "field.unknown"}, 0)
			var tape *journal.Log
			if taped {
				tape = journal.NewLog(r)
			}
			var bytes []byte
			var longest time.Duration
			var err error
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				r.Record(i, all[i%len(all)])
				if taped && i%len(all) == len(all)-1 {
					start := time.Now()
					if bytes, err = tape.Take(bytes[:0]); err != nil {
						b.Fatal(err)
					}
					longest = max(longest, time.Since(start))
				}
			}
			if taped {
				b.ReportMetric(float64(len(bytes))/float64(len(all)), "bytes/request")
				b.ReportMetric(float64(longest.Microseconds()), "take-µs-max")
			}
		})
	}
}
