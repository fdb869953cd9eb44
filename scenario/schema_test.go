package scenario_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"mfaload/internal/schematest"
	"mfaload/scenario"
)

// asJSON is a YAML text as an editor's schema validator sees it.
func asJSON(text string) (any, error) {
	var root yaml.Node
	if err := yaml.Unmarshal([]byte(text), &root); err != nil {
		return nil, err
	}
	untime(&root)
	var value any
	if err := root.Decode(&value); err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
}

// untime makes dates text again, as YAML 1.2 has them.
func untime(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!timestamp" {
		n.Tag = "!!str"
	}
	for _, child := range n.Content {
		untime(child)
	}
}

// TestSchemaTakes holds the schema to take what the decoder takes.
func TestSchemaTakes(t *testing.T) {
	schema := schematest.Compiled(t, scenario.Schema())
	files := map[string]string{"design": design}
	for _, g := range good {
		files[g.name] = whole(g.yaml)
	}
	ready, _ := filepath.Glob("../scenarios/*.yaml")
	for _, file := range ready {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		files[file] = string(data)
	}
	for name, text := range files {
		parse(t, name, text)
		value, err := asJSON(text)
		if err == nil {
			err = schema.Validate(value)
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Validators of others take good scenarios, as an editor's do.
func TestSchemaTakesForOthers(t *testing.T) {
	var documents [][]byte
	for _, text := range []string{design, everything, whole(good[0].yaml)} {
		value, err := asJSON(text)
		if err != nil {
			t.Fatal(err)
		}
		document, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, document)
	}
	schematest.Fits(t, scenario.Schema(), documents...)
}

// beyondSchema are mistakes that no schema of single values can see: what
// numbers mean, and what several values mean together.
var beyondSchema = map[string]bool{
	"keys/name-long":  true,
	"load/stop-share": true, "load/stop-never": true, "load/stop-longer-than-run": true,
	"load/stop-longer-than-closed": true, "load/confidence": true,
	"load/until-ramp": true, "load/until-nothing": true, "load/until-closed": true,
	"load/warmup-auto-ramp": true, "load/warmup-auto-requests": true, "load/warmup-auto-short": true,
	"load/warmup-auto-long": true, "load/warmup-auto-parts": true, "load/warmup-auto-brief": true,
	"connections/empty": true, "connections/null": true, "connections/too-young": true,
	"connections/too-old": true, "connections/closed": true,
	"target/neither": true, "target/null": true, "target/both": true, "target/incomplete": true,
	"target/not-agreed":       true,
	"target/agreed-but-plain": true, "target/not-loopback-either": true, "target/looks-like-loopback": true,
	"target/variable-host": true,
	"target/garbage":       true, "target/port": true, "target/empty-port": true, "target/zone": true,
	"target/umlaut":          true,
	"target/token-reference": true, "target/token-colon": true, "target/token-asterisk": true,
	"target/timeout-zero": true, "target/timeout-long": true, "target/timeout-overflow": true,
	"users/id-twice-in-group": true, "users/id-twice-in-scenario": true, "users/name-twice": true,
	"users/neither": true, "users/both": true, "users/stdin-twice": true, "users/once-wrap": true,
	"users/random-stop":    true,
	"users/per-user-short": true, "users/per-user-long": true, "users/max-per-user-high": true,
	"users/max-per-user-nobody": true,
	"users/weight-hex":          true, "users/expect-status-mistyped": true,
	"users/expect-status-with-error-status": true, "users/expect-status-with-two": true,
	"users/expect-error-with-201": true,
	"users/expect-error-alone":    true, "users/expect-error-alone-two": true,
	"users/expect-error-alone-unknown": true,
	"users/expect-error-mistyped":      true, "users/request-number": true,
	"users/request-missing-variable":      true,
	"network/custom-domain-of-the-vendor": true, "network/certificate-without-tls": true,
	"network/proxy-no-port": true,
	"network/proxy-host":    true, "network/proxy-not-agreed": true, "network/proxy-reads-token": true,
	"network/resolve-not-agreed": true, "network/resolve-to-loopback-not-agreed": true,
	"network/resolve-reads-token": true,
	"network/resolve-port":        true, "network/resolve-and-proxy": true, "network/source-address": true,
	"network/source-versions": true, "network/source-against-version": true,
	"network/source-against-resolve": true,
	"network/source-against-host":    true, "network/header-own": true, "network/header-twice": true,
	"network/header-long":      true,
	"network/simulator":        true,
	"request/selected-nothing": true, "request/selected-both": true, "request/one-time-email-without": true,
	"request/one-time-email-with-phone": true, "request/one-time-sms-with-email": true,
	"request/mobile-payload-alone": true,
	"request/undocumented-user":    true, "request/undocumented-policy": true,
	"users/usernameless-with-ids": true, "users/usernameless-without-rp": true,
	"users/usernameless-with-a-device": true,
	"load/drain-long":                  true, "load/warmup-sends-nothing": true, "load/rate-high": true,
	"load/rate-high-minutes": true,
	"load/rate-digits":       true, "load/no-duration": true, "load/duration-zero": true,
	"load/duration-fine": true, "load/duration-overflow": true,
	"load/nothing-is-sent": true, "load/less-than-one-is-sent": true, "load/too-long": true,
	"load/steps-without-ramp": true, "load/steps-equal": true, "load/spike-late": true,
	"load/spike-on-ramp":       true,
	"load/spike-with-requests": true, "load/pause-with-duration": true, "load/sine-upside-down": true,
	"load/sine-fast":             true,
	"load/sine-without-duration": true, "load/sine-with-requests": true, "load/profile-missing": true,
	"load/profile-folder": true, "load/profile-bad": true, "load/profile-unsorted": true,
	"load/profile-short":      true,
	"load/profile-of-nothing": true, "load/profile-with-duration": true, "load/profile-in-a-variable": true,
	"load/requests-and-duration": true, "load/requests-of-nothing": true, "load/requests-too-slow": true,
	"load/repeat-and-requests": true, "load/repeat-too-long": true, "load/requests-without-end": true,
	"load/requests-sent-before": true, "load/requests-by-repeating-nothing": true,
	"load/requests-above-cap": true,
	"load/cap-in-the-warm-up": true, "load/closed-poisson": true, "load/closed-without-end": true,
	"load/closed-with-two-ends": true, "load/closed-too-long": true, "load/closed-above-cap": true,
	"load/think-without-users": true,
	"thresholds/p0":            true, "thresholds/p100.1": true, "thresholds/duration-zero": true,
	"thresholds/share-above-100":      true,
	"thresholds/achieved-rate-closed": true, "thresholds/group": true, "thresholds/group-far": true,
	"capacity/upside-down": true, "capacity/short-trial": true, "capacity/width": true,
	"capacity/confidence": true,
	"yaml/merge-key":      true, "yaml/tag": true,
	"target/cooldown-without-a-unit": true,
	"simulator/latency-order":        true, "simulator/latency-median": true, "simulator/latency-long": true,
	"simulator/latency-open":  true,
	"simulator/stall-endless": true, "simulator/stall-zero": true, "simulator/limit-zero": true,
	"simulator/limit-retry-after": true,
	"simulator/users-twice":       true, "simulator/status-and-http-status": true,
	"simulator/error-alone":       true,
	"simulator/servers-time-zero": true, "simulator/collapse-without-count": true,
	"simulator/fault-share-zero": true,
	"users/then-refused":         true, "users/then-status": true, "users/then-cancel": true,
	"users/then-last": true,
	"users/then-all":  true, "users/then-many": true, "users/flow-none": true,
}

// TestSchemaRefuses holds the schema to refuse every mistake that it can see.
func TestSchemaRefuses(t *testing.T) {
	schema := schematest.Compiled(t, scenario.Schema())
	for _, file := range archives(t) {
		subject := strings.TrimSuffix(filepath.Base(file), ".txtar")
		for _, m := range mistakes(t, file) {
			value, err := asJSON(string(complete([]byte(m.yaml))))
			if err != nil || subject == "env" {
				continue // what is not JSON no schema sees, nor values of variables
			}
			id := subject + "/" + m.name
			if taken := schema.Validate(value) == nil; taken != beyondSchema[id] {
				t.Errorf("%s: taken: %v", id, taken)
			}
		}
	}
}

// TestSchemaDescribes holds every key to have a sentence, and defaults to be
// valid.
func TestSchemaDescribes(t *testing.T) {
	var schema map[string]any
	if err := json.Unmarshal(scenario.Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	keys := 0
	var walk func(path string, at any)
	walk = func(path string, at any) {
		switch at := at.(type) {
		case map[string]any:
			if properties, ok := at["properties"].(map[string]any); ok {
				for key, p := range properties {
					property, _ := p.(map[string]any)
					keys++
					if d, _ := property["description"].(string); p != false && !strings.HasSuffix(d, ".") &&
						!strings.HasSuffix(d, "}.") {
						t.Errorf("%s.%s: description %q", path, key, d)
					}
				}
			}
			for key, child := range at {
				walk(path+"."+key, child)
			}
		case []any:
			for _, child := range at {
				walk(path, child)
			}
		}
	}
	walk("", schema)
	if keys < 50 {
		t.Errorf("only %d keys were looked at", keys)
	}
	load := schema["properties"].(map[string]any)["load"].(map[string]any)["properties"].(map[string]any)
	if got := load["seed"].(map[string]any)["default"]; got != 1.0 {
		t.Errorf("the default of seed is %v", got)
	}
	if got := load["drain"].(map[string]any)["default"]; got != "10s" {
		t.Errorf("the default of drain is %v", got)
	}
}

// TestKeysAreThoseOfTheSchema holds the list of keys for people to what the
// schema for editors has.
func TestKeysAreThoseOfTheSchema(t *testing.T) {
	var document any
	if err := json.Unmarshal(scenario.Schema(), &document); err != nil {
		t.Fatal(err)
	}
	inSchema, listed := map[string]bool{}, map[string]bool{}
	pathsOf(document, "", inSchema)
	for _, k := range scenario.Keys() {
		if listed[k.Path] {
			t.Errorf("%s is listed twice", k.Path)
		}
		listed[k.Path] = true
		if k.Want == "" || k.Doc == "" {
			t.Errorf("%s does not say what to write, or what it is for", k.Path)
		}
	}
	if diff := cmp.Diff(inSchema, listed); diff != "" {
		t.Errorf("keys of the schema (-) and of the list (+): %s", diff)
	}
}

// pathsOf collects the keys that a schema describes.
func pathsOf(schema any, path string, into map[string]bool) {
	s, isObject := schema.(map[string]any)
	if !isObject {
		return
	}
	if choices, ok := s["anyOf"].([]any); ok {
		for _, choice := range choices {
			pathsOf(choice, path, into)
		}
	}
	pathsOf(s["items"], path+"[]", into)
	pathsOf(s["additionalProperties"], path+".*", into)
	properties, _ := s["properties"].(map[string]any)
	for name, property := range properties {
		key := strings.TrimPrefix(path+"."+name, ".")
		into[key] = true
		pathsOf(property, key, into)
	}
}
