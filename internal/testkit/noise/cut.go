package noise

import (
	"slices"
	"time"

	"mfaload/measure"
)

// Cut is the run that would have been measured if it had ended after so many seconds, for runs without
// groups, of which each response was as expected.
func Cut(m *measure.Measurement, seconds int) *measure.Measurement {
	cut, sent := *m, uint64(0)
	cell := *m.Main.Cells[0]
	cell.Response, cell.Service = measure.NewHistogram(), measure.NewHistogram()
	cell.Lateness = measure.NewHistogram()
	var left []*measure.Second
	for s := range m.Seconds.All() {
		if s.Second >= int64(seconds) {
			break
		}
		left = append(left, s)
		sent += s.Response.Count()
		_ = cell.Response.Merge(s.Response)
		_ = cell.Service.Merge(s.Service)
		_ = cell.Lateness.Merge(s.Lateness)
	}
	cell.AsExpected, cell.Clean = sent, sent
	cut.Main.Cells, cut.Seconds = []*measure.Cell{&cell}, measure.SecondsOf(left)
	cut.Main.Planned = time.Duration(seconds) * time.Second
	cut.Main.Scheduled = []uint64{sent}
	cut.Profile.Due = slices.Clone(m.Profile.Due[:seconds])
	return &cut
}
