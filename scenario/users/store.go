package users

import (
	"bufio"
	"encoding/binary"
	"fmt"

	"mfaload/internal/disk"
)

// StoredRow is what is kept of a row.
type StoredRow struct {
	ID   ID
	Case Case
	// Kind is 0 for a row that says no more than its ID, and below 1<<15.
	Kind   uint16
	Line   uint32
	Column uint16
}

const (
	entrySize = 24
	caseSize  = 4
	// hasCase marks the kind of a row whose ID has capital letters.
	hasCase = 1 << 15
)

// Store keeps rows in the order in which they were added, 24 bytes each: the
// first 350,000 in memory, and more of them in a temporary file, which only its
// owner can read and which is gone when the process ends. From the first ID with
// capital letters on, a row takes 4 bytes more. The zero value is an empty store.
// Once nothing is added any more it may be read by many at once.
type Store struct {
	entries records
	// cases say how IDs are written: those of the rows from firstCase on.
	cases     records
	firstCase int
}

// Len returns how many rows there are.
func (s *Store) Len() int { return s.entries.count }

// Add appends a row.
func (s *Store) Add(e StoredRow) error {
	if err := s.addCase(e.Case); err != nil {
		return err
	}
	if e.Case != 0 {
		e.Kind |= hasCase
	}
	var b [entrySize]byte
	copy(b[:], e.ID[:])
	binary.LittleEndian.PutUint16(b[16:], e.Kind)
	binary.LittleEndian.PutUint16(b[18:], e.Column)
	binary.LittleEndian.PutUint32(b[20:], e.Line)
	return s.entries.add(b[:])
}

// addCase keeps how the ID of the next row is written, where that of any row so far
// has to be kept.
func (s *Store) addCase(written Case) error {
	if s.cases.count == 0 {
		if written == 0 {
			return nil
		}
		s.firstCase = s.Len()
	}
	var b [caseSize]byte
	binary.LittleEndian.PutUint32(b[:], uint32(written))
	return s.cases.add(b[:])
}

// Flush must be called after the last Add and before the rows are read.
func (s *Store) Flush() error {
	if err := s.cases.flush(); err != nil {
		return err
	}
	return s.entries.flush()
}

// Close gives the temporary files up. The store must not be used afterwards.
func (s *Store) Close() error {
	err := s.entries.close()
	if failed := s.cases.close(); err == nil {
		err = failed
	}
	return err
}

// Cursor reads the rows of a store; rows that follow one another cost least.
// It is not safe for concurrent use; each reader has its own.
type Cursor struct {
	store          *Store
	entries, cases recordReader
}

// Cursor returns a new cursor.
func (s *Store) Cursor() *Cursor {
	return &Cursor{s, recordReader{of: &s.entries}, recordReader{of: &s.cases}}
}

// At returns row i, from 0 to Len()-1.
func (c *Cursor) At(i int) (e StoredRow, err error) {
	b, err := c.entries.at(i)
	if err != nil {
		return e, fmt.Errorf("read the temporary file of users: %w", err)
	}
	copy(e.ID[:], b)
	e.Kind = binary.LittleEndian.Uint16(b[16:])
	e.Column = binary.LittleEndian.Uint16(b[18:])
	e.Line = binary.LittleEndian.Uint32(b[20:])
	if e.Kind&hasCase == 0 {
		return e, nil
	}
	e.Kind &^= hasCase
	if b, err = c.cases.at(i - c.store.firstCase); err != nil {
		return e, fmt.Errorf("read the temporary file of users: %w", err)
	}
	e.Case = Case(binary.LittleEndian.Uint32(b))
	return e, nil
}

const (
	// inMemory is how many bytes of them are held in memory. Beyond it all of it
	// goes to a temporary file.
	inMemory = 8 << 20
	// blockSize is how many bytes a reader reads at once, about.
	blockSize = 4 << 10
)

// records keeps rows of one size in the order in which they were added. The size is
// that of the first one.
type records struct {
	count, size int
	memory      []byte
	file        *disk.Temporary
	writer      *bufio.Writer
}

func (t *records) add(record []byte) error {
	t.size = len(record)
	t.count++
	if t.writer == nil {
		t.memory = append(t.memory, record...)
		if len(t.memory) < inMemory {
			return nil
		}
		return t.spill()
	}
	_, err := t.writer.Write(record)
	return err
}

// spill moves what is in memory to a file.
func (t *records) spill() (err error) {
	if t.file, err = disk.NewTemporary(); err != nil {
		return err
	}
	t.writer = bufio.NewWriterSize(t.file, 256<<10)
	_, err = t.writer.Write(t.memory)
	t.memory = nil
	return err
}

func (t *records) flush() error {
	if t.writer == nil {
		return nil
	}
	err := t.writer.Flush()
	t.writer.Reset(nil)
	return err
}

func (t *records) close() error {
	if t.file == nil {
		return nil
	}
	err := t.file.Close()
	t.file = nil
	return err
}

// recordReader reads the records, a block of them at a time.
type recordReader struct {
	of    *records
	block []byte
	first int // the record with which block begins
}

// at returns a record; it is valid until the next call.
func (r *recordReader) at(i int) ([]byte, error) {
	size := r.of.size
	if r.of.file == nil {
		return r.of.memory[i*size:][:size], nil
	}
	if i < r.first || i >= r.first+len(r.block)/size {
		if err := r.load(i); err != nil {
			return nil, err
		}
	}
	return r.block[(i-r.first)*size:][:size], nil
}

func (r *recordReader) load(i int) error {
	size := r.of.size
	if r.block == nil {
		r.block = make([]byte, blockSize/size*size)
	}
	r.block = r.block[:cap(r.block)/size*size]
	n := min(len(r.block)/size, r.of.count-i)
	r.first, r.block = i, r.block[:n*size]
	if _, err := r.of.file.ReadAt(r.block, int64(i)*int64(size)); err != nil {
		r.block = r.block[:0]
		return err
	}
	return nil
}
