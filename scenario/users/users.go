// Package users reads the users of a file, keeps them in bounded memory and
// hands them out in an order. It knows no scenario and no clock.
package users

import "encoding/hex"

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

// idLength is the length of an ID as text.
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
