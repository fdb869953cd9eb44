// Package users reads the users of a file, keeps them in bounded memory and
// hands them out in an order. It knows no scenario and no clock.
package users

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"mfaload/internal/disk"
)

// Limits, so that no file takes memory without end.
const (
	// MaxRows is the most users of one file.
	MaxRows = 100_000_000
	// MaxRow is the most bytes of one row.
	MaxRow = 64 << 10
)

// ID is a user's ID, 8-4-4-4-12 hexadecimal digits. Letters are the same in
// upper and in lower case; how they are written is a [Case].
type ID [16]byte

// Case says which digits of an ID are written as capital letters: digit i is bit i.
type Case uint32

const idLength = 36

// ParseID reads an ID. It allocates nothing.
func ParseID[T string | []byte](text T) (id ID, ok bool) {
	if len(text) != idLength || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return id, false
	}
	at := 0
	for i := range id {
		if at == 8 || at == 13 || at == 18 || at == 23 {
			at++
		}
		high, low := nibble[text[at]], nibble[text[at+1]]
		if high|low > 15 {
			return id, false
		}
		id[i] = high<<4 | low
		at += 2
	}
	return id, true
}

// nibble is the value of a hexadecimal digit, and 255 for what is none.
var nibble = func() (table [256]byte) {
	for i := range table {
		table[i] = 255
	}
	for i := range byte(10) {
		table['0'+i] = i
	}
	for i := range byte(6) {
		table['a'+i], table['A'+i] = 10+i, 10+i
	}
	return table
}()

// CaseOf returns how an ID is written.
func CaseOf[T string | []byte](id T) (written Case) {
	digit := 0
	for i := range len(id) {
		if id[i] == '-' {
			continue
		}
		if id[i] >= 'A' && id[i] <= 'F' {
			written |= 1 << digit
		}
		digit++
	}
	return written
}

// Text returns the ID as it was written.
func (id ID) Text(written Case) string {
	if written == 0 {
		return id.String()
	}
	text := []byte(id.String())
	digit := 0
	for i, c := range text {
		if c == '-' {
			continue
		}
		if written&(1<<digit) != 0 {
			text[i] = c - 'a' + 'A'
		}
		digit++
	}
	return string(text)
}

// String returns the ID in lower case.
func (id ID) String() string {
	var text [idLength]byte
	hex.Encode(text[0:8], id[0:4])
	hex.Encode(text[9:13], id[4:6])
	hex.Encode(text[14:18], id[6:8])
	hex.Encode(text[19:23], id[8:10])
	hex.Encode(text[24:36], id[10:16])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}

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
