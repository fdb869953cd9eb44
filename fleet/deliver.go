package fleet

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// mostInMessage is the largest final that goes as one message, in bytes: NATS
// takes 1 MB with its headers. Larger ones go in pieces.
const mostInMessage = 900_000

// errTaken says that a shard has an owner.
var errTaken = errors.New("another worker has it")

// errStored says that a shard has a final already.
var errStored = errors.New("there is one already")

// counter is what a worker hands things over at.
type counter struct {
	names
	id string
	js jetstream.JetStream
}

// first publishes a message that must be the first one of its subject. It tries
// until the context ends. A refusal after an attempt without a receipt does not
// tell whose message is stored: mine says whether it is this worker's, or fails
// while that can't be said.
func (c *counter) first(ctx context.Context, m *nats.Msg, otherwise error, mine func(context.Context) (bool, error)) error {
	for unsure := false; ; unsure = true {
		try, cancel := context.WithTimeout(ctx, 2*time.Second)
		_, err := c.js.PublishMsg(try, m, jetstream.WithMsgID(m.Subject+" "+c.id), jetstream.WithExpectLastSequencePerSubject(0))
		cancel()
		var refused *jetstream.APIError
		switch {
		case err == nil:
			return nil
		case errors.As(err, &refused) && refused.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence:
			if !unsure {
				return otherwise
			}
			var its bool
			if its, err = mine(ctx); err == nil && its {
				return nil
			} else if err == nil {
				return otherwise
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("store a message of the run: %w", err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// claim makes a shard the worker's own, or fails with errTaken: it is stored
// only where the bucket has no value of that key yet.
func (c *counter) claim(ctx context.Context, shard int, o owner) error {
	m := nats.NewMsg(c.names.claim(fmt.Sprint(shard)))
	m.Data = encode(o)
	return c.first(ctx, m, errTaken, func(ctx context.Context) (bool, error) {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		stored, err := c.js.Conn().RequestWithContext(ctx, c.names.readClaim(fmt.Sprint(shard)), nil)
		switch {
		case err != nil:
			return false, err
		case stored.Header.Get("Status") != "": // a replica that has not got it yet
			return false, fmt.Errorf("read who has the shard: the server says %s", stored.Header.Get("Description"))
		}
		return string(stored.Data) == string(m.Data), nil
	})
}

// deliver stores a packed measurement as the shard's only one.
func (c *counter) deliver(ctx context.Context, shard int, packed []byte) error {
	m := nats.NewMsg(c.names.final(shard, c.id))
	sum := sha256.Sum256(packed)
	m.Header.Set(sumHeader, hex.EncodeToString(sum[:]))
	if m.Data = packed; len(packed) > mostInMessage {
		if err := c.put(ctx, packed); err != nil {
			return err
		}
		m.Data = nil
		m.Header.Set(objectHeader, c.id)
	}
	// The subject is this worker's alone.
	return c.first(ctx, m, errStored, func(context.Context) (bool, error) { return true, nil })
}

// put stores what is too large for a message.
func (c *counter) put(ctx context.Context, packed []byte) error {
	for {
		err := c.putOnce(ctx, packed)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("store the shard's measurement: %w", err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (c *counter) putOnce(ctx context.Context, packed []byte) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	large, err := c.js.ObjectStore(ctx, c.names.large())
	if err != nil {
		return err
	}
	_, err = large.Put(ctx, jetstream.ObjectMeta{Name: c.id}, bytes.NewReader(packed))
	return err
}

// fetch gets the files of the plan into a folder.
func (c *counter) fetch(ctx context.Context, refs []fileRef, dir string) error {
	if len(refs) == 0 {
		return nil
	}
	files, err := c.js.ObjectStore(ctx, c.names.files())
	if err != nil {
		return fmt.Errorf("open the files of the run: %w", err)
	}
	for _, ref := range refs {
		if !filepath.IsLocal(filepath.FromSlash(ref.Name)) {
			return fmt.Errorf("the run has a file of the name %.60q, which would lie elsewhere: it is none of mfaload's", ref.Name)
		}
		path := filepath.Join(dir, filepath.FromSlash(ref.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return fmt.Errorf("make a folder for the files of the run: %w", err)
		}
		if err := files.GetFile(ctx, ref.Name, path); err != nil {
			return fmt.Errorf("get %s from the coordinator: %w", ref.Name, err)
		}
		if err := checkSum(path, ref.SHA256); err != nil {
			return err
		}
	}
	return nil
}

func checkSum(path, want string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Chmod(0o600); err != nil {
		return err
	}
	sum := sha256.New()
	if _, err := f.WriteTo(sum); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if hex.EncodeToString(sum.Sum(nil)) != want {
		return fmt.Errorf("%s was changed on its way from the coordinator: try again", filepath.Base(path))
	}
	return nil
}
