package report_test

import (
	"strings"
	"testing"
	"time"

	"mfaload/measure"
	"mfaload/report"
	"mfaload/scenario"
)

// paced is a run with so many arrivals in each second, evenly spaced in one group.
// Each is sent so late and takes so long.
type paced struct {
	due     []int
	workers int
	late    func(at time.Duration) time.Duration
	service func(at time.Duration) time.Duration
	// busy is the seconds in which arrivals waited for a worker.
	busy []int64
	own  []measure.OwnSecond
}

func (p *paced) judge(t *testing.T, thresholds ...scenario.Threshold) *report.Report {
	t.Helper()
	r := newRun(t)
	var profile measure.LoadProfile
	n := uint64(0)
	for second, due := range p.due {
		for i := range due {
			at := time.Duration(second)*time.Second + time.Duration(i)*time.Second/time.Duration(due)
			sent := at + p.late(at)
			r.recorder.Record(0, &measure.Observation{Intended: at, Sent: sent, Done: sent + p.service(at),
				Label: "201 OTP_REQUIRED", AsExpected: true})
			profile.Add(at, false)
			n++
		}
	}
	for _, second := range p.busy {
		profile.Busy(time.Duration(second)*time.Second, time.Duration(second+1)*time.Second)
	}
	r.finish = func(m *measure.Measurement) {
		m.Profile, m.Main.Scheduled, m.Main.Planned = profile, []uint64{n, 0},
			time.Duration(len(p.due))*time.Second
		m.Generator.Processors, m.Generator.Seconds, m.Generator.Workers, m.Generator.WorkersBy = 2, p.own,
			p.workers, measure.ByScenario
		m.Generator.AllBusy = time.Duration(len(p.busy)) * time.Second
	}
	return r.judge(thresholds...)
}

func constantly(d time.Duration) func(time.Duration) time.Duration {
	return func(time.Duration) time.Duration { return d }
}

func evenly(rate, seconds int) (due []int) {
	for range seconds {
		due = append(due, rate)
	}
	return due
}

func seconds(from, to int64) (all []int64) {
	for s := from; s < to; s++ {
		all = append(all, s)
	}
	return all
}

// Where the load needs more workers than there may be, waiting for one is not the
// service's; where the service stands still or is slow by itself, it is.
func TestWorkersThatALoadNeeds(t *testing.T) {
	within := func(from, to, then, otherwise time.Duration) func(time.Duration) time.Duration {
		return func(at time.Duration) time.Duration {
			if at >= from && at < to {
				return then
			}
			return otherwise
		}
	}
	const s = time.Second
	spike := evenly(10, 20)
	spike[8], spike[9] = 500, 500
	for _, test := range []struct {
		name  string
		run   paced
		limit scenario.Threshold
		want  report.Verdict
		text  string // in the reasons
	}{
		{"64 workers for 200", paced{due: evenly(100, 20), workers: 64, service: constantly(2 * s),
			late: func(at time.Duration) time.Duration { return at * 2 }, busy: seconds(0, 20)},
			limit(scenario.Response, "p95", 95, 3, "3s"), report.Inconclusive, "the load needs about 200"},
		{"64 workers for 200, and slower than the limit", paced{due: evenly(100, 20), workers: 64,
			service: constantly(2 * s),
			late:    func(at time.Duration) time.Duration { return at * 2 }, busy: seconds(0, 20)},
			limit(scenario.Response, "p95", 95, 1, "1s"), report.Fail, ""},
		{"a spike", paced{due: spike, workers: 64, service: constantly(s / 5),
			late: within(8*s, 12*s, s, 0), busy: seconds(8, 12)},
			limit(scenario.Response, "p95", 95, 0.5, "500ms"), report.Inconclusive,
			"all 64 workers were in flight in 4 seconds, and the load needs about 100"},
		{"a stall", paced{due: evenly(100, 40), workers: 64, busy: seconds(10, 15),
			service: within(10*s, 10*s+640*time.Millisecond, 5*s, s/50),
			late:    within(10*s+640*time.Millisecond, 15*s, 3*s, 0)},
			limit(scenario.Response, "p95", 95, 0.5, "500ms"), report.Fail, ""},
		{"enough by far", paced{due: evenly(100, 20), workers: 64, service: constantly(s / 50),
			late: within(4*s, 8*s, s, 0), busy: seconds(4, 8)},
			limit(scenario.Response, "p95", 95, 0.5, "500ms"), report.Fail, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			rep := test.run.judge(t, test.limit)
			if rep.Verdict != test.want || !strings.Contains(strings.Join(rep.Reasons, "\n"), test.text) {
				t.Errorf("%s: %q", rep.Verdict, rep.Reasons)
			}
		})
	}
}

// A processor that is full in the peak only is seen there, whatever the mean of the
// run is, and what it held up is not the service's.
func TestProcessorIsFullInThePeakOnly(t *testing.T) {
	const s = time.Second
	due := evenly(10, 60)
	due[30], due[31] = 2000, 2000
	peak := func(then time.Duration) func(time.Duration) time.Duration {
		return func(at time.Duration) time.Duration {
			if at >= 30*s && at < 32*s {
				return then
			}
			return 0
		}
	}
	used := func(own measure.OwnSecond) []measure.OwnSecond {
		own.Available = 2 * s
		first, second := own, own
		first.Second, second.Second = 30, 31
		return []measure.OwnSecond{first, second}
	}
	p99 := limit(scenario.Response, "p99", 99, 0.5, "500ms")
	for _, test := range []struct {
		name string
		late time.Duration
		own  []measure.OwnSecond
		want report.Verdict
	}{
		{"full", s, used(measure.OwnSecond{CPU: 1700 * time.Millisecond}), report.Inconclusive},
		{"waited for, and felt", s, used(measure.OwnSecond{CPU: s, CPUWait: s, Hiccup: 4 * time.Millisecond}),
			report.Inconclusive},
		{"throttled", s, used(measure.OwnSecond{CPU: s / 10, Throttled: s / 2}), report.Inconclusive},
		{"held up", s, used(measure.OwnSecond{CPU: s / 10, Hiccup: 40 * time.Millisecond}),
			report.Inconclusive},
		{"waited for, and not felt", s, used(measure.OwnSecond{CPU: s, CPUWait: s}), report.Fail},
		{"idle", s, nil, report.Fail},
		// The limit is kept, but the peak was not offered.
		{"full, and within the limit", s / 4, used(measure.OwnSecond{CPU: 1700 * time.Millisecond}),
			report.Inconclusive},
		{"full, and in time", 0, used(measure.OwnSecond{CPU: 1700 * time.Millisecond}), report.Pass},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := paced{due: due, workers: 64, late: peak(test.late), service: constantly(time.Millisecond),
				own: test.own}
			if rep := p.judge(t, p99); rep.Verdict != test.want {
				t.Errorf("%s: %q", rep.Verdict, rep.Reasons)
			}
		})
	}
}
