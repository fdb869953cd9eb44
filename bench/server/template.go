//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// Places in a response that differ from request to request.
const (
	markID      = "IIIIIIII-IIII-IIII-IIII-IIIIIIIIIIII"
	markUser    = "UUUUUUUU-UUUU-UUUU-UUUU-UUUUUUUUUUUU"
	markRequest = "CCCCCCCC-CCCC-CCCC-CCCC-CCCCCCCCCCCC"
	markTime    = "TTTT-TT-TTTTT:TT:TT.TTTZ"
	stampForm   = "2006-01-02T15:04:05.000Z"
)

// reference is the documentation's example of a response, without blanks.
const reference = `{"_links":{"self":{"href":"%[1]s"},"device.select":{"href":"%[1]s"},` +
	`"otp.check":{"href":"%[1]s"}},` +
	`"_embedded":{"devices":[{"id":"ea055ca3-2b5b-4766-9628-95fc03f4ec9b","type":"EMAIL",` +
	`"status":"ACTIVE","email":"j****@pingidentity.com"}]},` +
	`"id":"` + markID + `","environment":{"id":"%[2]s"},"status":"OTP_REQUIRED",` +
	`"policy":{"id":"9761c24a-208d-0499-1bf6-39905184a4e1"},` +
	`"selectedDevice":{"id":"ea055ca3-2b5b-4766-9628-95fc03f4ec9b"},"user":{"id":"` + markUser + `"},` +
	`"createdAt":"` + markTime + `","updatedAt":"` + markTime + `"}`

// template is a response to requests with the same head.
type template struct {
	text                    []byte
	body                    int // where the body begins
	ids, users, times, corr []int
}

func newTemplate(origin, path string) *template {
	env := ""
	if parts := bytes.Split([]byte(path), []byte("/")); len(parts) > 1 {
		env = string(parts[1])
	}
	body := fmt.Sprintf(reference, origin+path+"/"+markID, env)
	head := "HTTP/1.1 201 Created\r\nContent-Type: application/json;charset=UTF-8\r\nCache-Control: " +
		"no-store\r\n" +
		"Correlation-Id: " + markRequest + "\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n"
	t := &template{text: []byte(head + body), body: len(head)}
	t.ids, t.users = places(t.text, markID), places(t.text, markUser)
	t.times, t.corr = places(t.text, markTime), places(t.text, markRequest)
	return t
}

func places(text []byte, mark string) (at []int) {
	for from := 0; ; {
		i := bytes.Index(text[from:], []byte(mark))
		if i < 0 {
			return at
		}
		at = append(at, from+i)
		from += i + len(mark)
	}
}

// maker fills in templates. It belongs to one goroutine.
type maker struct {
	random *rand.PCG
	stamp  [2 * len(stampForm)]byte // formatting needs room
	at     int64                    // the millisecond of stamp
}

func newMaker() *maker {
	return &maker{random: rand.NewPCG(uint64(time.Now().UnixNano()), 1)}
}

// fill writes a response into the template's own text, for this user.
func (m *maker) fill(t *template, user []byte, now time.Time) []byte {
	var id [36]byte
	m.uuid(&id)
	for _, at := range t.ids {
		copy(t.text[at:], id[:])
	}
	m.uuid(&id)
	for _, at := range t.corr {
		copy(t.text[at:], id[:])
	}
	for _, at := range t.users {
		copy(t.text[at:at+36], user)
	}
	if ms := now.UnixMilli(); ms != m.at {
		m.at = ms
		now.UTC().AppendFormat(m.stamp[:0], stampForm)
	}
	for _, at := range t.times {
		copy(t.text[at:], m.stamp[:len(stampForm)])
	}
	return t.text
}

func (m *maker) uuid(dst *[36]byte) {
	const digits = "0123456789abcdef"
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], m.random.Uint64())
	binary.LittleEndian.PutUint64(b[8:], m.random.Uint64())
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	at := 0
	for i, v := range b {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst[at] = '-'
			at++
		}
		dst[at], dst[at+1] = digits[v>>4], digits[v&15]
		at += 2
	}
}

func userOf(body []byte) []byte {
	at := bytes.Index(body, []byte(`"user"`))
	if at < 0 {
		return nil
	}
	body = body[at+6:]
	if at = bytes.Index(body, []byte(`"id"`)); at < 0 {
		return nil
	}
	body = body[at+4:]
	if at = bytes.IndexByte(body, '"'); at < 0 || len(body) < at+37 {
		return nil
	}
	return body[at+1 : at+37]
}
