package pingone

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mfaload/pingone/transport"
	"mfaload/scenario"
)

// fetchFrom fetches a token from an endpoint that responds so.
func fetchFrom(t *testing.T, timeout time.Duration, response http.HandlerFunc) (*token, error) {
	t.Helper()
	server := httptest.NewServer(response)
	t.Cleanup(server.Close)
	return credentialsAt(t, server.URL, timeout).fetch(t.Context())
}

func credentialsAt(t *testing.T, url string, timeout time.Duration) *credentials {
	t.Helper()
	s := &scenario.Scenario{Target: scenario.Target{AuthPath: url, EnvID: "e", Timeout: timeout,
		ClientCredentials: &scenario.ClientCredentials{ClientID: "the-client",
			ClientSecret: scenario.NewSecret("the-secret")}}}
	to, err := newServiceAddress(url, &s.Target)
	if err != nil {
		t.Fatal(err)
	}
	way, err := transport.New(to.url, &s.Target, transport.HeaderNames{})
	if err != nil {
		t.Fatal(err)
	}
	return newCredentials(&to, way, &s.Target)
}

func says(status int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}
}

func jwtEnding(at time.Time) string {
	return "e30." + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"exp":%d}`, at.Unix())) + ".sig"
}

// Whatever a response says of a token's life, it is read or refused, and the
// error says whose fault it is.
func TestTokenLives(t *testing.T) {
	for _, tt := range []struct {
		name, response string
		life           time.Duration // about
		refused        string
	}{
		{"an hour", `{"access_token":"a","expires_in":3600}`, time.Hour, ""},
		{"a fraction", `{"access_token":"a","expires_in":3599.5}`, time.Hour, ""},
		{"a text", `{"access_token":"a","expires_in":"3600"}`, time.Hour, ""},
		{"none", `{"access_token":"a"}`, time.Hour, ""},
		{"null", `{"access_token":"a","expires_in":null}`, time.Hour, ""},
		{"two hours by its own claim", `{"access_token":"` + jwtEnding(time.Now().Add(2*time.Hour)) + `"}`,
			2 * time.Hour, ""},
		{"many years", `{"access_token":"a","expires_in":9223372036854775807}`, maxLife, ""},
		{"more than a number holds", `{"access_token":"a","expires_in":1e300}`, maxLife, ""},
		{"many years by its own claim", `{"access_token":"` + jwtEnding(time.Unix(1e10, 0)) + `"}`, maxLife,
			""},
		{"expires_in counts, not the clock", `{"access_token":"` + jwtEnding(time.Unix(1e9, 0)) +
			`","expires_in":3600}`, time.Hour, ""},
		{"zero", `{"access_token":"a","expires_in":0}`, 0, "is over already"},
		{"negative", `{"access_token":"a","expires_in":-3600}`, 0, "is over already"},
		{"over by the clock", `{"access_token":"` + jwtEnding(time.Unix(1e9, 0)) + `"}`, 0,
			"set the clock right"},
		{"not a number", `{"access_token":"a","expires_in":"soon"}`, 0, "not a number of seconds"},
		{"an object", `{"access_token":"a","expires_in":{}}`, 0, "not a number of seconds"},
		{"no token", `{"expires_in":3600}`, 0, "is empty"},
		{"a token in quotes", `{"access_token":"\"a\"","expires_in":3600}`, 0, "begins with a quote"},
		{"another type", `{"access_token":"a","token_type":"mac"}`, 0, "bearer"},
		{"a page", `<p>Welcome`, 0, "not the JSON of a token"},
		{"nothing", ``, 0, "not the JSON of a token"},
		{"endless", `{"a":"` + strings.Repeat("x", 2<<20) + `"}`, 0, "not the JSON of a token"},
		{"an error in a success", `{"error":"invalid_client"}`, 0, "check clientID"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := fetchFrom(t, time.Second, says(200, tt.response))
			if tt.refused != "" {
				if err == nil || !strings.Contains(err.Error(), tt.refused) ||
					strings.Contains(err.Error(), "the network") {
					t.Fatalf("%v, want an error of the response: %s", err, tt.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if life := time.Until(got.expires); life > tt.life || life < tt.life*9/10 {
				t.Errorf("it lives for %v, want about %v", life, tt.life)
			}
			if at := renewal(got, time.Now()); at.Before(time.Now().Add(tt.life / 2)) {
				t.Errorf("it is renewed in %v", time.Until(at))
			}
		})
	}
}

// A token that is over by the time it is to be renewed is fetched again in a
// moment, not in a busy loop.
func TestRenewalOfATokenThatIsOver(t *testing.T) {
	now := time.Now()
	for _, expires := range []time.Time{now, now.Add(-time.Hour), {}, now.Add(1 << 62), time.Unix(1<<55, 0)} {
		if at := renewal(newToken("a", expires), now); at.Before(now.Add(retryMin)) ||
			at.After(now.Add(maxLife)) {
			t.Errorf("a token until %v is renewed at %v", expires, at)
		}
	}
}

// The time that a request may take says nothing of the fetch of a token.
func TestTimeoutDoesNotCutTheFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const timeout = time.Second
		c := credentialsAt(t, "http://127.0.0.1:1", timeout)
		c.client.Transport = &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context,
			string, string) (net.Conn, error) {
			here, there := net.Pipe()
			go func() {
				defer there.Close()
				r, err := http.ReadRequest(bufio.NewReader(there))
				if err == nil {
					_, _ = io.Copy(io.Discard, r.Body)
					time.Sleep(10 * timeout) // of the bubble's clock
					_, _ = io.WriteString(there, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"+
						`{"access_token":"a","expires_in":3600}`)
				}
			}()
			return here, nil
		}}
		began := time.Now()
		got, err := c.fetch(t.Context())
		if err != nil || got.value != "a" || time.Since(began) != 10*timeout {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

func TestRetryAfterOfTheTokenEndpoint(t *testing.T) {
	for _, tt := range []struct {
		status int
		value  string
		want   time.Duration
	}{
		{429, "7", 7 * time.Second}, {503, "7", 7 * time.Second}, {429, "0", retryMin}, {429, "", 0},
		{429, "soon", 0},
		{429, "999999999999999999", maxRetryAfter}, {429, "Fri, 01 Jan 9999 00:00:00 GMT", maxRetryAfter},
		{400, "7", 0},
	} {
		_, err := fetchFrom(t, time.Second, func(w http.ResponseWriter, _ *http.Request) {
			if tt.value != "" {
				w.Header().Set("Retry-After", tt.value)
			}
			w.WriteHeader(tt.status)
		})
		if got := retryWait(err); got != tt.want || err == nil {
			t.Errorf("HTTP status %d with Retry-After: %s: wait %v, want %v (%v)", tt.status, tt.value, got,
				tt.want, err)
		}
	}
}

// At the start and during a run no token is fetched before the endpoint is
// ready.
func TestTokenEndpointThatAsksToWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var fetches []time.Duration
		refused := map[int]time.Duration{0: 7 * time.Second, 2: 20 * time.Minute}
		all := &tokens{next: renewal, fetch: func(context.Context) (*token, error) {
			fetches = append(fetches, time.Since(start))
			if wait := refused[len(fetches)-1]; wait > 0 {
				return nil, &tokenError{"too many", wait}
			}
			return newToken(fmt.Sprint("token-", len(fetches)), time.Now().Add(time.Hour)), nil
		}}
		if err := all.begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Minute)
		all.close()
		if len(fetches) < 4 || fetches[1] != 7*time.Second || fetches[3]-fetches[2] < 20*time.Minute {
			t.Errorf("fetches at %v", fetches)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		fetches := 0
		all := &tokens{next: renewal, fetch: func(context.Context) (*token, error) {
			fetches++
			return nil, &tokenError{"too many: start again later", 20 * time.Second}
		}}
		var refused *tokenError
		if err := all.begin(t.Context()); !errors.As(err, &refused) || fetches != 4 {
			t.Errorf("after %d fetches: %v", fetches, err)
		}
	})
}

// A token of a file is checked like one of the scenario.
func TestTokensOfFilesAreChecked(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	for name, tt := range map[string]struct{ text, want string }{
		"over":           {jwtEnding(time.Unix(1e9, 0)), "expired at 2001-09-09T01:46:40Z"},
		"in quotes":      {`"a-secret-token"`, "begins with a quote"},
		"in one quote":   {"a-secret-token'", "at place 15 of 15"},
		"JSON":           {`{"access_token":"a-secret-token"}`, "at place 1 of"},
		"an equals sign": {"a-secret=token", "at place 9 of 14"},
	} {
		if err := os.WriteFile(file, []byte(tt.text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := readToken(file)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), file) ||
			strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %s and the file", name, err, tt.want)
		}
	}
}

func TestWhenATokenEnds(t *testing.T) {
	at := time.Unix(time.Now().Unix()+600, 0).UTC()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(jwtEnding(at)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		target scenario.Target
		known  bool
	}{
		"given":     {scenario.Target{AccessToken: scenario.NewSecret(jwtEnding(at))}, true},
		"of a file": {scenario.Target{AccessTokenFile: file}, true},
		"opaque":    {scenario.Target{AccessToken: scenario.NewSecret("opaque")}, false},
		"renewed":   {scenario.Target{ClientCredentials: &scenario.ClientCredentials{}}, false},
		"none":      {scenario.Target{}, false},
	} {
		if got, known := TokenEnds(&tt.target); known != tt.known || known && !got.Equal(at) {
			t.Errorf("%s: %v, %v", name, got, known)
		}
	}
}

// Package net/http quotes a response that it can't read: the secret that the endpoint
// gives back in one is not in the error, which says that it was the response.
func TestBrokenResponseOfTheTokenEndpoint(t *testing.T) {
	basic := base64.StdEncoding.EncodeToString([]byte("the-client:the-secret"))
	for name, response := range map[string]string{
		"header field": "HTTP/1.1 401 Unauthorized\r\nX: \x1b the-secret " + basic + "\r\n\r\n",
		"no colon":     "HTTP/1.1 401 Unauthorized\r\nthe-secret " + basic + "\r\n\r\n",
		"status":       "HTTP/1.1 the-secret " + basic + "\r\n\r\n",
		"version":      "the-secret/1.1 200 OK\r\n\r\n",
		"no HTTP":      "the%2Dsecret " + basic + "\r\n\r\n",
		"length":       "HTTP/1.1 200 OK\r\nContent-Length: the-secret\r\n\r\n",
		"encoding":     "HTTP/1.1 200 OK\r\nTransfer-Encoding: the-secret\r\n\r\n",
	} {
		_, err := fetchFrom(t, time.Minute, func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(conn, response)
			_ = conn.Close()
		})
		if err == nil || !strings.Contains(err.Error(), "its response is broken") {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, secret := range []string{"the-secret", "the%2D", basic, "\x1b"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error shows %q: %v", name, secret, err)
			}
		}
	}
}
