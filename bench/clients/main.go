// Clients compares the HTTP/1.1 clients that mfaload could send with: net/http,
// fasthttp and its own. It sends initializations as fast as each can to the
// bench server and checks nothing. It is a module of its own, so that mfaload
// does not depend on what it did not choose.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"

	"mfaload/contract"
	"mfaload/pingone"
	"mfaload/scenario"
)

const (
	envID  = "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6"
	userID = "788d4931-6936-43f2-82ff-178f5762298a"
	body   = `{"user":{"id":"` + userID + `"}}`
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "clients:", err)
		os.Exit(1)
	}
}

func run() error {
	origin := flag.String("origin", "http://127.0.0.1:9800", "where the bench server listens")
	connections := flag.Int("connections", 64, "requests at once")
	length := flag.Duration("length", 3*time.Second, "length of one run")
	runs := flag.Int("runs", 5, "runs of each client, in turn")
	flag.Parse()
	own, err := ownClient(*origin)
	if err != nil {
		return err
	}
	clients := []struct {
		name   string
		sender func() func() error
	}{
		{"net/http", netHTTP(*origin, *connections)},
		{"fasthttp", fastHTTP(*origin, *connections)},
		{"mfaload's own", own},
	}
	rates, costs, allocations := map[string][]float64{}, map[string][]float64{}, map[string][]float64{}
	for range *runs {
		for _, c := range clients {
			rate, cost, allocated, err := measure(c.sender, *connections, *length)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			rates[c.name], costs[c.name], allocations[c.name] = append(rates[c.name], rate),
				append(costs[c.name], cost), append(allocations[c.name], allocated)
		}
	}
	fmt.Println("| client | requests/s (median) | CPU µs a request | allocations a request |\n| --- | --- " +
		"| --- | --- |")
	for _, c := range clients {
		fmt.Printf("| %s | %.0f | %.1f | %.1f |\n", c.name, middle(rates[c.name]), middle(costs[c.name]),
			middle(allocations[c.name]))
	}
	return nil
}

func middle(figures []float64) float64 {
	sorted := slices.Sorted(slices.Values(figures))
	return sorted[len(sorted)/2]
}

func measure(sender func() func() error, connections int, length time.Duration) (rate, cost,
	allocations float64, err error) {
	var sent atomic.Int64
	var failed atomic.Pointer[error]
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, start := processorTime(), time.Now()
	var all sync.WaitGroup
	for range connections {
		all.Go(func() {
			send := sender()
			for time.Since(start) < length {
				if err := send(); err != nil {
					found := err // so that only this one is on the heap
					failed.Store(&found)
					return
				}
				sent.Add(1)
			}
		})
	}
	all.Wait()
	if e := failed.Load(); e != nil {
		return 0, 0, 0, *e
	}
	runtime.ReadMemStats(&after)
	n := float64(sent.Load())
	return n / time.Since(start).Seconds(), float64((processorTime() - cpu).Microseconds()) / n,
		float64(after.Mallocs-before.Mallocs) / n, nil
}

func processorTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func netHTTP(origin string, connections int) func() func() error {
	client := &http.Client{Timeout: 10 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: connections, DisableCompression: true}}
	return func() func() error {
		return func() error {
			req, err := http.NewRequest("POST", origin+"/"+envID+"/deviceAuthentications",
				bytes.NewReader([]byte(body)))
			if err != nil {
				return err
			}
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Authorization", "Bearer token-0123456789")
			answer, err := client.Do(req)
			if err != nil {
				return err
			}
			_, err = io.Copy(io.Discard, answer.Body)
			_ = answer.Body.Close()
			return err
		}
	}
}

func fastHTTP(origin string, connections int) func() func() error {
	client := &fasthttp.Client{MaxConnsPerHost: connections}
	return func() func() error {
		req, answer := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
		return func() error {
			req.Header.SetMethod("POST")
			req.SetRequestURI(origin + "/" + envID + "/deviceAuthentications")
			req.Header.SetContentType("application/json")
			req.Header.Set("Authorization", "Bearer token-0123456789")
			req.SetBodyString(body)
			return client.DoTimeout(req, answer, 10*time.Second)
		}
	}
}

func ownClient(origin string) (func() func() error, error) {
	s := &scenario.Scenario{
		Target: scenario.Target{AuthPath: origin, EnvID: envID, AccessToken: scenario.NewSecret(
			"token-0123456789"), Timeout: 10 * time.Second},
		Groups: []scenario.Group{{Name: "all", IDs: []string{userID}, Weight: 1}},
	}
	c, err := pingone.Compile("contract.yaml", pingone.Document(), nil)
	if err != nil {
		return nil, err
	}
	op, err := pingone.New(s, c, "")
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	return func() func() error {
		ex := &contract.Exchange{}
		return func() error {
			ex.Reset()
			return op.Send(ctx, scenario.User{ID: userID}, ex)
		}
	}, nil
}
