package users

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/klauspost/compress/gzip"
)

// RecordedArrival is a request of a recording.
type RecordedArrival struct {
	// At is when it is due, since the start of the recording.
	At time.Duration
	// Row is the user's place in the store of the group's users; 0 where the group chooses.
	Row uint32
	// Group is the index of the group, and Kind what the row overrides.
	Group, Kind uint16
}

const arrivalSize = 16

// ArrivalStore keeps arrivals in the order in which they were added, 16 bytes each: the first
// 500,000 in memory, and more of them in a temporary file, as [Store] does.
type ArrivalStore struct{ rows records }

// Len returns how many arrivals there are.
func (s *ArrivalStore) Len() int { return s.rows.count }

// Add appends an arrival.
func (s *ArrivalStore) Add(a RecordedArrival) error {
	var b [arrivalSize]byte
	a.put(&b)
	return s.rows.add(b[:])
}

func (a *RecordedArrival) put(b *[arrivalSize]byte) {
	binary.LittleEndian.PutUint64(b[0:], uint64(a.At))
	binary.LittleEndian.PutUint32(b[8:], a.Row)
	binary.LittleEndian.PutUint16(b[12:], a.Group)
	binary.LittleEndian.PutUint16(b[14:], a.Kind)
}

// Bytes are the arrival in a form that does not change: for digests.
func (a *RecordedArrival) Bytes() (b [arrivalSize]byte) {
	a.put(&b)
	return b
}

// Flush must be called after the last Add and before the arrivals are read.
func (s *ArrivalStore) Flush() error { return s.rows.flush() }

// Close gives the temporary file up. The store must not be used afterwards.
func (s *ArrivalStore) Close() error { return s.rows.close() }

// ArrivalCursor reads the arrivals of a store; those that follow one another cost least. It is
// not safe for concurrent use.
type ArrivalCursor struct{ rows recordReader }

// Cursor returns a new cursor.
func (s *ArrivalStore) Cursor() *ArrivalCursor { return &ArrivalCursor{recordReader{of: &s.rows}} }

// At returns arrival i, from 0 to Len()-1.
func (c *ArrivalCursor) At(i int) (a RecordedArrival, err error) {
	b, err := c.rows.at(i)
	if err != nil {
		return a, fmt.Errorf("read the temporary file of recorded arrivals: %w", err)
	}
	return RecordedArrival{At: time.Duration(binary.LittleEndian.Uint64(b)),
		Row:   binary.LittleEndian.Uint32(b[8:]),
		Group: binary.LittleEndian.Uint16(b[12:]), Kind: binary.LittleEndian.Uint16(b[14:])}, nil
}

// OrderWindow is how many rows late a row may stand in a file that is sorted while it is read: what
// writes a row when a response ends, as access logs and samples do, writes it later than its place.
const OrderWindow = 128 << 10

// Sorter puts rows in order as they stream by, and holds at most twice [OrderWindow] of them. Equal rows
// keep their order. A row that is later than the window allows is handed over after its place.
type Sorter[T any] struct {
	Compare func(a, b T) int
	Row     func(T) error
	held    []T
}

// Add takes in the next row.
func (s *Sorter[T]) Add(row T) error {
	if s.held = append(s.held, row); len(s.held) < 2*OrderWindow {
		return nil
	}
	return s.handOver(OrderWindow)
}

// Flush hands over the rest.
func (s *Sorter[T]) Flush() error { return s.handOver(len(s.held)) }

func (s *Sorter[T]) handOver(n int) error {
	if !slices.IsSortedFunc(s.held, s.Compare) {
		slices.SortStableFunc(s.held, s.Compare)
	}
	for _, row := range s.held[:n] {
		if err := s.Row(row); err != nil {
			return err
		}
	}
	s.held = append(s.held[:0], s.held[n:]...)
	return nil
}

// Plain returns what reads a file's text, which may be compressed with gzip.
func Plain(r io.Reader) (io.Reader, error) {
	in := bufio.NewReaderSize(r, 256<<10)
	if start, _ := in.Peek(2); string(start) != "\x1f\x8b" {
		return in, nil
	}
	return gzip.NewReader(in)
}
