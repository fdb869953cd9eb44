package pingone

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"mfaload/contract"
	"mfaload/internal/redact"
	"mfaload/measure"
	"mfaload/pingone/transport"
	"mfaload/scenario"
)

// fetchTimeout bounds the fetch of a token. It has nothing to do with the time
// that a request of the load may take.
const fetchTimeout = 30 * time.Second

const maxTokenResponse = 1 << 20

type credentials struct {
	envID  string
	method scenario.AuthMethod
	id     string
	secret scenario.Secret
	url    string
	client *http.Client
	// secrets are in no text of the endpoint's that is shown.
	secrets redact.Secrets
}

func newCredentials(to *serviceAddress, t *transport.Transport, s *scenario.Target) *credentials {
	c := s.ClientCredentials
	return &credentials{
		envID: to.envID, method: c.AuthMethod, secrets: s.Secrets(),
		id: c.ClientID, secret: c.ClientSecret, url: to.tokenURL(),
		// No redirect is followed: the secret goes to this host only.
		client: t.HTTPClient(fetchTimeout),
	}
}

// tokenResponse is a response of a token endpoint (RFC 6749, sections 5.1 and 5.2).
type tokenResponse struct {
	status      int
	header      http.Header
	AccessToken string          `json:"access_token"`
	TokenType   string          `json:"token_type"`
	ExpiresIn   json.RawMessage `json:"expires_in"`
	Error       string          `json:"error"`
	Description string          `json:"error_description"`
}

// fetch asks for a token once. An error of a response is a [tokenError].
func (c *credentials) fetch(ctx context.Context) (*token, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	response, err := c.post(ctx)
	if err != nil {
		return nil, err
	}
	if response.status/100 != 2 || response.Error != "" {
		return nil, c.refused(response)
	}
	if t := response.TokenType; t != "" && !strings.EqualFold(t, "bearer") {
		return nil, c.wrong("a token of the type %q came, and the service takes bearer tokens", c.clip(t, 60))
	}
	if err := scenario.ParseToken(response.AccessToken); err != nil {
		return nil, c.wrong("the token that came %w", err)
	}
	life, err := response.lifetime(time.Now())
	if err != nil {
		return nil, c.wrong("%w", err)
	}
	return newToken(response.AccessToken, time.Now().Add(life-min(expiryMargin, life/20))), nil
}

func (c *credentials) post(ctx context.Context) (*tokenResponse, error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	if c.method == scenario.Post {
		form.Set("client_id", c.id)
		form.Set("client_secret", c.secret.Reveal())
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fmt.Errorf("get a token from %s: %w: check target.authPath", c.url, err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if c.method != scenario.Post {
		req.SetBasicAuth(url.QueryEscape(c.id), url.QueryEscape(c.secret.Reveal()))
	}
	resp, err := c.client.Do(req)
	var text []byte
	if err == nil {
		defer func() { _ = resp.Body.Close() }()
		text, err = io.ReadAll(io.LimitReader(resp.Body, maxTokenResponse+1))
	}
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	response := &tokenResponse{}
	if err := json.Unmarshal(text, response); err != nil || len(text) > maxTokenResponse {
		if resp.StatusCode/100 == 2 {
			return nil, c.wrong("the response with HTTP status %d is not the JSON of a token (%s): "+
				"something else may respond at that address",
				resp.StatusCode, c.clip(resp.Header.Get("Content-Type"), 60))
		}
		response = &tokenResponse{} // a gateway's page
	}
	response.status, response.header = resp.StatusCode, resp.Header
	return response, nil
}

// unreachable says that no response came.
func (c *credentials) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("get a token from %s: no response within %v: check target.authPath or region, "+
			"and the network", c.url, fetchTimeout)
	}
	if of := new(url.Error); errors.As(err, &of) {
		err = of.Err // without the URL, which the text has already
	}
	why := transport.Failure(ctx, err)
	if isMalformed(why, err) {
		// Package net/http quotes the response, which may have the secret in it.
		return c.wrong("its response is broken (%s): something else may respond at that address",
			c.clip(err.Error(), 200))
	}
	return fmt.Errorf("get a token from %s: %w: check target.authPath or region, and the network", c.url, why)
}

// isMalformed says whether a failure and its cause are about the bytes of a response,
// not about the network.
func isMalformed(f *contract.Failure, cause error) bool {
	return f.Kind == measure.OtherFailure && !errors.As(cause, new(*net.OpError)) &&
		!errors.As(cause, new(syscall.Errno))
}

// maxLife bounds the life of a token, so that no arithmetic on it overflows.
const maxLife = 365 * 24 * time.Hour

// lifetime is how long the token is good from now on: as expires_in says, in seconds
// that may have a fraction; else as the token itself says; else an hour, as the
// documentation has it.
func (a *tokenResponse) lifetime(now time.Time) (time.Duration, error) {
	text := strings.Trim(string(a.ExpiresIn), `"`)
	if text == "" || text == "null" {
		at, known := expiry(a.AccessToken)
		if !known {
			return time.Hour, nil
		}
		if !at.After(now) {
			return 0, fmt.Errorf("the token that came expired at %s, by the clock of this machine: set "+
				"the clock right", at.Format(time.RFC3339))
		}
		return min(at.Sub(now), maxLife), nil
	}
	var seconds float64
	if err := json.Unmarshal([]byte(text), &seconds); err != nil {
		return 0, errors.New("its expires_in is not a number of seconds")
	}
	if seconds <= 0 {
		return 0, fmt.Errorf("the token that came is over already: it lives for %v s", seconds)
	}
	if seconds >= maxLife.Seconds() {
		return maxLife, nil
	}
	return time.Duration(seconds * float64(time.Second)), nil
}

// tokenError is what a response of the token endpoint means: nothing is wrong
// with the network.
type tokenError struct {
	text string
	wait time.Duration // that the endpoint asks for; 0 for none
}

func (e *tokenError) Error() string { return e.text }

func (c *credentials) wrong(format string, args ...any) error {
	return &tokenError{text: fmt.Sprintf("get a token from %s: the token endpoint responded, but %v",
		c.url, fmt.Errorf(format, args...))}
}

// refused says what is probably wrong, and what to do.
func (c *credentials) refused(response *tokenResponse) error {
	other := scenario.Post
	if c.method == scenario.Post {
		other = scenario.Basic
	}
	e := &tokenError{}
	e.wait = retryAfter(response)
	remedy := "check what the token endpoint says"
	switch status := response.status; {
	case e.wait > 0:
		remedy = fmt.Sprintf("the token endpoint asks to wait %v: start again after that", e.wait)
	case status == http.StatusTooManyRequests:
		remedy = "the token endpoint gives out no more tokens for now: try again later"
	case response.Error == "invalid_client" || status == http.StatusUnauthorized:
		remedy = fmt.Sprintf("check clientID and clientSecret; if they are right, the application may be "+
			"set up for authMethod: %s", other)
	case response.Error == "unauthorized_client" || response.Error == "unsupported_grant_type":
		remedy = "the application has no grant of client credentials: use a worker application"
	case status == http.StatusNotFound || status == http.StatusForbidden:
		remedy = fmt.Sprintf("there is no environment %s there: check envID, and region or authPath: an "+
			"environment lives in one region only", c.envID)
	case status/100 == 3:
		remedy = "it redirects elsewhere, where the secret is not sent: check target.authPath"
	case status >= 500:
		remedy = "the token endpoint has a problem of its own: try again later"
	}
	said := ""
	if response.Error != "" {
		said = " " + c.clip(response.Error, 60)
	}
	if response.Description != "" {
		said += " (" + c.clip(response.Description, 200) + ")"
	}
	e.text = fmt.Sprintf("get a token from %s: HTTP status %d%s: %s", c.url, response.status, said, remedy)
	return e
}

const maxRetryAfter = 24 * time.Hour

// retryAfter is how long a refusal asks to wait; 0 where it does not say.
func retryAfter(response *tokenResponse) time.Duration {
	if response.status != http.StatusTooManyRequests && response.status != http.StatusServiceUnavailable {
		return 0
	}
	h := contract.Fields{{Name: "Date", Value: response.header.Get("Date")}}
	if value := response.header.Get("Retry-After"); value != "" {
		h = append(h, contract.HeaderField{Name: "Retry-After", Value: value})
	}
	wait, ok := contract.RetryAfter(h, time.Now())
	if !ok {
		return 0
	}
	return min(max(wait, retryMin), maxRetryAfter)
}

// clip bounds a text of the server, and keeps control characters out of it, and
// the secret that it was sent.
func (c *credentials) clip(text string, maxRunes int) string {
	text = c.secrets.Mask(text)
	clean := []rune{}
	for _, r := range text {
		if r < ' ' || r == 0x7f {
			r = ' '
		}
		if clean = append(clean, r); len(clean) == maxRunes {
			return string(clean) + "…"
		}
	}
	return string(clean)
}
