package check_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"mfaload/internal/schematest"
	"mfaload/pingone"
	"mfaload/pingone/generate"
	"mfaload/scenario"
	"mfaload/simulator"
)

// Requests that fail are made as small as the smallest that is known: of all bodies that are left
// when members are removed, with the header fields of every request or those of the case.
func TestShrunkAreSmallest(t *testing.T) {
	every := uint32(40)
	if runsAll() {
		every = 4
	}
	valid := schematest.Component(t, pingone.Document(), "Initialization")
	compared, largest, sum := 0, 1.0, 0.0
	all := slices.DeleteFunc(fleet(), func(m mutant) bool { return m.hook == nil })
	for i := range all {
		m := &all[i]
		if !m.inSample(every) {
			continue
		}
		settings := generating(1)
		settings.Out = t.TempDir()
		s := m.subject(settings)
		s.check(t)
		for _, f := range failures(t, settings.Out) {
			known := smallest(s.handler(t), &f, func(v any) bool { return valid.Validate(v) == nil })
			if known == 0 {
				continue
			}
			ratio := float64(f.Smallest.Size()) / float64(min(known, f.Smallest.Size()))
			compared, largest, sum = compared+1, max(largest, ratio), sum+ratio
			if ratio > 1.2 {
				t.Errorf("%s: %s: %d bytes, and %d fail too: %q %s", m.name, f.Case.Name(), f.Smallest.Size(),
					known, f.Smallest.Headers, f.Smallest.Body)
			}
		}
	}
	if compared < 3 {
		t.Fatalf("%d requests were compared", compared)
	}
	t.Logf("%d shrunk requests: %.3f times the smallest known in the mean, %.2f at most", compared,
		sum/float64(compared), largest)
}

// handler is the service without a network.
func (s *subject) handler(t *testing.T) http.Handler {
	t.Helper()
	sim, err := simulator.New(scenario.Target{EnvID: envID,
		AccessToken: scenario.NewSecret("the-access-token"),
		Simulator:   &scenario.Simulator{Seed: 1, Users: s.users}})
	if err != nil {
		t.Fatal(err)
	}
	return s.around(sim)
}

// smallest is the size of the smallest request that fails as a case does; 0 where the case was not
// shrunk, has a device that only the service knows, or fails in what a status does not tell.
func smallest(service http.Handler, f *generate.FailedCase, valid func(any) bool) (size int) {
	failed, told := map[string]func(status int) bool{
		"request.valid":   func(status int) bool { return status != 201 },
		"request.refused": func(status int) bool { return status/100 != 4 },
		"request.failed":  func(status int) bool { return status/100 == 5 },
	}[f.Rule]
	var whole any
	if !told || f.Smallest == nil || bytes.Contains(f.Case.Request.Body, []byte("{{")) ||
		json.Unmarshal(f.Case.Request.Body, &whole) != nil {
		return 0
	}
	place := strings.Split(f.Case.Place, ".")
	kept, _ := json.Marshal(at(whole, place))
	_, names := at(whole, []string{"user", "id"}).(string)
	headers := [][]string{f.Case.Request.Headers}
	if f.Case.Place != "(header)" {
		headers = append(headers, []string{"Content-Type: application/json", "Accept: application/json"})
	}
	for _, body := range parts(whole) {
		value, _ := json.Marshal(at(body, place))
		_, stillNames := at(body, []string{"user", "id"}).(string)
		if names != stillNames || valid(body) != valid(whole) || f.Case.Expect == generate.Refused &&
			!bytes.Equal(value, kept) {
			continue
		}
		for _, lines := range headers {
			r := f.Case.Request
			r.Headers = lines
			r.Body, _ = json.Marshal(body)
			if (size == 0 || r.Size() < size) && failed(status(service, &r)) {
				size = r.Size()
			}
		}
	}
	return size
}

func at(v any, path []string) any {
	for _, name := range path {
		object, _ := v.(map[string]any)
		v = object[name]
	}
	return v
}

// parts are a value with any of its members removed.
func parts(v any) []any {
	object, is := v.(map[string]any)
	if !is {
		return []any{v}
	}
	all := []any{map[string]any{}}
	for name, value := range object {
		inner := parts(value)
		for _, without := range slices.Clone(all) {
			for _, part := range inner {
				with := map[string]any{name: part}
				for other, value := range without.(map[string]any) {
					with[other] = value
				}
				all = append(all, with)
			}
		}
	}
	return all
}

func status(service http.Handler, r *generate.Request) int {
	token := strings.NewReplacer("{token}", "the-access-token")
	sent := httptest.NewRequest(r.Method, r.Path, bytes.NewReader(r.Body))
	for _, line := range r.Headers {
		name, value, _ := strings.Cut(line, ":")
		sent.Header.Set(name, generate.Fill(strings.TrimSpace(value), 200))
	}
	sent.Header.Set("Authorization", token.Replace(r.Authorization))
	got := httptest.NewRecorder()
	service.ServeHTTP(got, sent)
	return got.Code
}
