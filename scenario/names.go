package scenario

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"mfaload/scenario/form"
)

const namePattern = `[A-Za-z0-9][A-Za-z0-9._-]*`

var nameText = form.Matching("a name", "of letters, digits, '.', '_' and '-' that starts with a letter or digit", namePattern, 100,
	"is not a name of letters, digits, '.', '_' and '-'")

// idPattern is the form of the platform's IDs. It is wider than that of RFC
// 4122: the documentation's own example of a policy's ID is none by that.
const idPattern = `[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}`

const exampleID = "788d4931-6936-43f2-82ff-178f5762298a"

var idText = form.Matching("an ID", "such as "+exampleID, idPattern, 36,
	"is not an ID: 36 characters, 8-4-4-4-12 hexadecimal digits")

// word is a word of the service in upper case. Documentation calls its lists
// common, so others are taken too, but not those that look mistyped.
func word(noun, example string, known []string) form.Form[string] {
	return form.Text(noun, "such as "+example, wordPattern, func(text string) (string, *form.Flaw) { return parseWord(text, noun, known) })
}

const wordPattern = `[A-Z][A-Z0-9]*(?:_[A-Z][A-Z0-9]*)*`

var upperCaseWord = regexp.MustCompile("^" + wordPattern + "$")

func parseWord(text, noun string, known []string) (string, *form.Flaw) {
	if slices.Contains(known, text) {
		return text, nil
	}
	best := form.Nearest(text, known)
	switch {
	case best != "" && form.Distance(strings.ToUpper(text), best) <= 2:
		return "", form.NewFlaw("is unknown", fmt.Sprintf("did you mean %q?", best))
	case !upperCaseWord.MatchString(text):
		return "", &form.Flaw{Reason: "is not " + noun + ": upper-case words joined by _"}
	}
	return text, nil
}

var seed = form.Whole[uint64](0, math.MaxUint64)
