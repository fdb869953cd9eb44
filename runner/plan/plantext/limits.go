package plantext

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"mfaload/internal/number"
	"mfaload/internal/text"
	"mfaload/pingone/limits"
	"mfaload/runner/plan"
)

// limits shows what the service allows next to what is planned, and which limit the run passes first.
func (p *planPage) limits(all *plan.RunPlan) {
	if len(all.Limits) == 0 {
		return
	}
	p.line("\nlimits that the service documents")
	rows := [][]string{{"  limit", "allowed", "planned", "group", "passed after"}}
	shown, more := text.First(all.Limits, maxStagesShown)
	for i := range shown {
		rows = append(rows, limitRow(&shown[i]))
	}
	if more > 0 {
		rows = append(rows, []string{fmt.Sprintf("  … %d more with --format json", more)})
	}
	p.table(rows)
	p.wrap("%s", FirstLimit(all))
	p.wrap("to stay within all of them it takes: source addresses %s, users %s",
		number.Count(all.AddressesNeeded), number.Count(all.UsersNeeded))
	if all.Limits[0].Assumed {
		p.wrap("the license's rate is the documented default: write yours as target.entitlement.rate")
	}
	p.midnight(all)
	if all.Rehearsal {
		p.wrap("the target is this machine: no run is refused for a limit")
	}
	if why, remedy := Blocked(all); why != "" {
		p.wrap("a run is refused:")
		p.wrap("%s", strings.ReplaceAll(why, "\n", "\n  "))
		p.wrap("%s", remedy)
	}
}

// FirstLimit says which of the limits the run passes first.
func FirstLimit(all *plan.RunPlan) string {
	first := all.First()
	if first == nil {
		return "the run passes none of them"
	}
	return fmt.Sprintf("the run passes %s first, %s", first.Name, passing(first))
}

func limitRow(l *plan.PlannedLimit) []string {
	planned, group, at := number.Significant(l.Planned), l.Group, "-"
	if l.Window == "" {
		planned += "/s"
	}
	if l.May {
		planned = "up to " + planned
	}
	if group == "" {
		group = "all"
	}
	if l.Passed() {
		at = number.Length(*l.PassedAt)
	}
	return []string{"  " + l.Name, allowed(l), planned, group, at}
}

func allowed(l *plan.PlannedLimit) string {
	switch l.Window {
	case "":
		return number.Significant(l.Allowed) + "/s"
	case limits.Day:
		return number.Count(uint64(l.Allowed)) + " a day"
	case limits.Row:
		return number.Count(uint64(l.Allowed)) + " in a row"
	}
	length, _ := time.ParseDuration(l.Window) // of our own making
	return number.Count(uint64(l.Allowed)) + " in " + number.Length(length.Seconds())
}

func passing(l *plan.PlannedLimit) string {
	text := "about " + number.Length(*l.PassedAt) + " after its start"
	if l.Stage != "" {
		text += ", in stage " + l.Stage
	}
	if l.May {
		text += ", at worst"
	}
	return text
}

// midnight says what the counters of a day do to the run.
func (p *planPage) midnight(all *plan.RunPlan) {
	if !slices.ContainsFunc(all.Limits, func(l plan.PlannedLimit) bool { return l.Window == limits.Day }) {
		return
	}
	if all.Start == nil {
		p.wrap("daily counters begin again at midnight UTC: --at TIME counts them for a start at that time")
		return
	}
	into := all.Start.Truncate(24 * time.Hour).Add(24 * time.Hour).Sub(*all.Start).Seconds()
	if into < all.Duration {
		p.wrap("daily counters begin again at midnight UTC, %s into the run", number.Length(into))
	}
}

// Blocked says which limits a run would pass that shut its users out, and what to do about it; "" where
// it passes none.
func Blocked(p *plan.RunPlan) (why, remedy string) {
	var lines, off []string
	for _, l := range p.Blocking() {
		if setting := l.Name + ": off"; !slices.Contains(off, setting) {
			off = append(off, setting)
		}
		lines = append(lines, fmt.Sprintf("group %q would bring a user to %s %s, and %s allows %s, so "+
			"that the service blocks the user: its requests take %s users, and it has %s", l.Group,
			number.Significant(l.Planned), l.Unit, l.Name, allowed(&l), number.Count(l.Needed),
			number.Count(p.UsersOf(l.Group))))
	}
	if len(lines) == 0 {
		return "", ""
	}
	lines, more := text.First(lines, maxStagesShown)
	if more > 0 {
		lines = append(lines, fmt.Sprintf("%d more", more))
	}
	return strings.Join(lines, "\n"), "add users, send fewer requests, write testMode: true for a group " +
		"whose devices are in test mode, or disregard the limit: target.limits: {" +
		strings.Join(off, ", ") + "}"
}
