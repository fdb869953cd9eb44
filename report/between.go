package report

import (
	"math"

	"mfaload/internal/stat"
	"mfaload/measure"
	"mfaload/scenario"
)

// BetweenMin is how many earlier runs tell by how much runs differ.
const BetweenMin = 3

// Between is by how much earlier runs of a load differ for reasons that their seconds do not explain,
// as a relative standard deviation: the largest of the times that the thresholds are on. It is 0 of
// fewer than [BetweenMin] runs.
func Between(runs []*measure.Measurement, thresholds []scenario.Threshold) (between float64) {
	if len(runs) < BetweenMin {
		return 0
	}
	for _, t := range thresholds {
		if t.Metric != scenario.Response && t.Metric != scenario.Service {
			continue
		}
		var logs []float64
		within := 0.0
		for _, m := range runs {
			j := assessment{measurement: m, report: &Report{Thresholds: make([]Threshold, 1)}}
			w := m.Main.Waits(j.groupOf(t), t.Metric == scenario.Service)
			if at := statistic(&w, t).Time.Seconds(); at > 0 {
				logs = append(logs, math.Log(at))
			}
			j.report.Thresholds[0] = Threshold{Observed: 1, Limit: 2, Of: w.Count()}
			if of := j.measureNoise([]scenario.Threshold{t})[0]; of.interval != nil {
				half := math.Log(of.interval.High/of.interval.Low) / 2 / stat.NormalQuantile(0.025)
				within += half * half / float64(len(runs))
			}
		}
		if d := stat.Deviation(logs); len(logs) >= BetweenMin {
			between = math.Max(between, math.Sqrt(math.Max(d*d-within, 0)))
		}
	}
	return between
}
