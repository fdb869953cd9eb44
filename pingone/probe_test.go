package pingone_test

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfaload/contract"
	"mfaload/internal/testkit"
	"mfaload/pingone/transport/transporttest"
	"mfaload/scenario"
)

// A transaction that is read back is checked like one that
// was created.
func TestReadBackIsChecked(t *testing.T) {
	created := string(testkit.ReadResponse("otp-email").Body)
	for _, tt := range []struct {
		name, read  string
		status      int
		contentType string
		rules       []string // what is broken, of level fail where it has no mark
	}{
		{"the same", created, 200, "application/json", nil},
		{"IDs in upper case", strings.ReplaceAll(created, "03e1897e", "03E1897E"), 200, "application/json",
			nil},
		{"the same times in another form", strings.ReplaceAll(created, "54.554Z", "54.5540Z"), 200,
			"application/json", []string{"note time.precision"}},
		{"a time without its zone", strings.Replace(created, "54.727Z", "54.727", 1), 200, "application/json",
			[]string{"time.form"}},
		{"a page", "<p>", 200, "text/html", []string{"body.json", "header.contentType"}},
		{"another user", strings.Replace(created, "788d4931", "888d4931", 1), 200, "application/json",
			[]string{"echo.user"}},
		{"another policy", strings.Replace(created, "9761c24a", "8761c24a", 1), 200, "application/json",
			[]string{"flow.same"}},
		{"another transaction", strings.ReplaceAll(created, "03e1897e", "13e1897e"), 200, "application/json",
			[]string{"flow.id"}},
		{"created later", strings.Replace(created, "54.554Z", "54.555Z", 1), 200, "application/json",
			[]string{"flow.createdAt"}},
		{"changed earlier", strings.Replace(created, "54.727Z", "54.700Z", 1), 200, "application/json",
			[]string{"note flow.updatedAt"}},
		{"changed later", strings.Replace(created, "54.727Z", "55.727Z", 1), 200, "application/json", nil},
		{"completed", strings.Replace(created, "OTP_REQUIRED", "COMPLETED", 1), 200, "application/json",
			[]string{"flow.proof"}},
		{"expired", strings.Replace(created, `"OTP_REQUIRED"`, `"FAILED","error":{"code":"X","message":"y"}`,
			1), 200, "application/json", nil},
		{"at a status that does not follow", strings.Replace(created, "OTP_REQUIRED",
			"DEVICE_SELECTION_REQUIRED", 1), 200, "application/json", []string{"note flow.moves"}},
		{"at an unknown status", strings.Replace(created, "OTP_REQUIRED", "NEW", 1), 200, "application/json",
			[]string{"note flow.moves", "note status.known"}},
		{"created again", created, 201, "application/json", []string{"flow.status"}},
		{"not there", `{"id":"03e1897e-33b0-40b9-b54e-68236769b1fa","code":"NOT_FOUND","message":"x"}`, 404,
			"application/json", []string{"flow.status"}},
		{"not served", `{"code":"REQUEST_LIMITED","message":"x"}`, 429, "application/json", nil},
		{"a gateway's refusal", "<p>", 403, "text/html", []string{"error.body"}},
		{"a redirect", "", 302, "application/json", []string{"http.status"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url, _ := transporttest.Start(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				body, status, contentType := created, 201, "application/json"
				if r.Method == "GET" {
					body, status, contentType = tt.read, tt.status, tt.contentType
				}
				w.Header().Set("Content-Type", contentType)
				w.Header().Set("Correlation-Id", "x")
				w.WriteHeader(status)
				_, _ = io.WriteString(w, strings.ReplaceAll(body, "https://auth.pingone.com",
					"http://"+r.Host))
			}, false, nil)
			op := operationOn(t, url, nil)
			var first, second contract.Exchange
			if err := op.Send(t.Context(), scenario.User{ID: userID}, &first); err != nil {
				t.Fatal(err)
			}
			found, err := op.ReadBack(t.Context(), &first, &second)
			if err != nil {
				t.Fatal(err)
			}
			var rules []string
			for _, v := range found {
				rules = append(rules, strings.TrimPrefix(v.Level.String()+" "+v.Rule, "fail "))
			}
			slices.Sort(rules)
			if diff := cmp.Diff(tt.rules, rules); diff != "" {
				t.Errorf("rules (-want +got):\n%s", diff)
			}
			if expected := tt.status == 200; second.AsExpected != expected {
				t.Errorf("as expected: %v", second.AsExpected)
			}
		})
	}
}

// What the service documents as a request is no probe: it may be taken, and a
// transaction made of it.
func TestProbesAreNoDocumentedRequests(t *testing.T) {
	var mu sync.Mutex
	var bodies []string
	url, _ := transporttest.Start(t, func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		mu.Lock()
		bodies = append(bodies, string(text))
		mu.Unlock()
		w.WriteHeader(400)
	}, false, nil)
	op := operationOn(t, url, nil)
	u := scenario.User{ID: userID}
	for _, p := range op.Probes(u) {
		if _, err := op.Probe(t.Context(), u, p, &contract.Exchange{}); err != nil {
			t.Fatalf("%s: %v", p.Name, err)
		}
	}
	for _, body := range bodies {
		var request map[string]any
		if json.Unmarshal([]byte(body), &request) == nil && request["user"] == nil {
			t.Errorf("a request without a user is a documented one: %s", body)
		}
	}
	if len(bodies) < 9 {
		t.Errorf("%d probes", len(bodies))
	}
}
