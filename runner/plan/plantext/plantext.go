// Package plantext writes the plan of a run for people to read.
package plantext

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/guptarohit/asciigraph"

	"mfaload/internal/number"
	"mfaload/internal/text"
	"mfaload/measure"
	"mfaload/pingone/limits"
	"mfaload/runner/plan"
	"mfaload/scenario"
)

// tokenEnding says that a run that starts now goes on after its token's end; ""
// where it does not.
func tokenEnding(p *plan.RunPlan, now time.Time) string {
	if p.TokenEnds == nil {
		return ""
	}
	left := p.TokenEnds.Sub(now)
	if left.Seconds() >= p.Duration {
		return ""
	}
	return fmt.Sprintf("the access token ends at %s, %s into a run of %s that starts now: the service "+
		"refuses requests after that; get a new token, or write clientCredentials, which renew it",
		p.TokenEnds.Format(time.RFC3339), number.Length(max(left.Seconds(), 0)), number.Length(p.Duration))
}

// Page draws a plan in a width of columns, at least 40; 0 is unknown. A note stands at the end of
// its first line. Now is when the run would start.
func Page(p *plan.RunPlan, width int, now time.Time, note string) string {
	if width <= 0 {
		width = 80
	}
	page := &planPage{width: max(width, 40)}
	page.head(p, note)
	if text := tokenEnding(p, now); text != "" {
		page.wrap("%s", text)
	}
	page.plot(p)
	page.stages(p)
	page.early(p)
	page.groups(p)
	page.steps(p)
	page.messages(p)
	page.limits(p)
	page.workers(p)
	page.needs(p)
	return page.String()
}

type planPage struct {
	strings.Builder
	width int
}

func (p *planPage) line(format string, args ...any) {
	p.WriteString(text.Wrap(strings.TrimRight(fmt.Sprintf(format, args...), " "), p.width) + "\n")
}

// wrap writes a paragraph of a part.
func (p *planPage) wrap(format string, args ...any) {
	p.line("%s", text.Wrap("  "+fmt.Sprintf(format, args...), p.width))
}

func (p *planPage) head(plan *plan.RunPlan, note string) {
	p.line("PLAN  %s: %s requests in %s, at most %s/s%s", plan.Scenario, number.Count(plan.Requests),
		number.Length(plan.Duration), number.Significant(plan.Peak), note)
	if plan.Closed {
		p.wrap("closed model: estimated for responses after %s ms; a faster service gets more requests, a "+
			"slower one fewer", number.Significant(plan.Workers.Latency))
	}
	if plan.NoUser > 0 {
		p.wrap("%s of the requests will not be sent: their groups run out of users, or perUser forbids it",
			number.Count(plan.NoUser))
	}
	if plan.Target == "simulator" {
		p.line("  to the embedded simulator")
	} else {
		p.line("  to %s", plan.Target)
	}
	if plan.Alternating > 0 {
		p.wrap("%s of them, in seconds of its own; the others go to the other target",
			number.Count(plan.Alternating))
	}
}

// plot draws the rate over time, each column with the highest rate of its time.
func (p *planPage) plot(plan *plan.RunPlan) {
	p.line("\nrate in requests a second")
	labels := max(len(number.Significant(plan.Peak)), 4)
	columns := p.width - labels - 6
	series := make([]float64, columns)
	for i := range series {
		from, to := i*len(plan.Rates)/columns, (i+1)*len(plan.Rates)/columns
		for _, r := range plan.Rates[from:max(to, from+1)] {
			series[i] = max(series[i], r)
		}
	}
	graph := asciigraph.Plot(series, asciigraph.Height(8), asciigraph.LowerBound(0), asciigraph.Offset(3),
		asciigraph.YAxisValueFormatter(func(v float64) string {
			return fmt.Sprintf("%*s", labels, number.Significant(v))
		}),
		asciigraph.XAxisRange(0, plan.Duration), asciigraph.XAxisTickCount(5),
		asciigraph.XAxisValueFormatter(number.Length))
	for line := range strings.Lines(graph) {
		p.line("%s", strings.TrimRight(line, " \n"))
	}
}

func (p *planPage) stages(plan *plan.RunPlan) {
	if plan.Closed {
		return
	}
	p.line("")
	rows := [][]string{{"stages", "for", "times", "requests"}}
	if plan.LicenseRate > 0 {
		rows[0] = append(rows[0], "peak", "of license")
	}
	for i, s := range plan.Stages {
		if i == maxStagesShown && len(plan.Stages) > i+1 {
			rows = append(rows, []string{fmt.Sprintf("  … %d more with --format json", len(plan.Stages)-i)})
			break
		}
		name := s.Name
		if s.Name != s.Shape {
			name += ": " + s.Shape
		}
		row := []string{"  " + name, number.Length(s.Duration), strconv.Itoa(s.Times),
			number.Count(s.Requests)}
		if plan.LicenseRate > 0 {
			row = append(row, number.Significant(s.Peak)+"/s", percentage(s.LicenseShare))
		}
		rows = append(rows, row)
	}
	p.table(rows)
	if plan.WarmupLatest > 0 {
		p.wrap("the warm-up ends where response times become steady, after %s at the latest, and what comes "+
			"after that is judged", number.Length(plan.WarmupLatest))
	}
}

func (p *planPage) early(plan *plan.RunPlan) {
	texts := []string{}
	switch plan.On429 {
	case scenario.Pause429:
		texts = append(texts, "a response with 429 pauses it for as long as Retry-After says: what is due "+
			"then is not sent")
	case scenario.Stop429:
		texts = append(texts, "a response with 429 ends it, as failed")
	}
	for _, c := range plan.StopOn {
		texts = append(texts, "it ends, as failed, at "+c)
	}
	if n := len(plan.Looks); n > 1 {
		texts = append(
			texts,
			fmt.Sprintf("it ends as soon as its thresholds are decided: after between %s and %s, at one "+
				"of %d looks", number.Length(plan.Looks[0]), number.Length(plan.Looks[n-1]), n),
		)
	}
	if len(texts) > 0 {
		p.line("\nbefore its time")
	}
	for _, t := range texts {
		p.wrap("%s", t)
	}
}

const maxStagesShown = 20

func (p *planPage) groups(all *plan.RunPlan) {
	p.line("")
	capped := slices.ContainsFunc(all.Groups, func(g plan.PlannedGroup) bool { return g.Cap > 0 })
	rows := [][]string{{"groups", "users", "requests", "max per user", "in 24h", "of 50 a day"}}
	if capped {
		rows[0] = append(rows[0], "cap")
	}
	for i, g := range all.Groups {
		if i == maxStagesShown && len(all.Groups) > i+1 {
			rows = append(rows, []string{fmt.Sprintf("  … %d more with --format json", len(all.Groups)-i)})
			break
		}
		share := "-"
		if g.LimitShare > 0 {
			share = percentage(g.LimitShare)
		}
		row := []string{"  " + g.Name, number.Count(uint64(g.Users)), number.Count(g.Requests),
			number.Count(g.PerUser), number.Count(g.PerUserDay), share}
		if capped && g.Cap > 0 {
			row = append(row, number.Count(g.Cap))
		} else if capped {
			row = append(row, "-")
		}
		rows = append(rows, row)
	}
	p.table(rows)
	over := all.OverCap()
	if len(over) > 0 {
		p.wrap("a run is refused: users would get more requests than maxPerUser (cap) allows")
	}
	for _, g := range over {
		if g.Recorded {
			p.wrap("%s: maxPerUser: %d/d would do, or a smaller load.rateFactor", g.Name, g.PerUserDay)
			continue
		}
		p.wrap("%s: %s users would do, or maxPerUser: %d/d", g.Name, number.Count(g.UsersNeeded),
			g.PerUserDay)
	}
}

// steps says what follows the requests, in addition to them.
func (p *planPage) steps(all *plan.RunPlan) {
	if all.Steps == 0 {
		return
	}
	p.line("\nsteps that follow requests")
	p.wrap("on average %s steps follow each request, up to about %s/s; they count for the license's rate",
		number.Significant(all.Steps), number.Significant(all.Steps*all.Peak))
	wrong := slices.DeleteFunc(slices.Clone(all.Groups),
		func(g plan.PlannedGroup) bool { return g.WrongPasscodes == 0 })
	shown, more := text.First(wrong, maxStagesShown)
	for _, g := range shown {
		p.wrap("%s: on average %s wrong passcodes follow 100 requests; each counts against its user's "+
			"limit: %d in a row, by default, start a cool-down", g.Name,
			number.Significant(100*g.WrongPasscodes), limits.Get(limits.Passcodes).Value)
	}
	if more > 0 {
		p.line("  … %d more groups with --format json", more)
	}
}

func (p *planPage) messages(all *plan.RunPlan) {
	p.line("\nmessages to real users")
	switch {
	case all.Target == "simulator":
		p.line("  none: the simulator sends none")
		return
	case all.Messages == 0:
		p.line("  none, if every response is the expected one")
		return
	}
	about := "up to"
	if all.Closed {
		about = "about"
	}
	p.wrap("%s %s, unless the users' devices are in test mode:", about, number.Count(all.Messages))
	for _, g := range all.Groups {
		if g.Messages > 0 {
			p.wrap("%s: %s %s by %s", g.Name, about, number.Count(g.Messages), g.Kinds)
		}
	}
}

func (p *planPage) workers(plan *plan.RunPlan) {
	w := plan.Workers
	p.line("\nworkers")
	if plan.Closed {
		p.wrap("%d users, each with one request at a time", w.Workers)
		return
	}
	p.wrap("%s/s × %s ms (%s) = %s in flight; %d with headroom; %s", number.Significant(plan.Peak),
		number.Significant(w.Latency), w.LatencyFrom, number.Significant(w.InFlight), w.Needed, bound(w))
	p.wrap("if no response came before the timeout: %s in flight", number.Count(uint64(w.Stalled)))
	p.catchUp(plan)
}

func (p *planPage) needs(plan *plan.RunPlan) {
	p.line("\nmemory and disk, about")
	if plan.Coordinator == nil {
		p.need("", &plan.Needs)
		return
	}
	p.need(fmt.Sprintf("each of the %d processes: ", plan.Shards), &plan.Needs)
	p.need("the coordinator: ", plan.Coordinator)
}

func (p *planPage) need(of string, n *plan.Resources) {
	folder := number.Bytes(n.Folder()) + " in the results folder"
	if n.Journal > 0 {
		folder += fmt.Sprintf(" (%s of it until the run is over)", number.Bytes(n.Journal))
	}
	if n.Temporary > 0 {
		folder += fmt.Sprintf("; %s of temporary files while results are made", number.Bytes(n.Temporary))
	}
	p.wrap("%s%s of memory; %s", of, number.Bytes(n.Memory), folder)
}

// catchUp says what may be sent above the planned rate.
func (p *planPage) catchUp(plan *plan.RunPlan) {
	c := plan.CatchUp
	p.line("\ncatching up, above the %s/s of the plan", number.Significant(plan.Peak))
	w := plan.Workers
	waiting := fmt.Sprintf("when the service stood still, requests that wait for one of the %d workers go "+
		"out as these come free:", w.Workers)
	switch {
	case c.AfterStall > 0:
		p.wrap("%s about %s/s with responses after %s ms, more with faster ones", waiting,
			number.Significant(c.AfterStall), number.Significant(w.Latency))
	case w.WorkersBy == measure.ByScenario:
		p.wrap("%s no faster than planned with responses after %s ms, faster with responses in less than "+
			"%s ms",
			waiting, number.Significant(w.Latency),
			number.Significant(math.Floor(1000*float64(w.Workers)/plan.Peak)))
	default:
		p.wrap("none when the service stood still")
	}
	p.wrap("when mfaload itself stood still, what it missed goes out at up to %s/s, %.0f times the plan",
		number.Significant(c.AfterFreeze), c.AfterFreeze/plan.Peak)
}

// bound says how many requests may be in flight, and what to do about too few.
func bound(w plan.PlannedWorkers) string {
	from, remedy := "as many as are needed, up to "+number.Count(uint64(w.Workers)), ""
	switch w.WorkersBy {
	case measure.ByScenario:
		from, remedy = fmt.Sprintf("the scenario has %d", w.Workers), fmt.Sprintf("write load.workers: %d",
			w.Needed)
	case measure.ByFiles:
		from, remedy = from+", which open files allow", "raise the limit of open files (ulimit -n)"
	case measure.ByPorts:
		from, remedy = from+", which local ports allow", "widen net.ipv4.ip_local_port_range, or add "+
			"target.sourceAddresses"
	case measure.ByMaximum:
		from, remedy = from+", mfaload's maximum", fmt.Sprintf("write load.workers: %d, or share the load "+
			"among several machines", w.Needed)
	}
	if w.Workers < w.Needed {
		return from + ": too few: " + remedy
	}
	return from + ": enough"
}

// table writes rows with the first column to the left and the others to the right.
func (p *planPage) table(rows [][]string) {
	for _, line := range text.Table(rows, p.width, 0) {
		p.line("%s", line)
	}
}

// OverCaps says how far groups are beyond their caps, and how many users it takes; "" where none is.
// Most is the highest of their numbers of requests for one user in a day.
func OverCaps(p *plan.RunPlan) (text string, most uint64) {
	about := ""
	if p.Closed {
		about = "about "
	}
	var lines []string
	for _, g := range p.OverCap() {
		most = max(most, g.PerUserDay)
		if g.Recorded {
			lines = append(lines, fmt.Sprintf("group %q would send %s requests for one user of the "+
				"recording in 24 hours, and maxPerUser allows %s", g.Name, number.Count(g.PerUserDay),
				number.Count(g.Cap)))
			continue
		}
		lines = append(lines, fmt.Sprintf("group %q would send %s%s requests for a user in 24 hours, and "+
			"maxPerUser allows %s: its requests take %s%s users, and it has %s", g.Name, about,
			number.Count(g.PerUserDay), number.Count(g.Cap), about, number.Count(g.UsersNeeded),
			number.Count(uint64(g.Users))))
	}
	return strings.Join(lines, "\n"), most
}

func percentage(share float64) string { return number.Significant(100*share) + "%" }
