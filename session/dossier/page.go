package dossier

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"

	"mfaload/internal/disk"
	"mfaload/internal/text"
	"mfaload/report/render"
	"mfaload/report/render/chart"
)

const pageStyle = `.pass { color: var(--good); } .fail { color: var(--bad); }
.undecided, .missing { color: var(--warn); }
.outcome ul { margin: .5rem 0 0; padding-left: 1.1rem; color: var(--text); max-width: 85ch; }
.parts th, .parts td { vertical-align: top; } .parts td:last-child { width: 100%; }
.parts div div { margin-top: .15rem; }
.parts table, .figures table { width: 100%; }
.figures th, .figures td { text-align: left; white-space: normal; } .figures th { min-width: 9rem; }
.charts { gap: 0 2.5rem; } .charts h2 { margin-top: 2rem; } h3 { margin: 1.25rem 0 .2rem; }
@media print { h3 { break-after: avoid; } }
`

// What pages list of one result and of all reasons; the results have the rest.
const (
	figuresMax = 40
	pageMax    = 60
	briefMax   = 400
)

var answerClasses = map[Answer]string{Go: "good", NoGo: "bad", Undecided: "warn"}

// titles are what people call the parts.
var titles = map[PartName]string{Conformance: "Conformance", Limits: "Limits", Load: "Load",
	Capacity: "Capacity", Soak: "Soak",
	Release: "Comparison"}

// needs say what makes the result of a part that is missing.
var needs = map[PartName]string{Conformance: "mfaload check --generate --out DIR SCENARIO",
	Limits: "mfaload run --plan --format json SCENARIO >DIR/plan.json", Load: "mfaload run SCENARIO",
	Capacity: "mfaload capacity SCENARIO",
	Soak:     "mfaload capacity --soak 1h SCENARIO, or a run of 30 minutes or more",
	Release:  "mfaload run --baseline DIR SCENARIO"}

// text is what a part comes to in one line.
func (p *DossierPart) text() string {
	switch p.State {
	case Missing:
		return "no result: " + needs[p.Name]
	case LeftOut:
		return "not needed (--without " + string(p.Name) + ")"
	}
	var all []string
	for _, e := range p.Results {
		all = append(all, e.Summary)
	}
	return strings.Join(all, "; ")
}

// about says what was measured and when.
func (e *Evidence) about() string {
	parts := []string{"scenario " + e.Scenario}
	if e.Target != "" {
		parts = append(parts, e.Target)
	}
	if !e.Started.IsZero() {
		parts = append(parts, e.Started.UTC().Format("2006-01-02 15:04 UTC"))
	}
	if e.Version != "" {
		parts = append(parts, "mfaload "+e.Version)
	}
	return strings.Join(parts, ", ")
}

// link is where a file of the result is, from a page in a folder.
func (e *Evidence) link(from, file string) string {
	target := filepath.Join(filepath.FromSlash(e.Folder), filepath.FromSlash(file))
	if a, err := filepath.Abs(from); err == nil {
		if b, err := filepath.Abs(target); err == nil {
			if relative, err := filepath.Rel(a, b); err == nil {
				target = relative
			}
		}
	}
	return (&url.URL{Path: filepath.ToSlash(target)}).String()
}

// peak says which rate is needed.
func (d *Dossier) peak() string {
	if d.Peak == 0 {
		return ""
	}
	return fmt.Sprintf("%.4g/s", d.Peak)
}

// facts are about the dossier itself.
func (d *Dossier) facts() (all [][2]string) {
	if d.Peak > 0 {
		all = append(all, [2]string{"peak that has to hold", d.peak()})
	}
	return append(all, [2]string{"made", d.Made.Format("2006-01-02 15:04 UTC")},
		[2]string{"oldest result allowed", days(time.Duration(d.MaxAge * float64(time.Second)))})
}

// compared has the signs that pages have.
var compared = strings.NewReplacer("<=", "≤", ">=", "≥")

func brief(s string) g.Node { return g.Text(compared.Replace(text.Brief(s, briefMax))) }

// HTML returns the dossier as a page of its own, which needs nothing else. Links lead from a folder to the
// results.
func (d *Dossier) HTML(from string) ([]byte, error) {
	reasons, more := text.First(d.Reasons, pageMax)
	shown := g.Group{g.Map(reasons, func(s string) g.Node { return h.Li(brief(s)) }),
		g.If(more > 0, h.Li(g.Textf("and %d more", more)))}
	said := "All parts passed."
	if d.Answer != Go {
		said = "Why:"
	}
	body := g.Group{h.H1(g.Text("Is it ready for the rollout?")), g.Text("\n"),
		h.Div(h.Class("outcome "+answerClasses[d.Answer]),
			h.P(h.Class("word"), g.Text(strings.ToUpper(string(d.Answer)))), h.P(g.Text(said)),
			g.If(len(d.Reasons) > 0, h.Ul(shown))), g.Text("\n"),
		h.Dl(h.Class("tiles"), g.Map(d.facts(), func(f [2]string) g.Node {
			return h.Div(h.Dt(g.Text(f[0])), h.Dd(g.Text(f[1])))
		})), g.Text("\n"), d.table(from)}
	var parts g.Group
	for i := range d.Parts {
		parts = append(parts, d.Parts[i].html(from))
	}
	body = append(body, h.Div(h.Class("charts"), parts))
	return chart.Page("mfaload dossier: "+string(d.Answer), pageStyle, body)
}

func (d *Dossier) table(from string) g.Node {
	head := h.Tr(h.Th(h.Scope("col"), g.Text("part")),
		h.Th(h.Scope("col"), h.Class("text"), g.Text("result")),
		h.Th(h.Scope("col"), h.Class("text"), g.Text("what was found")))
	return g.Group{h.Div(h.Class("parts"), chart.Scroll("parts", head,
		g.Map(d.Parts, func(p DossierPart) g.Node {
			links := g.Map(p.Results, func(e Evidence) g.Node {
				return h.Div(h.A(h.Href(e.link(from, e.Page)), brief(e.Folder)))
			})
			return chart.Row(h.Th(h.Scope("row"), g.Text(titles[p.Name])),
				h.Td(h.Class("text "+string(p.State)), g.Text(string(p.State))),
				h.Td(h.Class("text"), brief(p.text()), links))
		}))), g.Text("\n")}
}

// html are the figures of a part; nothing where there are none.
func (p *DossierPart) html(from string) g.Node {
	if len(p.Results) == 0 {
		return nil
	}
	state := string(p.State)
	all := g.Group{h.H2(g.Text(titles[p.Name]+": "), h.Span(h.Class(state), g.Text(state))), g.Text("\n")}
	for i := range p.Results {
		e := &p.Results[i]
		reasons, _ := text.First(e.Reasons, pageMax)
		figures, more := text.First(e.Figures, figuresMax)
		all = append(all, h.H3(h.A(h.Href(e.link(from, e.Page)), brief(e.Folder))),
			h.P(h.Class("soft"), brief(e.about())), g.Text("\n"),
			g.If(e.State != Passed, h.Ul(g.Map(reasons, func(s string) g.Node { return h.Li(brief(s)) }))),
			h.Div(h.Class("figures"), chart.Scroll(string(p.Name)+" of "+e.Folder,
				g.Map(figures, func(f SourcedFigure) g.Node {
					return chart.Row(h.Th(h.Scope("row"), brief(f.Name)), h.Td(brief(f.Text)))
				}))),
			h.P(h.Class("soft"), g.If(more > 0, g.Textf("%d more figures in ", more)),
				g.If(more == 0, g.Text("These figures are from ")),
				h.A(h.Href(e.link(from, e.Source)), g.Text(e.Source)), g.Text(".")), g.Text("\n"))
	}
	return h.Section(all, g.If(len(p.Older) > 0, h.P(h.Class("soft"),
		brief("Older results of the same scenario, not counted: "+strings.Join(p.Older, ", ")))),
		g.Text("\n"))
}

// WriteFiles writes the page to a file that ends in .html, and the Markdown next to it.
func (d *Dossier) WriteFiles(file string) error {
	from := filepath.Dir(file)
	page, err := d.HTML(from)
	if err == nil {
		err = disk.Replace(file, page, 0o600)
	}
	if err == nil {
		err = disk.Replace(strings.TrimSuffix(file, ".html")+".md", d.Markdown(from), 0o600)
	}
	if err != nil {
		return fmt.Errorf("write the dossier: %w\n%s", err, text.Hint("choose another file with --out"))
	}
	return nil
}

// markdownPage is Markdown whose links lead from a folder to the results. Texts from outside are code in it,
// never markup.
type markdownPage struct {
	strings.Builder
	from string
}

func (b *markdownPage) line(format string, args ...any) { fmt.Fprintf(b, format+"\n", args...) }

func (b *markdownPage) link(e *Evidence, file string) string {
	return fmt.Sprintf("[%s](<%s>)", render.Code(file, briefMax), e.link(b.from, file))
}

// Markdown returns the dossier for a ticket or a pull request, with links from a folder.
func (d *Dossier) Markdown(from string) []byte {
	b := markdownPage{from: from}
	d.summarize(&b)
	for i := range d.Parts {
		d.Parts[i].markdown(&b)
	}
	return []byte(b.String())
}

// Summary returns the answer and the parts without their figures, in Markdown.
func (d *Dossier) Summary(from string) []byte {
	b := markdownPage{from: from}
	d.summarize(&b)
	return []byte(b.String())
}

func (d *Dossier) summarize(b *markdownPage) {
	line := b.line
	line("# Ready for the rollout? %s\n", strings.ToUpper(string(d.Answer)))
	reasons, more := text.First(d.Reasons, pageMax)
	for _, r := range reasons {
		line("- %s", render.Code(r, briefMax))
	}
	if more > 0 {
		line("- and %d more", more)
	}
	if len(d.Reasons) == 0 {
		line("All parts passed.")
	}
	line("")
	for _, f := range d.facts() {
		line("%s: %s  ", f[0], f[1])
	}
	line("\n| part | result | what was found | from |\n|:--|:--|:--|:--|")
	for _, p := range d.Parts {
		var links []string
		for i := range p.Results {
			links = append(links, render.Code(p.Results[i].Folder, briefMax)+" "+
				b.link(&p.Results[i], p.Results[i].Page))
		}
		line("| %s | %s | %s | %s |", titles[p.Name], p.State, render.Code(p.text(), briefMax),
			strings.Join(links, ", "))
	}
}

func (p *DossierPart) markdown(b *markdownPage) {
	line := b.line
	for i := range p.Results {
		e := &p.Results[i]
		line("\n## %s: %s, %s\n\n%s\n\n| figure | value |\n|:--|:--|", titles[p.Name], e.State,
			render.Code(e.Folder, briefMax), render.Code(e.about(), briefMax))
		figures, more := text.First(e.Figures, figuresMax)
		for _, f := range figures {
			line("| %s | %s |", render.Code(f.Name, briefMax), render.Code(f.Text, briefMax))
		}
		if more > 0 {
			line("\n%d more figures are in the source.", more)
		}
		line("\nFigures from %s.", b.link(e, e.Source))
	}
	if len(p.Older) > 0 {
		line("\nOlder results of the same scenario, not counted: %s",
			render.Code(strings.Join(p.Older, ", "), briefMax))
	}
}
