package report

import (
	"fmt"
	"mfaload/internal/text"
)

// Baseline says how a run compares with an earlier one that it was held
// against.
type Baseline struct {
	// What the user calls the earlier run.
	Run       string `json:"run"`
	Judgement string `json:"judgement" schema:"enum=better|worse|no difference found|can't tell"`
	// The verdict without the baseline.
	Alone Verdict `json:"verdict_alone"`
}

// maxBaselineReasons is how many reasons of a comparison a verdict has.
const maxBaselineReasons = 20

// HoldAgainst lets the comparison with a baseline take part in the verdict: a
// run that passes fails where it is worse, and is inconclusive where that can't
// be told. Reasons say why.
func (r *Report) HoldAgainst(run, judgement string, worse, unclear bool, reasons []string) {
	r.Baseline = &Baseline{Run: run, Judgement: judgement, Alone: r.Verdict}
	switch {
	case r.Verdict != Pass:
	case worse:
		r.Verdict = Fail
	case unclear:
		r.Verdict = Inconclusive
	}
	if worse || unclear {
		shown, more := text.First(reasons, maxBaselineReasons)
		for _, text := range shown {
			r.Reasons = append(r.Reasons, "baseline: "+text)
		}
		if more > 0 {
			r.Reasons = append(r.Reasons, fmt.Sprintf("baseline: %d more reasons in compare.json", more))
		}
	}
}
