package pingone

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"mfaload/internal/redact"
	"mfaload/scenario"
)

// credentials get tokens from the environment's token endpoint.
type credentials struct {
	target  *target
	method  scenario.AuthMethod
	config  clientcredentials.Config
	client  *http.Client
	secrets redact.Secrets
}

var authStyles = map[scenario.AuthMethod]oauth2.AuthStyle{
	"": oauth2.AuthStyleInHeader, scenario.Basic: oauth2.AuthStyleInHeader, scenario.Post: oauth2.AuthStyleInParams,
}

func newCredentials(t *target, s *scenario.Target) *credentials {
	c := s.ClientCredentials
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return t.dialer.reach(ctx) }
	return &credentials{
		target: t, method: c.AuthMethod, secrets: s.Secrets(),
		config: clientcredentials.Config{
			ClientID: c.ClientID, ClientSecret: c.ClientSecret.Reveal(),
			TokenURL: t.origin + t.basePath + "/as/token", AuthStyle: authStyles[c.AuthMethod],
		},
		// As the requests of the load: the same way through the network, and no
		// redirect, for the secret goes to this host only.
		client: &http.Client{
			Transport:     &http.Transport{DialContext: dial, DialTLSContext: dial, DisableKeepAlives: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Timeout:       t.timeout,
		},
	}
}

// fetch asks for a token once.
func (c *credentials) fetch(ctx context.Context) (*token, error) {
	fetched, err := c.config.Token(context.WithValue(ctx, oauth2.HTTPClient, c.client))
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	if err := scenario.ParseToken(fetched.AccessToken); err != nil {
		return nil, fmt.Errorf("get a token from %s: the one that came %w", c.config.TokenURL, err)
	}
	expires := fetched.Expiry
	if !expires.IsZero() {
		expires = expires.Add(-min(sendable, time.Until(expires)/20))
	} else if at, known := Expiry(fetched.AccessToken); known {
		expires = at.Add(-sendable)
	} else {
		expires = time.Now().Add(time.Hour - sendable) // what the documentation says
	}
	return newToken(fetched.AccessToken, expires), nil
}

// explain says what is probably wrong, and what to do.
func (c *credentials) explain(ctx context.Context, err error) error {
	var answer *oauth2.RetrieveError
	if !errors.As(err, &answer) {
		return fmt.Errorf("get a token from %s: %w: check target.authPath or region, and the network", c.config.TokenURL, unreachable(ctx, err))
	}
	other := scenario.Post
	if c.method == scenario.Post {
		other = scenario.Basic
	}
	remedy := "look at what the token endpoint says"
	status := answer.Response.StatusCode
	switch {
	case answer.ErrorCode == "invalid_client" || status == http.StatusUnauthorized:
		remedy = fmt.Sprintf("check clientID and clientSecret; if they are right, the application may be set up for authMethod: %s", other)
	case answer.ErrorCode == "unauthorized_client" || answer.ErrorCode == "unsupported_grant_type":
		remedy = "the application has no grant of client credentials: use a worker application"
	case status == http.StatusNotFound || status == http.StatusForbidden:
		remedy = fmt.Sprintf("there is no environment %s there: check envID, and region or authPath: an environment lives in one region only", c.target.envID)
	case status/100 == 3:
		remedy = "it redirects elsewhere, where the secret is not sent: check target.authPath"
	case status >= 500:
		remedy = "the token endpoint has a problem of its own: try again later"
	}
	said := ""
	if answer.ErrorCode != "" {
		said = " " + c.clip(answer.ErrorCode, 60)
	}
	if answer.ErrorDescription != "" {
		said += " (" + c.clip(answer.ErrorDescription, 200) + ")"
	}
	return fmt.Errorf("get a token from %s: HTTP status %d%s: %s", c.config.TokenURL, status, said, remedy)
}

// clip bounds a text of the server, and keeps control characters out of it, and
// the secret that it was sent.
func (c *credentials) clip(text string, most int) string {
	text = c.secrets.Mask(text)
	clean := []rune{}
	for _, r := range text {
		if r < ' ' || r == 0x7f {
			r = ' '
		}
		if clean = append(clean, r); len(clean) == most {
			return string(clean) + "…"
		}
	}
	return string(clean)
}
