package charttest

import (
	"bytes"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// PageText is what a page says without a script, as a reader of its source finds it.
type PageText struct {
	// Tables have the rows of tables without their heads, by the labels of the tables.
	Tables map[string][][]string
	// Facts are the texts of terms that have a description.
	Facts map[string]string
	// Text is all of it, with a space between two elements.
	Text string
}

// Read reads a page.
func Read(t *testing.T, page []byte) *PageText {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	p := &PageText{Tables: map[string][][]string{}, Facts: map[string]string{}, Text: textOf(root)}
	term := ""
	for n := range root.Descendants() {
		switch label := attribute(n, "aria-label"); {
		case n.Data == "div" && attribute(n, "role") == "region" && label != "":
			p.Tables[label] = rowsOf(n)
		case n.Type == html.ElementNode && n.Data == "dt":
			term = textOf(n)
		case n.Type == html.ElementNode && n.Data == "dd":
			p.Facts[term] = textOf(n)
		}
	}
	return p
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// rowsOf are the rows of a table that have a cell of data.
func rowsOf(table *html.Node) (rows [][]string) {
	for n := range table.Descendants() {
		if n.Type != html.ElementNode || n.Data != "tr" {
			continue
		}
		var row []string
		data := false
		for cell := range n.ChildNodes() {
			if cell.Data == "td" || cell.Data == "th" {
				row = append(row, textOf(cell))
				data = data || cell.Data == "td"
			}
		}
		if data {
			rows = append(rows, row)
		}
	}
	return rows
}

// textOf is the text of an element, without styles and scripts.
func textOf(n *html.Node) string {
	var words []string
	for d := range n.Descendants() {
		if d.Type == html.TextNode && d.Parent.Data != "style" && d.Parent.Data != "script" {
			words = append(words, strings.Fields(d.Data)...)
		}
	}
	return strings.Join(words, " ")
}
