package report

import (
	"fmt"
	"strings"

	"mfaload/measure"
)

// tokenRemarks say why the service probably refused the token in the middle of
// a run: what it refused from the start is no surprise, and looks the same.
func tokenRemarks(p *measure.Phase, from TokenSource) (remarks []string) {
	var refused uint64
	for _, c := range p.Cells {
		if !c.Failed && (c.Label == "401" || strings.HasPrefix(c.Label, "401 ")) {
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
	return remarks
}
