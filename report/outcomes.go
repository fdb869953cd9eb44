package report

import (
	"fmt"
	"strings"
	"time"

	"mfaload/internal/number"
	"mfaload/measure"
)

// outcomeRemarks say which arrivals were not served, and what times that means.
func (s *sum) outcomeRemarks() (remarks []string) {
	if o := s.outcomes["refused"]; o != nil {
		n, meaning := o.response.Count(), "times are those of the others"
		if s.judged[0].Count() == 0 {
			meaning = "nothing was served, so there are no times"
		}
		remarks = append(remarks, fmt.Sprintf(
			"%s of %s requests were refused (429, 503 with Retry-After, connection refused; p50 %s ms): %s",
			number.Count(n), number.Count(s.Sent()), number.Fixed(Milliseconds(o.service.Percentile(50))),
			meaning))
	}
	unsent, unserved := s.NeverSent(), s.judged[0].Unserved()
	if unserved == 0 {
		return remarks
	}
	var of []string
	if failed := unserved - unsent; failed > 0 {
		of = append(of, number.Count(failed)+" failed")
	}
	if unsent > 0 {
		of = append(of, number.Count(unsent)+" unsent")
	}
	return append(remarks, fmt.Sprintf("%s arrivals were never served (%s): they count as slower than any "+
		"limit, and times that are theirs are lower bounds (≥)",
		number.Count(unserved), strings.Join(of, ", ")))
}

// connectionRemarks say that the scenario's number of connections held requests back.
func (j *assessment) connectionRemarks() (remarks []string) {
	c := j.report.Connections
	if c.Waited == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s requests waited for a connection (p99 %s ms, max %s ms), because "+
		"target.connections allows no more: the wait is in their response time, not in their service time; "+
		"raise target.connections to send them at once", number.Count(c.Waited), number.Fixed(c.Waits.P99),
		number.Fixed(c.Waits.Max))}
}

// ProtocolNames are those that were spoken, for people: "HTTP/2", or "HTTP/2 on 4 connections, HTTP/1.1 on
// 2"; empty if it is not known.
func ProtocolNames(protocols map[string]uint64) string {
	var names []string
	for _, p := range []struct{ key, name string }{{measure.HTTP2, "HTTP/2"}, {measure.HTTP1, "HTTP/1.1"}} {
		n := protocols[p.key]
		switch {
		case n > 0 && len(protocols) > 1:
			names = append(names, fmt.Sprintf("%s on %s connections", p.name, number.Count(n)))
		case n > 0:
			names = append(names, p.name)
		}
	}
	return strings.Join(names, ", ")
}

func (s *sum) idleRemarks() (remarks []string) {
	if n := s.errors[measure.IdleClosed]; n > 0 {
		remarks = append(remarks, fmt.Sprintf("%s requests met an idle connection that the service was just "+
			"closing; it cannot have received them, so they count in no errorRate, and none was sent "+
			"twice: its "+
			"keep-alive time is about as long as connections were idle here", number.Count(n)))
	}
	if n := s.errors[measure.NotProcessed]; n > 0 {
		remarks = append(remarks, fmt.Sprintf("the service said of %s requests that it did not process them "+
			"(HTTP/2: GOAWAY or REFUSED_STREAM); they count in no errorRate, and none was sent twice: check "+
			"how often it closes connections, and whether it refuses load", number.Count(n)))
	}
	return remarks
}

// StallFactor is how many times the median a request of a stall takes.
const StallFactor = 3

// Stalled says whether the service stood still in a second: half of so many requests
// that it did not refuse, and not just one or two, took longer than StallFactor times
// the median.
func Stalled(requests, slow uint64) bool { return requests >= 5 && 2*slow >= requests }

func users(m *measure.Measurement, group int) *Users {
	if len(m.Users) == 0 {
		return nil
	}
	from := m.Users[group]
	u := &Users{Count: from.Users, Order: from.Order, Exhausted: from.Exhausted,
		PerUser: number.Round(from.PerUser.Seconds()), MaxPerUser: from.MaxPerUser, Turns: from.Turns}
	if from.Exhausted == "wrap" && from.Turns > 0 && from.Users > 0 {
		u.Wrapped = (from.Turns - 1) / from.Users
	}
	if from.RanOut != nil {
		at := number.Round(from.RanOut.Seconds())
		u.RanOut = &at
	}
	return u
}

func (j *assessment) userRemarks() (remarks []string) {
	for i := range j.report.Groups {
		g := &j.report.Groups[i]
		if n := g.Withheld[measure.RanOut]; n > 0 && g.Users != nil {
			remarks = append(remarks, fmt.Sprintf("group %s: its %s users ran out %s s into the schedule; "+
				"%s arrivals after that had none and were not sent",
				g.Name, number.Count(g.Users.Count), number.Significant(*g.Users.RanOut), number.Count(n)))
		}
		if n := g.Withheld[measure.TooSoon]; n > 0 && g.Users != nil {
			remarks = append(remarks, fmt.Sprintf("group %s: %s arrivals were not sent because each of its "+
				"%s users had a request within the last %s s (perUser); it needs more users or a lower rate",
				g.Name, number.Count(n), number.Count(g.Users.Count), number.Plain(g.Users.PerUser)))
		}
		if n := g.Withheld[measure.Capped]; n > 0 && g.Users != nil {
			remarks = append(remarks, fmt.Sprintf("group %s: %s arrivals were not sent because each of its "+
				"%s users had as many requests as maxPerUser allows (%s a day); it needs more users or "+
				"fewer requests",
				g.Name, number.Count(n), number.Count(g.Users.Count), number.Count(g.Users.MaxPerUser)))
		}
		if n := g.Withheld[measure.Unreadable]; n > 0 {
			remarks = append(remarks, fmt.Sprintf("group %s: %s arrivals were not sent because the "+
				"temporary file of users could not be read: check the disk", g.Name, number.Count(n)))
		}
	}
	if n := j.report.NoUsers; n > 0 {
		remarks = append(remarks, fmt.Sprintf("all users ran out: the run ended %s s into its schedule, "+
			"and %s further arrivals of it are not counted",
			number.Plain((j.measurement.Main.Start+j.measurement.Main.Planned).Seconds()), number.Count(n)))
	}
	return remarks
}

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
		remarks = append(remarks, fmt.Sprintf("%s responses were 401: the service refused the access "+
			"token: %s",
			number.Count(refused), cause))
	}
	return remarks
}

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
	command := "curl -sS -i -X " + method + ` -H "Authorization: Bearer $PINGONE_ACCESS_TOKEN"`
	if body != "" {
		command += " -H 'Content-Type: application/json' --data " + quote(body)
	}
	return command + " " + quote(url)
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
