package session

import (
	"crypto/rand"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"mfaload/contract"
	"mfaload/internal/text"
	"mfaload/live"
	"mfaload/pingone"
	"mfaload/scenario"
	"mfaload/simulator"
)

// Operation returns the operation on the scenario's target. Where that is the
// embedded simulator, it runs until stop is called.
func Operation(s *scenario.Scenario, c *contract.Contract) (op *pingone.Operation, stop func(), err error) {
	if s.Target.Simulator == nil {
		op, err = pingone.New(s, c, "")
		if err != nil {
			return nil, nil, err
		}
		return op, op.Close, nil
	}
	s = withToken(s)
	running, err := StartSimulator(s, "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	op, err = pingone.New(s, c, running.AuthPath)
	if err != nil {
		running.Stop()
		return nil, nil, err
	}
	return op, func() { op.Close(); running.Stop() }, nil
}

// simulatedTarget is the scenario's target with all users whom its simulator has to
// know: those whom it does not list behave as their group expects.
func simulatedTarget(s *scenario.Scenario) (scenario.Target, error) {
	simulated := *s.Target.Simulator
	listed := map[string]bool{}
	for _, u := range simulated.Users {
		for _, id := range u.IDs {
			listed[strings.ToLower(id)] = true
		}
	}
	simulated.Users = slices.Clone(simulated.Users)
	for i, g := range s.Groups {
		if g.Usernameless {
			continue // the simulator knows what to answer
		}
		behaviour := make([]*scenario.SimulatedUsers, g.Kinds())
		reader := s.Reader(i)
		for row := range g.Size() {
			u, err := reader.User(row)
			if err != nil {
				return scenario.Target{}, err
			}
			if listed[strings.ToLower(u.ID)] {
				continue
			}
			if behaviour[u.Kind] == nil {
				behaviour[u.Kind] = simulator.AsExpected(g.Variant(u.Kind).Expect)
			}
			behaviour[u.Kind].IDs = append(behaviour[u.Kind].IDs, u.ID)
		}
		for _, users := range behaviour {
			if users != nil && users.HTTPStatus != 404 { // whom it does not know, it does not find
				simulated.Users = append(simulated.Users, *users)
			}
		}
	}
	target := s.Target
	target.Simulator = &simulated
	return target, nil
}

// NotStartedError is why nothing was sent: this machine could not begin.
type NotStartedError struct{ Err error }

func (e *NotStartedError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *NotStartedError) Unwrap() error { return e.Err }

// Simulation is a simulator that serves at AuthPath until Stop is called.
type Simulation struct {
	Simulator *simulator.Environment
	AuthPath  string
	Stop      func()
}

// StartSimulator serves the scenario's simulator. Without a token in the
// scenario it takes one of its own making.
func StartSimulator(s *scenario.Scenario, address string) (*Simulation, error) {
	target, err := simulatedTarget(s)
	if err != nil {
		return nil, err
	}
	sim, err := simulator.New(target)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, &NotStartedError{fmt.Errorf("start the simulator: %w\n%s", err,
			text.Hint("choose another address"))}
	}
	// A connection that was opened ahead may wait long for its first request.
	server := &http.Server{Handler: sim, ReadHeaderTimeout: time.Hour, ErrorLog: log.New(io.Discard, "", 0),
		Protocols: new(http.Protocols)}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	go func() { _ = server.Serve(listener) }()
	return &Simulation{sim, "http://" + live.Reachable(listener.Addr()), func() { _ = server.Close() }}, nil
}

// withToken returns the scenario with a token, which the embedded simulator
// needs as any server does.
func withToken(s *scenario.Scenario) *scenario.Scenario {
	if t := &s.Target; !t.AccessToken.IsZero() || t.AccessTokenFile != "" || t.ClientCredentials != nil {
		return s
	}
	copied := *s
	copied.Target.AccessToken = scenario.NewSecret("simulated-" + rand.Text())
	return &copied
}
