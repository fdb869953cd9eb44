package report

import (
	"fmt"
	"strings"

	"mfaload/measure"
)

// noValidToken is how requests are named that were not sent for want of a token.
const noValidToken = "no valid token"

// tokenRemarks say why the service probably refused the token in the middle of
// a run: what it refused from the start is no surprise, and looks the same.
func tokenRemarks(p *measure.Phase, from TokenSource) (remarks []string) {
	var refused, unsent uint64
	for _, c := range p.Cells {
		switch {
		case c.Failed && c.Label == noValidToken:
			unsent += c.Response.Count()
		case !c.Failed && (c.Label == "401" || strings.HasPrefix(c.Label, "401 ")):
			refused += c.Response.Count() - c.AsExpected
		}
	}
	if refused > 0 {
		cause := "it may have expired, or be of another environment; PingOne's tokens live for an hour, and clientCredentials renew them"
		switch from {
		case RenewedToken:
			cause = "it was renewed in time, so it was probably revoked, or the application has no role in this environment"
		case FileToken:
			cause = "what keeps accessTokenFile fresh may have stopped, or the token is of another environment"
		}
		remarks = append(remarks, fmt.Sprintf("%s answers were 401, the access token refused: %s", count(refused), cause))
	}
	if unsent > 0 {
		remarks = append(remarks, fmt.Sprintf("%s requests were not sent because the access token had expired and the token endpoint gave no new one", count(unsent)))
	}
	return remarks
}
