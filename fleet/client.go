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
		return errors.New("it was changed since the coordinator started: restart all of them")
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

type packedMeasurement struct {
	io.ReaderAt
	offer
}

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

// deliver hands a packed measurement over, in pieces, until the coordinator could read it.
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

func (c *coordinatorClient) pieceSize() int64 {
	const headers = 4 << 10
	return max(min(pieceSize, c.nc.MaxPayload()-headers), 1<<10)
}

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

// The coordinator takes in measurements piece by piece, of so many shards at a time: each may
// take [Plan.MaxFinal] bytes of temporary files. One whose pieces stop coming gives its place to another.
const (
	maxDeliveries  = 8
	deliveryStalls = 5 * time.Second
	maxDamaged     = 3 // times that a measurement may arrive damaged
)

const offerHeader = "Mfaload-Offer"

type delivery struct {
	offer   offer
	file    *disk.Temporary // what is here of it
	size    int64
	moved   time.Time
	reading bool // all of it is here
}

func (r *coordination) takeFinal(m *nats.Msg) {
	id := idOf(m, r.names.final("*"))
	if _, admitted := r.admitted.Load(id); !admitted {
		_ = m.Respond(encode(receipt{Refused: "this worker has no shard of the run"}))
		return
	}
	o, err := decode[offer]([]byte(m.Header.Get(offerHeader)))
	if err != nil || len(m.Data) > pieceSize {
		_ = m.Respond(encode(receipt{Refused: "it is not a piece of a measurement"}))
		return
	}
	r.post(func() { _ = m.Respond(encode(r.collect(r.members[id], o, m.Data))) })
}

func (r *coordination) collect(m *shardWorker, o offer, piece []byte) receipt {
	switch {
	case m.lost:
		return receipt{Refused: tidy("the shard is lost: " + m.why)}
	case m.final != nil:
		return receipt{Stored: true}
	case r.state.Phase != going && r.state.Phase != stopping:
		return receipt{Refused: "the run has not started, or is over"}
	case o.Size > r.c.Plan.maxFinal():
		r.lose(m, fmt.Sprintf("its measurement has %d MiB, and a coordinator takes %d", o.Size>>20,
			r.c.Plan.maxFinal()>>20))
		return receipt{Refused: tidy(m.why)}
	}
	m.heard = time.Now()
	r.finish(m)
	d := m.delivery
	if d == nil || d.offer.Size != o.Size || d.offer.SHA256 != o.SHA256 {
		if d != nil && d.reading || r.deliveries() >= maxDeliveries {
			return receipt{Wait: true}
		}
		d = &delivery{offer: o}
		m.delivery = d
	}
	if d.moved = m.heard; d.reading {
		return receipt{Wait: true}
	}
	if o.Offset == d.size && len(piece) > 0 && int64(len(piece)) <= o.Size-o.Offset {
		if err := d.add(piece); err != nil {
			r.lose(m, fmt.Sprintf("its measurement can't be kept: %v", err))
			return receipt{Refused: tidy(m.why)}
		}
		r.moved = m.heard
	}
	if d.size == o.Size {
		d.reading = true
		go r.read(m, d)
		return receipt{Wait: true}
	}
	return receipt{Next: d.size}
}

func (d *delivery) add(piece []byte) (err error) {
	if d.file == nil {
		if d.file, err = disk.NewTemporary(); err != nil {
			return err
		}
	}
	n, err := d.file.WriteAt(piece, d.size)
	d.size += int64(n)
	return err
}

// read reads all of it, where it is what was offered.
func (d *delivery) read() (*measure.Measurement, error) {
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(d.file, 0, d.size)); err != nil {
		return nil, err
	}
	if hex.EncodeToString(sum.Sum(nil)) != d.offer.SHA256 {
		return nil, errDamaged
	}
	return measure.Read(bufio.NewReader(io.NewSectionReader(d.file, 0, d.size)))
}

func (r *coordination) deliveries() (n int) {
	for _, m := range r.shards {
		if m.delivery != nil {
			n++
		}
	}
	return n
}

var errDamaged = errors.New("it was changed on its way")

func (r *coordination) read(m *shardWorker, d *delivery) {
	final, err := d.read()
	if err == nil {
		err = r.c.Plan.fits(final, m.shard, r.state.Start)
	}
	r.post(func() { r.got(m, final, err) })
}

func (p *Plan) fits(m *measure.Measurement, shard int, start time.Time) error {
	switch want := (measure.Shard{Run: p.Run, Index: shard, Count: p.Shards}); {
	case m.Shard == nil || *m.Shard != want:
		return fmt.Errorf("it is not of shard %d of the run", shard)
	case m.Hash != p.Hash || m.Scenario != p.Scenario || m.Version != p.Version:
		return errors.New("it is of another scenario, or of another version of mfaload")
	case !m.Started.Equal(start):
		return errors.New("it is of another start")
	}
	return nil
}

func (r *coordination) got(m *shardWorker, final *measure.Measurement, err error) {
	m.delivery = nil
	switch {
	case m.lost:
	case err == nil:
		m.final, r.moved = final, time.Now()
		if final.Stopped != nil && final.Stopped.Early {
			r.stop(final.Stopped) // what ended it is to end the run
		}
	case errors.Is(err, errDamaged) && m.damaged+1 < maxDamaged:
		m.damaged++ // it is sent again
	default:
		r.lose(m, fmt.Sprintf("its measurement can't be read: %v", err))
	}
}
