package users

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

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

// Whole files whose lines end as those of no system do today.
const (
	loneCR       = "the lines end in CR alone"
	loneCRRemedy = "save the file with line ends LF or CRLF"
)

// separator is the line that tells a spreadsheet which separator a file has.
var separator = regexp.MustCompile(`(?i)^"?sep=(.?)"?[,;\t]*$`)

// aliases are what people and exports call the columns.
var aliases = map[string]string{
	"userid": columnUser, "userids": columnUser, "id": columnUser, "ids": columnUser, "user": columnUser,
	"uuid": columnUser, "guid": columnUser,
	"useruuid": columnUser, "pingoneuserid": columnUser, "pingoneid": columnUser,
	"expect": columnExpect, "expected": columnExpect, "status": columnExpect, "policy": columnPolicy,
	"policyid": columnPolicy,
}

// meant is the column that a name means, "" for none.
func meant(name string) string {
	plain := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
	return aliases[plain]
}

var plainHyphens = strings.NewReplacer("\u2010", "-", "\u2011", "-", "\u2012", "-", "\u2013", "-",
	"\u2014", "-", "\u2212", "-")

func invisible(r rune) bool { return unicode.Is(unicode.Cf, r) || r == 0 }

// malformed says what is wrong with an ID, and what to do about it.
func malformed(id []byte) (text, remedy string) {
	const noID = "is not an ID: 36 characters, 8-4-4-4-12 hexadecimal digits"
	remedy = "write an ID such as " + exampleID
	whole := string(id)
	if strings.ContainsRune(whole, '\r') {
		return "has a CR in it", "save the file with line ends LF or CRLF"
	}
	sound := func(text string) bool { _, ok := ParseID(text); return ok }
	seen := strings.Map(func(r rune) rune {
		if invisible(r) {
			return -1
		}
		return r
	}, whole)
	bare := strings.Trim(seen, " \t\u00a0\u202f\u2007'\"`{}()<>[]=;\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb")
	switch {
	case len(strings.TrimSpace(whole)) == idLength && len(whole) > idLength:
		return "has spaces around it", "remove them"
	case seen != whole && sound(strings.TrimSpace(seen)):
		return "has invisible characters in it", "remove them, or write the ID again"
	case sound(bare):
		return "has other characters around it", "remove them: write " + fmt.Sprintf("%q", bare)
	case sound(plainHyphens.Replace(bare)):
		return "has hyphens of a word processor", "write plain ones: " + plainHyphens.Replace(bare)
	case len(bare) == 32 && sound(bare[:8]+"-"+bare[8:12]+"-"+bare[12:16]+"-"+bare[16:20]+"-"+bare[20:]):
		return "has no hyphens", "write them: 8-4-4-4-12 hexadecimal digits"
	}
	return noID, remedy
}
