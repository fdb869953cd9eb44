package fleet

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"

	"mfaload/internal/disk"
	"mfaload/measure"
)

// coordinatorClient is where a worker asks the coordinator for things, and hands its measurement over.
type coordinatorClient struct {
	subjects
	id string
	nc *nats.Conn
}

// ask sends a request until there is a response, or the context ends. All requests of a run may
// be sent more than once: the second response is the first one's.
func (c *coordinatorClient) ask(ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
	for {
		try, cancel := context.WithTimeout(ctx, 2*time.Second)
		response, err := c.nc.RequestMsgWithContext(try, m)
		cancel()
		if err == nil {
			return response, nil
		}
		if errors.Is(err, nats.ErrMaxPayload) {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, cause(ctx, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// claim asks for a shard.
func (c *coordinatorClient) claim(ctx context.Context, want claim) (shard int, err error) {
	m := nats.NewMsg(c.subjects.claim(c.id))
	m.Data = encode(want)
	response, err := c.ask(ctx, m)
	if err != nil {
		return AnyShard, fmt.Errorf("claim a shard: %w", err)
	}
	g, err := decode[grant](response.Data)
	switch {
	case err != nil:
		return AnyShard, err
	case g.Refused != "":
		return AnyShard, errors.New(g.Refused)
	case g.Shard < 0 || want.Shard != AnyShard && g.Shard != want.Shard:
		return AnyShard, fmt.Errorf("the coordinator gave shard %d for %d", g.Shard, want.Shard)
	}
	return g.Shard, nil
}

// fetch gets the files of the plan into a folder.
func (c *coordinatorClient) fetch(ctx context.Context, refs []fileRef, dir string) error {
	for i, ref := range refs {
		path := filepath.Join(dir, filepath.FromSlash(ref.Name)) // it is local: see plan.check
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return fmt.Errorf("make a folder for the files of the run: %w", err)
		}
		if err := c.fetchFile(ctx, i, ref, path); err != nil {
			return fmt.Errorf("get %s from the coordinator: %w", ref.Name, err)
		}
	}
	return nil
}

func (c *coordinatorClient) fetchFile(ctx context.Context, index int, ref fileRef, path string) error {
	out, err := disk.New(path)
	if err != nil {
		return err
	}
	defer out.Close()
	sum := sha256.New()
	for offset := int64(0); offset < ref.Size; {
		data, err := c.fetchPiece(ctx, fileChunk{index, offset}, min(pieceSize, ref.Size-offset))
		if err != nil {
			return err
		}
		sum.Write(data)
		if _, err := out.Write(data); err != nil {
			return err
		}
		offset += int64(len(data))
	}
	if hex.EncodeToString(sum.Sum(nil)) != ref.SHA256 {
		return errors.New("it was changed since the coordinator started: start all again")
	}
	return out.Close()
}

// fetchPiece asks for a piece until there is a response.
func (c *coordinatorClient) fetchPiece(ctx context.Context, p fileChunk, size int64) ([]byte, error) {
	m := nats.NewMsg(c.subjects.file(c.id))
	m.Data = encode(p)
	response, err := c.ask(ctx, m)
	switch {
	case err != nil:
		return nil, err
	case response.Header.Get(failedHeader) != "":
		return nil, errors.New(tidy(response.Header.Get(failedHeader)))
	case int64(len(response.Data)) != size:
		return nil, fmt.Errorf("a piece of it has %d bytes, not %d", len(response.Data), size)
	}
	return response.Data, nil
}

// errRefusedFinal says that the coordinator takes nothing of this worker.
var errRefusedFinal = errors.New("the coordinator does not take it")

// packedMeasurement is a packed measurement, and what the coordinator is told of it.
type packedMeasurement struct {
	io.ReaderAt
	offer
}

// pack packs a measurement into a temporary file.
func pack(m *measure.Measurement) (*packedMeasurement, error) {
	f, err := disk.NewTemporary()
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	w := bufio.NewWriterSize(io.MultiWriter(f, sum), 1<<20)
	if err := m.Write(w); err != nil {
		return nil, err
	}
	if err := w.Flush(); err != nil {
		return nil, err
	}
	size, err := f.Seek(0, io.SeekCurrent)
	return &packedMeasurement{f, offer{Size: size, SHA256: hex.EncodeToString(sum.Sum(nil))}}, err
}

// deliver hands a packed measurement over, in pieces. It is done once the coordinator could read
// all of it.
func (c *coordinatorClient) deliver(ctx context.Context, packed *packedMeasurement) error {
	o := packed.offer
	for piece := []byte(nil); ; {
		r, err := c.hand(ctx, o, piece)
		switch {
		case err != nil:
			return err
		case r.Stored:
			return nil
		case r.Refused != "":
			return fmt.Errorf("%w: %s", errRefusedFinal, r.Refused)
		case r.Wait || r.Next >= o.Size:
			piece = nil
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(100 * time.Millisecond):
			}
		default:
			o.Offset = r.Next
			piece = make([]byte, min(c.pieceSize(), o.Size-r.Next))
			if _, err := packed.ReadAt(piece, r.Next); err != nil {
				return err
			}
		}
	}
}

// pieceSize is how much of a measurement goes in one message.
func (c *coordinatorClient) pieceSize() int64 {
	const headers = 4 << 10
	return max(min(pieceSize, c.nc.MaxPayload()-headers), 1<<10)
}

// hand sends a piece and returns what the coordinator wants next.
func (c *coordinatorClient) hand(ctx context.Context, o offer, piece []byte) (receipt, error) {
	m := nats.NewMsg(c.subjects.final(c.id))
	m.Header.Set(offerHeader, string(encode(o)))
	m.Data = piece
	response, err := c.ask(ctx, m)
	if err != nil {
		return receipt{}, err
	}
	return decode[receipt](response.Data)
}
