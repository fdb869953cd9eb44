//go:build linux

package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// memory measures the largest resident memory of the whole process, results
// written, with 1,000 workers and 20 groups, for a short run and a long one.
func (b *bench) memory() error {
	b.print("\n## Memory: 1,000 workers, 20 groups")
	b.header("requests", "peak RSS MB")
	const rate = 20_000
	for _, requests := range []int{100_000, 3_000_000} {
		length := time.Duration(requests) * time.Second / rate
		var groups strings.Builder
		for g := range 20 {
			fmt.Fprintf(&groups, "  - {name: group-%d, ids: [%08d-6936-43f2-82ff-178f5762298a], expect: "+
				"{httpStatus: 201, status: OTP_REQUIRED}}\n", g, g)
		}
		scenario := fmt.Sprintf("name: memory\ntarget: {authPath: 'http://%s', envID: %s, accessToken: "+
			"token-0123456789}\nusers:\n%sload: {workers: 1000, warmup: 2s, stages: [{rate: %d/s, "+
			"duration: %v}]}\n",
			plainHost, envID, groups.String(), rate, length)
		if err := os.WriteFile(b.path("memory.yaml"), []byte(scenario), 0o600); err != nil {
			return err
		}
		if err := b.server.behave("constant:20ms"); err != nil {
			return err
		}
		results := b.path("memory")
		_ = os.RemoveAll(results)
		var o outcome
		// Whatever the verdict, the requests were sent.
		_, _ = b.execute(&o, nil, b.mfaload, "run", "-q", "--out", results, b.path("memory.yaml"))
		report, err := readReport(results)
		if err != nil {
			return err
		}
		b.row(fmt.Sprint(report.Requests.Sent), number(o.peak, 1))
	}
	return b.server.behave("none")
}
