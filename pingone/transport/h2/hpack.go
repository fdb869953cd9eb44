package h2

import (
	"fmt"

	"golang.org/x/net/http2/hpack"
)

// maxTable is the size of the table of recent fields that servers may use: the one that
// HTTP/2 begins with (RFC 9113, section 6.5.2).
const maxTable = 4096

// fieldOverhead is what a field counts beyond its name and value (RFC 7541, section 4.1).
const fieldOverhead = 32

// errHPACK means that a header block can't be read. No later block of its connection can:
// each depends on those before.
var errHPACK = fmt.Errorf("%w: a header block that is not valid HPACK", ErrNotHTTP2)

// staticTable are the fields that every block can name by number (RFC 7541, appendix A),
// as the library has them.
var staticTable = func() (all []hpack.HeaderField) {
	for i := byte(1); ; i++ {
		field, err := hpack.NewDecoder(0, nil).DecodeFull([]byte{0x80 | i})
		if err != nil {
			return all
		}
		all = append(all, field...)
	}
}()

// blockDecoder reads header blocks (RFC 7541), all those of a connection in their order. It is
// written by hand because the library makes a string of every value. Huffman's code and
// the static table are the library's.
type blockDecoder struct {
	table   fieldTable
	max     int // that the table may have by the server's last word
	huffman byteWriter
	name    []byte
}

// fieldText holds the fields of a block one after the other.
type fieldText struct {
	text  []byte
	ends  []fieldEnd
	size  int  // as header lists are measured
	limit int  // of the size
	over  bool // the list is longer: what is beyond is not here
}

// fieldEnd is where a field's name and its value end.
type fieldEnd struct{ name, value int }

func (t *fieldText) reset() { t.text, t.ends, t.size, t.over = t.text[:0], t.ends[:0], 0, false }

func appendField[T []byte | string](t *fieldText, name, value T) {
	if t.size += len(name) + len(value) + fieldOverhead; t.size > t.limit {
		t.over = true
		return
	}
	t.text = append(append(t.text, name...), value...)
	t.ends = append(t.ends, fieldEnd{len(t.text) - len(value), len(t.text)})
}

// decode adds the fields of a whole block.
func (d *blockDecoder) decode(block []byte, to *fieldText) error {
	for first := true; len(block) > 0; {
		var err error
		switch b := block[0]; {
		case b&0x80 != 0:
			block, err = d.indexed(block, to)
		case b&0xc0 == 0x40:
			block, err = d.literal(block, 6, true, to)
		case b&0xe0 == 0x20:
			if !first { // sizes change at the beginning of a block
				return errHPACK
			}
			block, err = d.resize(block)
			if err != nil {
				return err
			}
			continue
		default:
			block, err = d.literal(block, 4, false, to)
		}
		if err != nil {
			return err
		}
		first = false
	}
	return nil
}

// indexed reads a field that the tables have (section 6.1).
func (d *blockDecoder) indexed(block []byte, to *fieldText) ([]byte, error) {
	i, rest, err := readInteger(block, 7)
	if err != nil {
		return nil, err
	}
	if i > 0 && i <= uint64(len(staticTable)) {
		f := &staticTable[i-1]
		appendField(to, f.Name, f.Value)
		return rest, nil
	}
	name, value, ok := d.table.get(i)
	if !ok {
		return nil, errHPACK
	}
	appendField(to, name, value)
	return rest, nil
}

// literal reads a field that is written out, or its value (section 6.2).
func (d *blockDecoder) literal(block []byte, prefix uint, kept bool, to *fieldText) ([]byte, error) {
	i, rest, err := readInteger(block, prefix)
	if err != nil {
		return nil, err
	}
	d.name = d.name[:0]
	if i == 0 {
		if d.name, rest, err = d.readString(d.name, rest); err != nil {
			return nil, err
		}
	} else if i <= uint64(len(staticTable)) {
		d.name = append(d.name, staticTable[i-1].Name...)
	} else {
		name, _, ok := d.table.get(i)
		if !ok {
			return nil, errHPACK
		}
		d.name = append(d.name, name...)
	}
	n := len(d.name)
	if d.name, rest, err = d.readString(d.name, rest); err != nil {
		return nil, err
	}
	name, value := d.name[:n], d.name[n:]
	if kept {
		d.table.add(name, value, d.max)
	}
	appendField(to, name, value)
	return rest, nil
}

// resize reads a change of the table's size (section 6.3).
func (d *blockDecoder) resize(block []byte) ([]byte, error) {
	size, rest, err := readInteger(block, 5)
	if err != nil || size > maxTable {
		return nil, errHPACK
	}
	d.max = int(size)
	d.table.evict(d.max)
	return rest, nil
}

// readString appends a string (section 5.2).
func (d *blockDecoder) readString(dst, block []byte) (text, rest []byte, err error) {
	if len(block) == 0 {
		return nil, nil, errHPACK
	}
	coded := block[0]&0x80 != 0
	n, rest, err := readInteger(block, 7)
	if err != nil || n > uint64(len(rest)) {
		return nil, nil, errHPACK
	}
	raw, rest := rest[:n], rest[n:]
	if !coded {
		return append(dst, raw...), rest, nil
	}
	d.huffman = dst
	if _, err := hpack.HuffmanDecode(&d.huffman, raw); err != nil {
		return nil, nil, errHPACK
	}
	return d.huffman, rest, nil
}

// byteWriter appends what is written.
type byteWriter []byte

// Write implements [io.Writer].
func (w *byteWriter) Write(p []byte) (int, error) { *w = append(*w, p...); return len(p), nil }

// readInteger reads a number whose first bits are the last ones of a byte (section 5.1).
func readInteger(block []byte, prefix uint) (n uint64, rest []byte, err error) {
	if len(block) == 0 {
		return 0, nil, errHPACK
	}
	mask := uint64(1)<<prefix - 1
	if n = uint64(block[0]) & mask; n < mask {
		return n, block[1:], nil
	}
	for i, b := range block[1:] {
		if i > 8 {
			break // more than any list needs
		}
		n += uint64(b&0x7f) << (7 * i)
		if b&0x80 == 0 {
			return n, block[2+i:], nil
		}
	}
	return 0, nil, errHPACK
}

// appendInteger writes a number; first has the bits before it.
func appendInteger(dst []byte, first byte, prefix uint, n int) []byte {
	mask := 1<<prefix - 1
	if n < mask {
		return append(dst, first|byte(n))
	}
	dst = append(dst, first|byte(mask))
	for n -= mask; n >= 0x80; n >>= 7 {
		dst = append(dst, 0x80|byte(n))
	}
	return append(dst, byte(n))
}

// fieldTable is the table of recent fields (section 2.3.2). The newest is the last.
type fieldTable struct {
	text []byte
	ends []fieldEnd // where those that are left begin is first
	from int        // what is before was evicted
	size int
}

// get returns the field of a number that is beyond the static table.
func (t *fieldTable) get(i uint64) (name, value []byte, ok bool) {
	i -= uint64(len(staticTable)) + 1
	if i >= uint64(len(t.ends)) {
		return nil, nil, false
	}
	at := len(t.ends) - 1 - int(i)
	begin := t.begin(at)
	end := t.ends[at]
	return t.text[begin:end.name], t.text[end.name:end.value], true
}

func (t *fieldTable) begin(at int) int {
	if at == 0 {
		return t.from
	}
	return t.ends[at-1].value
}

// add adds a field, and evicts as many as there have to be for it (section 4.4). One that
// is larger than the table just empties it.
func (t *fieldTable) add(name, value []byte, limit int) {
	size := len(name) + len(value) + fieldOverhead
	if size > limit {
		t.evict(0)
		return
	}
	t.evict(limit - size)
	if len(t.text)+size > 2*maxTable {
		t.compact()
	}
	t.text = append(append(t.text, name...), value...)
	t.ends = append(t.ends, fieldEnd{len(t.text) - len(value), len(t.text)})
	t.size += size
}

// evict takes the oldest fields out until the rest has a size.
func (t *fieldTable) evict(size int) {
	n := 0
	for begin := t.from; t.size > size; n++ {
		t.size -= t.ends[n].value - begin + fieldOverhead
		begin = t.ends[n].value
		t.from = begin
	}
	t.ends = t.ends[:copy(t.ends, t.ends[n:])]
}

// compact moves what is left to the beginning.
func (t *fieldTable) compact() {
	t.text = t.text[:copy(t.text, t.text[t.from:])]
	for i := range t.ends {
		t.ends[i].name -= t.from
		t.ends[i].value -= t.from
	}
	t.from = 0
}
