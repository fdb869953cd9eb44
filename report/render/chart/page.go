package chart

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"
)

//go:embed style.css
var style string

// Style returns the style sheet of every page, for one that is not made by [Page].
func Style() string { return style }

//go:embed script.js
var script string

// Page returns a whole page: one file that needs nothing else, and whose policy
// lets the browser load nothing else. The body is what stands in it, css what
// its own parts look like beyond headings, tables and charts.
func Page(title, css string, body ...g.Node) ([]byte, error) {
	var b bytes.Buffer
	hash := sha256.Sum256([]byte(script))
	fmt.Fprintf(&b, `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-%s'; base-uri 'none'; form-action 'none'">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>%s</title>
<style>
%s%s</style>
</head>
<body>
<main>
`, base64.StdEncoding.EncodeToString(hash[:]), html.EscapeString(title), style, css)
	if err := g.Group(body).Render(&b); err != nil {
		return nil, err
	}
	fmt.Fprintf(&b, "\n</main>\n<script>%s</script>\n</body>\n</html>\n", script)
	return b.Bytes(), nil
}

// Scroll returns a table that scrolls by itself where it is wider than the
// page. The label says what it is to those who can't see it.
func Scroll(label string, children ...g.Node) g.Node {
	return h.Div(h.Class("scroll"), h.TabIndex("0"), h.Role("region"), h.Aria("label", label),
		h.Table(children...))
}

// Head returns the row of a table that names its columns.
func Head(columns ...string) g.Node {
	return h.Tr(g.Map(columns, func(text string) g.Node { return h.Th(h.Scope("col"), g.Text(text)) }))
}

// Row returns a row of a table, on a line of its own.
func Row(children ...g.Node) g.Node {
	return g.Group{h.Tr(children...), g.Text("\n")}
}

// Texts returns texts as cells of a row.
func Texts(texts ...string) g.Node {
	return g.Map(texts, func(text string) g.Node { return h.Td(g.Text(text)) })
}

// List returns texts as a list, and nothing where there are none.
func List(texts []string) g.Node {
	if len(texts) == 0 {
		return nil
	}
	return h.Ul(g.Map(texts, func(text string) g.Node { return h.Li(g.Text(text)) }))
}

// PageSection is a part of a page with a title of its own.
type PageSection struct {
	ID, Title string
	Body      g.Node
}

// Sections returns a table of contents and the sections that have a body.
func Sections(all ...PageSection) g.Node {
	var entries, sections g.Group
	for _, s := range all {
		if s.Body == nil {
			continue
		}
		link := h.A(h.Href("#"+s.ID), g.Text(s.Title))
		entries = append(entries, h.Li(link))
		sections = append(sections, h.Section(h.ID(s.ID), h.H2(link), s.Body), g.Text("\n"))
	}
	contents := h.Nav(h.Class("contents"), h.Aria("label", "contents"), h.Ul(entries))
	return g.Group{contents, g.Text("\n"), sections}
}

// maxChoices is how many names a [Chooser] has at most: so many has the style sheet.
const maxChoices = 8

// Chooser returns radio buttons, of which the reader picks one: see [Chart.Choices]. A
// page has one at most, with at most 8 names.
func Chooser(label string, names []string, chosen int) g.Node {
	var buttons g.Group
	for i, name := range names[:min(len(names), maxChoices)] {
		id := fmt.Sprintf("choice-%d", i)
		buttons = append(buttons, h.Label(h.Input(h.Type("radio"), h.Name("choice"), h.ID(id),
			g.If(i == chosen, h.Checked())), g.Text(name)))
	}
	return g.Group{h.FieldSet(h.Class("chooser"), h.Legend(g.Text(label)), buttons), g.Text("\n")}
}
