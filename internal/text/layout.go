package text

import (
	"regexp"
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

// Widths are those of a table's columns, without colours and rows of one cell.
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

// TableWidth is how wide the lines of a [Table] are that has room.
func TableWidth(rows [][]string) (columns int) {
	for i, w := range Widths(rows) {
		columns += w
		if i > 0 {
			columns += 2
		}
	}
	return columns
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

func width(s string) int {
	if strings.Contains(s, "\x1b") {
		s = sgr.ReplaceAllString(s, "")
	}
	return utf8.RuneCountInString(s)
}

// gapped is a word with the spaces before it.
var gapped = regexp.MustCompile(`( *)([^ ]+)`)

// Wrap breaks lines that are wider than so many columns at their spaces. The rest of a line goes on
// below it, indented by two columns more. Words stay whole, and so does a column of a table (what comes
// after two spaces) in the right half, if a line has room for it; 0 columns break nothing.
func Wrap(s string, columns int) string {
	if columns <= 0 {
		return s
	}
	var b strings.Builder
	for line := range strings.Lines(s) {
		line, ended := strings.CutSuffix(line, "\n")
		b.WriteString(wrapLine(line, columns))
		if ended {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func wrapLine(line string, columns int) string {
	if width(line) <= columns {
		return line
	}
	rest := strings.TrimLeft(line, " ")
	indent := line[:len(line)-len(rest)]
	below := "\n" + indent[:min(len(indent), columns/2)] + "  "
	var b strings.Builder
	b.WriteString(indent)
	used := len(indent)
	words := gapped.FindAllStringSubmatch(rest, -1)
	for i, match := range words {
		gap, word := match[1], match[2]
		n := width(word)
		fits := used+len(gap)+n <= columns
		if len(gap) > 1 && used > columns/2 {
			cell := cellWidth(words[i:])
			fits = fits && (used+len(gap)+cell <= columns || len(below)-1+cell > columns)
		}
		if i == 0 || fits {
			b.WriteString(gap + word)
			used += len(gap) + n
		} else {
			b.WriteString(below + word)
			used = len(below) - 1 + n
		}
	}
	return b.String()
}

// cellWidth is how wide the first words are, up to a gap of two spaces.
func cellWidth(words [][]string) int {
	n := width(words[0][2])
	for _, match := range words[1:] {
		if len(match[1]) > 1 {
			break
		}
		n += len(match[1]) + width(match[2])
	}
	return n
}

// minFirst is how many columns the first column of a [Table] has at least, where its texts are longer.
const minFirst = 12

// Table returns the lines of a table with its columns aligned as [Align] does. The columns that are
// beyond a width go on below, with the first column again. A text of the first column that leaves no
// room for the others has a line of its own. 0 columns are as many as it takes.
func Table(rows [][]string, columns int, left ...int) (lines []string) {
	rows = clone(rows)
	others := 0
	if widths := Widths(rows); len(widths) > 1 {
		for _, w := range widths[1:] {
			others += 2 + w
		}
		if room := max(columns-others, columns/3, minFirst); columns > 0 && widths[0] > room {
			rows = besides(rows, room)
		}
	}
	widths := Align(rows, left...)
	for from := 1; from == 1 || from < len(widths); {
		to, used := from, 0
		if len(widths) > 0 {
			used = widths[0]
		}
		for to < len(widths) && (to == from || columns <= 0 || used+2+widths[to] <= columns) {
			used += 2 + widths[to]
			to++
		}
		for i, row := range rows {
			named := len(row) == 1 && i+1 < len(rows) && strings.TrimSpace(rows[i+1][0]) == ""
			if from == 1 || len(row) > from || named { // else it ended above
				cells := append([]string{row[0]}, row[min(from, len(row)):min(to, len(row))]...)
				lines = append(lines, strings.TrimRight(strings.Join(cells, "  "), " "))
			}
		}
		from = max(to, 2)
	}
	return lines
}

func clone(rows [][]string) [][]string {
	rows = slices.Clone(rows)
	for i := range rows {
		rows[i] = slices.Clone(rows[i])
	}
	return rows
}

// besides gives texts of the first column that are wider than so many columns a row of their own.
func besides(rows [][]string, room int) (all [][]string) {
	for _, row := range rows {
		if len(row) > 1 && width(row[0]) > room {
			all = append(all, row[:1:1])
			row = append([]string{""}, row[1:]...)
		}
		all = append(all, row)
	}
	return all
}
