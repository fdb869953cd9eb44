// Package dossier says from results on disk whether a rollout may go ahead. It recomputes nothing:
// each figure is one of a results folder, with the text that this folder's own report has.
package dossier

import (
	"cmp"
	_ "embed" // dossier.schema.json
	"fmt"
	"slices"
	"strings"
	"time"

	"mfaload/capacity"
	"mfaload/report"
)

// Schema names the format of a [Dossier] as JSON.
const Schema = "mfaload/dossier/v1"

//go:embed dossier.schema.json
var jsonSchema []byte

// JSONSchema returns the JSON Schema of a [Dossier].
func JSONSchema() []byte { return jsonSchema }

// Answer is what all results together say.
type Answer string

const (
	// Go means that every part passed, with results that are recent and of one thing.
	Go Answer = "go"
	// NoGo means that a part failed.
	NoGo Answer = "no-go"
	// Undecided means that no part failed, and that something is missing, undecided, old or of
	// something else.
	Undecided Answer = "undecided"
)

// PartName is one of the things that a rollout takes.
type PartName string

const (
	// Conformance is a check with generated requests (check --generate --out).
	Conformance PartName = "conformance"
	// Limits is a plan, held against the limits that the service documents (run --plan --format json).
	Limits PartName = "limits"
	// Load is a run of a scenario.
	Load PartName = "load"
	// Capacity is a search for the highest rate.
	Capacity PartName = "capacity"
	// Soak is a run of half an hour or more, or the soak of a search.
	Soak PartName = "soak"
	// Release is a comparison with an earlier run.
	Release PartName = "comparison"
)

// PartNames are all parts, in the order of pages.
var PartNames = []PartName{Conformance, Limits, Load, Capacity, Soak, Release}

// PartState is what the results of a part come to.
type PartState string

const (
	// Passed and Failed are verdicts; Open is an inconclusive, interrupted or undecided one.
	Passed PartState = "pass"
	Failed PartState = "fail"
	Open   PartState = "undecided"
	// Missing means that there is no result, LeftOut that none is wanted.
	Missing PartState = "missing"
	LeftOut PartState = "left out"
)

// RolloutDemand is what a rollout needs.
type RolloutDemand struct {
	// Peak is the rate that the service has to hold, in requests a second; 0 takes the one that the
	// search for capacity was asked about.
	Peak float64
	// Without are parts that are not needed.
	Without []PartName
	// MaxAge is how old results may be at Now.
	MaxAge time.Duration
	Now    time.Time
}

// Dossier is the answer and all that it is made of.
type Dossier struct {
	Schema string `json:"schema"`
	Answer Answer `json:"answer"`
	// Reasons say why it is not go; empty if it is.
	Reasons []string  `json:"reasons"`
	Made    time.Time `json:"made"`
	// Peak is the rate that is needed, in requests a second; left out if it was not given.
	Peak   float64       `json:"peak_rate,omitempty"`
	MaxAge float64       `json:"max_age_s"`
	Parts  []DossierPart `json:"parts"`
}

// DossierPart is one part with its results.
type DossierPart struct {
	Name  PartName  `json:"name"`
	State PartState `json:"state"`
	// Results are those that count: the newest of each scenario.
	Results []Evidence `json:"results"`
	// Older are the folders of results that newer ones of the same scenario replace.
	Older []string `json:"older,omitempty"`
}

// Evidence is one result.
type Evidence struct {
	// Folder is the results folder as it was named, Source the file in it that the figures are
	// from, and Page the one for people.
	Folder string    `json:"folder"`
	Source string    `json:"source"`
	Page   string    `json:"page"`
	State  PartState `json:"state"`
	// Summary is the result in one sentence, Reasons say why it is no pass.
	Summary string   `json:"summary"`
	Reasons []string `json:"reasons"`
	// Scenario, Hash, Target, Version and Contract say what was measured, as far as the folder tells.
	Scenario string    `json:"scenario"`
	Hash     string    `json:"scenario_hash,omitempty"`
	Target   string    `json:"target,omitempty"`
	Version  string    `json:"version,omitempty"`
	Contract string    `json:"contract,omitempty"`
	Started  time.Time `json:"started"`
	// Figures are those of the source that matter here.
	Figures []SourcedFigure `json:"figures"`

	part   PartName
	search *capacity.Result // of a search
}

// SourcedFigure is a figure of a result.
type SourcedFigure struct {
	Name string `json:"name"`
	// Text is how the source's own report writes it.
	Text string `json:"text"`
	// Pointer is the JSON pointer of the figure in the source.
	Pointer string `json:"pointer"`
}

// New holds results against what is needed. No failing part means go, unless something is open.
func New(found []Evidence, d RolloutDemand) *Dossier {
	all := &Dossier{Schema: Schema, Reasons: []string{}, Made: d.Now.UTC(), Peak: d.Peak,
		MaxAge: d.MaxAge.Seconds()}
	var failed, open []string
	var counted []Evidence
	for _, name := range PartNames {
		p := newPart(name, found, d)
		all.Parts = append(all.Parts, p)
		counted = append(counted, p.Results...)
		if p.State == Missing {
			open = append(open, fmt.Sprintf("%s: no result; measure it, or leave it out with "+
				"--without %s", name, name))
		}
		for i := range p.Results {
			switch e := &p.Results[i]; e.State {
			case Failed:
				failed = append(failed, e.why()...)
			case Open:
				open = append(open, e.why()...)
			}
		}
	}
	open = append(open, old(counted, d)...)
	open = append(open, differences(counted)...)
	all.Reasons = append(append(all.Reasons, failed...), open...)
	switch {
	case len(failed) > 0:
		all.Answer = NoGo
	case len(open) > 0:
		all.Answer = Undecided
	default:
		all.Answer = Go
	}
	return all
}

// newPart takes the newest result of each scenario and target.
func newPart(name PartName, found []Evidence, d RolloutDemand) DossierPart {
	p := DossierPart{Name: name, State: Missing, Results: []Evidence{}}
	if slices.Contains(d.Without, name) {
		p.State = LeftOut
		return p
	}
	var all []Evidence
	for _, e := range found {
		if e.part == name {
			all = append(all, e)
		}
	}
	slices.SortStableFunc(all, func(a, b Evidence) int { return b.Started.Compare(a.Started) })
	for _, e := range all {
		same := func(o Evidence) bool { return o.Scenario == e.Scenario && o.Target == e.Target }
		if slices.ContainsFunc(p.Results, same) {
			p.Older = append(p.Older, e.Folder)
			continue
		}
		if e.search != nil && name == Capacity {
			e.judgeCapacity(d.Peak)
		}
		p.Results = append(p.Results, e)
	}
	for _, state := range []PartState{Passed, Open, Failed} {
		if slices.ContainsFunc(p.Results, func(e Evidence) bool { return e.State == state }) {
			p.State = state
		}
	}
	return p
}

// judgeCapacity says whether the rate that is needed holds, as 'mfaload capacity' does.
func (e *Evidence) judgeCapacity(peak float64) {
	r, answer := e.search, e.search.Answer
	if peak > 0 {
		f := capacity.SearchResult{LimitedBy: r.LimitedBy, Low: rateOf(r.Rate.Low), High: rateOf(r.Rate.High),
			Confidence: r.Rate.Confidence}
		checked := f.Check(capacity.TargetRate{Rate: peak})
		answer = &checked
	}
	switch {
	case !r.Complete:
		e.Reasons = append(e.Reasons, "the search is not complete: continue it with --resume")
	case answer == nil:
		e.Reasons = append(e.Reasons, "no rate is needed that it could be compared with: write --peak 120/s")
	case answer.Enough == "yes":
		e.State = Passed
	case answer.Enough == "no":
		e.State = Failed
	}
	if answer != nil {
		e.Summary += ". " + strings.Join(answer.Sentences, "; ")
		e.Reasons = append(e.Reasons, answer.Sentences[:min(len(answer.Sentences), 1)]...)
	}
	if e.State == Passed {
		e.Reasons = []string{}
	}
}

func rateOf(rate *float64) float64 {
	if rate == nil {
		return 0
	}
	return *rate
}

// reasonsMax is how many reasons of one result the answer repeats.
const reasonsMax = 3

// why says where the result is, and why it is no pass.
func (e *Evidence) why() []string {
	of := fmt.Sprintf("%s (%s)", e.part, e.Folder)
	if len(e.Reasons) == 0 {
		return []string{of + ": " + string(e.State)}
	}
	var all []string
	for _, reason := range e.Reasons[:min(len(e.Reasons), reasonsMax)] {
		all = append(all, of+": "+reason)
	}
	if more := len(e.Reasons) - reasonsMax; more > 0 {
		all = append(all, fmt.Sprintf("%s: %d more reasons in %s", of, more, e.Page))
	}
	return all
}

func old(counted []Evidence, d RolloutDemand) (reasons []string) {
	for _, e := range counted {
		// A plan has no time.
		if age := d.Now.Sub(e.Started); d.MaxAge > 0 && !e.Started.IsZero() && age > d.MaxAge {
			reasons = append(reasons, fmt.Sprintf("%s (%s) is %s old, and --max-age allows %s: measure again",
				e.part, e.Folder, days(age), days(d.MaxAge)))
		}
	}
	return reasons
}

func days(d time.Duration) string {
	if d < 48*time.Hour {
		return d.Round(time.Minute).String()
	}
	return fmt.Sprintf("%.0f days", d.Hours()/24)
}

// differences says where results are of different things: then together they say nothing.
func differences(counted []Evidence) (reasons []string) {
	differ := func(what string, of func(*Evidence) string) {
		var first *Evidence
		for i := range counted {
			e := &counted[i]
			switch {
			case of(e) == "":
			case first == nil:
				first = e
			case of(e) != of(first):
				reasons = append(reasons, fmt.Sprintf("%s and %s have different %s: %s and %s", first.Folder,
					e.Folder, what, of(first), of(e)))
				return
			}
		}
	}
	differ("targets", func(e *Evidence) string { return e.Target })
	differ("versions of mfaload", func(e *Evidence) string { return e.Version })
	names := map[string]*Evidence{}
	for i := range counted {
		e := &counted[i]
		if e.Hash == "" {
			continue
		}
		first := cmp.Or(names[e.Scenario], e)
		names[e.Scenario] = first
		of := fmt.Sprintf("%s and %s have different versions of ", first.Folder, e.Folder)
		switch {
		case first.Hash != e.Hash:
			reasons = append(reasons, of+"the scenario "+e.Scenario)
		case first.Contract != "" && e.Contract != "" && first.Contract != e.Contract:
			// A scenario may change levels of rules, so contracts of several scenarios may differ.
			reasons = append(reasons, of+"the contract, for the scenario "+e.Scenario)
		}
	}
	return reasons
}

// JSON returns the dossier for programs.
func (d *Dossier) JSON() ([]byte, error) { return report.Encode(d) }
