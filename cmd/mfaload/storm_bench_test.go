package main_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"mfaload/contract"
	"mfaload/internal/testkit"
	"mfaload/pingone"
	"mfaload/runner"
	"mfaload/scenario"
)

// BenchmarkStorm compares how many checked requests get through when every
// answer is right and when every response is wrong. The server is as cheap as can
// be and runs in the same process.
func BenchmarkStorm(b *testing.B) {
	right := string(testkit.ReadResponse("otp-email").Body)
	wrong := strings.Replace(right, "788d4931-", "788d4932-", 1)
	for b.Loop() {
		a := throughput(b, right)
		z := throughput(b, wrong)
		b.ReportMetric(a, "right/s")
		b.ReportMetric(z, "wrong/s")
		b.ReportMetric(z/a, "wrong/right")
		if z/a < 0.7 {
			b.Errorf("when every response is wrong, throughput falls to %.2f", z/a)
		}
	}
}

func throughput(b *testing.B, answer string) float64 {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	answer = strings.ReplaceAll(answer, "https://auth.pingone.com", "http://"+l.Addr().String())
	go serveFast(l, strings.Split(answer, "03e1897e-33b0-40b9-b54e-68236769b1fa"), func() {})
	const requests = 50_000
	s := scenarioOn("http://"+l.Addr().String(), 1_000_000, requests*time.Microsecond,
		scenario.Group{Name: "all", IDs: []string{userID}, Weight: 1,
			Expect: scenario.Expect{HTTPStatuses: []int{201}}})
	s.Load.Drain = time.Minute
	// The server's times stand still.
	c, err := pingone.Compile("contract.yaml", pingone.Document(),
		[]contract.RuleLevel{{Rule: "run.clock", Level: contract.Off}})
	if err != nil {
		b.Fatal(err)
	}
	op, err := pingone.New(s, c, "")
	if err != nil {
		b.Fatal(err)
	}
	defer op.Close()
	r := runner.New(runner.Config{Scenario: s, Operation: op, Rules: ruleNames(op.Contract())})
	began := time.Now()
	m, err := r.Run(b.Context(), runner.Start{})
	if err != nil {
		b.Fatal(err)
	}
	if m.Main.Sent() != requests {
		b.Fatalf("sent %d", m.Main.Sent())
	}
	return requests / time.Since(began).Seconds()
}

// serveFast answers every request with the parts of a body and a new ID between
// them, and tells of each.
func serveFast(l net.Listener, parts []string, came func()) {
	for serial := uint64(0); ; serial += 1 << 24 {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			in := bufio.NewReader(c)
			length := len(`{"user":{"id":""}}`) + len(userID)
			body, out := []byte{}, []byte{}
			for n := serial; ; n++ {
				if !skipHead(in) {
					return
				}
				if _, err := in.Discard(length); err != nil {
					return
				}
				came()
				id := fmt.Appendf(nil, "03e1897e-33b0-40b9-b54e-%012x", n)
				body = append(body[:0], parts[0]...)
				for _, p := range parts[1:] {
					body = append(append(body, id...), p...)
				}
				out = fmt.Appendf(out[:0],
					"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nCorrelation-Id: "+
						"x\r\nContent-Length: %d\r\n\r\n", len(body))
				if _, err := c.Write(append(out, body...)); err != nil {
					return
				}
			}
		}()
	}
}

func skipHead(in *bufio.Reader) bool {
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return false
		}
		if len(line) == 2 {
			return true
		}
	}
}
