package render

import (
	"fmt"
	"strings"

	"mfaload/internal/number"
	"mfaload/internal/text"
	"mfaload/report"
)

// details are what few readers want.
func (p *page) details(r *report.Report) {
	if !p.Full {
		return
	}
	p.slowest(r.TimeSpent)
	p.users(r)
	p.rules(r)
	p.generator(r)
	p.shards(r)
}

func (p *page) users(r *report.Report) {
	var rows [][]string
	for _, g := range r.Groups {
		if g.Users == nil {
			continue
		}
		order := text.Brief(g.Users.Order, text.MaxName)
		if g.Users.Exhausted != "" {
			order += ", " + text.Brief(g.Users.Exhausted, text.MaxName)
		}
		if g.Users.PerUser > 0 {
			order += fmt.Sprintf(", each at most once in %s s", number.Plain(g.Users.PerUser))
		}
		rows = append(rows, []string{"  " + text.Brief(g.Name, text.MaxName), number.Count(g.Users.Count),
			order, usersEnd(g.Users)})
	}
	if len(rows) == 0 {
		return
	}
	p.table([]string{"users"}, rows[:min(len(rows), maxShown)], 2, 3)
	p.more(len(rows)-maxShown, "groups")
}

func usersEnd(u *report.Users) string {
	switch {
	case u.MaxPerUser > 0 && u.Turns >= u.Count*u.MaxPerUser:
		return "each used as often as maxPerUser allows"
	case u.Order == "random":
		return "drawn " + number.Times(u.Turns)
	case u.RanOut != nil:
		return fmt.Sprintf("ran out %s s into the schedule", number.Significant(*u.RanOut))
	case u.Wrapped > 0:
		return "list reused " + number.Times(u.Wrapped)
	case u.Turns >= u.Count:
		return "each used once"
	}
	return fmt.Sprintf("%s of them used", number.Count(u.Turns))
}

// rules says which rules of the contract the responses exercised.
func (p *page) rules(r *report.Report) {
	if len(r.Coverage) == 0 {
		return
	}
	violated, never := 0, []string{}
	for _, c := range r.Coverage {
		if c.Violated > 0 {
			violated++
		}
		if c.Evaluated == 0 {
			never = append(never, c.Rule)
		}
	}
	p.title("rules")
	all := len(r.Coverage)
	p.line(fmt.Sprintf("  %d of %d exercised, %d violated", all-len(never), all, violated))
	if len(never) > 0 {
		p.line("  not exercised: " + text.Brief(strings.Join(never, ", "), 2*maxReason))
	}
}

func (p *page) generator(r *report.Report) {
	g := r.Generator
	p.title("mfaload itself")
	p.line(fmt.Sprintf("  own lateness p99 %s ms; hiccups p99 %s ms; CPU %s s on %d cores; memory %s "+
		"MB; at most %s of %s workers in flight",
		number.Fixed(g.OwnLateness.P99), number.Fixed(g.Hiccups.P99), number.Fixed(g.CPU), g.Cores,
		number.Fixed(g.PeakRSS), number.Count(uint64(g.BusyWorkersMax)), number.Count(uint64(g.Workers))))
	p.line("  " + connectionsText(r.Connections))
}

func connectionsText(c report.Connections) string {
	text := "connections: "
	if spoken := report.ProtocolNames(c.Protocols); spoken != "" {
		text += spoken + "; "
	}
	if c.Ahead > 0 {
		text += number.Count(c.Ahead) + " opened in the warm-up, "
	}
	text += number.Count(c.Opened) + " in the run"
	if c.Opened > 0 {
		text += fmt.Sprintf(" (p99 %s ms)", number.Fixed(c.Dial.P99))
	}
	if c.Successors > 0 {
		text += fmt.Sprintf(", %s of them to replace one", number.Count(c.Successors))
	}
	if c.Handshake.Max > 0 {
		text += fmt.Sprintf(", TLS p99 %s ms, %s resumed", number.Fixed(c.Handshake.P99),
			number.Count(c.Resumed))
	}
	return text
}

func (p *page) shards(r *report.Report) {
	if len(r.Shards) == 0 {
		return
	}
	rows := shardRows("  ", r.Shards[:min(len(r.Shards), maxShown)])
	rows[0][0] = "shards"
	p.line("\n" + p.paint(text.Bold, "run ") + text.Brief(r.Run, text.MaxName))
	p.table(rows[0], rows[1:])
	p.more(len(r.Shards)-maxShown, "shards")
}
