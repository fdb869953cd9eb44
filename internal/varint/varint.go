// Package varint writes whole numbers and texts one behind the other, each in as few
// bytes as it takes, and reads them back from bytes that may be damaged.
package varint

import "encoding/binary"

// AppendText appends a text behind its length.
func AppendText[T string | []byte](b []byte, text T) []byte {
	b = binary.AppendUvarint(b, uint64(len(text)))
	return append(b, text...)
}

// Bit is a byte that is 1 where something is set.
func Bit(set bool) byte {
	if set {
		return 1
	}
	return 0
}

// Reader takes values off bytes. Once something is not there it is bad, and all
// further values are zero.
type Reader struct {
	Rest []byte
	Bad  bool
}

// Uvarint takes a number.
func (r *Reader) Uvarint() uint64 {
	n, size := binary.Uvarint(r.Rest)
	return n * uint64(r.skip(size))
}

// Varint takes a number that may be below 0.
func (r *Reader) Varint() int64 {
	n, size := binary.Varint(r.Rest)
	return n * int64(r.skip(size))
}

// skip goes on by so many bytes and returns 1, or 0 where that can't be.
func (r *Reader) skip(size int) int {
	if r.Bad || size <= 0 || size > len(r.Rest) {
		r.Bad, r.Rest = true, nil
		return 0
	}
	r.Rest = r.Rest[size:]
	return 1
}

// Byte takes a byte.
func (r *Reader) Byte() byte {
	if len(r.Rest) == 0 {
		r.Bad = true
		return 0
	}
	b := r.Rest[0]
	r.Rest = r.Rest[1:]
	return b
}

// Text takes what [AppendText] appended. It is a part of Rest, and no copy.
func (r *Reader) Text() []byte {
	n := r.Uvarint()
	if r.Bad || n > uint64(len(r.Rest)) {
		r.Bad, r.Rest = true, nil
		return nil
	}
	text := r.Rest[:n:n]
	r.Rest = r.Rest[n:]
	return text
}
