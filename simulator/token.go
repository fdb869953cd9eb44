package simulator

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"mfaload/scenario"
)

// issued are the tokens that the endpoint gave out, by when they end.
type issued map[string]time.Time

// asksToken says whether a path is that of the token endpoint.
func (s *Environment) asksToken(path string) bool {
	want := "/as/token"
	if !s.target.CustomDomain {
		want = "/" + s.target.EnvID + want
	}
	return strings.EqualFold(path, want)
}

// giveToken answers as an OAuth 2.0 token endpoint (RFC 6749, sections 4.4
// and 5).
func (s *Environment) giveToken(w http.ResponseWriter, r *http.Request) {
	id, secret, basic := basicClient(r)
	if !basic {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	refuse := func(status int, code, description string) {
		s.tell(w, status, map[string]any{"error": code, "error_description": description})
	}
	client := s.target.ClientCredentials
	switch {
	case r.Method != http.MethodPost:
		refuse(405, "invalid_request", "The method is not supported.")
	case client != nil && (id != client.ClientID || secret != client.ClientSecret.Reveal()):
		refuse(401, "invalid_client", "Request denied: Invalid client credentials.")
	case client != nil && basic == (client.AuthMethod == scenario.Post):
		refuse(401, "invalid_client", "Request denied: Unsupported authentication method.")
	case r.PostFormValue("grant_type") != "client_credentials":
		refuse(400, "unsupported_grant_type", "The grant type is not supported.")
	default:
		token := "simulated." + s.newID() + s.newID()
		life := s.config.TokenLifetime
		if life <= 0 {
			life = time.Hour
		}
		s.mu.Lock()
		if s.issued == nil {
			s.issued = issued{}
		}
		for old, end := range s.issued {
			if time.Now().After(end) {
				delete(s.issued, old)
			}
		}
		s.issued[token] = time.Now().Add(life)
		s.mu.Unlock()
		s.tell(w, 200,
			map[string]any{"access_token": token, "token_type": "Bearer",
				"expires_in": int(life / time.Second)})
	}
}

// basicClient reads a client's credentials from HTTP Basic, where they are
// encoded as those of a form are (RFC 6749, section 2.3.1).
func basicClient(r *http.Request) (id, secret string, ok bool) {
	id, secret, ok = r.BasicAuth()
	if !ok {
		return "", "", false
	}
	var errs [2]error
	id, errs[0] = url.QueryUnescape(id)
	secret, errs[1] = url.QueryUnescape(secret)
	if errors.Join(errs[:]...) != nil {
		return "", "", true
	}
	return id, secret, true
}

func (s *Environment) tell(w http.ResponseWriter, status int, body map[string]any) {
	text, err := json.Marshal(body)
	if err != nil {
		status = 500
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

// takes says whether a bearer token is one that counts.
func (s *Environment) takes(token string) bool {
	fixed := s.target.AccessToken.Reveal()
	switch {
	case token == "":
		return false
	case fixed != "" && token == fixed:
		return true
	case s.target.ClientCredentials == nil:
		return fixed == ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	end, known := s.issued[token]
	return known && time.Now().Before(end)
}
