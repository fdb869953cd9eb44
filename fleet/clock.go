package fleet

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// roundTrips is how often the coordinator's clock is asked for.
const roundTrips = 20

// clock is how another clock stands to one's own.
type clock struct {
	offset    time.Duration // the other one is so much ahead
	roundTrip time.Duration // of the question that tells; the error is at most half of it
}

// measureClock asks for the other clock some times and believes the quickest response.
func measureClock(ctx context.Context, ask func(context.Context) (time.Time, error)) (clock, error) {
	best := clock{roundTrip: -1}
	for range roundTrips {
		sent := time.Now()
		theirs, err := ask(ctx)
		took := time.Since(sent)
		if err != nil {
			return clock{}, fmt.Errorf("ask for the coordinator's clock: %w: is it still there?", err)
		}
		if best.roundTrip < 0 || took < best.roundTrip {
			best = clock{offset: theirs.Sub(sent.Add(took / 2)), roundTrip: took}
		}
	}
	return best, nil
}

// local is a time of the other clock by one's own.
func (c clock) local(theirs time.Time) time.Time { return theirs.Add(-c.offset) }

func askClock(nc *nats.Conn, subject string) func(context.Context) (time.Time, error) {
	return func(ctx context.Context) (time.Time, error) {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		response, err := nc.RequestWithContext(ctx, subject, nil)
		if err != nil {
			return time.Time{}, err
		}
		if len(response.Data) != 8 {
			return time.Time{}, fmt.Errorf("an answer of %d bytes", len(response.Data))
		}
		return time.Unix(0, int64(binary.BigEndian.Uint64(response.Data))), nil
	}
}

// tellClock answers with the time.
func tellClock(m *nats.Msg) {
	_ = m.Respond(binary.BigEndian.AppendUint64(nil, uint64(time.Now().UnixNano())))
}
