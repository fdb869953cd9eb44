package report

import (
	"fmt"
	"strings"
	"time"

	"mfaload/internal/number"
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
		cause := "it may have expired, or be of another environment; PingOne's tokens live for an hour, " +
			"and clientCredentials renew them"
		switch from {
		case RenewedToken:
			cause = "it was renewed in time, so it was probably revoked, or the application has no role in " +
				"this environment"
		case FileToken:
			cause = "what keeps accessTokenFile fresh may have stopped, or the token is of another " +
				"environment"
		}
		remarks = append(remarks, fmt.Sprintf("%s answers were 401, the access token refused: %s",
			number.Count(refused), cause))
	}
	return remarks
}

// tokenEnding says that the planned run was longer than its token's life.
func (j *assessment) tokenEnding() []string {
	if j.tokenEnds == nil {
		return nil
	}
	m := j.measurement
	end := m.Started.Add(m.Main.Start + m.Main.Planned)
	if !j.tokenEnds.Before(end) {
		return nil
	}
	before := end.Sub(*j.tokenEnds).Round(time.Second)
	who := "accessToken"
	if j.token == FileToken {
		who = "the token that accessTokenFile held at the start"
	}
	return []string{fmt.Sprintf("%s ended at %s, %v before the planned end of the run: the service may "+
		"have refused requests after that; use clientCredentials, which renew it",
		who, j.tokenEnds.Format(time.RFC3339), before)}
}
