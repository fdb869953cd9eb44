package chart

import (
	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"
)

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
