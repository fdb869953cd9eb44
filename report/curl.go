package report

import (
	"strings"

	"mfaload/measure"
)

// curl returns a command line that repeats a request. It names the token's
// variable, never the token; personal data in the body is masked.
func curl(e measure.Example) string {
	if e.URL == "" {
		return ""
	}
	return "curl -sS -i -X " + e.Method + ` -H "Authorization: Bearer $PINGONE_ACCESS_TOKEN" -H 'Content-Type: application/json' --data ` +
		quote(e.Body) + " " + quote(e.URL)
}

// quote quotes a word for a POSIX shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
