package compare

import (
	"fmt"
	"math"
	"strings"
	"time"

	"mfaload/internal/number"
	"mfaload/internal/stat"
	"mfaload/report"
)

// MetricRow is one figure of both sides.
type MetricRow struct {
	// Group is empty for the whole.
	Group  string `json:"group,omitempty"`
	Metric string `json:"metric"`
	// Primary says that the figure decides: it is one of a threshold of the scenario, of a margin, or one of
	// those that decide where there are none of these.
	Primary bool `json:"primary"`
	// Unit is that of Base and New: "ms", "%" or "/s". The achieved rate is a share of the planned one, in
	// percent, and a second for a closed load.
	Unit string  `json:"unit"`
	Base float64 `json:"base"`
	New  float64 `json:"new"`
	// BaseAtLeast and NewAtLeast say that a time is only known to be at least that
	// long, as so many were never served.
	BaseAtLeast bool `json:"base_at_least,omitempty"`
	NewAtLeast  bool `json:"new_at_least,omitempty"`
	// Change is in percent of the base; for rates of errors and violations, in
	// percentage points. Low and High are the 95 % interval of it alone, without
	// regard to the other figures.
	Change float64 `json:"change"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	// Margin is the change that nobody minds, in the same terms.
	Margin float64 `json:"margin"`
	// P is the probability of a difference like this by chance (by the rule "beyond", of one that is so much
	// larger than the margin). Corrected is the same with regard to the figures that decide together; of the
	// others, with regard to all figures.
	P         float64   `json:"p"`
	Corrected float64   `json:"p_corrected"`
	Judgement Judgement `json:"judgement"`
	// RuledOut says that the interval rules a regression beyond the margin out.
	RuledOut bool `json:"no_regression_beyond_margin"`
	// Autocorrelation is that of neighboring units, Block how many units a block
	// has; 0 for runs.
	Autocorrelation float64 `json:"autocorrelation"`
	Block           int     `json:"block,omitempty"`
	// Needed is how long each run should be to tell, in seconds, and Requests how many
	// requests it should have, of a rate of which there was no event; 0 where it tells.
	Needed   float64 `json:"needed_s,omitempty"`
	Requests float64 `json:"needed_requests,omitempty"`
	// Informs says that the row takes no part in the verdict: it is none of those that decide, or a rate
	// without events of a group that has too few requests to tell.
	Informs bool   `json:"informs_only,omitempty"`
	Remark  string `json:"remark,omitempty"`
	points  bool
}

// testResult is what a test found of a metric.
type testResult struct {
	metricSpec
	group           string
	unit            string  // of the row
	base, new       float64 // in that
	change          float64 // a logarithm of the ratio, or a difference of shares
	low, high       float64
	p, corrected    float64
	decides         bool
	untestable      bool    // by seconds: nothing happened, or too little, or only the schedules can differ
	statistic       float64 // of runs: the change in standard deviations of both sides
	autocorrelation float64
	block           int
	length          time.Duration // of what was measured, of seconds as units
	lengthMin       time.Duration // that tells anything
	short           bool          // too short to tell anything
	remark          string
	events          [2]stat.Proportion // of rates
	atLeast         [2]bool            // of times
}

// usualBetween is what runs of the same service usually differ by, of their times (Henning et al., 2025).
const usualBetween = 0.03

// row judges a result. Unknown is what runs usually differ by, where nothing tells what these do.
func (r testResult) row(o Options, unknown float64) MetricRow {
	margin := r.marginOf(o.Margins)
	change, low, high := r.relative(r.change), r.relative(r.low), r.relative(r.high)
	row := MetricRow{Group: r.group, Metric: r.name, Primary: r.decides, Unit: r.unit,
		Base: r.base, New: r.new, Change: 100 * change, Low: 100 * low, High: 100 * high,
		Margin:      100 * margin,
		BaseAtLeast: r.atLeast[0], NewAtLeast: r.atLeast[1],
		P: r.p, Corrected: r.corrected, Autocorrelation: r.autocorrelation, Block: r.block, Remark: r.remark,
		points: r.kind.share(), Informs: !r.decides}
	worst := high
	if r.kind.higherIsBetter() {
		worst, change = -low, -change
	}
	far := margin
	if r.kind.times() {
		far += unknown
	}
	// At least so long is longer than any margin, and nothing is ruled out.
	row.RuledOut = !r.short && worst <= margin && !r.atLeast[1]
	switch called := !r.short && r.corrected < Level; {
	case called && (change > far || change > 0 && r.atLeast[1] && !r.atLeast[0]):
		row.Judgement, row.RuledOut = Worse, false
	case called && (-change > far || change < 0 && r.atLeast[0] && !r.atLeast[1]):
		row.Judgement = Better
	case row.RuledOut:
		row.Judgement = Same
	case r.none():
		row.Judgement, row.Informs = Unclear, row.Informs || r.group != ""
		row.Needed, row.Requests = r.neededWithoutEvents(margin)
	case called && change > margin:
		row.Judgement = Unclear
		row.Remark = joined(row.Remark, fmt.Sprintf("runs of the same service usually differ by up to "+
			"%.0f%%, and one run a side can't tell that apart", 100*unknown))
	default:
		row.Judgement, row.Needed = Unclear, r.needed(margin)
	}
	return row
}

// tested is the part of the change that is compared with chance: all of it, or by the rule "beyond" what is
// above the margin.
func (r *testResult) tested(o Options) float64 {
	if o.Rule != Beyond {
		return r.change
	}
	margin := r.marginOf(o.Margins)
	if !r.kind.share() {
		margin = math.Log1p(margin)
	}
	return math.Copysign(max(math.Abs(r.change)-margin, 0), r.change)
}

// relative turns a logarithm into a share.
func (r testResult) relative(x float64) float64 {
	if r.kind.share() {
		return x
	}
	return math.Expm1(math.Min(x, 20)) // JSON has no number for an interval without end
}

// unscaled turns what is compared back into the unit of the row.
func (r testResult) unscaled(x float64) float64 {
	if r.kind.share() {
		return 100 * x
	}
	return math.Exp(x)
}

// needed is how long runs would have to be for an interval half as wide as the
// margin to either side: intervals shrink with the square root of the time.
func (r testResult) needed(margin float64) float64 {
	if r.length == 0 || margin <= 0 {
		return 0
	}
	seconds := 2 * r.length.Seconds()
	if half := (r.high - r.low) / 2; half > margin {
		seconds = math.Ceil(r.length.Seconds()*(half/margin)*(half/margin)/60) * 60
	}
	return max(seconds, r.lengthMin.Seconds())
}

// neededWithoutEvents is how long runs would have to be, and how many requests they
// would have to have, to exclude a margin by having no event: by the rule of three,
// not by the root of the time.
func (r testResult) neededWithoutEvents(margin float64) (seconds, requests float64) {
	requests = stat.ToExclude(margin)
	if of := r.events[1].Of; of > 0 {
		seconds = max(math.Ceil(r.length.Seconds()*requests/of), r.lengthMin.Seconds())
	}
	return seconds, requests
}

// String says in one line what the row says.
func (r MetricRow) String() string {
	text := fmt.Sprintf("%s %s: %s → %s, %s (95%% from %s to %s)", r.name(), r.Judgement.word(),
		r.baseText(), number.WithUnit(r.newText(), r.Unit), r.change(r.Change), r.signed(r.Low),
		r.change(r.High))
	if r.Judgement == Unclear {
		text += fmt.Sprintf("; margin %s", r.margin())
		if r.Requests > 0 {
			text += fmt.Sprintf("; needs %.0f requests a run without an event (3 divided by the margin)",
				r.Requests)
		}
		if r.Needed > 0 {
			text += "; " + needs(r.Needed)
		}
	}
	if r.Remark != "" {
		text += "; " + r.Remark
	}
	return text
}

// needs says how long runs should be, in seconds, as roughly as it is known.
func needs(needed float64) string {
	if needed > report.LongestRun {
		return "needs runs longer than a month: times vary within a run by much more than the margin, so " +
			"widen it (--margin) or make the runs steadier"
	}
	return "needs runs of " + report.About(needed)
}

// name is the figure's, with its group's.
func (r MetricRow) name() string {
	name := strings.Replace(r.Metric, ".", " ", 1)
	if r.Group != "" {
		name = r.Group + " " + name
	}
	return name
}

// Decisive are the figures that decide, as report.json has them.
func (c *Comparison) Decisive() (changes []report.BaselineChange) {
	for _, r := range c.Rows {
		if r.Primary && len(changes) < maxDecisive {
			changes = append(changes, report.BaselineChange{Group: r.Group, Metric: r.Metric, Unit: r.Unit,
				Base: r.Base, New: r.New, Change: r.Change, Low: r.Low, High: r.High, Points: r.points,
				Judgement: string(r.Judgement)})
		}
	}
	return changes
}

// maxDecisive bounds them.
const maxDecisive = 200

// worst is the end of the interval that is the worse one.
func (r MetricRow) worst() float64 {
	if r.Metric == "achievedRate" || r.Metric == "goodput" {
		return r.Low
	}
	return r.High
}

// noFigure stands for a time where nothing was served, and for a change of one.
const noFigure = "–"

// change writes a change with its sign and unit.
func (r MetricRow) change(x float64) string {
	s := r.signed(x)
	if s == noFigure || !r.points {
		return s
	}
	return number.WithUnit(s, r.changeUnit())
}

// interval writes the interval of the change, whose unit is that of the change.
func (r MetricRow) interval() string { return r.signed(r.Low) + " … " + r.signed(r.High) }

// signed writes a change with its sign, and a percentage with its unit.
func (r MetricRow) signed(x float64) string {
	unit := "%"
	if r.points {
		unit = ""
	}
	switch a := math.Abs(x); {
	case r.baseText() == noFigure || r.newText() == noFigure:
		return noFigure
	case x > 1e5:
		return "more than +100,000" + unit
	case a < 0.005 || !r.points && a < 0.05:
		return "0" + unit
	case r.points && a < 1:
		return fmt.Sprintf("%+.2g", x) + unit
	case a >= 99.95:
		return fmt.Sprintf("%+.0f", x) + unit
	default:
		return fmt.Sprintf("%+.1f", x) + unit
	}
}

func (r MetricRow) margin() string { return number.WithUnit(digits(r.Margin), r.changeUnit()) }

const points = "percentage points"

// changeUnit is the unit of changes and margins.
func (r MetricRow) changeUnit() string {
	if r.points {
		return points
	}
	return "%"
}

// baseText and newText write the figures.
func (r MetricRow) baseText() string { return r.figure(r.Base, r.BaseAtLeast) }

func (r MetricRow) newText() string { return r.figure(r.New, r.NewAtLeast) }

// figure writes a figure; of times, where nothing was served, there is none.
func (r MetricRow) figure(x float64, atLeast bool) string {
	switch {
	case atLeast:
		return "≥ " + digits(x)
	case r.Unit == "ms" && x == 0:
		return noFigure
	}
	return digits(x)
}

// digits writes a number to 3 significant digits, or all before the point.
func digits(x float64) string {
	switch a := math.Abs(x); {
	case x == 0:
		return "0"
	case a >= 100:
		return fmt.Sprintf("%.0f", x)
	default:
		return fmt.Sprintf("%.3g", x)
	}
}

// events are those that a rate counts; none for other metrics.
func (f *totals) events(m metricSpec) stat.Proportion {
	share := f.share(m)
	return stat.Proportion{Count: float64(share.N), Of: float64(share.Of)}
}

// none says whether the metric is a rate of something that happened on neither
// side.
func (r *testResult) none() bool {
	return r.kind.share() && r.events[0].Count == 0 && r.events[1].Count == 0
}

// withoutEvents is the interval of a rate of something that happened on neither
// side.
func (r *testResult) withoutEvents() (low, high float64) {
	if r.kind.higherIsBetter() {
		return -stat.Excludes(r.events[1].Of), stat.Excludes(r.events[0].Of)
	}
	return -stat.Excludes(r.events[0].Of), stat.Excludes(r.events[1].Of)
}

// marginMax bounds the margin that a rate without events gets by default.
const marginMax = 0.01

// marginOf is the margin of the result. Where nobody gave one, that of a rate without
// events is what so many requests can exclude at all, up to a hundredth: a gate of
// a minute has to be able to become green.
func (r *testResult) marginOf(margins Margins) float64 {
	margin, given := margins.of(r.metricSpec)
	if given || !r.none() || r.short {
		return margin
	}
	if can := stat.Excludes(r.events[1].Of); can <= marginMax {
		return max(margin, can)
	}
	return margin
}

// rateRemarks say of the rates of the whole in which nothing happened what that
// excludes, where the margin was made to fit.
func (c *Comparison) rateRemarks(results []testResult, margins Margins) {
	for i := range results {
		r := &results[i]
		margin, _ := margins.of(r.metricSpec)
		if r.group != "" || r.marginOf(margins) <= margin {
			continue
		}
		row, change := c.Rows[i], "an increase"
		if r.kind.higherIsBetter() {
			change = "a decrease"
		}
		c.Remarks = append(c.Remarks, fmt.Sprintf(
			"%s: nothing happened to %.0f requests, which rules out %s of more than %s, and that is its "+
				"margin; ruling out %s takes %.0f requests a run (--margin %s=%g%% insists on it)",
			row.name(), r.events[1].Of, change, row.margin(),
			MetricRow{Margin: 100 * margin, points: true}.margin(),
			stat.ToExclude(margin), r.name, 100*margin))
	}
}
