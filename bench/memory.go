//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// memory measures mfaload's largest resident memory with 1,000 workers and 20
// groups, for a short run and a long one.
func (b *bench) memory() error {
	b.print("\n## Memory: 1,000 workers, 20 groups")
	b.header("requests", "peak RSS MB")
	const rate = 20_000
	for _, requests := range []int{100_000, 3_000_000} {
		length := time.Duration(requests) * time.Second / rate
		var groups strings.Builder
		for g := range 20 {
			fmt.Fprintf(&groups, "  - {name: group-%d, ids: [%08d-6936-43f2-82ff-178f5762298a], expect: {httpStatus: 201, status: OTP_REQUIRED}}\n", g, g)
		}
		scenario := fmt.Sprintf("name: memory\ntarget: {authPath: 'http://%s', envID: %s, accessToken: token-0123456789}\nusers:\n%sload: {workers: 1000, warmup: 2s, stages: [{rate: %d/s, duration: %v}]}\n",
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
		if _, err := b.execute(&o, nil, b.mfaload, "run", "-q", "--out", results, b.path("memory.yaml")); err != nil {
			if _, missing := os.Stat(filepath.Join(results, "report.json")); missing != nil {
				return err
			}
			b.print("(verdict: %v)", strings.SplitN(err.Error(), "\n", 2)[0])
		}
		b.row(fmt.Sprint(requests), number(o.peakRSS, 1))
	}
	return b.server.behave("none")
}
