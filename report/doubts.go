package report

import "mfaload/measure"

// Doubts says why a measurement allows no judgement of the service, whatever
// the thresholds: nothing where it does.
func Doubts(m *measure.Measurement) []string {
	j := judgement{measurement: m, report: &Report{Shards: shards(m.Merged)}}
	j.doubtGenerator()
	return j.doubts
}
