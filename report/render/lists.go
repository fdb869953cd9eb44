package render

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"mfaload/internal/number"
	"mfaload/internal/text"
	"mfaload/report"
)

// foremost are the groups with those first that have most requests not as expected,
// where not all of them are shown.
func foremost(groups []report.Group, shown int) []report.Group {
	if len(groups) <= shown {
		return groups
	}
	groups = slices.Clone(groups)
	slices.SortStableFunc(groups, func(a, b report.Group) int {
		return cmp.Compare(b.Requests.Scheduled-b.Requests.AsExpected,
			a.Requests.Scheduled-a.Requests.AsExpected)
	})
	return groups
}

func mostFirst(counts map[string]uint64) []string {
	return slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
}

type namedOutcome struct {
	name string
	report.OutcomeTimes
}

func outcomes(r *report.Report) (all []namedOutcome) {
	for _, name := range []string{"refused", "failed"} {
		if o, some := r.ByOutcome[name]; some {
			all = append(all, namedOutcome{name, o})
		}
	}
	return all
}

func timeCells(t *report.Times) (cells []string) {
	for _, name := range []string{"min", "mean", "p50", "p90", "p95", "p99", "p99.9", "max"} {
		cells = append(cells, t.Text(name))
	}
	return cells
}

func (m *markdown) shards(r *report.Report) {
	if len(r.Shards) == 0 {
		return
	}
	m.title("Shards of the run " + code(r.Run))
	rows := shardRows("", r.Shards)
	m.head(rows[0]...)
	m.rows(len(rows)-1, "shards", func(i int) []string { return rows[i+1] })
}

// junitShards has a testcase for each: a machine that could not keep up is an
// error, and no failure of the service.
func junitShards(r *report.Report) (cases []junitCase) {
	for _, s := range r.Shards {
		c := junitCase{Name: "shard " + strconv.Itoa(s.Index)}
		if why := slices.Concat(s.Doubts, lostWhy(s.Lost)); len(why) > 0 {
			c.Error = &junitResult{Message: text.Clip(why[0], report.MaxText), Type: "shard",
				Text: lines(why)}
			if s.Lost != "" && r.Degraded {
				c.Skipped, c.Error = c.Error, nil
			}
		}
		cases = append(cases, c)
	}
	return cases
}

func lostWhy(why string) []string {
	if why == "" {
		return nil
	}
	return []string{"lost: " + why}
}

// degraded stands by the verdict of a run that was judged without some shards.
func degraded(r *report.Report) string {
	if r.Degraded {
		return " (DEGRADED)"
	}
	return ""
}

func shardRows(indent string, shards []report.Shard) [][]string {
	rows := [][]string{{"", "sent", "as expected", "unexpected", "violating", "failed", "unsent",
		"response p50", "p99 ms", "own lateness p99", "hiccups p99 ms", "CPU"}}
	for _, s := range shards {
		if s.Lost != "" || s.ShardFigures == nil {
			rows = append(rows, []string{indent + strconv.Itoa(s.Index), "lost"})
			continue
		}
		g, q := &s.Generator, &s.Requests
		cpu := "-"
		if g.Cores > 0 && g.Elapsed > 0 {
			cpu = fmt.Sprintf("%.0f%%", 100*g.CPU/(g.Elapsed*float64(g.Cores)))
		}
		mark := ""
		if len(s.Doubts) > 0 {
			mark = " !"
		}
		rows = append(rows, []string{indent + strconv.Itoa(s.Index) + mark, number.Count(q.Sent),
			number.Count(q.AsExpected), number.Count(q.Unexpected), number.Count(q.Violating),
			number.Count(q.Failed), number.Count(q.Unsent),
			s.Response.Text("p50"), s.Response.Text("p99"), number.Fixed(g.OwnLateness.P99),
			number.Fixed(g.Hiccups.P99), cpu})
	}
	return rows
}

// maxLabel is how many characters of a label are shown: all of them, but for what was escaped.
const maxLabel = 300

// labels are the labels of a run as texts key=value, each a line that a page can show.
func labels(r *report.Report) (texts []string) {
	for _, label := range r.Labels.List() {
		texts = append(texts, text.Brief(label, maxLabel))
	}
	return texts
}
