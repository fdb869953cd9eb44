package pingone

import (
	"fmt"
	"net/url"
	"time"

	"mfaload/scenario"
)

// target is where requests go, and what all of them carry.
type target struct {
	path     string // of the operation
	origin   string // scheme://host[:port]
	host     string // as the header Host has it
	basePath string // what comes before /deviceAuthentications in paths
	envID    string
	// prefix comes before the path in request lines: with a proxy that takes
	// requests one by one it is the origin.
	prefix string
	// head holds the header lines that the scenario or the proxy wants.
	head string

	dialer  *dialer
	http2   bool
	timeout time.Duration
}

func newTarget(authPath string, s *scenario.Scenario) (target, error) {
	u, err := url.Parse(authPath)
	if err != nil || u.Host == "" {
		return target{}, fmt.Errorf("authPath %q is no absolute URL: write for example https://auth.pingone.eu", authPath)
	}
	t := target{
		origin:  u.Scheme + "://" + u.Host,
		host:    u.Host,
		envID:   s.Target.EnvID,
		http2:   s.Target.Protocol == scenario.HTTP2,
		timeout: s.Target.Timeout,
	}
	if !s.Target.CustomDomain {
		t.basePath = "/" + s.Target.EnvID
	}
	t.path = t.basePath + "/deviceAuthentications"
	for _, h := range s.Target.Headers {
		t.head += h.Name + ": " + h.Value.Reveal() + "\r\n"
	}
	if t.dialer, err = newDialer(u, &s.Target); err != nil {
		return target{}, err
	}
	if p := t.dialer.proxy; p != nil && !p.socks && t.dialer.tls == nil && !t.http2 {
		p.plain = true
		t.prefix = t.origin
		t.head += p.authorization()
	}
	return t, nil
}

// facts are the values of the target that rules refer to.
func (t *target) facts() map[string]string {
	return map[string]string{"origin": t.origin, "basePath": t.basePath, "envID": t.envID}
}
