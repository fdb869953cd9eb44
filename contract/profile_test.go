package contract

import (
	"bytes"
	"testing"
)

// What is read as a profile is written as it was read.
func FuzzDecodeProfile(f *testing.F) {
	p := NewProfile()
	ex := &Exchange{Status: 201, Label: "201 OTP_REQUIRED", Body: []byte(`{"a":[1,{"b":null}],"c":"x"}`),
		Header: Fields{{"Content-Type", "application/json"}}}
	p.Learn(ex, func(text string) string { return text })
	text, err := p.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"schema":"` + ProfileSchema + `","answers":{"201":null}}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := DecodeProfile(text)
		if err != nil {
			return
		}
		first, err := p.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := DecodeProfile(first)
		if err != nil {
			t.Fatalf("%v: %s", err, first)
		}
		if second, err := again.Encode(); err != nil || !bytes.Equal(first, second) {
			t.Errorf("%v: written %s, read and written again %s", err, first, second)
		}
		p.Drift(again)
	})
}
