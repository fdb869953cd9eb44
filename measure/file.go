package measure

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
)

// maxUnpacked bounds how large a measurement file may become when it is
// unpacked, in bytes: a day's run at any rate stays far below, and a file that
// is made to fill the memory is refused.
const maxUnpacked = 2 << 30

// Pack writes the measurement as the file measurement.json.gz: what
// [Measurement.Encode] writes, compressed. The same measurement gives the same
// bytes.
func (m *Measurement) Pack() ([]byte, error) {
	text, err := m.Encode()
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}

// Unpack reads what [Measurement.Pack] wrote. A file that is damaged, cut off,
// or contradicts itself is an error.
func Unpack(data []byte) (*Measurement, error) { return unpack(data, maxUnpacked) }

func unpack(data []byte, most int64) (*Measurement, error) {
	damaged := func(err error) (*Measurement, error) {
		return nil, fmt.Errorf("unpack measurement: %w: the file is damaged or no measurement of mfaload", err)
	}
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return damaged(err)
	}
	text, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return damaged(err)
	}
	if int64(len(text)) > most {
		return damaged(fmt.Errorf("it holds more than %d bytes", most))
	}
	return Decode(text)
}

// SetNotStarted says why a run did not start.
func (m *Measurement) SetNotStarted(why string) { m.NotStarted = asText(why) }
