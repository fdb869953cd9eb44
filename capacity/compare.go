package capacity

import (
	_ "embed" // comparison.schema.json
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"mfaload/internal/number"
	"mfaload/internal/stat"
	"mfaload/internal/text"
	"mfaload/report/render/chart"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"
)

// CompareSchema names the format of a comparison.
const CompareSchema = "mfaload/capacity-comparison/v1"

//go:embed comparison.schema.json
var comparisonSchema []byte

// ComparisonJSONSchema returns the JSON Schema of a comparison.
func ComparisonJSONSchema() []byte { return comparisonSchema }

// ChangeVerdict is what two searches say of a change, as a comparison of runs does.
type ChangeVerdict string

const (
	// WentUp means that the capacity is higher, WentDown that it is lower, with 95 %.
	WentUp   ChangeVerdict = "better"
	WentDown ChangeVerdict = "worse"
	// NoChange means that a loss beyond the margin is ruled out.
	NoChange ChangeVerdict = "no difference found"
	// UnclearChange means that the intervals are too wide to say.
	UnclearChange ChangeVerdict = "can't tell"
)

// MarginDefault is the loss of capacity that nobody minds, as a share.
const MarginDefault = 0.1

// SearchComparison says whether the capacity changed from one search to another.
type SearchComparison struct {
	Schema string `json:"schema"`
	// Capacity is the change of the highest rate that meets all thresholds, and Thresholds those of
	// the highest rates that meet each of them: they inform, and decide nothing.
	Capacity   RateChange   `json:"capacity"`
	Thresholds []RateChange `json:"thresholds,omitempty"`
	// Margin is the loss that nobody minds, as a share.
	Margin  float64       `json:"margin"`
	Verdict ChangeVerdict `json:"verdict"`
	// Remarks say what else differs between the searches.
	Remarks []string `json:"remarks"`
}

// RateChange is how a rate changed.
type RateChange struct {
	// Limit is the threshold; empty for all together.
	Limit string       `json:"limit,omitempty"`
	Base  RateInterval `json:"base"`
	New   RateInterval `json:"new"`
	// Low and High are the 95 % interval of the change, as a share; null if nobody knows.
	Low       *float64      `json:"low" schema:"signed"`
	High      *float64      `json:"high" schema:"signed"`
	Judgement ChangeVerdict `json:"judgement"`
}

// ErrOtherSearch says that two searches are of something else.
var ErrOtherSearch = errors.New("the searches have other thresholds, so their capacities can't be compared")

// Decode reads what capacity.json holds.
func Decode(data []byte) (*Result, error) {
	var r Result
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("it is not what 'mfaload capacity' writes: %w", err)
	}
	if r.Schema != Schema {
		return nil, fmt.Errorf("its schema is %q, not %q", r.Schema, Schema)
	}
	return &r, nil
}

// Compare says whether the capacity changed from base to fresh. A loss within the margin, a share, is
// none. If the searches had other thresholds it returns [ErrOtherSearch], unless it is forced.
func Compare(base, fresh *Result, margin float64, force bool) (*SearchComparison, error) {
	c := &SearchComparison{Schema: CompareSchema, Margin: margin, Remarks: []string{}}
	if a, b := base.limits(), fresh.limits(); !slices.Equal(a, b) {
		if !force {
			return nil, fmt.Errorf("%w: %q and %q", ErrOtherSearch, a, b)
		}
		c.Remarks = append(c.Remarks, "the searches have other thresholds: nothing is judged")
	}
	c.Capacity = newRateChange("", base.Rate, fresh.Rate, margin)
	for _, a := range base.Thresholds {
		for _, b := range fresh.Thresholds {
			if a.Limit == b.Limit {
				change := newRateChange(a.Limit, a.RateInterval, b.RateInterval, margin)
				c.Thresholds = append(c.Thresholds, change)
			}
		}
	}
	c.remark(base, fresh)
	if c.Verdict = c.Capacity.Judgement; len(c.Remarks) > 0 && force {
		c.Verdict = UnclearChange
	}
	return c, nil
}

// remark says what else differs.
func (c *SearchComparison) remark(base, fresh *Result) {
	if base.LimitedBy != fresh.LimitedBy {
		c.Remarks = append(c.Remarks, fmt.Sprintf("limited by %s before, by %s now", base.LimitedBy,
			fresh.LimitedBy))
	}
	for name, r := range map[string]*Result{"base": base, "new": fresh} {
		if !r.Complete {
			c.Remarks = append(c.Remarks, fmt.Sprintf("the %s search is not complete", name))
		}
	}
	slices.Sort(c.Remarks)
}

// limits are the thresholds of the search, by name.
func (r *Result) limits() (names []string) {
	for _, row := range r.Trials {
		if len(names) > 0 {
			break
		}
		for _, l := range row.Limits {
			if l.Limit != LimitedByBacklog {
				names = append(names, l.Limit)
			}
		}
	}
	slices.Sort(names)
	return names
}

func newRateChange(limit string, base, fresh RateInterval, margin float64) RateChange {
	r := RateChange{Limit: limit, Base: base, New: fresh}
	low, high := change(base, fresh)
	r.Low, r.High = shareOrNil(low), shareOrNil(high)
	switch {
	case low > 0:
		r.Judgement = WentUp
	case high < 0:
		r.Judgement = WentDown
	case low >= math.Log1p(-margin):
		r.Judgement = NoChange
	default:
		r.Judgement = UnclearChange
	}
	return r
}

// shareOrNil is a change of a logarithm as a share; nil if it has no end.
func shareOrNil(logarithm float64) *float64 {
	if math.IsInf(logarithm, 0) {
		return nil
	}
	share := number.Round(math.Expm1(logarithm))
	return &share
}

// change is the 95 % interval of the change of the logarithm of a rate. The errors of two searches
// are independent, so that their squares add up; with an end missing, the outermost rates count.
func change(base, fresh RateInterval) (low, high float64) {
	low, high = math.Inf(-1), math.Inf(1)
	if base.Low != nil && base.High != nil && fresh.Low != nil && fresh.High != nil {
		a, aHalf := base.spread()
		b, bHalf := fresh.spread()
		half := math.Hypot(aHalf, bHalf)
		return b - a - half, b - a + half
	}
	if fresh.Low != nil && base.High != nil && min(base.Confidence, fresh.Confidence) >= confidenceMin {
		low = math.Log(*fresh.Low / *base.High)
	}
	if fresh.High != nil && base.Low != nil && min(base.Confidence, fresh.Confidence) >= confidenceMin {
		high = math.Log(*fresh.High / *base.Low)
	}
	return low, high
}

// spread is the middle of an interval with two ends, and how far its ends would be from there with
// a confidence of 95 %, both of the logarithm.
func (r RateInterval) spread() (middle, half float64) {
	const few = 0.5 // less than that is no interval
	if r.Confidence <= few {
		return 0, math.Inf(1)
	}
	middle, half = math.Log(*r.Low**r.High)/2, math.Log(*r.High / *r.Low)/2
	if r.Confidence < 0.95 {
		half *= stat.NormalQuantile(0.025) / stat.NormalQuantile((1-r.Confidence)/2)
	}
	return middle, half
}

// Sentence is the conclusion.
func (c *SearchComparison) Sentence() string {
	switch c.Verdict {
	case WentUp:
		return "The capacity went up: by " + c.Capacity.text()
	case WentDown:
		return "The capacity went down: by " + c.Capacity.text()
	case NoChange:
		return fmt.Sprintf("No difference found, and a loss of more than %s is ruled out: %s",
			marginText(c.Margin), c.Capacity.text())
	}
	return fmt.Sprintf("Undecided whether the capacity changed by more than %s: %s. Search both for longer "+
		"(--resume with a larger --budget)", marginText(c.Margin), c.Capacity.text())
}

func marginText(share float64) string { return fmt.Sprintf("%g%%", number.Percent(share)) }

// text is the change in words.
func (r RateChange) text() string {
	switch {
	case r.Low == nil && r.High == nil:
		return "the change is not known"
	case r.High == nil:
		return fmt.Sprintf("%+.1f%% or more", 100**r.Low)
	case r.Low == nil:
		return fmt.Sprintf("%+.1f%% or less", 100**r.High)
	}
	return fmt.Sprintf("%+.1f%% to %+.1f%%", 100**r.Low, 100**r.High)
}

// rows are the table of a comparison.
func (c *SearchComparison) rows() (rows [][]string) {
	for _, r := range append([]RateChange{c.Capacity}, c.Thresholds...) {
		name := r.Limit
		if name == "" {
			name = "capacity"
		}
		rows = append(rows, []string{name, r.Base.text(), r.New.text(), r.text(), string(r.Judgement)})
	}
	return rows
}

var comparisonHead = []string{"", "base", "new", "change (95% interval)", ""}

// WriteComparison prints a comparison as text.
func (t TerminalText) WriteComparison(w io.Writer, c *SearchComparison) error {
	lines := []string{c.Sentence() + "."}
	for _, remark := range c.Remarks {
		lines = append(lines, "  "+remark)
	}
	rows := append([][]string{slices.Clone(comparisonHead)}, c.rows()...)
	for _, row := range rows {
		row[0] = "  " + row[0]
	}
	lines = append(append(lines, ""), text.Table(rows, t.Width, 0, 1, 2, 3, 4)...)
	_, err := io.WriteString(w, text.Wrap(strings.Join(lines, "\n")+"\n", t.Width))
	return err
}

// HTML returns the comparison as a page of its own.
func (c *SearchComparison) HTML() ([]byte, error) {
	return chart.Page("mfaload: comparison of two capacities", pageStyle,
		h.H1(g.Text("Did the capacity change?")), g.Text("\n"),
		h.P(h.Class("found"), g.Text(c.Sentence()+".")), g.Text("\n"), chart.List(c.Remarks),
		g.Text("\n"), chart.Scroll("capacities", chart.Head(comparisonHead...),
			g.Map(c.rows(), func(row []string) g.Node { return chart.Row(chart.Texts(row...)) })))
}
