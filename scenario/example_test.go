package scenario_test

import (
	"fmt"
	"os"

	"mfaload/scenario"
)

// A file becomes one value with every default filled in. The third argument looks
// up variables; a program passes os.LookupEnv.
func ExampleParse() {
	s, err := scenario.Parse("smoke.yaml", []byte(`
name: smoke
target: {simulator: {}}
users:
  - name: email
    ids: [788d4931-6936-43f2-82ff-178f5762298a]
load:
  stages:
    - {from: 10/s, to: 50/s, duration: 1m}
`), os.LookupEnv)
	if err != nil {
		fmt.Println(err)
		return
	}
	stage := s.Load.Stages[0]
	fmt.Printf("%s: %v requests in %v\n", s.Name, stage.Total(), stage.Duration)
	for _, t := range s.Thresholds {
		fmt.Println(t)
	}
	// Output:
	// smoke: 1800 requests in 1m0s
	// errorRate <= 0%
	// violationRate <= 0%
	// achievedRate >= 99%
}

// Parse reports everything that is wrong with a file, not just the first problem:
// each with its place and what to do.
func ExampleParse_problems() {
	_, err := scenario.Parse("smoke.yaml", []byte(`
name: smoke
target: {simulator: {}}
users:
  - name: email
    ids: [788d4931-6936-43f2-82ff-178f5762298a]
load:
  stages:
    - {rate: 50, duration: 1m}
thresholds:
  errorRate: 1
`), os.LookupEnv)
	fmt.Println(err)
	// Output:
	// smoke.yaml:9:14: load.stages[0].rate: 50 has no unit
	//     write 50/s
	// smoke.yaml:11:14: thresholds.errorRate: 1 has no %
	//     write 1% or 100%
}
