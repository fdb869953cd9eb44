package pingone_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"mfaload/contract"
	"mfaload/internal/redact"
)

// worst are the most expensive responses that are known.
func worst() map[string][]byte {
	var members strings.Builder
	for i := range 9000 {
		fmt.Fprintf(&members, `"unknown_%c%c%c":%d,`, 'a'+i%26, 'a'+i/26%26, 'a'+i/676%26, i)
	}
	fill := func(unit string) string { return strings.Repeat(unit, 1<<20/len(unit)-10) }
	return map[string][]byte{
		"unknown members": []byte("{" + members.String() + `"status":"OTP_REQUIRED"}`),
		"devices": []byte(`{"_embedded":{"devices":[` + strings.TrimSuffix(fill(`{"id":1},`), ",") +
			`]}}`),
		"nesting":   []byte(fill("[")),
		"escapes":   []byte(`{"status":"` + fill(`\u0041%41&#65;`) + `"}`),
		"addresses": []byte(`{"status":"` + fill(`a@b `) + `"}`),
		"digits":    []byte(`{"n":` + fill("1234567890") + `}`),
		"spaces":    []byte(`{"otp"` + fill(" ")),
	}
}

// BenchmarkWorstResponse says what the most expensive responses cost: to check each
// as if it were the first of its kind, and to mask what is kept of it.
func BenchmarkWorstResponse(b *testing.B) {
	p := newPair(b)
	secrets := redact.New("CanaryToken0815x", "another secret")
	for name, body := range worst() {
		ex := exchange(p.c, 201, body)
		b.Run("check/"+name, func(b *testing.B) {
			b.ReportAllocs()
			var found []contract.Violation
			for b.Loop() {
				found = p.c.Explain(ex, found[:0])
			}
			b.ReportMetric(float64(len(found)), "violations")
		})
		b.Run("mask/"+name, func(b *testing.B) {
			b.ReportAllocs()
			text := string(body[:min(len(body), 64<<10)])
			for b.Loop() {
				secrets.Mask(text)
			}
		})
	}
}

// BenchmarkCheck compares the check of the reference response with decoding it into
// a typed struct, in turn, and prints the ratio.
func BenchmarkCheck(b *testing.B) {
	p := newPair(b)
	indented := exampleFiles(b)[2]
	var compact bytes.Buffer
	if err := json.Compact(&compact, indented); err != nil {
		b.Fatal(err)
	}
	for name, body := range map[string][]byte{
		"indented": indented, "compact": compact.Bytes(), "escaped": escapedSlashes(compact.Bytes()),
	} {
		ex := exchange(p.c, 201, body)
		wrong := exchange(p.c, 201, []byte(strings.Replace(string(body), "788d4931", "788d4932", 1)))
		if v := p.c.Check(ex, nil); len(v) > 0 {
			b.Fatal(v)
		}
		var dst []contract.Violation
		ways := []struct {
			name string
			do   func()
		}{
			{"accept", func() { p.c.Check(ex, nil) }},
			{"wrong", func() { dst = p.c.Check(wrong, dst[:0]) }},
			{"explain", func() { p.c.Explain(ex, nil) }},
			{"unmarshal", func() {
				var v typed
				if err := json.Unmarshal(body, &v); err != nil {
					b.Fatal(err)
				}
			}},
		}
		b.Run(name, func(b *testing.B) {
			took := make([]time.Duration, len(ways))
			rounds := 0
			for b.Loop() {
				for i, way := range ways {
					began := time.Now()
					for range 200 {
						way.do()
					}
					took[i] += time.Since(began)
				}
				rounds++
			}
			for i, way := range ways {
				b.ReportMetric(float64(took[i].Nanoseconds())/float64(200*rounds), way.name+"-ns")
			}
			b.ReportMetric(took[0].Seconds()/took[3].Seconds(), "accept/unmarshal")
			b.ReportMetric(testing.AllocsPerRun(100, ways[0].do), "accept-allocs")
		})
	}
}

// typed is what a program would decode the response into.
type typed struct {
	Links map[string]struct {
		Href string `json:"href"`
	} `json:"_links"`
	Embedded struct {
		Devices []struct {
			ID, Type, Status, Email, Phone string
		} `json:"devices"`
	} `json:"_embedded"`
	ID          string `json:"id"`
	Environment struct {
		ID string `json:"id"`
	} `json:"environment"`
	Status string `json:"status"`
	Policy struct {
		ID string `json:"id"`
	} `json:"policy"`
	SelectedDevice struct {
		ID string `json:"id"`
	} `json:"selectedDevice"`
	User struct {
		ID string `json:"id"`
	} `json:"user"`
	CreatedAt string `json:"createdAt"`
	UpdatedAt string `json:"updatedAt"`
}
