package capacity

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"

	"mfaload/internal/number"
	"mfaload/internal/text"
	"mfaload/report/render/chart"
)

const pageStyle = ".pass { color: var(--good); } .break { color: var(--bad); } .inconclusive " +
	"{ color: var(--warn); }\n.trials th { white-space: normal; overflow-wrap: normal; " +
	"vertical-align: bottom; max-width: 9rem; }\n"

// HTML returns the result as a page of its own, which needs nothing else.
func (r *Result) HTML() ([]byte, error) {
	var drawn g.Group
	for i, c := range r.charts() {
		drawn = append(drawn, c.HTML(fmt.Sprintf("chart-%d", i+1)))
	}
	return chart.Page("mfaload capacity: "+r.Scenario, pageStyle,
		h.H1(g.Text("Capacity of "+r.Scenario)), g.Text("\n"), r.outcome(), r.tiles(),
		chart.List(r.reasonTexts()), g.Text("\n"), r.Soak.html(),
		g.If(len(drawn) > 0, g.Group{h.H2(g.Text("As the rate goes up")), g.Text("\n"),
			h.Div(h.Class("charts"), drawn), r.notDrawn(), g.Text("\n")}),
		r.thresholds(),
		g.If(len(r.Trials) > 0, g.Group{h.H2(g.Text("Trials")), g.Text("\n"), r.trials(), g.Text("\n"),
			h.P(h.Class("soft"), g.Text("How sure a trial is depends on how many independent requests its "+
				"requests are worth. No trial counts for more than 19 to 1.")), g.Text("\n")}),
		h.H2(g.Text("About this search")), g.Text("\n"), r.about())
}

// outcome is the verdict: whether the rate is enough if there is a target, else whether it was found.
func (r *Result) outcome() g.Node {
	word, class := "FOUND", "good"
	switch a := r.Answer; {
	case a != nil && a.Enough == "yes":
		word = "ENOUGH"
	case a != nil && a.Enough == "no":
		word, class = "NOT ENOUGH", "bad"
	case a != nil:
		word, class = "NOT SURE WHETHER IT IS ENOUGH", "warn"
	case !r.Complete:
		word, class = "NOT COMPLETE", "warn"
	case !r.Settled:
		word, class = "LESS SURE THAN ASKED FOR", "warn"
	}
	var sentences g.Group
	if r.Answer != nil {
		for _, s := range r.Answer.Sentences {
			sentences = append(sentences, h.P(g.Text(sentence(compared(s)))))
		}
	}
	return g.Group{h.Div(h.Class("outcome "+class), h.P(h.Class("word"), g.Text(word)),
		h.P(h.Class("found"), g.Text("The highest rate that meets all thresholds: "+r.Headline())),
		sentences), g.Text("\n")}
}

// tiles are the figures that a reader looks for first.
func (r *Result) tiles() g.Node {
	orNone := func(rate *float64) string {
		if rate == nil {
			return "none found"
		}
		return rateText(*rate)
	}
	sent := uint64(0)
	for _, row := range r.Trials {
		sent += row.Figures.Requests.Sent
	}
	tiles := [][2]string{{"meets the thresholds", orNone(r.Rate.Low)},
		{"is too much", orNone(r.Rate.High)}, {"limited by", compared(r.LimitedBy)},
		{"trials", strconv.Itoa(len(r.Trials))}, {"requests in the trials", number.Count(sent)}}
	if a := r.Answer; a != nil {
		tiles = slices.Insert(tiles, 2, [2]string{"target", rateText(a.TargetRate)})
	}
	return g.Group{h.Dl(h.Class("tiles"), g.Map(tiles, func(t [2]string) g.Node {
		return h.Div(h.Dt(g.Text(t[0])), h.Dd(g.Text(t[1])))
	})), g.Text("\n")}
}

// compared writes a threshold with the signs that pages have.
func compared(limit string) string {
	return strings.NewReplacer("<=", "≤", ">=", "≥").Replace(limit)
}

// reasonTexts are the notes that no other part of the page has.
func (r *Result) reasonTexts() (all []string) {
	shown := []string{"limited by " + r.LimitedBy}
	if r.Curve.USL != nil {
		shown = append(shown, r.Curve.USL.text())
	}
	for _, note := range r.notes() {
		if !slices.Contains(shown, note) {
			all = append(all, sentence(compared(note)))
		}
	}
	return all
}

// thresholds says where each threshold is missed; nothing if there is only one.
func (r *Result) thresholds() g.Node {
	if len(r.Thresholds) < 2 {
		return nil
	}
	end := func(rate *float64, none string) string {
		if rate == nil {
			return none
		}
		return rateText(*rate)
	}
	return g.Group{h.H2(g.Text("Which threshold goes first")), g.Text("\n"),
		chart.Scroll("thresholds", chart.Head("threshold", "met at", "missed at", "confidence"),
			g.Map(r.Thresholds, func(l ThresholdRate) g.Node {
				return chart.Row(chart.Texts(compared(l.Limit), end(l.Low, "no rate"),
					end(l.High, "no rate that was tried"), fmt.Sprintf("%.0f%%", 100*l.Confidence)))
			})), g.Text("\n")}
}

// html says what the soak found; nothing where there was none.
func (s *Soak) html() g.Node {
	if s == nil {
		return nil
	}
	found := slices.Clone(s.Reasons)
	for _, d := range s.Drifts {
		text := d.Text()
		if d.Up {
			text += ": it drifts up"
		}
		found = append(found, text)
	}
	return g.Group{h.H2(g.Text("Soak: "), h.Span(h.Class(string(s.Verdict)), g.Text(string(s.Verdict)))),
		g.Text("\n"),
		h.P(g.Text(s.Length() + ".")), g.Text("\n"), chart.List(found),
		g.Text("\n")}
}

func (r *Result) trials() g.Node {
	return h.Div(h.Class("trials"), chart.Scroll("trials",
		chart.Head("trial", "rate offered", "judged for", "verdict", "requests sent", "as expected",
			"response mean, ms", "response p95, ms", "response p99, ms",
			"probability that the rate is too high"),
		g.Map(r.Trials, func(row TrialRow) g.Node {
			f, verdict := row.Figures, string(row.Verdict)
			return chart.Row(chart.Texts(strconv.Itoa(row.Number), rateText(row.Rate), seconds(row.Duration)),
				h.Td(h.Class(verdict), g.Text(verdict)),
				chart.Texts(number.Count(f.Requests.Sent), number.Count(f.Requests.AsExpected),
					f.Response.Text("mean"), f.Response.Text("p95"), f.Response.Text("p99"),
					fmt.Sprintf("%.0f%%", 100*row.Broken)))
		})), r.decisions())
}

// decisions say what decided each trial, or came closest to it.
func (r *Result) decisions() g.Node {
	return h.Details(h.Summary(g.Text("What decided each trial")), chart.Scroll("what decided each trial",
		h.Tr(h.Th(h.Scope("col"), g.Text("trial")), h.Th(h.Scope("col"), h.Class("text"),
			g.Text("broken, or closest to it")), h.Th(h.Scope("col"), h.Class("text"), g.Text("reasons"))),
		g.Map(r.Trials, func(row TrialRow) g.Node {
			return chart.Row(chart.Texts(strconv.Itoa(row.Number)),
				h.Td(h.Class("text"), g.Text(compared(row.By))),
				h.Td(h.Class("text"), g.Text(compared(strings.Join(row.Reasons, "; ")))))
		})))
}

// about says what was searched, when and with what.
func (r *Result) about() g.Node {
	facts := [][2]string{{"scenario", r.Scenario},
		{"started", r.Started.UTC().Format(time.DateTime) + " UTC"}, {"took", seconds(r.Duration)},
		{"labels", text.Brief(strings.Join(r.Labels.List(), ", "), 400)},
		{"mfaload", r.Version}}
	return chart.Scroll("about this search", g.Map(facts, func(f [2]string) g.Node {
		return g.If(f[1] != "", chart.Row(h.Th(h.Scope("row"), g.Text(f[0])),
			h.Td(h.Class("text"), g.Text(f[1]))))
	}))
}
