package pingone

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"mfaload/contract"
	"mfaload/scenario"
)

// traces names the traces of a run's requests as W3C Trace Context does
// (https://www.w3.org/TR/trace-context/). The first half of a trace ID is of the process, the other half
// of the request: whoever samples by it finds it random.
type traces struct {
	process [8]byte
	key     uint64
	flags   string
}

// newTraces returns nil where requests begin no trace.
func newTraces(t scenario.TraceMode) *traces {
	if !t.Sent() {
		return nil
	}
	all := &traces{flags: "-00"}
	if t == scenario.TraceAll {
		all.flags = "-01"
	}
	var key [8]byte
	_, _ = rand.Read(all.process[:]) // it never fails
	_, _ = rand.Read(key[:])
	all.key = binary.LittleEndian.Uint64(key[:])
	return all
}

// appendParent appends the traceparent of a request.
func (t *traces) appendParent(dst []byte, number uint64) []byte {
	if t == nil {
		return dst
	}
	var ids [24]byte
	copy(ids[:], t.process[:])
	binary.BigEndian.PutUint64(ids[8:], max(scatter(t.key+number), 1))
	binary.BigEndian.PutUint64(ids[16:], max(scatter(^t.key-number), 1)) // no ID is all zeros
	dst = append(dst, "00-"...)
	dst = hex.AppendEncode(dst, ids[:16])
	dst = append(dst, '-')
	dst = hex.AppendEncode(dst, ids[16:])
	return append(dst, t.flags...)
}

// scatter makes a number of each other one that looks random (the finalizer of SplitMix64).
func scatter(x uint64) uint64 {
	x *= 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// maxServiceTime is the longest time that a service is believed to say.
const maxServiceTime = time.Hour

// serviceTime is how long the service says it took, in a header field of a response; 0 if it does not say.
func serviceTime(fields contract.Fields, name string) time.Duration {
	first := time.Duration(0)
	for _, f := range fields {
		if !strings.EqualFold(f.Name, name) {
			continue
		}
		if !strings.EqualFold(name, "Server-Timing") {
			return duration(f.Value)
		}
		for metric := range strings.SplitSeq(f.Value, ",") {
			parts := strings.Split(metric, ";")
			for _, p := range parts[1:] {
				key, value, _ := strings.Cut(p, "=")
				if !strings.EqualFold(strings.TrimSpace(key), "dur") {
					continue
				}
				d := duration(strings.Trim(strings.TrimSpace(value), `"`))
				if strings.EqualFold(strings.TrimSpace(parts[0]), "total") {
					return d
				}
				if first == 0 {
					first = d
				}
			}
		}
	}
	return first
}

// duration reads milliseconds, or a duration with its unit. It is at least a nanosecond, and 0 only for
// what is no duration.
func duration(text string) time.Duration {
	text = strings.TrimSpace(text)
	d, err := time.ParseDuration(text)
	if err != nil || text == "0" {
		ms, failed := strconv.ParseFloat(text, 64)
		if failed != nil || !(ms >= 0 && ms <= float64(maxServiceTime/time.Millisecond)) {
			return 0
		}
		d = time.Duration(ms * float64(time.Millisecond))
	}
	if d < 0 || d > maxServiceTime {
		return 0
	}
	return max(d, 1)
}
