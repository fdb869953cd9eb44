package generate_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"reflect"
	"strings"
	"testing"

	"mfaload/internal/redact"
	"mfaload/pingone/generate"
)

// What a mask takes out of any case is in it no more, in whatever form, and comes back as it was.
func TestMaskTakesOutWhatIsPersonal(t *testing.T) {
	in := input(t, 1, 5000)
	personal := map[string]string{"selectedDevice.id": "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d",
		"selectedDevice.oneTime.email": "wilhelmina.canary@canary-mail.example",
		"mobilePayload":                "a payload \"of\" a phone"}
	tracks := append([]string{in.Transaction, "wilhelmina", "a phone"}, in.Users...)
	for path, text := range personal {
		in.Known[path] = fmt.Sprintf("%q", text)
		tracks = append(tracks, text)
	}
	for _, track := range tracks {
		tracks = append(tracks, strings.ReplaceAll(track, "-", ""),
			strings.Join(strings.Split(track, ""), "\x00"))
	}
	held := redact.New(tracks...)
	mask := generate.NewMask(&in)
	hidden := 0
	for _, c := range generate.Cases(in) {
		if len(c.Request.Body) == 0 {
			c.Request.Body = nil // as it is read
		}
		f := generate.FailedCase{Rule: "request.valid", Expected: "not " + in.Users[0], Case: c,
			Others: []generate.Case{c}, Smallest: &c.Request}
		kept := mask.Masked(f)
		var line bytes.Buffer
		kept.Curl = kept.Case.Request.Curl("http://127.0.0.1", func(s string) string { return s })
		if err := kept.Write(&line); err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{line.String(), string(kept.Case.Request.Body)} {
			if held.Holds(text) || strings.Contains(strings.ToLower(text), "wilhelmina") {
				t.Errorf("%s: shows what is personal: %.300q", c.Name(), text)
			}
		}
		read, err := generate.ReadFailures(&line)
		if err != nil {
			t.Fatal(err)
		}
		again, missing := mask.Filled(read[0])
		if again.Curl = ""; missing != "" || !reflect.DeepEqual(f, again) {
			t.Errorf("%s: misses %q: %.300q", c.Name(), missing, again.Case.Request.Body)
		}
		if !bytes.Equal(kept.Case.Request.Body, c.Request.Body) {
			hidden++
		}
	}
	if hidden < 200 {
		t.Errorf("%d cases had something to hide", hidden)
	}
	in.Users = in.Users[:1]
	if _, missing := generate.NewMask(&in).Fill("{{user2:0-9}}"); missing != "user2" {
		t.Errorf("misses %q", missing)
	}
}

// FuzzMask hides parts of any text, which come back as they were; any kept text can be filled.
func FuzzMask(f *testing.F) {
	in := input(f, 1, 1)
	mask := generate.NewMask(&in)
	for _, text := range []string{`{"user":{"id":"` + user + `"}}`, user[:20] + "{{" + user[3:],
		"{{user1:9-3}}", "{{open}}", "{{{user1}}}", strings.ToUpper(user)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		kept := mask.Hide(text)
		if again, missing := mask.Fill(kept); again != text || missing != "" {
			t.Fatalf("%q became %q, misses %q", text, again, missing)
		}
		mask.Fill(text)
	})
}

// What curl lines are to send arrives as it is, with the variables that they name.
func TestCurlLinesAreWords(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash here")
	}
	in := input(t, 1, 1)
	mask := generate.NewMask(&in)
	for _, body := range []string{`{"user":{"id":"` + user + `"}}`, user[3:30] + ` $HOME "it's" !x`,
		user + "\x01\xff{{" + user, `{"access_token":"{token}"}`, "plain " + user} {
		r := generate.Request{Method: "POST", Path: "/x", Authorization: "Bearer {token}", Body: []byte(body)}
		r.Body = []byte(mask.Hide(body))
		line := r.Curl("http://127.0.0.1", func(s string) string { return s })
		cmd := exec.Command(bash, "-c",
			"curl() { printf '%s\\n' \"${@: -2:1}\" \"${@: -1}\" \"${@: -4:1}\"; }; "+line)
		cmd.Env = []string{"USER1=" + user, "PINGONE_ACCESS_TOKEN=a-token"}
		out, err := cmd.Output()
		want := strings.ReplaceAll(body, "{token}", "a-token") +
			"\nhttp://127.0.0.1/x\nAuthorization: Bearer a-token\n"
		if err != nil || string(out) != want {
			t.Errorf("%s\nsends %q, want %q, %v", line, out, want, err)
		}
	}
}
