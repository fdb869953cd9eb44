package shards

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"mfaload/internal/text"
	"mfaload/scenario"
)

// HostPins are the hosts that a worker may send to, each with a port or for all ports. None
// allows all: who leads the run says where its load goes.
type HostPins []hostPin

type hostPin struct{ host, port string }

// ParsePins reads HOST or HOST:PORT.
func ParsePins(names []string) (pins HostPins, err error) {
	for _, name := range names {
		pin := hostPin{host: strings.Trim(name, "[]")}
		if host, port, err := net.SplitHostPort(name); err == nil {
			pin = hostPin{host, port}
		}
		u, err := url.Parse("//" + net.JoinHostPort(pin.host, cmp.Or(pin.port, "1")))
		if err != nil || pin.host == "" || u.Hostname() != pin.host || strings.ContainsAny(name, "/@?# *") {
			return nil, fmt.Errorf("--host %q is not HOST or HOST:PORT, such as auth.pingone.eu", name)
		}
		pins = append(pins, hostPin{plainHost(pin.host), pin.port})
	}
	return pins, nil
}

func plainHost(host string) string { return strings.ToLower(strings.TrimSuffix(host, ".")) }

// allow says whether load may go to a host.
func (p HostPins) allow(host, port string) bool {
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
func (p HostPins) check(t *scenario.Target) error {
	if len(p) == 0 || t.Simulator != nil {
		return nil
	}
	look := func(key, address string) (port string, err error) {
		u, err := url.Parse(address)
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

func (p HostPins) refuse(key, host, port string) error {
	if p.allow(host, port) {
		return nil
	}
	return fmt.Errorf("the scenario sends to %s (target.%s), which --host does not name: nothing was "+
		"sent\n%s", net.JoinHostPort(host, port), key,
		text.Hint("name it with --host too, if the load may go there"))
}
