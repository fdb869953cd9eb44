package report

import (
	"fmt"
	"strings"
)

// Curl returns a command line that repeats a request. It names the token's
// variable, never the token. The body is as it is given: masked, where it holds
// personal data. What is too long to be shown is named instead.
func Curl(method, url, body string) string {
	if url == "" {
		return ""
	}
	if len(body) > maxCurlBody {
		body = fmt.Sprintf("<%d bytes: see measurement.json.gz>", len(body))
	}
	if len(url) > maxCurlURL {
		url = fmt.Sprintf("<%d bytes: see measurement.json.gz>", len(url))
	}
	return "curl -sS -i -X " + method +
		` -H "Authorization: Bearer $PINGONE_ACCESS_TOKEN" -H 'Content-Type: application/json' --data ` +
		quote(body) + " " + quote(url)
}

// quote quotes a word for a POSIX shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
