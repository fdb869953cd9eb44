package users

import (
	"bufio"

	"mfaload/internal/disk"
)

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
