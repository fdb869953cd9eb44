package main_test

import (
	"go/scanner"
	"go/token"
	"regexp"
	"strings"
	"testing"
)

// serviceWords are what only PingOne calls so: statuses of authentications, types of devices, codes
// of errors, paths and header fields.
var serviceWords = regexp.MustCompile(`\b(OTP_REQUIRED|DEVICE_SELECTION_REQUIRED|ASSERTION_REQUIRED|` +
	`PUSH_CONFIRMATION_(REQUIRED|TIMED_OUT)|WHATSAPP|TOTP|FIDO2|SECURITY_KEY|INVALID_(DATA|REQUEST)|` +
	`REQUEST_(FAILED|LIMITED)|ACCESS_FAILED|deviceAuthentications?|Correlation-I[dD]|X-Ping-[\w-]+)\b`)

// mayHaveServiceWords says which files and folders have the service's words in their code, and why.
var mayHaveServiceWords = map[string]string{
	"pingone/":   "they live here",
	"simulator/": "it stands in for the service, and is written from the documentation alone",
	"scenario/": "keys of a scenario take the service's statuses, devices and codes, and are read " +
		"without knowing its package",
	"runner/plan/messages.go": "a plan says which statuses send a person a message, as a pure function " +
		"of the scenario",
	"runner/plan/plantext/case.go": "the endpoint in a support case, for the vendor to read",
	"live/traces.go":               "the URL in a span",
	"session/check/generated.go":   "the path of requests that a plan counts without sending",
	"cmd/mfaload/check.go":         "the example of a flag",
	"cmd/mfaload/users.go":         "an example of what a feed expects",
	"cmd/mfaload/replayfrom.go":    "the path of the requests of a log that are taken",
	"cmd/mfaload/simulate.go":      "the address of the simulator, for people to copy",
	"internal/testkit/":            "observations and responses for tests",
	"bench/":                       "the server and the requests of the benchmark",
}

// PingOne's vocabulary is pingone's: elsewhere the code knows requests, responses and labels, so
// that a change of the service is a change of one package.
func TestServiceWordsLiveInPingone(t *testing.T) {
	t.Parallel()
	unused := map[string]bool{}
	for place := range mayHaveServiceWords {
		unused[place] = true
	}
	eachGoFile(t, func(name string, source []byte) {
		if strings.HasSuffix(name, "_test.go") {
			return
		}
		allowed := ""
		for place := range mayHaveServiceWords {
			if name == place || strings.HasSuffix(place, "/") && strings.HasPrefix(name, place) {
				allowed = place
			}
		}
		file := token.NewFileSet().AddFile("", -1, len(source))
		var scan scanner.Scanner
		scan.Init(file, source, nil, 0)
		for {
			at, kind, text := scan.Scan()
			if kind == token.EOF {
				return
			}
			if kind != token.STRING || !serviceWords.MatchString(text) {
				continue
			}
			if delete(unused, allowed); allowed == "" {
				t.Errorf("%s:%d has %s, which is a word of the service: move what needs it to pingone", name,
					file.Line(at), serviceWords.FindString(text))
			}
		}
	})
	for place := range unused {
		t.Errorf("%s has no word of the service: take it out of the list", place)
	}
}
