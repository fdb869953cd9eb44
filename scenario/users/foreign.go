package users

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

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
	bare := strings.Trim(seen,
		" \t\u00a0\u202f\u2007'\"`{}()<>[]=;\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb")
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
