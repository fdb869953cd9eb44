package fleet

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"mfaload/measure"
)

// hello asks for the plan.
type hello struct {
	Protocol int    `json:"protocol"`
	Version  string `json:"version"`
	Host     string `json:"host"`
}

// plan is the answer: what is to be run.
type plan struct {
	Protocol int           `json:"protocol"`
	Version  string        `json:"version"`
	Scenario string        `json:"scenario"`
	Hash     string        `json:"hash"`
	Shards   int           `json:"shards"`
	Answers  int           `json:"answers,omitempty"`
	Files    []fileRef     `json:"files,omitempty"`
	Withheld string        `json:"withheld,omitempty"`
	Spread   time.Duration `json:"spread_ns"`
}

// fileRef names a file that travels.
type fileRef struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
}

// phase is what the coordinator wants.
type phase string

const (
	gathering phase = "gathering" // workers join and get ready
	arming    phase = "arming"    // the start is set
	going     phase = "going"     // all are armed: begin at the start
	stopping  phase = "stopping"  // end the load now
	cancelled phase = "cancelled" // nothing is to be sent any more
	done      phase = "done"      // the results are in
)

// state is what the coordinator says again and again.
type state struct {
	Phase phase `json:"phase"`
	// Start is when to begin, by the coordinator's clock, once it is set.
	Start time.Time `json:"start"`
	Why   string    `json:"why,omitempty"`
	// Stop is why the scenario ends the run; nil where it does not.
	Stop *measure.Stop `json:"stop,omitempty"`
}

// stage is how far a worker is.
type stage string

const (
	refused   stage = "refused"   // it does not take part
	claimed   stage = "claimed"   // it has a shard and gets ready
	ready     stage = "ready"     // it could begin
	armed     stage = "armed"     // it knows when to begin
	running   stage = "running"   // it sends, or waits for answers
	delivered stage = "delivered" // its measurement is stored
	gone      stage = "gone"      // it gave up
	left      stage = "left"      // it is not needed any more
)

// beat is what a worker says of itself again and again.
type beat struct {
	Host  string `json:"host"`
	Shard int    `json:"shard"`
	Stage stage  `json:"stage"`
	Why   string `json:"why,omitempty"`
	// Offset is by how much the coordinator's clock is ahead, RoundTrip the
	// time of the quickest question, which bounds the error: half of it.
	Offset    time.Duration `json:"offset_ns,omitempty"`
	RoundTrip time.Duration `json:"round_trip_ns,omitempty"`
	// Snapshot is there every two seconds while the worker sends.
	Snapshot *Snapshot `json:"snapshot,omitempty"`
}

// owner is the value of a claim. All workers may read it, so it names its owner
// by the hash of the ID: with an ID, one could pass for that worker.
type owner struct {
	Of   string `json:"of"`
	Host string `json:"host"`
	Hash string `json:"hash"`
}

// ownerOf makes the claim of a worker.
func ownerOf(id, host, hash string) owner {
	sum := sha256.Sum256([]byte(id))
	return owner{hex.EncodeToString(sum[:]), host, hash}
}

// encode writes a message; all of them can be written.
func encode(message any) []byte {
	data, err := json.Marshal(message)
	if err != nil {
		panic("fleet: a message that is no JSON: " + err.Error())
	}
	return data
}

func decode[T message](data []byte) (m T, err error) {
	if len(data) > mostMessage {
		err = fmt.Errorf("it has %d bytes", len(data))
	} else if err = json.Unmarshal(data, &m); err == nil {
		err = m.check()
	}
	if err != nil {
		var none T
		return none, fmt.Errorf("read a message of the run: %w: all must have the same version of mfaload", err)
	}
	return m, nil
}
