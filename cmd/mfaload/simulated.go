package main

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

	"mfaload/live"
	"mfaload/scenario"
	"mfaload/simulator"
)

// simulatorConfig is a scenario's simulator in the simulator's terms. Users
// whom it does not list behave as their group expects.
func simulatorConfig(s *scenario.Scenario) (simulator.Config, error) {
	sim := s.Target.Simulator
	c := simulator.Config{
		EnvID: s.Target.EnvID, CustomDomain: s.Target.CustomDomain, AccessToken: s.Target.AccessToken.Reveal(), Seed: sim.Seed,
		Latency: simulator.Latency(sim.Latency), TokenLifetime: sim.TokenLifetime,
	}
	if client := s.Target.ClientCredentials; client != nil {
		c.Client = &simulator.Client{ID: client.ClientID, Secret: client.ClientSecret.Reveal(), Post: client.AuthMethod == scenario.Post}
	}
	if servers := sim.Servers; servers != nil {
		c.Servers = &simulator.Servers{Count: servers.Count, Time: simulator.Latency(servers.Time), Contention: servers.Contention, Coherency: servers.Coherency}
		if l := servers.Collapse; l != nil {
			c.Servers.Collapse = &simulator.Collapse{At: l.At, After: l.After, Slower: float64(l.Slower)}
		}
	}
	for _, st := range sim.Stalls {
		c.Stalls = append(c.Stalls, simulator.Stall(st))
	}
	if l := sim.Limit; l != nil {
		c.Limit = &simulator.Limit{Rate: float64(l.Rate), Burst: l.Burst, RetryAfter: l.RetryAfter}
	}
	for _, f := range sim.Faults {
		c.Faults = append(c.Faults, simulator.Fault{Name: f.Name, Share: f.Share})
	}
	listed := map[string]bool{}
	for _, u := range sim.Users {
		for _, id := range u.IDs {
			listed[strings.ToLower(id)] = true
			c.Users = append(c.Users, simulator.User{ID: id, Devices: u.Devices, Newer: u.Form == "newer",
				Status: u.Status, HTTPStatus: u.HTTPStatus, Error: u.Error})
		}
	}
	for i, g := range s.Groups {
		if g.Usernameless {
			continue // the simulator knows what to answer
		}
		users := s.Reader(i)
		for row := range g.Size() {
			asked, err := users.User(row)
			if err != nil {
				return c, err
			}
			if u, known := asExpected(asked.ID, g.Variant(asked.Kind).Expect); known && !listed[strings.ToLower(asked.ID)] {
				c.Users = append(c.Users, u)
			}
		}
	}
	return c, nil
}

// devicesFor are devices that yield a status.
var devicesFor = map[string][]string{
	"OTP_REQUIRED": {"EMAIL"}, "DEVICE_SELECTION_REQUIRED": {"EMAIL", "SMS"}, "PUSH_CONFIRMATION_REQUIRED": {"MOBILE"},
	"PUSH_CONFIRMATION_TIMED_OUT": {"MOBILE"}, "ASSERTION_REQUIRED": {"FIDO2"},
}

// asExpected is a user who gives a group what it expects; not known where that
// is 404.
func asExpected(id string, e scenario.Expect) (u simulator.User, known bool) {
	u.ID = id
	if slices.Contains(e.HTTPStatuses, 201) {
		u.Status = "OTP_REQUIRED"
		if len(e.Statuses) > 0 {
			u.Status = e.Statuses[0]
		}
		u.Devices = devicesFor[u.Status]
		return u, true
	}
	u.HTTPStatus = e.HTTPStatuses[0]
	if len(e.Errors) > 0 {
		u.Error = e.Errors[0]
	}
	return u, u.HTTPStatus != 404
}

// simulation is a simulator that serves.
type simulation struct {
	*simulator.Simulator
	authPath string
	stop     func()
}

// startSimulator serves the scenario's simulator. Without a token in the
// scenario it takes one of its own making.
func startSimulator(s *scenario.Scenario, address string) (*simulation, error) {
	config, err := simulatorConfig(s)
	if err != nil {
		return nil, err
	}
	sim, err := simulator.New(config)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, &exitError{exitNotStarted, fmt.Errorf("start the simulator: %w\n%s", err, hint("choose another address"))}
	}
	// A connection that was opened ahead may wait long for its first request.
	server := &http.Server{Handler: sim, ReadHeaderTimeout: time.Hour, ErrorLog: log.New(io.Discard, "", 0), Protocols: new(http.Protocols)}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	go func() { _ = server.Serve(listener) }()
	return &simulation{sim, "http://" + live.Reachable(listener.Addr()), func() { _ = server.Close() }}, nil
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
