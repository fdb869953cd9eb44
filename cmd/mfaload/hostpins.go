package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"mfaload/fleet"
	"mfaload/scenario"
)

// hostPins are the hosts that a worker may send to, each with a port or for all ports. None
// allows all: who leads the run says where its load goes.
type hostPins []hostPin

type hostPin struct{ host, port string }

// parsePins reads HOST or HOST:PORT.
func parsePins(texts []string) (pins hostPins, err error) {
	for _, text := range texts {
		pin := hostPin{host: strings.Trim(text, "[]")}
		if host, port, err := net.SplitHostPort(text); err == nil {
			pin = hostPin{host, port}
		}
		u, err := url.Parse("//" + net.JoinHostPort(pin.host, cmp.Or(pin.port, "1")))
		if err != nil || pin.host == "" || u.Hostname() != pin.host || strings.ContainsAny(text, "/@?# *") {
			return nil, fmt.Errorf("--host %q is not HOST or HOST:PORT, such as auth.pingone.eu", text)
		}
		pins = append(pins, hostPin{plainHost(pin.host), pin.port})
	}
	return pins, nil
}

func plainHost(host string) string { return strings.ToLower(strings.TrimSuffix(host, ".")) }

// allow says whether load may go to a host.
func (p hostPins) allow(host, port string) bool {
	for _, pin := range p {
		if pin.host == plainHost(host) && (pin.port == "" || pin.port == port) {
			return true
		}
	}
	return len(p) == 0
}

// defaultPorts are the ports of URLs that name none.
var defaultPorts = map[string]string{"http": "80", "https": "443", "socks5": "1080"}

// check finds where a scenario sends to that is not pinned: the target, the addresses in place
// of its own, and a proxy. A simulator is in this process.
func (p hostPins) check(t *scenario.Target) error {
	if len(p) == 0 || t.Simulator != nil {
		return nil
	}
	look := func(key, text string) (port string, err error) {
		u, err := url.Parse(text)
		if err != nil {
			return "", fmt.Errorf("the scenario's target.%s is no URL", key)
		}
		if port = u.Port(); port == "" {
			port = defaultPorts[u.Scheme]
		}
		return port, p.refuse(key, u.Hostname(), port)
	}
	port, err := look("authPath", t.AuthPath)
	if err == nil && !t.Proxy.IsZero() {
		_, err = look("proxy", t.Proxy.Reveal())
	}
	for _, e := range t.Resolve {
		its := port
		if e.Port != 0 {
			its = strconv.Itoa(e.Port)
		}
		err = errors.Join(err, p.refuse("resolve", e.Address, its))
	}
	return err
}

func (p hostPins) refuse(key, host, port string) error {
	if p.allow(host, port) {
		return nil
	}
	return fmt.Errorf("the scenario sends to %s (target.%s), which --host does not name: nothing was "+
		"sent\n%s", net.JoinHostPort(host, port), key,
		hint("name it with --host too, if the load may go there"))
}

// checkReads finds files of this machine that a scenario from the coordinator would have read as users or
// as load: both travel with it. Files of secrets and certificates are this machine's own.
func checkReads(s *scenario.Scenario, offer fleet.Offer, sent map[string]bool) error {
	for i := range s.Groups {
		if path := s.Groups[i].File.Path; path != "" && !sent[bundledUsers(i)] {
			return fmt.Errorf("the coordinator's scenario reads users from %q, which it did not send "+
				"along: it is none of mfaload's", path)
		}
	}
	for _, stage := range s.Load.Stages {
		if stage.Profile == nil {
			continue
		}
		below, err := filepath.Rel(offer.Dir, stage.Profile.File)
		if err != nil || !filepath.IsLocal(below) {
			return fmt.Errorf("the coordinator's scenario reads load from %q, which it did not send along: "+
				"it is none of mfaload's", stage.Profile.File)
		}
	}
	return nil
}
