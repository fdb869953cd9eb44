package feed

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
)

// Entry is what is kept of a row.
type Entry struct {
	ID ID
	// Kind is 0 for a row that says no more than its ID.
	Kind   uint16
	Line   uint32
	Column uint16
}

const (
	entrySize = 24
	// inMemory is how much of a store is held in memory. Beyond it all of it
	// goes to a temporary file.
	inMemory = 8 << 20
	// blockEntries is how many entries a cursor reads at once.
	blockEntries = 170 // just below 4 KB
)

// Store keeps rows in the order in which they were added, 24 bytes each: the
// first 350,000 in memory, and more of them in a temporary file, which only its
// owner can read and which is gone when the process ends. The zero value is an
// empty store. Once nothing is added any more it may be read by many at once.
type Store struct {
	count  int
	memory []byte
	file   *os.File
	writer *bufio.Writer
}

// Len returns how many rows there are.
func (s *Store) Len() int { return s.count }

// Add appends a row.
func (s *Store) Add(e Entry) error {
	var b [entrySize]byte
	copy(b[:], e.ID[:])
	binary.LittleEndian.PutUint16(b[16:], e.Kind)
	binary.LittleEndian.PutUint16(b[18:], e.Column)
	binary.LittleEndian.PutUint32(b[20:], e.Line)
	s.count++
	if s.writer == nil {
		s.memory = append(s.memory, b[:]...)
		if len(s.memory) < inMemory {
			return nil
		}
		return s.spill()
	}
	_, err := s.writer.Write(b[:])
	return err
}

// spill moves what is in memory to a file.
func (s *Store) spill() (err error) {
	if s.file, err = os.CreateTemp("", "mfaload-users-*"); err != nil {
		return err
	}
	if runtime.GOOS != "windows" {
		// Without a name it goes with the process, whatever ends that.
		if err := os.Remove(s.file.Name()); err != nil {
			return err
		}
	}
	s.writer = bufio.NewWriterSize(s.file, 256<<10)
	_, err = s.writer.Write(s.memory)
	s.memory = nil
	return err
}

// Flush must be called after the last Add and before the rows are read.
func (s *Store) Flush() error {
	if s.writer == nil {
		return nil
	}
	err := s.writer.Flush()
	s.writer.Reset(nil)
	return err
}

// Close gives the temporary file up. The store must not be used afterwards.
func (s *Store) Close() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	if runtime.GOOS == "windows" {
		err = os.Remove(s.file.Name())
	}
	s.file = nil
	return err
}

// Cursor reads the rows of a store; rows that follow one another cost least.
// It is not safe for concurrent use; each reader has its own.
type Cursor struct {
	store *Store
	block []byte
	first int // the row with which block begins
}

// Cursor returns a new cursor.
func (s *Store) Cursor() *Cursor { return &Cursor{store: s} }

// At returns row i, from 0 to Len()-1.
func (c *Cursor) At(i int) (Entry, error) {
	if c.store.file == nil {
		return decode(c.store.memory[i*entrySize:]), nil
	}
	if i < c.first || i >= c.first+len(c.block)/entrySize {
		if err := c.load(i); err != nil {
			return Entry{}, err
		}
	}
	return decode(c.block[(i-c.first)*entrySize:]), nil
}

func (c *Cursor) load(i int) error {
	if c.block == nil {
		c.block = make([]byte, blockEntries*entrySize)
	}
	n := min(blockEntries, c.store.count-i)
	c.first, c.block = i, c.block[:n*entrySize]
	if _, err := c.store.file.ReadAt(c.block, int64(i)*entrySize); err != nil {
		c.block = c.block[:0]
		return fmt.Errorf("read the temporary file of users: %w", err)
	}
	return nil
}

func decode(b []byte) (e Entry) {
	_ = b[entrySize-1]
	copy(e.ID[:], b)
	e.Kind = binary.LittleEndian.Uint16(b[16:])
	e.Column = binary.LittleEndian.Uint16(b[18:])
	e.Line = binary.LittleEndian.Uint32(b[20:])
	return e
}
