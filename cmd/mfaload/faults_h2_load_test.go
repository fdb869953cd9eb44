package main_test

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http2"

	"mfaload/report"
)

// underLoad runs the program at a rate against a server that goes wrong, and finds sums that are
// wrong.
func underLoad(t *testing.T, f *faulty, rate, requests int) *report.Report {
	t.Helper()
	f.load = fmt.Sprintf("{stages: [{rate: %d/s, requests: %d}]}\n"+
		"thresholds: {errorRate: 0%%, violationRate: 0%%, achievedRate: 0.1%%}", rate, requests)
	rep, printed, code := f.run(t)
	if rep == nil || code == 2 || code == 3 {
		t.Fatalf("exit code %d:\n%s", code, printed)
	}
	f.exact(t, rep)
	if rep.Requests.Sent != uint64(requests) || rep.Requests.Violating > 0 {
		t.Errorf("%+v, violations %v", rep.Requests, rep.Violations)
	}
	t.Logf("%+v, errors %v, %d connections to the server", rep.Requests, rep.Errors, f.server.connections)
	return rep
}

// noErrors finds what a report blames the service for.
func noErrors(t *testing.T, r *report.Report) {
	t.Helper()
	for _, limit := range r.Thresholds {
		if strings.HasPrefix(limit.Expression, "errorRate") && (!limit.Passed || limit.Count > 0) {
			t.Errorf("%+v", limit)
		}
	}
	if r.Verdict != report.Pass && r.Verdict != report.Inconclusive { // a busy machine's
		t.Errorf("%s: %q", r.Verdict, r.Reasons)
	}
}

// toldNotProcessed finds what the report does not say of requests that were not processed.
func toldNotProcessed(t *testing.T, r *report.Report) {
	t.Helper()
	n := r.Requests.Sent - r.Requests.AsExpected
	if diff := cmp.Diff(counts{"request not processed": n}, counts(r.Errors)); diff != "" {
		t.Error(diff)
	}
	want := fmt.Sprintf("the service said of %d requests that it did not process them (HTTP/2: GOAWAY or "+
		"REFUSED_STREAM)", n)
	if !slices.ContainsFunc(r.Reasons, func(s string) bool { return strings.HasPrefix(s, want) }) {
		t.Errorf("nothing says %q: %q", want, r.Reasons)
	}
}

// Each connection goes away after 200 responses, in the middle of ten requests: five of them it
// still responds to. The others say nothing of the service, and the load goes on.
func TestGoAwayUnderLoad(t *testing.T) {
	t.Parallel()
	server := startFrames(t, 0, func(x *stream) bool {
		if x.held == nil && (x.served <= 200 || x.number > 900) { // enough come to fill what is held
			return x.answer()
		}
		if x.held = append(x.held, x); len(x.held) < 10 {
			return true
		}
		if !x.held[4].goAway() {
			return false
		}
		for _, processed := range x.held[:5] {
			if !processed.answer() {
				return false
			}
		}
		return true
	})
	rep := underLoad(t, &faulty{server: server, target: "protocol: h2"}, 500, 1000)
	noErrors(t, rep)
	toldNotProcessed(t, rep)
	if n := rep.Errors["request not processed"]; n < 4*5 || rep.Connections.Opened < 4 {
		t.Errorf("%d requests not processed, %d connections", n, rep.Connections.Opened)
	}
}

// A server that refuses every tenth stream has not processed it.
func TestRefusedStreamsUnderLoad(t *testing.T) {
	t.Parallel()
	server := startFrames(t, 0, func(x *stream) bool {
		if x.number%10 == 3 {
			return x.WriteRSTStream(x.id, http2.ErrCodeRefusedStream) == nil
		}
		return x.answer()
	})
	rep := underLoad(t, &faulty{server: server, target: "protocol: h2"}, 500, 1000)
	noErrors(t, rep)
	toldNotProcessed(t, rep)
	if n := rep.Errors["request not processed"]; n != 100 || rep.Connections.Opened > 1 {
		t.Errorf("%d requests not processed, %d connections", n, rep.Connections.Opened)
	}
}

// The server's limit of streams holds from the first one on, however late it says so.
func TestLateSettingsUnderLoad(t *testing.T) {
	t.Parallel()
	const most = 10
	server := startFrames(t, 200*time.Millisecond, func(x *stream) bool {
		time.AfterFunc(30*time.Millisecond, func() { x.answer() }) // so that more are in flight than may be
		return true
	}, http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: most})
	rep := underLoad(t, &faulty{server: server, target: "protocol: h2"}, 500, 1000)
	noErrors(t, rep)
	if rep.Requests.AsExpected != 1000 || len(rep.Errors) > 0 {
		t.Errorf("%+v, errors %v", rep.Requests, rep.Errors)
	}
	if server.streamsMax != most || rep.Connections.Opened < 2 {
		t.Errorf("up to %d streams on one of %d connections", server.streamsMax, rep.Connections.Opened)
	}
}

// A connection on which nothing is read or written any more takes requests for half the timeout
// at most. The load goes on over another one.
func TestFrozenConnectionUnderLoad(t *testing.T) {
	t.Parallel()
	const rate, requests, timeout = 200, 800, 2 * time.Second
	server := startFrames(t, 0, func(x *stream) bool {
		if x.number == 200 {
			<-t.Context().Done()
		}
		return x.answer()
	})
	rep := underLoad(t, &faulty{server: server, target: "protocol: h2, timeout: 2s"}, rate, requests)
	touched := rep.Errors["timeout"]
	if touched == 0 || touched != sum(rep.Errors) || rep.Requests.AsExpected != requests-touched {
		t.Errorf("%+v, errors %v", rep.Requests, rep.Errors)
	}
	// A machine that holds mfaload up holds up the end of the connection, too.
	late := time.Duration(rep.Generator.OwnLateness.Max * float64(time.Millisecond))
	if most := rate*(timeout/2+late).Seconds() + 20; float64(touched) > most {
		t.Errorf("%d requests on the frozen connection, more than %.0f", touched, most)
	}
}

// With protocol: auto mfaload speaks what the server chooses in the TLS handshake, and the
// report says which.
func TestAutoUnderLoad(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"h2", "http/1.1"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			made, ca := certificateFor(t, time.Now().Add(time.Hour), "127.0.0.1")
			server := startFaults(t, &tls.Config{Certificates: []tls.Certificate{made},
				NextProtos: []string{protocol}}, (*incoming).answer)
			if protocol == "h2" {
				server.speakFrames(0, (*stream).answer)
			}
			rep := underLoad(t, &faulty{server: server, target: "protocol: auto, caFile: " + ca +
				", authPath: https://" + server.address}, 100, 100)
			noErrors(t, rep)
			spoken := rep.Connections.Protocols
			if rep.Requests.AsExpected != 100 || len(spoken) != 1 || spoken[protocol] == 0 {
				t.Errorf("%+v over %v", rep.Requests, spoken)
			}
		})
	}
}
