package report

import "strings"

// didNotStart judges a run that sent nothing, so that no threshold, rule or group
// is shown as if there were something to judge.
func (r *Report) didNotStart(why string) *Report {
	why = strings.TrimPrefix(strings.Join(strings.Fields(why), " "), "not started: ")
	r.NotStarted, r.Verdict = why, Inconclusive
	r.Reasons = []string{"not started: " + why, "nothing was sent, so the run says nothing about the service"}
	r.Coverage, r.RateLimit = []Coverage{}, nil
	return r
}
