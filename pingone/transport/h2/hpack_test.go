package h2

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2/hpack"
)

// fields are those of a list.
func (t *fieldText) fields() (all []hpack.HeaderField) {
	begin := 0
	for _, end := range t.ends {
		all = append(all, hpack.HeaderField{Name: string(t.text[begin:end.name]),
			Value: string(t.text[end.name:end.value])})
		begin = end.value
	}
	return all
}

// oracle decodes as the library does.
type oracle struct {
	*hpack.Decoder
	fields []hpack.HeaderField
}

func newOracle() *oracle {
	o := &oracle{}
	o.Decoder = hpack.NewDecoder(maxTable, func(f hpack.HeaderField) {
		f.Sensitive = false
		o.fields = append(o.fields, f)
	})
	return o
}

func (o *oracle) decode(block []byte) ([]hpack.HeaderField, error) {
	o.fields = nil
	_, err := o.Write(block)
	if closed := o.Close(); err == nil {
		err = closed
	}
	return o.fields, err
}

func TestStaticTable(t *testing.T) {
	if n := len(staticTable); n != 61 || staticTable[60].Name != "www-authenticate" {
		t.Errorf("%d fields", n)
	}
}

// Blocks of the library's encoder, with fields that come again and tables that change
// their size, are what they were.
func TestDecoderReadsWhatTheLibraryWrites(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	d, list := blockDecoder{max: maxTable}, fieldText{limit: 1 << 20}
	for range 2000 {
		if random.IntN(20) == 0 {
			encoder.SetMaxDynamicTableSize(uint32(random.IntN(maxTable + 1)))
		}
		block.Reset()
		var want []hpack.HeaderField
		for range random.IntN(12) {
			f := hpack.HeaderField{Name: "name-" + strings.Repeat("n", random.IntN(30)),
				Value: strings.Repeat(string(rune('a'+random.IntN(26))), random.IntN(300)*random.IntN(3))}
			if random.IntN(4) == 0 {
				f = staticTable[random.IntN(len(staticTable))]
			}
			want = append(want, f)
			f.Sensitive = random.IntN(5) == 0
			_ = encoder.WriteField(f)
		}
		list.reset()
		if err := d.decode(block.Bytes(), &list); err != nil {
			t.Fatal(err)
		}
		if got := list.fields(); !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
		if d.table.size > d.max || cap(d.table.text) > 4*maxTable {
			t.Fatalf("the table has %d bytes of %d, its text %d", d.table.size, d.max, cap(d.table.text))
		}
	}
}

// What the library refuses is refused, and what it takes is the same. The library takes a
// change of size within a block as long as its table is empty; that is not allowed.
func FuzzDecoder(f *testing.F) {
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	for _, field := range [][2]string{{":status", "201"}, {"content-type", "application/json"},
		{"correlation-id", "b7d4c0a5"}, {"content-type", "application/json"}} {
		_ = e.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]})
	}
	f.Add(block.Bytes(), []byte{0xbe, 0xbf})
	f.Add([]byte{0x3f, 0xe1, 0x1f, 0x88}, []byte{0x20, 0x82})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, []byte{0x80})
	f.Add([]byte{0x40, 0x01, 'a', 0x7f, 0xff, 0xff, 0x7f}, []byte{0x40, 0x81, 0xff, 0x00})
	f.Fuzz(func(t *testing.T, first, second []byte) {
		d, list, o := blockDecoder{max: maxTable}, fieldText{limit: 1 << 30}, newOracle()
		for _, block := range [][]byte{first, second} {
			list.reset()
			err := d.decode(block, &list)
			want, refused := o.decode(block)
			if err != nil {
				if refused == nil && !bytes.ContainsFunc(block, func(r rune) bool { return r&0xe0 == 0x20 }) {
					t.Fatalf("%x: %v, the library reads %v", block, err, want)
				}
				return
			}
			if refused != nil {
				t.Fatalf("%x: %v, the library: %v", block, list.fields(), refused)
			}
			if got := list.fields(); !slices.Equal(got, want) {
				t.Fatalf("%x: %v, the library reads %v", block, got, want)
			}
		}
	})
}

func TestDecodingAllocatesNothing(t *testing.T) {
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	d, list := blockDecoder{max: maxTable}, fieldText{limit: 1 << 16}
	n := 0
	allocations := testing.AllocsPerRun(1000, func() {
		n++
		block.Reset()
		list.reset()
		for _, field := range [...]hpack.HeaderField{{Name: ":status", Value: "201"},
			{Name: "date", Value: "Tue, 01 Dec 2026 03:54:58 GMT"},
			{Name: "correlation-id", Value: ids[n%2]}} {
			_ = e.WriteField(field)
		}
		if d.decode(block.Bytes(), &list) != nil || len(list.ends) != 3 {
			t.Fatal(list.fields())
		}
	})
	if allocations > 0 {
		t.Errorf("%v allocations a block", allocations)
	}
}

var ids = [2]string{"788d4931-6936-43f2-82ff-178f5762298a", "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6"}
