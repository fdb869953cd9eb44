package scenario_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfaload/scenario"
)

const (
	userC  = "11111111-1111-1111-1111-11111111111c"
	policy = "9761c24a-208d-0499-1bf6-39905184a4e1"
)

// withUsers reads a scenario from a folder with files of users.
func withUsers(t *testing.T, users, stdin string, files map[string]string) (*scenario.Scenario, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := scenario.Parse(filepath.Join(dir, "s.yaml"), complete([]byte("users:\n"+users)), lookup)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	err = s.ReadUsers(strings.NewReader(stdin))
	if err != nil {
		err = fmt.Errorf("%s", strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), ""))
	}
	return s, err
}

// listed is what a group asks for, user by user.
func listed(t *testing.T, s *scenario.Scenario, group int) (all []string) {
	t.Helper()
	r, g := s.Reader(group), s.Groups[group]
	for row := range g.Size() {
		u, err := r.User(row)
		if err != nil || u.Group != group {
			t.Fatal(u, err)
		}
		v := g.Variant(u.Kind)
		all = append(all,
			fmt.Sprintln(u.ID, v.Expect.HTTPStatuses, v.Expect.Statuses, v.Expect.Errors, v.Request))
	}
	return all
}

func TestReadUsers(t *testing.T) {
	s, err := withUsers(t,
		"  - {name: a, file: sub/a.csv, request: {policy: {id: "+userB+
			"}, undocumented: {n: 1}}, expect: {httpStatus: 404, error: NOT_FOUND}}\n"+
			"  - {name: b, ids: ["+userB+"]}\n  - {name: c, file: '-'}\n", `{"userID":"`+userC+`"}`,
		map[string]string{
			"sub/a.csv": "userID,expect,policy\n" + strings.ToUpper(userA) + ",,\n" +
				"00000000-0000-0000-0000-000000000001,OTP_REQUIRED | COMPLETED," + policy +
				"\n00000000-0000-0000-0000-000000000002,201,\n" +
				"00000000-0000-0000-0000-000000000003,404 NOT_FOUND|429 " +
				"REQUEST_LIMITED|OTP_REQUIRED,\n00000000-0000-0000-0000-000000000004,503," + policy + "\n"})
	if err != nil {
		t.Fatal(err)
	}
	own := "map[n:1 policy:map[id:" + userB + "]]\n"
	other := "map[n:1 policy:map[id:" + policy + "]]\n"
	want := []string{
		strings.ToUpper(userA) + " [404] [] [NOT_FOUND] " + own, // as written
		"00000000-0000-0000-0000-000000000001 [201] [OTP_REQUIRED COMPLETED] [] " + other,
		"00000000-0000-0000-0000-000000000002 [201] [] [] " + own,
		"00000000-0000-0000-0000-000000000003 [404 429 201] [OTP_REQUIRED] [NOT_FOUND REQUEST_LIMITED] " +
			own,
		"00000000-0000-0000-0000-000000000004 [503] [] [] " + other,
	}
	if diff := cmp.Diff(want, listed(t, s, 0)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{userB + " [201] [] [] map[]\n"}, listed(t, s, 1)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{userC + " [201] [] [] map[]\n"}, listed(t, s, 2)); diff != "" {
		t.Error(diff)
	}
}

// What a file holds counts in the hash; where it is does not.
func TestHashOfUsers(t *testing.T) {
	hash := func(name, text string) string {
		s, err := withUsers(t, "  - {name: a, file: "+name+"}\n", "", map[string]string{name: text})
		if err != nil {
			t.Fatal(err)
		}
		return s.Hash()
	}
	one := hash("a.csv", "userID\n"+userA+"\n")
	if one != hash("b.csv", "userID\n"+userA+"\n") {
		t.Error("another path gives another hash")
	}
	if one == hash("a.csv", "userID\n"+userB+"\n") {
		t.Error("another file gives the same hash")
	}
}

func TestBadUsers(t *testing.T) {
	for _, test := range []struct {
		name, users, stdin string
		files              map[string]string
		want               string
	}{
		{"missing", "  - {name: a, file: gone.csv}\n", "", nil,
			"s.yaml:2:21: the users of group \"a\" can't be read from \"gone.csv\": no such file or " +
				"directory\n    check the path: it counts from the scenario's folder"},
		{"a folder", "  - {name: a, file: .}\n", "", nil,
			"s.yaml:2:21: the users of group \"a\" can't be read from \".\": is a directory\n    check the " +
				"path: it counts from the scenario's folder"},
		{"header only", "  - {name: a, file: a.csv}\n", "", map[string]string{"a.csv": "userID\n"},
			"a.csv:1:1: the file has no users\n    write one user's ID in each line below the header"},
		{"malformed and twice", "  - {name: a, file: a.csv}\n", "",
			map[string]string{"a.csv": "userID\n" + userA + "\nx\n\n" + strings.ToUpper(userA) + "\n"},
			"a.csv:3:1: userID: \"x\" is not an ID: 36 characters, 8-4-4-4-12 hexadecimal digits\n    " +
				"write an ID such as " + userA + "\na.csv:5:1: userID: \"" + strings.ToUpper(userA) +
				"\" is a duplicate\n    remove one of them; the first is in line 2"},
		{"twice across groups",
			"  - {name: a, ids: [" + userB + "]}\n  - {name: b, file: b.csv}\n  - {name: c, file: '-'}\n",
			`{"userID": "` + userA + `"}` + "\n",
			map[string]string{"b.csv": "policy,userID\n," + userA + "\n," + userB + "\n"},
			"b.csv:3:2: userID: \"" + userB +
				"\" is a duplicate\n    remove one of them: the user is already in group \"a\"\n" +
				"stdin:1:12: userID: \"" + userA +
				"\" is a duplicate\n    remove one of them; the first is at b.csv:2:2, in group \"b\""},
		{"overrides", "  - {name: a, file: a.csv}\n", "",
			map[string]string{"a.csv": "userID,expect,policy\n" +
				userA + ",OTP_REQUIERD,\n" + userB + ",NOT_FOUND,\n" + userC + ",404|404 NOT_FOUND,\n" +
				"00000000-0000-0000-0000-000000000001,a b " +
				"c,\n00000000-0000-0000-0000-000000000002,99,\n00000000-0000-0000-0000-000000000003,,p\n" +
				"00000000-0000-0000-0000-000000000004,404 " +
				"not-a-code!,\n00000000-0000-0000-0000-000000000005,${TOKEN},\n"},
			"a.csv:2:38: expect: \"OTP_REQUIERD\" is unknown\n    did you mean \"OTP_REQUIRED\"?\n" +
				"a.csv:3:38: expect: \"NOT_FOUND\" names an error without its HTTP status\n    write for " +
				"example 404 NOT_FOUND\n" +
				"a.csv:4:38: expect: \"404|404 NOT_FOUND\" mixes responses with and without a status or " +
				"code\n    give " +
				"all of them one, such as 404 NOT_FOUND, or none\n" +
				"a.csv:5:38: expect: \"a b c\" is not a response\n    write OTP_REQUIRED, 404 NOT_FOUND, " +
				"or " +
				"several: OTP_REQUIRED|COMPLETED\n" +
				"a.csv:6:38: expect: \"99\" has no HTTP status from 100 to 599\n    write OTP_REQUIRED, " +
				"404 NOT_FOUND, or several: OTP_REQUIRED|COMPLETED\n" +
				"a.csv:7:39: policy: \"p\" is not an ID: 36 characters, 8-4-4-4-12 hexadecimal digits\n    " +
				"write the policy's ID, or nothing for that of the group\n" +
				"a.csv:8:38: expect: \"404 not-a-code!\" is not an error code: upper-case words joined by " +
				"_\n    write OTP_REQUIRED, 404 NOT_FOUND, or several: OTP_REQUIRED|COMPLETED\n" +
				"a.csv:9:38: expect: \"${TOKEN}\" is not a status: upper-case words joined by _\n    write " +
				"OTP_REQUIRED, 404 NOT_FOUND, or several: OTP_REQUIRED|COMPLETED"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := withUsers(t, test.users, test.stdin, test.files)
			if diff := cmp.Diff(test.want, message(err)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// However much is wrong with a file, the messages fit on a few screens.
func TestManyBadUsers(t *testing.T) {
	for _, row := range []string{"x\n", userA + "\n"} {
		_, err := withUsers(t, "  - {name: a, file: a.csv}\n", "",
			map[string]string{"a.csv": "userID\n" + strings.Repeat(row, 100_000)})
		if n := strings.Count(message(err), "\n"); n < 400 || n > 410 ||
			!strings.Contains(message(err), "fix these first") {
			t.Errorf("%d lines:\n%.300s", n, message(err))
		}
	}
}

func TestManyKinds(t *testing.T) {
	var b strings.Builder
	b.WriteString("userID,policy\n")
	for i := range 4097 {
		fmt.Fprintf(&b, "00000000-0000-0000-0000-%012x,00000000-0000-0000-0000-%012x\n", i, i)
	}
	_, err := withUsers(t, "  - {name: a, file: a.csv}\n", "", map[string]string{"a.csv": b.String()})
	if want := "a.csv:4098:1: the file has more than 4096 different pairs of expect and policy\n    split " +
		"it over several files"; message(err) != want {
		t.Errorf("got %v", err)
	}
}

// A run of more groups could not be read back.
func TestTooManyGroups(t *testing.T) {
	text := func(groups int) []byte {
		var b strings.Builder
		b.WriteString("name: many\ntarget: {simulator: {}}\nload: {stages: [{rate: 10/s, duration: " +
			"10s}]}\nusers:\n")
		for i := range groups {
			fmt.Fprintf(&b, "  - {name: g%d, ids: [788d4931-6936-43f2-82ff-%012d]}\n", i, i)
		}
		return []byte(b.String())
	}
	if _, err := scenario.Parse("f.yaml", text(10_000), nil); err != nil {
		t.Error(err)
	}
	_, err := scenario.Parse("f.yaml", text(10_001), nil)
	if want := "f.yaml:4:1: users has 10001 groups, more than 10000"; err == nil ||
		!strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}
