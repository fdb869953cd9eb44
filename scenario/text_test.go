package scenario_test

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"mfaload/scenario"
)

// noText leaves out what other tests look at.
var noText = cmpopts.IgnoreFields(scenario.Scenario{}, "Text")

// canary has a mark in every value that nobody may see.
const canary = `
name: canary
target:
  authPath: https://auth.example.com
  envID: ${ENV}
  clientCredentials: {clientID: canary-client, clientSecret: "${SECRET}"}
  ownerAgreed: true
  proxy: http://canary-user:canary-password@proxy.example:3128
  headers: {X-Gate: canary-header, X-Other: '${SECRET}'}
users:
  - name: own
    ids: [788d4931-6936-43f2-82ff-178f5762298a]
    request:
      policy: {id: 9761c24a-208d-0499-1bf6-39905184a4e1}
      selectedDevice: {oneTime: {type: EMAIL, email: canary@example.com, testMode: true}}
      notification: {template: {name: sign_on, locale: en, variables: {name: canary-name}}, clientContext: {id: canary-context, deep: {type: canary}}}
      application: {id: 9761c24a-208d-0499-1bf6-39905184a4e1}
      mobilePayload: canary-payload
      undocumented: {id: canary-id, list: [canary]}
  - name: phone
    ids: [00000000-0000-0000-0000-000000000001]
    request: {selectedDevice: {oneTime: {type: SMS, phone: "+1413555canary0150"}}}
load: {stages: [{rate: 5/s, duration: 1s}]}
check: {identities: [{name: other, kind: foreign, accessToken: canary-identity}]}
`

const environmentID = "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6"

func canaryLookup(name string) (string, bool) {
	switch name {
	case "ENV":
		return environmentID, true
	case "SECRET":
		return "canary-secret", true
	case "PINGONE_ENV_ID":
		return environmentID, true
	case "PINGONE_ACCESS_TOKEN", "PINGONE_CLIENT_SECRET":
		return "canary-token", true
	case "PINGONE_CLIENT_ID":
		return "canary-id", true
	}
	return "", false
}

func TestTextHidesSecretsAndPersonalData(t *testing.T) {
	text := strings.Replace(canary, "1413555canary0150", "14135550150", 1)
	for _, variant := range []string{text,
		strings.Replace(text, `clientCredentials: {clientID: canary-client, clientSecret: "${SECRET}"}`,
			"accessToken: canary-token", 1)} {
		s, err := scenario.Parse("canary.yaml", []byte(variant), canaryLookup)
		if err != nil {
			t.Fatal(err)
		}
		for _, hidden := range []string{"canary-", "canary@", "proxy.example", "14135550150", "type: canary",
			"- canary"} {
			if strings.Contains(s.Text, hidden) {
				t.Errorf("the text has %q:\n%s", hidden, s.Text)
			}
		}
		for _, shown := range []string{environmentID, "X-Gate: '***'", "locale: en", "policy:",
			"timeout: 10s # default", "{rate: 5/s, duration: 1s}"} {
			if !strings.Contains(s.Text, shown) {
				t.Errorf("the text lacks %q:\n%s", shown, s.Text)
			}
		}
	}
}

// A new kind of secret has to be in the canary.
func TestCanaryHasEverySecret(t *testing.T) {
	want := map[string]bool{"Scenario.Target.AccessToken": true,
		"Scenario.Target.ClientCredentials.ClientSecret": true,
		"Scenario.Target.Network.Proxy":                  true, "Scenario.Target.Network.Headers.Value": true,
		"Scenario.Target.Identities.AccessToken": true}
	var walk func(path string, of reflect.Type)
	walk = func(path string, of reflect.Type) {
		for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
			of = of.Elem()
		}
		if of == reflect.TypeFor[scenario.Secret]() {
			if !want[path] {
				t.Errorf("%s is in no canary: add it", path)
			}
			delete(want, path)
			return
		}
		if of.Kind() == reflect.Struct && strings.HasSuffix(of.PkgPath(), "scenario") {
			for i := range of.NumField() {
				walk(path+"."+of.Field(i).Name, of.Field(i).Type)
			}
		}
	}
	walk("Scenario", reflect.TypeFor[scenario.Scenario]())
	for path := range want {
		t.Errorf("%s is no secret any more", path)
	}
}

// The text is a scenario again, and the same one: it says what ran.
func TestTextIsTheScenario(t *testing.T) {
	files, err := filepath.Glob("../scenarios/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s, err := scenario.Parse(file, data, canaryLookup)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(s.Text, "***") || strings.Contains(s.Text, " in all\n") {
			continue // which is no token and no address, and not all users
		}
		again, err := scenario.Parse(file, []byte(s.Text), canaryLookup)
		if err != nil {
			t.Errorf("%s: %v\n%s", file, err, s.Text)
			continue
		}
		// those of the file come first
		for _, list := range [][]scenario.Threshold{s.Thresholds, again.Thresholds} {
			slices.SortFunc(list,
				func(a, b scenario.Threshold) int { return strings.Compare(a.String(), b.String()) })
		}
		if said := strings.ReplaceAll(s.Text, " # default", ""); strings.ReplaceAll(again.Text, " # default",
			"") != said || again.Hash() != s.Hash() {
			t.Errorf("%s: another scenario:\n%s\n%s", file, s.Text,
				cmp.Diff(s, again, cmp.Comparer(sameSecret), noText))
		}
	}
}

func TestTextCutsLongLists(t *testing.T) {
	ids := strings.Repeat("788d4931-6936-43f2-82ff-178f5762298a, ", 1)
	for i := range 20 {
		ids += "00000000-0000-0000-0000-0000000000" + string(rune('a'+i/10)) + string(rune('0'+i%10)) + ", "
	}
	s, err := scenario.Parse("long.yaml",
		[]byte("name: long\ntarget: {simulator: {}}\nusers: [{name: a, ids: ["+ids+
			"]}]\nload: {stages: [{rate: 1/s, duration: 1s}]}\n"), canaryLookup)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(s.Text, "- 00000000-0000-0000-0000-0000000000a1 # 21 in all\n") ||
		strings.Count(s.Text, "- 0000") != 2 {
		t.Error(s.Text)
	}
}
