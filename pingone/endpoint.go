package pingone

import (
	"fmt"
	"net/url"

	"mfaload/scenario"
)

// endpoint is where the service's requests go.
type endpoint struct {
	url      *url.URL
	origin   string // scheme://host[:port]
	basePath string // what comes before /deviceAuthentications in paths
	path     string // of the operation
	envID    string
}

func newEndpoint(authPath string, t *scenario.Target) (endpoint, error) {
	u, err := url.Parse(authPath)
	if err != nil || u.Host == "" {
		return endpoint{}, fmt.Errorf("authPath %q is no absolute URL: write for example "+
			"https://auth.pingone.eu", authPath)
	}
	e := endpoint{url: u, origin: u.Scheme + "://" + u.Host, envID: t.EnvID}
	if !t.CustomDomain {
		e.basePath = "/" + t.EnvID
	}
	e.path = e.basePath + "/deviceAuthentications"
	return e, nil
}

// tokenURL is where tokens come from.
func (e *endpoint) tokenURL() string { return e.origin + e.basePath + "/as/token" }

// facts are the values of the endpoint that rules refer to.
func (e *endpoint) facts() map[string]string {
	return map[string]string{"origin": e.origin, "basePath": e.basePath, "envID": e.envID}
}
