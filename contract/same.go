package contract

import "strings"

// idLength is how long an ID is.
const idLength = 36

// SameText says whether two texts are the same, where the IDs in them compare
// without regard to case.
func SameText(a, b string) bool {
	return a == b || len(a) == len(b) && sameButIDs(a, b)
}

func sameButIDs(a, b string) bool {
	end := 0 // of the last ID that both have at one place
	for i := range len(a) {
		if a[i] == b[i] {
			continue
		}
		if a[i]|0x20 != b[i]|0x20 {
			return false
		}
		if i >= end {
			if end = idEnd(a, b, i); end == 0 {
				return false
			}
		}
	}
	return true
}

// idEnd is where the ID around a place ends that both texts have there; 0 for
// none.
func idEnd(a, b string, at int) int {
	for start := max(at-idLength+1, 0); start <= at && start+idLength <= len(a); start++ {
		if isID(a[start:start+idLength]) && isID(b[start:start+idLength]) {
			return start + idLength
		}
	}
	return 0
}

// foldID is a text by which IDs compare without regard to case: an ID in lower
// case, any other text as it is.
func foldID(s string) string {
	if !isID(s) {
		return s
	}
	return strings.ToLower(s)
}
