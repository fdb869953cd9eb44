package form

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"mfaload/internal/yamldoc"
)

// Limits of a file, so that no text takes long to read.
const (
	MaxFile   = 16 << 20 // bytes
	maxNodes  = 5e5      // values, those behind aliases counted each time
	maxAlias  = 1e5      // values behind aliases
	maxDepth  = 64       // mappings and lists within one another
	maxSearch = 1 << 20  // bytes of a file in which a syntax error is searched for
)

// Load reads the one document of a file. It returns nil for an empty one.
func (d *Decoder) Load(data []byte) *Node {
	if len(data) > MaxFile {
		d.FailAt(1, 1, fmt.Sprintf("the file has more than %d MiB", MaxFile>>20), d.policy.Split)
		return nil
	}
	data = yamldoc.Plain(data)
	if text, remedy := Foreign(data[:min(len(data), 64)]); text != "" {
		d.FailAt(1, 1, text, remedy)
		return nil
	}
	if line, column, ok := invalidUTF8(data); ok {
		d.FailAt(line, column, "the file is not UTF-8", "save it as UTF-8")
		return nil
	}
	if document := jsonDocument(data); document != nil {
		root := d.build(document, nil, "", 0)
		if d.halted {
			return nil
		}
		return root
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	first, err := yamldoc.Next(decoder)
	switch {
	case errors.Is(err, io.EOF):
		d.FailAt(1, 1, "the file is empty", d.policy.Empty)
		return nil
	case err != nil:
		d.syntax(data, err)
		return nil
	}
	root := d.build(first.Content[0], nil, "", 0)
	if d.halted {
		return nil
	}
	if second, err := yamldoc.Next(decoder); err == nil {
		d.FailAt(second.Line, second.Column, "a second YAML document starts here",
			"keep one document in a file")
	} else if !errors.Is(err, io.EOF) {
		d.syntax(data, err)
	}
	return root
}

func invalidUTF8(data []byte) (line, column int, found bool) {
	if utf8.Valid(data) {
		return 0, 0, false
	}
	line, column = 1, 1
	for {
		r, size := utf8.DecodeRune(data)
		switch {
		case r == utf8.RuneError && size <= 1:
			return line, column, true
		case r == '\n':
			line, column = line+1, 1
		default:
			column++
		}
		data = data[size:]
	}
}

// remedies are what can be done about messages of the YAML library.
var remedies = []struct{ message, remedy string }{
	{"mapping values are not allowed", "put a text that holds ': ' in quotes, or fix the indentation"},
	{"did not find expected key", "fix the indentation, or a quote or bracket before it"},
	{"did not find expected '-'", "indent the list's items alike, each with '- ' in front"},
	{"could not find expected ':'", "write a ':' and a space after the key"},
	{"did not find expected ',' or", "put a comma between the entries, and close the bracket"},
	{"found unexpected end of stream", "close the quote"},
	{"cannot start any token", "put a text that starts with a special character in quotes"},
	{"tab", "indent with spaces"},
	{"unknown anchor", "define it before with &, or put a text that starts with * in quotes"},
	{"control characters", "remove the character that can't be printed"},
	{"incompatible YAML document", "write %YAML 1.2, or remove the line"},
	{"found invalid Unicode character",
		`write the character itself, or both halves of the pair: \ud83d\ude00`},
	{"escape", "double the backslash, or use single quotes"},
}

var (
	yamlPlace  = regexp.MustCompile(`^(?:yaml: )?(?:line ([0-9]+): )?`)
	yamlQuoted = regexp.MustCompile(`unknown anchor '.*' referenced`)
)

// syntax reports an error of the YAML library. Its messages hold no text of
// the file but the names of anchors, which are left out: a token that starts
// with an asterisk looks like one.
func (d *Decoder) syntax(data []byte, err error) {
	message := strings.ReplaceAll(err.Error(), "\n", " ")
	place := yamlPlace.FindStringSubmatch(message)
	message = yamlQuoted.ReplaceAllString(message[len(place[0]):], "unknown anchor")
	line, _ := strconv.Atoi(place[1])
	lines := bytes.SplitAfter(data, []byte("\n"))
	if len(data) <= maxSearch {
		line = brokenLine(lines, yamlPlace.ReplaceAllString(err.Error(), ""))
	}
	line = min(max(line, 1), len(lines))
	text := string(lines[line-1])
	indent := text[:len(text)-len(strings.TrimLeft(text, " \t"))]
	column, remedy := len(indent)+1, "fix the YAML there"
	for _, r := range remedies {
		if strings.Contains(message, r.message) {
			remedy = r.remedy
			break
		}
	}
	if strings.Contains(text, "${") && strings.Contains(message, "expected") {
		remedy = "put ${VAR} in quotes where it stands in braces or brackets"
	}
	if better := typedRemedy(text); better != "" {
		remedy = better
	}
	if tab := strings.IndexByte(indent, '\t'); tab >= 0 {
		column, remedy = tab+1, "indent with spaces, not with tabs"
	}
	d.FailAt(line, column, "not YAML: "+message, remedy)
}

const dashRemedy = "write the items of a list with a hyphen: '- '"

var (
	bareIPv6    = regexp.MustCompile(`(?:^|[\s,\[{(/@])\[?(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f.]{0,15}\]?`)
	quotedTexts = regexp.MustCompile(`"[^"]*"|'[^']*'`)
	foreignDash = regexp.MustCompile(`^\s*[\x{2010}-\x{2015}\x{2212}\x{2022}*]\s`)
)

// typedRemedy is what to do about a line whose characters are the cause: what
// browsers and word processors put there, and addresses with colons.
func typedRemedy(line string) string {
	bare := quotedTexts.ReplaceAllString(line, "")
	switch {
	case strings.ContainsAny(line, "\u00a0\u2007\u202f\u3000"):
		return "replace the no-break space of this line by a plain one"
	case strings.ContainsAny(line, "\u200b\u2060\ufeff"):
		return "remove the invisible character of this line"
	case strings.ContainsAny(bare, "\u2018\u2019\u201a\u201c\u201d\u201e"):
		return `write straight quotes: "`
	case foreignDash.MatchString(line):
		return dashRemedy
	case bareIPv6.MatchString(bare):
		return `put the IPv6 address in quotes, such as "::1" or "[::1]:8443"`
	}
	return ""
}

// brokenLine finds the line up to which a text must be read to get a message.
// The library's line is that of the mapping or list around it, and one off.
func brokenLine(lines [][]byte, message string) int {
	return 1 + sort.Search(len(lines)-1, func(i int) bool {
		decoder := yaml.NewDecoder(bytes.NewReader(bytes.Join(lines[:i+1], nil)))
		for {
			var ignored yaml.Node
			if err := decoder.Decode(&ignored); err != nil {
				return yamlPlace.ReplaceAllString(err.Error(), "") == message
			}
		}
	})
}

// foreign are the beginnings of files that people pass for text.
var foreign = []struct{ start, text, remedy string }{
	{"\x1f\x8b", "the file is compressed with gzip", "unpack it first, with gunzip"},
	{"BZh91AY", "the file is compressed with bzip2", "unpack it first, with bunzip2"},
	{"\xfd7zXZ\x00", "the file is compressed with xz", "unpack it first, with unxz"},
	{"\x28\xb5\x2f\xfd", "the file is compressed with zstd", "unpack it first, with unzstd"},
	{"PK\x03\x04", "the file is a spreadsheet (.xlsx) or a zip archive",
		"save the sheet as CSV UTF-8, or unpack the archive"},
	{"\xd0\xcf\x11\xe0", "the file is a spreadsheet (.xls)", "save the sheet as CSV UTF-8"},
	{"PAR1", "the file is Parquet", "export it as CSV or NDJSON"},
	{"%PDF-", "the file is a PDF", "export the text"},
	{"\xff\xfe\x00\x00", "the file is UTF-32", "save it as UTF-8"},
	{"\x00\x00\xfe\xff", "the file is UTF-32", "save it as UTF-8"},
	{"\xff\xfe", "the file is UTF-16", "save it as UTF-8"},
	{"\xfe\xff", "the file is UTF-16", "save it as UTF-8"},
	{"{\\rtf", "the file is a text of a word processor (RTF)", "save it as plain text"},
	{"<!", "the file is HTML or XML", "download or export the text itself"},
	{"<?", "the file is HTML or XML", "download or export the text itself"},
	{"<html", "the file is HTML or XML", "download or export the text itself"},
	{"-----BEGIN ", "the file is a key or a certificate (PEM)", "name another file"},
}

// Foreign says what a file is whose first bytes are no text that mfaload reads, and
// what to do about it; two empty texts of any other.
func Foreign(start []byte) (text, remedy string) {
	start = bytes.TrimLeft(start, " \t\r\n")
	for _, f := range foreign {
		if bytes.HasPrefix(start, []byte(f.start)) {
			return f.text, f.remedy
		}
	}
	if len(start) >= 4 && (start[1] == 0 && start[3] == 0 || start[0] == 0 && start[2] == 0) {
		return "the file is UTF-16 without a byte-order mark", "save it as UTF-8"
	}
	return "", ""
}
