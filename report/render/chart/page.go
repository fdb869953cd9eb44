package chart

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html"

	g "maragu.dev/gomponents"
)

//go:embed style.css
var style string

//go:embed script.js
var script string

// Page returns a whole page: one file that needs nothing else, and whose policy
// lets the browser load nothing else. The body is what stands in it, css what
// its own parts look like beyond headings, tables and charts.
func Page(title, css string, body ...g.Node) ([]byte, error) {
	var b bytes.Buffer
	hash := sha256.Sum256([]byte(script))
	fmt.Fprintf(&b, `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-%s'; base-uri 'none'; form-action 'none'">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>%s</title>
<style>
%s%s</style>
</head>
<body>
<main>
`, base64.StdEncoding.EncodeToString(hash[:]), html.EscapeString(title), style, css)
	if err := g.Group(body).Render(&b); err != nil {
		return nil, err
	}
	fmt.Fprintf(&b, "\n</main>\n<script>%s</script>\n</body>\n</html>\n", script)
	return b.Bytes(), nil
}
