package fleet

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
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
