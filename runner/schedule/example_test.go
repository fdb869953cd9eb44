package schedule_test

import (
	"fmt"
	"time"

	"mfaload/runner/schedule"
	"mfaload/scenario"
)

// A schedule is arithmetic: it reads no clock, and every reading gives the same
// arrivals. On a ramp from 0 to 4 requests a second, R(t) = t²: arrival k is due
// after √k seconds.
func ExampleSchedule() {
	s := &scenario.Scenario{
		Groups: []scenario.Group{{Name: "email", IDs: []string{"A", "B"}, Weight: 1}},
		Load:   scenario.Load{Stages: []scenario.Stage{{From: 0, To: 4, Duration: 2 * time.Second}}},
	}
	for a := range schedule.New(s).All() {
		fmt.Println(a.Index, a.At.Round(time.Millisecond), a.User.ID)
	}
	// Output:
	// 0 0s A
	// 1 1s B
	// 2 1.414s A
	// 3 1.732s B
}
