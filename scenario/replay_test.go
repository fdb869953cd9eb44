package scenario_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mfaload/scenario"
)

// replayed reads a scenario that replays a recording.
func replayed(t testing.TB, recording, replay, load, groups string) (*scenario.Scenario, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "r.csv"), []byte(recording), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := scenario.Parse(filepath.Join(dir, "s.yaml"), []byte("name: s\ntarget: {simulator: "+
		"{}}\nusers: "+groups+
		"\nload:\n  replay: {file: r.csv"+replay+"}\n"+load), lookup)
	if err == nil {
		t.Cleanup(func() { s.Close() })
		err = s.ReadUsers(nil)
	}
	if err != nil {
		err = errors.New(strings.NewReplacer(dir+string(filepath.Separator), "", "\n    ",
			": ").Replace(err.Error()))
	}
	return s, err
}

// Every mistake is told with its place and a remedy.
func TestBadReplays(t *testing.T) {
	const one, own = "[{name: a}]", "[{name: a, ids: [" + userA + "]}]"
	row := "0," + userA + "\n"
	for _, test := range []struct{ name, recording, replay, load, groups, want string }{
		{"epochs are not guessed", "time,userID\n1718002800," + userA + "\n", "", "", one,
			`r.csv:2:1: time: "***" is a number: name the column seconds or milliseconds`},
		{"no offset", "time,userID\n2026-03-29T08:00:00," + userA + "\n", "", "", one,
			`r.csv:2:1: time: "2026-03-29T08:00:00" has no offset from UTC: write Z`},
		{"no time", "userID\n" + userA + "\n", "", "", one, "r.csv:1:1: the header has no column time: " +
			"name the column"},
		{"two times", "time,seconds\n", "", "", one, "r.csv:1:6: a second column says the time: seconds: " +
			"keep one"},
		{"another name", "timestamp,userID\n", "", "", one,
			`unknown column "timestamp": did you mean "time"?`},
		{"not a number", "seconds,userID\n1e3," + userA + "\n", "", "", one,
			`r.csv:2:1: seconds: "1e3" is not a number of seconds: write digits`},
		{"late", "seconds,userID\n" + strings.Repeat("5,"+userA+"\n", 262144) + "4," + userA + "\n", "", "",
			one,
			"r.csv:262146:1: the row is earlier than one that is 131072 rows or more before it: sort the " +
				"file"},
		{"no user", "seconds,userID\n0,\n", "", "", one,
			`r.csv:2:1: the row has no user, and group "a" has none to take`},
		{"two sources of users", "seconds,userID\n" + row, "", "", own,
			`r.csv:2:3: the row has a user, and group "a" has users of its own`},
		{"policy without a user", "seconds,policy\n0," + userB + "\n", "", "", own,
			"r.csv:2:1: the row has expect or policy, and no user"},
		{"group", "seconds,userID,group\n0," + userA + ",b\n", "", "", one,
			`r.csv:2:40: group: "b" is no group of the scenario`},
		{"hashed", "index,group,user,intended_ns\n1,a,0123456789abcdef,5\n", "", "", one,
			`userID: "0123456789abcdef" is the hash of a user, not an ID: write the samples with --users`},
		{"nothing left", "seconds,userID\n" + row, ", from: 1h", "", one, "the recording has no row from " +
			"its from to its to"},
		{"no rows", "seconds,userID\n", "", "", one, "the recording has no rows"},
		{"a day of numbers", "seconds,userID\n" + row, ", from: '08:00'", "", one,
			"r.csv:2:1: load.replay.from and to are times of a day, and rows have seconds only"},
		{"a group without rows", "seconds,userID\n" + row, "", "", "[{name: a}, {name: b}]",
			`s.yaml:5:18: load.replay.file has no row of group "b", which has no ids either`},
		{"warm-up", "seconds,userID\n" + row, "", "  warmup: 2s\n", one, "load.replay.file is shorter than " +
			"the warm-up"},
		{"too long", "seconds,userID\n" + row + "3000000," + userA + "\n", "", "", one,
			"r.csv:3:1: the row is due more than 30d after the first: write from and to, or a higher speed"},
		{"too long in all", "seconds,userID\n" + row, ", loop: 1000000, speed: 0.001", "", one,
			"load.replay.file and the warm-up are longer than 30d together"},
		{"stages too", "seconds,userID\n" + row, "", "  repeat: 2\n", one,
			"load.repeat cannot be combined with replay, whose rows say when each request is sent: remove " +
				"one of them"},
		{"weights", "seconds,userID\n" + row, "", "", "[{name: a, weight: 2}]",
			"users[0].weight cannot be combined with load.replay"},
		{"order", "seconds,userID\n" + row, "", "", "[{name: a, order: random}]",
			"users[0].order is for users of ids or file"},
		{"speed", "", ", speed: fast", "", one, `load.replay.speed: "fast" is not a speed`},
		{"from", "", ", from: noon", "", one, "is neither a time of day, an RFC 3339 time nor a duration"},
		{"damaged gzip", "\x1f\x8b\x08\x00\x00", "", "", one, "load.replay.file can't be read: the gzip " +
			"data is damaged"},
		{"password file", "root:x:0:0\n", "", "", one, "its name is not shown"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := replayed(t, test.recording, test.replay, test.load, test.groups)
			if test.want == "" != (err == nil) || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got:  %v\nwant: %s", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "root:x") {
				t.Error("it shows a file that is none of its own")
			}
		})
	}
}

// What is sent counts in the hash, however the scenario says it.
func TestHashOfReplays(t *testing.T) {
	const two = "seconds,userID\n0," + userA + "\n2," + userB + "\n"
	hash := func(recording, replay string) string {
		s, err := replayed(t, recording, replay, "", "[{name: a}]")
		if err != nil {
			t.Fatal(err)
		}
		return s.Hash()
	}
	other := `{"seconds":10,"userID":"` + userA + "\"}\n" +
		`{"milliseconds":"12000","userID":"` + userB + `"}`
	if hash(two, "") != hash(other, ", speed: 1x") {
		t.Error("written in another way, it is another load")
	}
	for _, other := range []string{hash(two, ", speed: 2"), hash(two, ", loop: 2"), hash(two, ", to: 1s"),
		hash(strings.Replace(two, userA, userB, 1), "")} {
		if other == hash(two, "") {
			t.Error("another load has the same hash")
		}
	}
}
