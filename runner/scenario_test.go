package runner_test

import (
	"time"

	"mfaload/internal/testkit"
)

const ms = time.Millisecond

var (
	load, constant, ramp, recorded = testkit.Load, testkit.Constant, testkit.Ramp, testkit.Recorded
	oneGroup, group, closedLoad    = testkit.OneGroup, testkit.Group, testkit.Closed
)
