package pingone_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"mfaload/contract"
	"mfaload/internal/testkit"
	"mfaload/pingone"
)

const token = "coffee.Wd7-Qk2_mZpXrtLh.sVbNy"

// response is an exchange under construction.
type response struct {
	status  int
	header  contract.Fields
	body    []byte
	cut     bool
	framing []contract.Violation
	http2   bool
	facts   map[string]string
}

// compile compiles the embedded contract with the levels of a scenario.
func compile(t testing.TB, levels ...contract.RuleLevel) *contract.Contract {
	t.Helper()
	c, err := pingone.Compile("contract.yaml", pingone.Document(), levels)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// exchange is the response as a transport would capture it.
func (a *response) exchange(c *contract.Contract) *contract.Exchange {
	ex := &contract.Exchange{Status: a.status, Header: a.header, Body: a.body, Cut: a.cut,
		Framing: a.framing, HTTP2: a.http2}
	for _, name := range c.FactNames() {
		ex.Facts = append(ex.Facts, a.facts[name])
	}
	return ex
}

// edit changes a response.
type edit func(t testing.TB, a *response)

// ofCorpus is a response of the corpus.
func ofCorpus(r *testkit.ExampleResponse) response {
	a := response{status: r.Status, body: r.Body, facts: map[string]string{
		"request.user.id":   "788d4931-6936-43f2-82ff-178f5762298a",
		"request.policy.id": "9761c24a-208d-0499-1bf6-39905184a4e1",
		"envID":             "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6",
		"basePath":          "/abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6",
		"origin":            "https://auth.pingone.com",
		"token":             token,
	}}
	maps.Copy(a.facts, r.Facts)
	for _, f := range r.Header {
		a.header = append(a.header, contract.HeaderField{Name: f[0], Value: f[1]})
	}
	return a
}

// The bases are responses without any violation.

func email(t testing.TB) response { return ofCorpus(testkit.ReadResponse("otp-email")) }

func oneTime(t testing.TB) response { return ofCorpus(testkit.ReadResponse("otp-email-onetime")) }

// oneTimePhone is oneTime with a phone, in the older form of the request.
func oneTimePhone(t testing.TB) response {
	a := oneTime(t)
	delete(a.facts, "request.selectedDevice.oneTime.email")
	a.facts["request.selectedDevice.oneTime.phone"] = "+14135550150"
	a.apply(t, set("/_embedded/devices", `[{"type":"SMS","phone":"+1******0150"}]`),
		set("/selectedDevice", `{"oneTime":{"type":"SMS","phone":"+1******0150"}}`))
	return a
}

func selection(t testing.TB) response {
	a := email(t)
	a.apply(t, set("/status", `"DEVICE_SELECTION_REQUIRED"`), drop("/selectedDevice"),
		drop("/_links/otp.check"),
		set("/_embedded/devices/1",
			`{"id":"0a0a0a0a-2b5b-4766-9628-95fc03f4ec9b","type":"TOTP","status":"ACTIVE"}`))
	return a
}

func assertion(t testing.TB) response {
	a := email(t)
	a.apply(t, set("/status", `"ASSERTION_REQUIRED"`), drop("/_links/otp.check"),
		drop("/_links/device.select"),
		set("/_embedded/devices/0/type", `"FIDO2"`), drop("/_embedded/devices/0/email"),
		set("/publicKeyCredentialRequestOptions", `"{\"challenge\":[1,2]}"`))
	return a
}

func failed(t testing.TB) response {
	a := email(t)
	a.apply(t, set("/status", `"FAILED"`), drop("/_links/otp.check"), drop("/_links/device.select"),
		drop("/selectedDevice"),
		set("/_embedded/devices", `[]`), set("/error",
			`{"code":"NO_USABLE_DEVICES","message":"No usable devices"}`))
	return a
}

func refusal(t testing.TB) response { return ofCorpus(testkit.ReadResponse("invalid-data")) }

// refused is a refusal with another status and code.
func refused(status int, code string) func(testing.TB) response {
	return func(t testing.TB) response {
		a := refusal(t)
		a.status = status
		a.apply(t, set("/code", `"`+code+`"`))
		return a
	}
}

func (a *response) apply(t testing.TB, edits ...edit) {
	for _, e := range edits {
		e(t, a)
	}
}

// parts decodes the body, hands the object that holds the pointer's last step
// over, and encodes it again.
func (a *response) parts(t testing.TB, pointer string, change func(parent map[string]any, name string)) {
	t.Helper()
	var root any
	d := json.NewDecoder(bytes.NewReader(a.body))
	d.UseNumber()
	if err := d.Decode(&root); err != nil {
		t.Fatal(err)
	}
	steps := strings.Split(pointer, "/")[1:]
	v := root
	for _, s := range steps[:len(steps)-1] {
		if list, ok := v.([]any); ok {
			v = list[int(s[0]-'0')]
		} else {
			v = v.(map[string]any)[s]
		}
	}
	change(v.(map[string]any), steps[len(steps)-1])
	var err error
	if a.body, err = json.Marshal(root); err != nil {
		t.Fatal(err)
	}
}

// set sets a member, or an item of a list, to a JSON value.
func set(pointer, value string) edit {
	return func(t testing.TB, a *response) {
		t.Helper()
		parent, item, ok := cutItem(pointer)
		a.parts(t, parent, func(object map[string]any, name string) {
			if !ok {
				object[name] = json.RawMessage(value)
				return
			}
			list := object[name].([]any)
			if item == len(list) {
				list = append(list, nil)
			}
			list[item] = json.RawMessage(value)
			object[name] = list
		})
	}
}

// cutItem splits an index off a pointer.
func cutItem(pointer string) (parent string, item int, ok bool) {
	i := strings.LastIndexByte(pointer, '/')
	if last := pointer[i+1:]; len(last) == 1 && last[0] >= '0' && last[0] <= '9' {
		return pointer[:i], int(last[0] - '0'), true
	}
	return pointer, 0, false
}

func drop(pointer string) edit {
	return func(t testing.TB, a *response) {
		t.Helper()
		a.parts(t, pointer, func(object map[string]any, name string) {
			if _, has := object[name]; !has {
				t.Fatalf("there is no %s", pointer)
			}
			delete(object, name)
		})
	}
}

// swap replaces every occurrence of a text in the body.
func swap(old, new string) edit {
	return func(t testing.TB, a *response) {
		t.Helper()
		if !bytes.Contains(a.body, []byte(old)) {
			t.Fatalf("the body does not hold %q", old)
		}
		a.body = bytes.ReplaceAll(a.body, []byte(old), []byte(new))
	}
}

func body(text string) edit { return func(_ testing.TB, a *response) { a.body = []byte(text) } }
func before(text string) edit {
	return func(_ testing.TB, a *response) { a.body = []byte(text + string(a.body)) }
}
func after(text string) edit {
	return func(_ testing.TB, a *response) { a.body = append(a.body, text...) }
}
func status(n int) edit             { return func(_ testing.TB, a *response) { a.status = n } }
func cut(_ testing.TB, a *response) { a.cut = true }

func fact(name, value string) edit { return func(_ testing.TB, a *response) { a.facts[name] = value } }

// field replaces a header field by fields with the values, or removes it.
func field(name string, values ...string) edit {
	return func(_ testing.TB, a *response) {
		a.header = slices.DeleteFunc(a.header, func(f contract.HeaderField) bool { return f.Name == name })
		for _, v := range values {
			a.header = append(a.header, contract.HeaderField{Name: name, Value: v})
		}
	}
}

func overHTTP2(_ testing.TB, a *response) { a.http2 = true }

func framing(rule string) edit {
	return func(_ testing.TB, a *response) {
		a.framing = append(a.framing, contract.Violation{Rule: rule, Expected: "one", Got: "another"})
	}
}
