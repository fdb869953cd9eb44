package plan_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"mfaload/pingone/limits"
	"mfaload/runner/plan"
	"mfaload/scenario"
)

// limited reads a scenario for a real host: a group of so many users, and a load.
func limited(t *testing.T, users int, target, group, load string) *scenario.Scenario {
	t.Helper()
	ids := make([]string, users)
	for i := range ids {
		ids[i] = fmt.Sprintf("788d4931-6936-43f2-82ff-%012x", i)
	}
	s, err := scenario.Parse("limited.yaml", fmt.Appendf(nil, "name: limited\ntarget: {region: eu, envID: "+
		"abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6, accessToken: a, ownerAgreed: true%s}\n"+
		"users: [{name: all, ids: [%s]%s}]\nload: {maxPerUser: 1000000/d, %s}\n", target,
		strings.Join(ids, ","), group, load), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const (
	ramp  = "stages: [{from: 0/s, to: 40/s, duration: 1m}]"
	sms   = `, request: {selectedDevice: {oneTime: {type: SMS, phone: "+1.5125201234"}}}`
	email = `, request: {selectedDevice: {oneTime: {type: EMAIL, email: abel@example.com}}}`
	push  = ", expect: {status: PUSH_CONFIRMATION_REQUIRED}"
)

func flat(rate, duration string) string {
	return fmt.Sprintf("stages: [{rate: %s, duration: %s}]", rate, duration)
}

// Each documented limit has a load that stays within it and one that passes it, at a known time.
var meetings = map[string]struct {
	users          int
	target, group  string
	within, passes string
	at             float64 // seconds; about
}{
	"rate.license": {10, ", entitlement: {rate: 20/s}", "", flat("20/s", "1m"), ramp, 30},
	"rate.alert":   {10, ", entitlement: {rate: 20/s}", "", flat("15/s", "1m"), ramp, 22.5},
	"rate.address": {10, ", entitlement: {rate: 20/s, addresses: 2}", "", flat("14/s", "1m"), ramp, 21},
	"sms.user":     {2, "", sms, flat("1/s", "100s"), flat("1/s", "200s"), 100},
	"email.user":   {2, "", email, flat("1/s", "100s"), flat("1/s", "200s"), 100},
	"messages.unused": {2, ", limits: {messages.unused: 20}", sms, flat("1/s", "40s"),
		flat("1/s", "80s"), 40},
	"messages.cooldown": {30, ", limits: {messages.cooldown: 30s}", email, flat("1/s", "5m"),
		"stages: [{rate: 1/s, duration: 60s}, {rate: 2/s, duration: 60s}]", 60},
	"messages.resends": {10, ", limits: {messages.resends: 3}", email, flat("1/s", "30s"),
		flat("1/s", "60s"), 30},
	"messages.trial": {100, ", entitlement: {trial: true}", email, flat("1/s", "100s"),
		flat("1/s", "101s"), 100},
	"email.environment": {10, "", email, "requests: 1500000, stages: [{rate: 100/s}]", flat("100/s", "1d"),
		15000},
	"passcodes.wrong": {10, "", ", expect: {status: OTP_REQUIRED}, testMode: true, then: [{checkOTP: " +
		"{wrong: 100%}}]", flat("1/s", "30s"), flat("1/s", "1m"), 30},
	"push.unanswered": {10, "", push, flat("5/min", "1h"),
		"stages: [{rate: 5/min, duration: 1h}, {rate: 10/min, duration: 1h}]", 3600},
}

func TestEveryLimitIsMet(t *testing.T) {
	of := func(p *plan.RunPlan, name string) *plan.PlannedLimit {
		for i := range p.Limits {
			if p.Limits[i].Name == name {
				return &p.Limits[i]
			}
		}
		return nil
	}
	for _, l := range limits.All() {
		m, found := meetings[l.Name]
		if !found {
			t.Errorf("no load meets %s", l.Name)
			continue
		}
		within := of(plan.New(limited(t, m.users, m.target, m.group, m.within), 0), l.Name)
		if within == nil || within.Passed() || within.Refused || within.Planned > within.Allowed {
			t.Errorf("%s within: %+v", l.Name, within)
		}
		passes := of(plan.New(limited(t, m.users, m.target, m.group, m.passes), 0), l.Name)
		if passes == nil || !passes.Passed() || passes.Planned <= passes.Allowed ||
			math.Abs(*passes.PassedAt-m.at) > 0.02*m.at+1 {
			t.Errorf("%s passed: %+v", l.Name, passes)
			continue
		}
		if passes.Refused != l.Blocks {
			t.Errorf("%s: refused %v", l.Name, passes.Refused)
		}
		if !l.Blocks {
			continue
		}
		off := strings.TrimSuffix(strings.ReplaceAll(m.target, ", limits: {", ""), "}")
		if i := strings.Index(off, l.Name); i >= 0 {
			off = off[:i]
		}
		s := limited(t, m.users, off+", limits: {"+l.Name+": off}", m.group, m.passes)
		if disregarded := of(plan.New(s, 0), l.Name); disregarded != nil {
			t.Errorf("%s off: %+v", l.Name, disregarded)
		}
	}
}

// Counters of a day begin again at midnight UTC, if it is known when that is.
func TestLimitsOfADay(t *testing.T) {
	p := plan.New(limited(t, 2, "", sms, flat("1/s", "160s")), 0)
	if refused := p.Blocking(); len(refused) != 1 || refused[0].Planned != 80 || refused[0].Needed != 4 {
		t.Errorf("unknown start: %+v", refused)
	}
	p.StartAt(time.Date(2026, 12, 1, 23, 58, 40, 0, time.UTC)) // 80 s before midnight
	if refused := p.Blocking(); len(refused) != 0 {
		t.Errorf("over midnight: %+v", refused)
	}
	p.StartAt(time.Date(2026, 12, 1, 23, 59, 50, 0, time.UTC))
	if refused := p.Blocking(); len(refused) != 1 || refused[0].Planned != 75 ||
		math.Abs(*refused[0].PassedAt-110) > 1 {
		t.Errorf("shortly before midnight: %+v", refused)
	}
	p.Double() // both sides of a run against two targets of one environment
	if refused := p.Blocking(); len(refused) != 1 || refused[0].Planned != 150 {
		t.Errorf("twice: %+v", refused)
	}
}

// Users who can't get more than a limit allows do not pass it, however many requests there are.
func TestLimitsOfBoundedUsers(t *testing.T) {
	for name, group := range map[string]string{
		"spaced":    push + ", perUser: 1/5m",
		"once":      push + ", order: once",
		"random":    push + ", order: random, maxPerUser: 5/d",
		"test mode": push + ", testMode: true",
		"unknown":   ", expect: {httpStatus: 404}",
		"silent":    ", expect: {status: DEVICE_SELECTION_REQUIRED}",
	} {
		if refused := plan.New(limited(t, 10, "", group, flat("1/s", "1h")), 0).Blocking(); len(refused) > 0 {
			t.Errorf("%s: %+v", name, refused)
		}
	}
	p := plan.New(limited(t, 10, "", ", expect: {status: [PUSH_CONFIRMATION_REQUIRED, OTP_REQUIRED]}",
		flat("1/s", "1h")), 0)
	if first := p.First(); len(p.Blocking()) > 0 || first == nil || !first.May {
		t.Errorf("what may be a push: %+v", p.Limits)
	}
	local := limited(t, 10, "", push, flat("1/s", "1h"))
	local.Target.AuthPath, local.Target.Simulator = "", &scenario.Simulator{}
	if p := plan.New(local, 0); len(p.Limits) != 0 {
		t.Errorf("the simulator: %+v", p.Limits)
	}
	local.Target.Entitlement = &scenario.Entitlement{Rate: 10}
	if p := plan.New(local, 0); p.First() == nil || len(p.Blocking()) > 0 {
		t.Errorf("the simulator with an entitlement: %+v", p.Limits)
	}
}

// What the run takes at least is counted over all limits.
func TestLimitsSayWhatARunTakes(t *testing.T) {
	p := plan.New(limited(t, 10, ", entitlement: {rate: 50/s}", sms, flat("40/s", "100s")), 0)
	if p.AddressesNeeded != 3 || p.UsersNeeded != 80 || p.LicenseRate != 50 ||
		p.Stages[0].LicenseShare != 0.8 {
		t.Errorf("%d addresses, %d users of %+v", p.AddressesNeeded, p.UsersNeeded, p.Limits)
	}
	p = plan.New(limited(t, 10, ", entitlement: {rate: 50/s, trial: true}", sms, flat("40/s", "100s")), 0)
	if p.AddressesNeeded != 1 {
		t.Errorf("trial: %d addresses", p.AddressesNeeded)
	}
}

// Steps of the flow count for the license, and those that select a device send messages.
func TestLimitsCountSteps(t *testing.T) {
	const then = ", expect: {status: OTP_REQUIRED}, then: [read, {abandon: {share: 50%}}, " +
		"{selectDevice: {device: SMS}}]"
	p := plan.New(limited(t, 10, ", entitlement: {rate: 100/s}", then, flat("40/s", "10s")), 0)
	if p.Steps != 1.5 || p.Limits[0].Planned != 100 || p.Stages[0].LicenseShare != 1 ||
		p.AddressesNeeded != 3 {
		t.Errorf("%v steps, %+v", p.Steps, p.Limits[0])
	}
	if g := p.Groups[0]; g.Messages != 600 || g.MessagesUserDay != 60 {
		t.Errorf("%+v", g)
	}
	// Of those who check a passcode half sign on; only the others can try again.
	const again = ", expect: {status: OTP_REQUIRED}, then: [read, {abandon: {share: 50%}}, " +
		"{checkOTP: {wrong: 50%}}, checkOTP, read]"
	p = plan.New(limited(t, 10, "", again, flat("1/s", "60s")), 0)
	if g := p.Groups[0]; p.Steps != 1+0.5+0.25+0.5 || g.WrongPasscodes != 0.25 {
		t.Errorf("%v steps, %v wrong passcodes", p.Steps, g.WrongPasscodes)
	}
	const silent = ", expect: {status: DEVICE_SELECTION_REQUIRED}, then: [{selectDevice: {device: MOBILE}}]"
	sometimes := limited(t, 10, "", ", expect: {status: OTP_REQUIRED}, then: [{checkOTP: {wrong: 2%}}]",
		flat("1/s", "60s"))
	if p := plan.New(sometimes, 0); len(p.Blocking()) > 0 || !p.First().May {
		t.Errorf("sometimes wrong: %+v", p.Limits)
	}
	p = plan.New(limited(t, 10, "", silent, flat("1/s", "60s")), 0)
	if refused := p.Blocking(); len(refused) != 1 || refused[0].Name != limits.Push ||
		refused[0].Planned != 6 {
		t.Errorf("%+v", refused)
	}
}
