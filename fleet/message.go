package fleet

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/nats-io/nats.go"

	"mfaload/internal/disk"
	"mfaload/measure"
)

type hello struct {
	Protocol int    `json:"protocol"`
	Version  string `json:"version"`
	Host     string `json:"host"`
}

type planMessage struct {
	Protocol int    `json:"protocol"`
	Version  string `json:"version"`
	// Epoch names the coordinator: two that lead a run of the same name, one after the other,
	// have different ones.
	Epoch    string            `json:"epoch"`
	Scenario string            `json:"scenario"`
	Hash     string            `json:"hash"`
	Labels   measure.RunLabels `json:"labels,omitempty"`
	Shards   int               `json:"shards"`
	Answers  int               `json:"answers,omitempty"`
	Files    []fileRef         `json:"files,omitempty"`
	Withheld string            `json:"withheld,omitempty"`
	Spread   time.Duration     `json:"spread_ns"`
}

type fileRef struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

type fileChunk struct {
	File   int   `json:"file"` // its index in the plan
	Offset int64 `json:"offset"`
}

type claim struct {
	Shard int    `json:"shard"`
	Host  string `json:"host"`
	Hash  string `json:"hash"` // of the scenario that the worker read
}

type grant struct {
	Shard   int    `json:"shard"`
	Refused string `json:"refused,omitempty"`
}

// offer comes with each piece of a measurement; the first one has no piece with it.
type offer struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	Offset int64  `json:"offset"` // of the piece
}

type receipt struct {
	Next    int64  `json:"next,omitempty"`    // the offset of the next piece
	Wait    bool   `json:"wait,omitempty"`    // ask again in a moment
	Stored  bool   `json:"stored,omitempty"`  // it has all of it, and could read it
	Refused string `json:"refused,omitempty"` // it takes nothing of this worker
}

type runPhase string

const (
	gathering runPhase = "gathering" // workers join and get ready
	arming    runPhase = "arming"    // the start is set
	going     runPhase = "going"     // all are armed: begin at the start
	stopping  runPhase = "stopping"  // end the load now
	cancelled runPhase = "cancelled" // nothing is to be sent any more
	done      runPhase = "done"      // the results are in
)

type runState struct {
	Epoch string   `json:"epoch"`
	Phase runPhase `json:"phase"`
	// Start is when to begin, by the coordinator's clock, once it is set.
	Start time.Time `json:"start"`
	Why   string    `json:"why,omitempty"`
	// Stop is why the scenario ends the run; nil where it does not.
	Stop *measure.Stop `json:"stop,omitempty"`
	// Out are the shards that are lost: their workers stop their load, and nothing that they
	// measured is taken any more.
	Out []int `json:"out,omitempty"`
}

type workerStage string

const (
	refused    workerStage = "refused"    // it does not take part
	claimed    workerStage = "claimed"    // it has a shard and gets ready
	ready      workerStage = "ready"      // it could begin
	armed      workerStage = "armed"      // it knows when to begin
	running    workerStage = "running"    // it sends, or waits for responses
	delivering workerStage = "delivering" // its load is over, and its measurement travels
	delivered  workerStage = "delivered"  // the coordinator has its measurement
	gone       workerStage = "gone"       // it gave up
	left       workerStage = "left"       // it is not needed any more
)

func (s workerStage) loadOver() bool { return s == delivering || s == delivered || s == left }

type beat struct {
	Host  string      `json:"host"`
	Shard int         `json:"shard"`
	Stage workerStage `json:"stage"`
	Why   string      `json:"why,omitempty"`
	// Offset is by how much the coordinator's clock is ahead, RoundTrip the
	// time of the quickest question, which bounds the error: half of it.
	Offset    time.Duration `json:"offset_ns,omitempty"`
	RoundTrip time.Duration `json:"round_trip_ns,omitempty"`
	// Snapshot is there every two seconds while the worker sends.
	Snapshot *Snapshot `json:"snapshot,omitempty"`
}

// encode writes a message; all of them can be written.
func encode(message any) []byte {
	data, err := json.Marshal(message)
	if err != nil {
		panic("fleet: a message that is not JSON: " + err.Error())
	}
	return data
}

func decode[T message](data []byte) (m T, err error) {
	if len(data) > maxMessage {
		err = fmt.Errorf("it has %d bytes", len(data))
	} else if err = json.Unmarshal(data, &m); err == nil {
		err = m.check()
	}
	if err != nil {
		var none T
		return none, fmt.Errorf("read a message of the run: %w: all must have the same version of mfaload",
			err)
	}
	return m, nil
}

// subjects are what a run's subjects are called. All of them hold the name of the run, so that many
// runs share a server.
type subjects struct{ run string }

func (n subjects) subject(what string) string { return "mfaload." + n.run + "." + what }

func (n subjects) state() string { return n.subject("state") }

// A worker's own subjects end in its ID: the embedded server lets nobody else use them. On all
// of them but beat the coordinator responds.
func (n subjects) hello(id string) string { return n.subject("hello." + id) }
func (n subjects) claim(id string) string { return n.subject("claim." + id) }
func (n subjects) clock(id string) string { return n.subject("clock." + id) }
func (n subjects) file(id string) string  { return n.subject("file." + id) }
func (n subjects) beat(id string) string  { return n.subject("beat." + id) }
func (n subjects) final(id string) string { return n.subject("final." + id) }

func (n subjects) inbox(id string) string { return "_INBOX." + id }

// workerMay are the subjects that a worker may publish to and subscribe to: its own, and the
// state of the run. They are all that a worker needs, with any server.
func (n subjects) workerMay(id string) (publish, subscribe []string) {
	return []string{n.hello(id), n.claim(id), n.clock(id), n.file(id), n.beat(id), n.final(id)},
		[]string{n.state(), n.inbox(id) + ".>"}
}

// files are what the coordinator hands out to workers; open as long as the run lasts.
type files struct {
	refs []fileRef
	open []*os.File
}

func openFiles(all []PlanFile) (*files, error) {
	f := &files{}
	size := int64(0)
	for _, one := range all {
		ref, err := f.add(one)
		if err == nil {
			if size += ref.Size; size > maxFilesSize {
				err = fmt.Errorf("all files have more than %d MiB: copy them to the workers, and name the "+
					"scenario there", maxFilesSize>>20)
			}
		}
		if err != nil {
			f.close()
			return nil, fmt.Errorf("hand out %s to the workers: %w", one.Name, err)
		}
	}
	return f, nil
}

func (f *files) add(one PlanFile) (fileRef, error) {
	in, err := disk.Open(one.Path)
	if err != nil {
		return fileRef{}, err
	}
	f.open = append(f.open, in)
	sum := sha256.New()
	n, err := io.Copy(sum, io.LimitReader(in, maxFilesSize+1))
	if err != nil {
		return fileRef{}, err
	}
	ref := fileRef{one.Name, n, hex.EncodeToString(sum.Sum(nil))}
	f.refs = append(f.refs, ref)
	return ref, nil
}

func (f *files) close() {
	for _, open := range f.open {
		_ = open.Close()
	}
}

// pieceSize is how much of a file or of a measurement goes in one message, in bytes: NATS takes
// 1 MB with its headers.
const pieceSize = 512 << 10

// failedHeader says why there is no piece.
const failedHeader = "Mfaload-Failed"

func (f *files) serve(m *nats.Msg) {
	response := nats.NewMsg(m.Reply)
	p, err := decode[fileChunk](m.Data)
	switch {
	case err != nil:
	case p.File >= len(f.refs) || p.Offset > f.refs[p.File].Size:
		err = errors.New("the run has no such file")
	default:
		piece := make([]byte, min(pieceSize, f.refs[p.File].Size-p.Offset))
		var n int
		if n, err = f.open[p.File].ReadAt(piece, p.Offset); n == len(piece) {
			response.Data, err = piece, nil
		}
	}
	if err != nil {
		response.Header.Set(failedHeader, tidy(err.Error()))
	}
	_ = m.RespondMsg(response)
}
