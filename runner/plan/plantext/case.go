package plantext

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"mfaload/internal/number"
	"mfaload/runner/plan"
	"mfaload/scenario"
)

// Case writes what the vendor asks for before a load test, for the text of a support case. What neither the
// scenario nor the plan says is a blank that names what fills it. The sizing justifies the load; nil is none.
func Case(p *plan.RunPlan, s *scenario.Scenario, z *plan.Sizing, width int) string {
	if width <= 0 {
		width = 80
	}
	c := scenario.SupportCase{}
	if s.Case != nil {
		c = *s.Case
	}
	page := &planPage{width: max(width, 40)}
	page.line("SUPPORT CASE  load test of PingOne MFA: Initialize Device Authentication")
	page.part("who", "organization: "+filled(c.Organization, "case.organization"),
		"contact while the test lasts: "+filled(c.Contact, "case.contact"))
	page.part("where", "environment ID: "+environment(&s.Target), "region: "+region(&s.Target, &c),
		"endpoint: POST "+endpoint(&s.Target))
	page.part("when, in UTC", when(p))
	page.part("from which addresses", filled(strings.Join(c.Addresses, ", "), "case.addresses"))
	page.caseLoad(p)
	page.stages(p)
	page.messages(p)
	page.part("test users", testUsers(p))
	page.part("how to stop it", stopping(s, &c)...)
	page.early(p)
	page.part("why this load", justification(p, z, &c)...)
	return page.String()
}

func (p *planPage) part(title string, texts ...string) {
	p.line("\n%s", title)
	for _, t := range texts {
		p.wrap("%s", t)
	}
}

// filled is a text, or a blank that names the key to write it in.
func filled(text, key string) string { return cmp.Or(text, "[____: "+key+"]") }

func environment(t *scenario.Target) string {
	if t.Simulator != nil {
		return filled("", "target.envID")
	}
	return t.EnvID
}

func region(t *scenario.Target, c *scenario.SupportCase) string {
	region, is := strings.CutPrefix(t.AuthPath, "https://auth.pingone.")
	if !is {
		region = ""
	}
	return filled(cmp.Or(c.Region, region), "case.region")
}

func endpoint(t *scenario.Target) string {
	const path = "/deviceAuthentications"
	switch {
	case t.Simulator != nil:
		return filled("", "target.authPath") + path
	case t.CustomDomain:
		return t.AuthPath + path
	}
	return t.AuthPath + "/" + t.EnvID + path
}

func when(p *plan.RunPlan) string {
	if p.Start == nil {
		return filled("", "--at TIME") + ", for " + number.Length(p.Duration)
	}
	end := p.Start.Add(time.Duration(p.Duration * 1e9))
	return fmt.Sprintf("from %s to %s, %s", p.Start.Format(time.DateTime), end.Format(time.DateTime),
		number.Length(p.Duration))
}

func (p *planPage) caseLoad(all *plan.RunPlan) {
	texts := []string{fmt.Sprintf("%s requests in %s, at most %s/s; mfaload never retries a request",
		number.Count(all.Requests), number.Length(all.Duration), number.Significant(all.Peak))}
	if all.Closed {
		texts[0] += fmt.Sprintf("; a closed model, estimated for responses after %s ms",
			number.Significant(all.Workers.Latency))
	}
	if all.LicenseRate > 0 {
		of := "the license's "
		if all.Limits[0].Assumed {
			of = "the documented default of "
		}
		enough := "which is enough"
		if all.AddressesNeeded > 1 {
			enough = fmt.Sprintf("so it takes %s of them, or a list of allowed addresses",
				number.Count(all.AddressesNeeded))
		}
		texts = append(texts, fmt.Sprintf("that is %s of %s%s/s; one address gets %s/s, %s",
			percentage(all.Peak/all.LicenseRate), of, number.Significant(all.LicenseRate),
			number.Significant(all.Limits[2].Allowed), enough))
	}
	if first := all.First(); first != nil {
		texts = append(texts, fmt.Sprintf("it passes %s, %s", first.Name, passing(first)))
	}
	p.part("load", texts...)
}

func testUsers(p *plan.RunPlan) string {
	users, most := uint64(0), uint64(0)
	for _, g := range p.Groups {
		users, most = users+uint64(g.Users), max(most, g.PerUserDay)
	}
	return fmt.Sprintf("%s users in %s; one user gets at most %s requests in 24 hours", number.Count(users),
		number.Plural(len(p.Groups), "group"), number.Count(most))
}

func stopping(s *scenario.Scenario, c *scenario.SupportCase) []string {
	texts := []string{fmt.Sprintf("Ctrl-C or SIGTERM on the load machine ends sending at once; mfaload "+
		"waits at most %s for responses in flight. On several machines the coordinator's Ctrl-C ends all "+
		"of them within 3s.", number.Length(s.Load.Drain.Seconds()))}
	return append(texts, filled(c.Stop, "case.stop: another way, such as a phone number"))
}

func justification(p *plan.RunPlan, z *plan.Sizing, c *scenario.SupportCase) (texts []string) {
	if c.Justification != "" {
		texts = append(texts, c.Justification)
	}
	if z != nil {
		texts = append(texts, fmt.Sprintf("%s logins a day / 86,400 s = %s/s on average; × %s at the "+
			"busiest time = %s/s. The test's peak of %s/s is %s of that.",
			number.Count(uint64(z.LoginsPerDay)), number.Significant(z.Mean()),
			number.Significant(z.PeakFactor), number.Significant(z.Rate()), number.Significant(p.Peak),
			percentage(p.Peak/z.Rate())))
	}
	if len(texts) == 0 {
		texts = append(texts, filled("", "case.justification, or --logins-per-day N"))
	}
	return texts
}
