package fleet

import (
	"bufio"
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

// The coordinator takes in measurements piece by piece, of so many shards at a time: each may
// take [Plan.MaxFinal] bytes of temporary files. One whose pieces stop coming gives its place to another.
const (
	maxDeliveries  = 8
	deliveryStalls = 5 * time.Second
	maxDamaged     = 3 // times that a measurement may arrive damaged
)

// offerHeader holds the [offer] that a piece belongs to.
const offerHeader = "Mfaload-Offer"

// delivery is a measurement on its way.
type delivery struct {
	offer   offer
	file    *disk.Temporary // what is here of it
	size    int64
	moved   time.Time
	reading bool // all of it is here
}

// takeFinal hands a piece of a measurement to the loop.
func (r *coordination) takeFinal(m *nats.Msg) {
	id := idOf(m, r.names.final("*"))
	if _, admitted := r.admitted.Load(id); !admitted {
		_ = m.Respond(encode(receipt{Refused: "this worker has no shard of the run"}))
		return
	}
	o, err := decode[offer]([]byte(m.Header.Get(offerHeader)))
	if err != nil || len(m.Data) > pieceSize {
		_ = m.Respond(encode(receipt{Refused: "it is no piece of a measurement"}))
		return
	}
	r.post(func() { _ = m.Respond(encode(r.collect(r.members[id], o, m.Data))) })
}

// collect takes in a piece of a shard's measurement, and says what is wanted next.
func (r *coordination) collect(m *shardWorker, o offer, piece []byte) receipt {
	switch {
	case m.lost:
		return receipt{Refused: tidy("the shard is lost: " + m.why)}
	case m.final != nil:
		return receipt{Stored: true}
	case r.state.Phase != going && r.state.Phase != stopping:
		return receipt{Refused: "the run has not begun, or is over"}
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

// add puts a piece behind those that are here.
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

// deliveries counts the measurements that are on their way.
func (r *coordination) deliveries() (n int) {
	for _, m := range r.shards {
		if m.delivery != nil {
			n++
		}
	}
	return n
}

// errDamaged says that a measurement is not what was sent.
var errDamaged = errors.New("it was changed on its way")

// read reads a measurement that is here as a whole.
func (r *coordination) read(m *shardWorker, d *delivery) {
	final, err := d.read()
	if err == nil {
		err = r.c.Plan.fits(final, m.shard, r.state.Start)
	}
	r.post(func() { r.got(m, final, err) })
}

// fits says whether a measurement is of this shard of this run.
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

// got takes in a shard's measurement, or why it can't be read.
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
