package fleet

import (
	"strings"
	"testing"
)

// A final or a claim whose receipt was lost is sent again, and is then found to
// be this worker's; that of another one is not.
func TestLostReceipts(t *testing.T) {
	tm, w := newTeam(t, 2), &work{}
	lead, works := tm.start(t.Context(), tm.worker(0, w))
	tm.says.await("shard 0: host-0")
	nc, err := tm.join.connect(strings.Repeat("ab", 16))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	session, err := newSession(nc, tm.worker(1, w), strings.Repeat("ab", 16))
	if err != nil {
		t.Fatal(err)
	}
	c, mine := session.counter, ownerOf(session.id, "host-1", testHash)
	for _, step := range []struct {
		shard int
		want  bool
	}{{1, true}, {0, false}} {
		if got := c.claim(t.Context(), step.shard, mine) == nil; got != step.want {
			t.Errorf("shard %d is claimed: %v", step.shard, got)
		}
		stored, err := nc.Request(c.names.readClaim(map[int]string{0: "0", 1: "1"}[step.shard]), nil, silence)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(stored.Data) == string(encode(mine)); got != step.want {
			t.Errorf("what is stored of shard %d is this worker's: %v", step.shard, got)
		}
	}
	session.shard = 1
	session.leave(gone, errTaken) // which ends the run before its start
	_, err = lead()
	wantError(t, err, ErrNotStarted, "was lost before the start")
	_ = works[0]()
}
