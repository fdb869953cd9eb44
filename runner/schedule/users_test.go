package schedule_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mfaload/runner/schedule"
	"mfaload/scenario"
	"mfaload/scenario/users"
)

func askedOf(s *scenario.Scenario) (ids []string) {
	for a := range schedule.New(s).All() {
		if a.Withheld == "" {
			ids = append(ids, a.User.ID)
		} else {
			ids = append(ids, "-")
		}
	}
	return ids
}

func TestOrders(t *testing.T) {
	ask := func(change func(*scenario.Group)) string {
		g := group("", 4)
		change(&g)
		s := oneGroup(load(constant(10, time.Second)))
		s.Groups, s.Load.Seed = []scenario.Group{g}, 7
		return strings.Join(askedOf(s), "")
	}
	if got := ask(func(*scenario.Group) {}); got != "abcdabcdab" {
		t.Errorf("sequential: %s", got)
	}
	stopping := func(g *scenario.Group) { g.Order, g.Exhausted = users.Once, scenario.Stop }
	if got := ask(stopping); got != "abcd" {
		t.Errorf("once: %s", got)
	}
	shuffled := ask(func(g *scenario.Group) { g.Order = users.Shuffle })
	round := []byte(shuffled[:4])
	slices.Sort(round)
	if string(round) != "abcd" || shuffled[:4] != shuffled[4:8] || shuffled[:2] != shuffled[8:] {
		t.Errorf("shuffled: %s", shuffled)
	}
	// A second and a half pass before a user is asked again.
	if got := ask(func(g *scenario.Group) { g.PerUser = 500 * ms }); got != "abcd-abcd-" {
		t.Errorf("no user twice within half a second: %s", got)
	}
}

// A group that ran out keeps its share, which nobody gets; when all ran out
// the schedule ends.
func TestUsersRunOut(t *testing.T) {
	s := oneGroup(load(constant(10, 2*time.Second)))
	short, long := group("s", 2), group("l", 5)
	short.Exhausted, long.Exhausted = scenario.Stop, scenario.Stop
	s.Groups = []scenario.Group{short, long}
	if got := strings.Join(askedOf(s), " "); got != "sa la sb lb - lc - ld - le" {
		t.Errorf("asked: %s", got)
	}
	if sch := schedule.New(s); sch.Count() != 10 || sch.Due() != 20 {
		t.Errorf("%d of %d arrivals", sch.Count(), sch.Due())
	}
}

// Rows of a file say what they expect, and which policy they ask for.
func TestKindsOfUsers(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "users.csv")
	text := "userID,expect,policy\n" +
		"788d4931-6936-43f2-82ff-178f57622981,,\n" +
		"788d4931-6936-43f2-82ff-178f57622982,404 NOT_FOUND,\n" +
		"788d4931-6936-43f2-82ff-178f57622983,,9761c24a-208d-0499-1bf6-39905184a4e1\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := scenario.Parse(filepath.Join(dir, "s.yaml"), []byte(`name: a
target: {simulator: {}}
users: [{name: a, file: users.csv}]
load: {stages: [{rate: 3/s, duration: 1s}]}
`), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ReadUsers(nil); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var kinds []int
	for a := range schedule.New(s).All() {
		kinds = append(kinds, a.User.Kind)
	}
	if !slices.Equal(kinds, []int{0, 1, 2}) {
		t.Errorf("kinds %v", kinds)
	}
	g := s.Groups[0]
	if e := g.Variant(1).Expect; !slices.Equal(e.HTTPStatuses, []int{404}) ||
		!slices.Equal(e.Errors, []string{"NOT_FOUND"}) {
		t.Errorf("expected %+v", e)
	}
	policy := g.Variant(2).Request["policy"].(map[string]any)["id"]
	if policy != "9761c24a-208d-0499-1bf6-39905184a4e1" {
		t.Errorf("policy %v", policy)
	}
}
