package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"mfaload/report"
)

// TestTokensForAPartOfTheRun: a token endpoint that gives one token only leaves
// arrivals that mfaload can't send. They are no errors of the service, whose times
// are those of what it got.
func TestTokensForAPartOfTheRun(t *testing.T) {
	t.Parallel()
	var tokens, served atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Correlation-Id", "7d9f2c9e-3a59-4a39-8f4a-0b8f6d2c1e11")
		switch {
		case !strings.HasSuffix(r.URL.Path, "/as/token"):
			served.Add(1)
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"id":"7d9f2c9e-3a59-4a39-8f4a-0b8f6d2c1e12","code":"NOT_FOUND","message":"no `+
				`such user"}`)
		case tokens.Add(1) == 1:
			fmt.Fprint(w, `{"access_token":"a-token","token_type":"Bearer","expires_in":1}`)
		default:
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer server.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "part.yaml")
	scenario := fmt.Sprintf(`name: part
target:
  authPath: %s
  envID: abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6
  clientCredentials: {clientID: app, clientSecret: s3cret-0815, authMethod: basic}
users: [{name: unknown, ids: [788d4931-6936-43f2-82ff-178f5762298a], expect: {httpStatus: 404}}]
load: {stages: [{rate: 100/s, duration: 2s}]}
thresholds: {response: {p50: 5s}}
`, server.URL)
	if err := os.WriteFile(file, []byte(scenario), 0o600); err != nil {
		t.Fatal(err)
	}
	out := runBinary(t, 4, "run", "-q", "--out", filepath.Join(dir, "out"), file)
	if !strings.Contains(out, "requests were not sent, no valid token: ") ||
		!strings.Contains(out, "check clientCredentials and the token endpoint") {
		t.Errorf("the reason is not there: %s", out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "out", "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r report.Report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	q := r.Requests
	if q.Sent != uint64(served.Load()) || q.Sent == 0 || q.Unsent != 200-q.Sent || q.Failed != 0 ||
		q.AsExpected != q.Sent {
		t.Errorf("%+v, and the server counted %d", q, served.Load())
	}
	for _, th := range r.Thresholds {
		if th.State == report.Missed {
			t.Errorf("%+v", th)
		}
	}
}
