package fleet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"mfaload/measure"
)

// kept is how long a server keeps what a coordinator left behind that was
// killed.
const kept = 24 * time.Hour

// store is what the coordinator has stored for a run: claims, files, finals.
type store struct {
	names
	js     jetstream.JetStream
	claims jetstream.KeyValue
	finals jetstream.Stream
	files  jetstream.ObjectStore
	large  jetstream.ObjectStore
}

// ErrExists says that there is a run of that name.
var ErrExists = errors.New("the NATS server has a run of that name: its coordinator still runs, or was killed; choose another --run, or --replace it")

// newStore makes what a run needs on a server. Everything is new: what another
// run of the name left would be mixed up with this one's.
func newStore(ctx context.Context, nc *nats.Conn, run string, replace bool) (*store, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	s := &store{names: names{run}, js: js}
	if replace {
		s.remove(ctx)
	}
	fail := func(err error) (*store, error) {
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) || errors.Is(err, jetstream.ErrBucketExists) {
			return nil, ErrExists
		}
		if full(err) {
			return nil, fmt.Errorf("make the streams of the run: %w: remove streams of other runs from the NATS server, or raise the limits of its JetStream", err)
		}
		return nil, fmt.Errorf("make the streams of the run: %w: the NATS server needs JetStream, and a user who may use it", err)
	}
	replicas := replicasOf(nc)
	// The first one decides whose run it is: the rest is made only by him who made it.
	s.finals, err = create(ctx, js.CreateStream, jetstream.StreamConfig{
		// Another one's stream of the same configuration would count as made.
		Description: "results of a run of mfaload, " + newWorkerID(),
		Name:        s.names.finals(), Subjects: []string{s.subject("final.>")}, Storage: jetstream.FileStorage,
		Replicas: replicas, Duplicates: 10 * time.Minute, MaxAge: kept, AllowDirect: true,
	})
	if err != nil {
		return fail(err)
	}
	if s.claims, err = create(ctx, js.CreateKeyValue, jetstream.KeyValueConfig{Bucket: s.names.claims(), Storage: jetstream.FileStorage, Replicas: replicas, TTL: kept}); err == nil {
		s.files, err = create(ctx, js.CreateObjectStore, jetstream.ObjectStoreConfig{Bucket: s.names.files(), Storage: jetstream.FileStorage, Replicas: replicas, TTL: kept})
	}
	if err == nil {
		s.large, err = create(ctx, js.CreateObjectStore, jetstream.ObjectStoreConfig{Bucket: s.names.large(), Storage: jetstream.FileStorage, Replicas: replicas, TTL: kept})
	}
	if err != nil {
		s.remove(ctx)
		return fail(err)
	}
	return s, nil
}

// Making something of a run: a cluster that has just come up, or is electing a
// leader, does not answer, or has no place for replicas. So it is tried again.
const (
	makeTry    = 5 * time.Second
	makeWithin = 30 * time.Second
)

// create makes something on the server. What an attempt without an answer made
// is found by the next one, which wants the very same.
func create[C, T any](ctx context.Context, what func(context.Context, C) (T, error), config C) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, makeWithin)
	defer cancel()
	for {
		try, cancel := context.WithTimeout(ctx, makeTry)
		made, err := what(try, config)
		cancel()
		if err == nil || !unplaced(err) {
			return made, err
		}
		select {
		case <-ctx.Done():
			return made, err
		case <-time.After(beatEvery):
		}
	}
}

// Codes of the server: no server of a cluster can take a replica; the account, the
// memory or the disk that streams may use is full.
const (
	noPeers     jetstream.ErrorCode = 10005
	accountFull jetstream.ErrorCode = 10002
	memoryFull  jetstream.ErrorCode = 10028
	diskFull    jetstream.ErrorCode = 10047
)

// full says that the server has no room, which does not come by waiting.
func full(err error) bool {
	var refused *jetstream.APIError
	return errors.As(err, &refused) && (refused.ErrorCode == accountFull || refused.ErrorCode == memoryFull || refused.ErrorCode == diskFull)
}

// unplaced says whether an error may be one of a moment.
func unplaced(err error) bool {
	var refused *jetstream.APIError
	switch {
	case full(err):
		return false
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return false
	case errors.As(err, &refused):
		return refused.Code >= 500 || refused.ErrorCode == noPeers
	}
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout) || errors.Is(err, nats.ErrNoResponders)
}

// replicasOf is how many servers of a cluster keep each result: three, so that
// one may fail, where there are as many.
func replicasOf(nc *nats.Conn) int {
	if nc.ConnectedClusterName() != "" && len(nc.Servers()) >= 3 {
		return 3
	}
	return 1
}

// remove removes all that the run has on the server.
func (s *store) remove(ctx context.Context) {
	_ = s.js.DeleteKeyValue(ctx, s.names.claims())
	_ = s.js.DeleteObjectStore(ctx, s.names.files())
	_ = s.js.DeleteObjectStore(ctx, s.names.large())
	_ = s.js.DeleteStream(ctx, s.names.finals())
}

// publish stores the files that workers need.
func (s *store) publish(ctx context.Context, files []File) (refs []fileRef, err error) {
	for _, f := range files {
		ref, err := s.publishFile(ctx, f)
		if err != nil {
			return nil, fmt.Errorf("store %s for the workers: %w", f.Name, err)
		}
		refs = append(refs, ref)
	}
	return refs, nil
}

func (s *store) publishFile(ctx context.Context, f File) (fileRef, error) {
	in, err := os.Open(f.Path)
	if err != nil {
		return fileRef{}, err
	}
	defer in.Close()
	sum := sha256.New()
	if _, err := s.files.Put(ctx, jetstream.ObjectMeta{Name: f.Name}, io.TeeReader(in, sum)); err != nil {
		return fileRef{}, err
	}
	return fileRef{f.Name, hex.EncodeToString(sum.Sum(nil))}, nil
}

// owner returns who claimed a shard.
func (s *store) owner(ctx context.Context, shard int) (owner, error) {
	entry, err := s.claims.Get(ctx, fmt.Sprint(shard))
	if err != nil {
		return owner{}, fmt.Errorf("read the claim of shard %d: %w", shard, err)
	}
	return decode[owner](entry.Value())
}

// Headers of a final.
const (
	sumHeader    = "Mfaload-Sha256"
	objectHeader = "Mfaload-Object"
)

// final reads the measurement that a shard's owner stored.
func (s *store) final(ctx context.Context, shard int, id string) (*measure.Measurement, error) {
	m, err := s.finals.GetLastMsgForSubject(ctx, s.names.final(shard, id))
	if err != nil {
		return nil, err
	}
	packed := m.Data
	if object := m.Header.Get(objectHeader); object != "" {
		if packed, err = s.large.GetBytes(ctx, object); err != nil {
			return nil, err
		}
	}
	if sum := sha256.Sum256(packed); hex.EncodeToString(sum[:]) != m.Header.Get(sumHeader) {
		return nil, errors.New("it was changed on its way")
	}
	return measure.Unpack(packed)
}
