package text

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Colours and the like of [Paint].
const (
	Bold   = "1"
	Faint  = "2"
	Red    = "31"
	Green  = "32"
	Yellow = "33"
)

// Paint colours a text where colours are shown. The code is that of an SGR sequence;
// several are joined by semicolons.
func Paint(color bool, code, s string) string {
	if !color {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// Widths are those of a table's columns. Colours take no room, nor does a row of one
// cell.
func Widths(rows [][]string) (widths []int) {
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			if len(row) > 1 {
				widths[i] = max(widths[i], width(cell))
			}
		}
	}
	return widths
}

// Align pads the cells of a table, in place, to the [Widths] that it returns: cells of
// the columns in left begin at the same place, those of the others end there. A last
// cell that is to the left is not padded.
func Align(rows [][]string, left ...int) (widths []int) {
	widths = Widths(rows)
	for _, row := range rows {
		for i, cell := range row {
			pad := strings.Repeat(" ", max(widths[i]-width(cell), 0))
			switch {
			case !slices.Contains(left, i):
				row[i] = pad + cell
			case i < len(row)-1:
				row[i] = cell + pad
			}
		}
	}
	return widths
}

// width is how many columns of a terminal a text takes.
func width(s string) int {
	if strings.Contains(s, "\x1b") {
		s = sgr.ReplaceAllString(s, "")
	}
	return utf8.RuneCountInString(s)
}
