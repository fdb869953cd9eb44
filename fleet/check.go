package fleet

import (
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"mfaload/measure"
)

// message is what travels. Who has the run's token may send anything: what would
// have the other end run out of memory, or write what is no text, is refused.
type message interface {
	hello | planMessage | fileChunk | claim | grant | offer | receipt | runState | beat
	check() error
}

// What messages have at most, in bytes and entries. All senders keep to it.
const (
	maxMessage = 1 << 20
	maxText    = 4000
	maxHost    = 255
	maxFiles   = 4096
	maxCount   = 1 << 48
	maxSpread  = time.Hour
	// maxFilesSize bounds what all files of a run take on a worker's disk, minFinal what the
	// packed measurement of one shard may take of the coordinator's in any case.
	maxFilesSize = 1 << 30
	minFinal     = 256 << 20
)

// tidy is a text of one line, no longer than a message may have it.
func tidy(text string) string { return cut(text, maxText) }

func cut(text string, limit int) string {
	text = strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return ' '
		}
		return c
	}, strings.Join(strings.Fields(text), " "))
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit-len("…")], "") + "…"
	}
	return text
}

var (
	errText = errors.New("a text is too long, or holds control characters")
	errSize = errors.New("a number is out of range")
)

// plain says whether texts are as tidy leaves them.
func plain(limit int, all ...string) bool {
	return !slices.ContainsFunc(all, func(text string) bool {
		return len(text) > limit ||
			strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) })
	})
}

func (h hello) check() error {
	if !plain(maxHost, h.Version, h.Host) {
		return errText
	}
	return nil
}

// check lets the plan of another protocol pass: the worker then says so.
func (p planMessage) check() error {
	switch {
	case !plain(maxHost, p.Version, p.Scenario, p.Hash, p.Epoch) || !plain(maxText, p.Withheld):
		return errText
	case p.Protocol != protocol:
		return nil
	case p.Shards < 1 || p.Shards > measure.MaxShards || p.Answers < 0 || p.Answers > measure.Instances ||
		p.Spread < 0 || p.Spread > maxSpread || len(p.Files) > maxFiles:
		return errSize
	}
	if err := p.Labels.Check(); err != nil {
		return err
	}
	var size int64
	for _, f := range p.Files {
		if size += f.Size; f.Size < 0 || size < 0 || size > maxFilesSize {
			return fmt.Errorf("its files have more than %d MiB", maxFilesSize>>20)
		}
		if sum, err := hex.DecodeString(f.SHA256); err != nil || len(sum) != 32 ||
			!filepath.IsLocal(filepath.FromSlash(f.Name)) || !plain(maxText, f.Name) {
			return errors.New("a file has no name or checksum that could be")
		}
	}
	return nil
}

func (s runState) check() error {
	if !plain(maxText, s.Why) || !plain(maxHost, s.Epoch) ||
		s.Stop != nil && !plain(maxText, s.Stop.Condition, s.Stop.Observed) {
		return errText
	}
	if !slices.Contains([]runPhase{gathering, arming, going, stopping, cancelled, done}, s.Phase) {
		return errors.New("it has an unknown phase")
	}
	if len(s.Out) > measure.MaxShards {
		return errSize
	}
	return nil
}

func (b beat) check() error {
	switch {
	case !plain(maxHost, b.Host) || !plain(maxText, b.Why):
		return errText
	case !slices.Contains([]workerStage{refused, claimed, ready, armed, running, delivering, delivered,
		gone, left}, b.Stage):
		return errors.New("it has an unknown stage")
	case b.Shard < AnyShard || b.Shard >= measure.MaxShards || b.RoundTrip < 0 || b.RoundTrip > time.Hour:
		return errSize
	case b.Snapshot != nil && !b.Snapshot.sound():
		return errors.New("its figures do not add up")
	}
	return nil
}

func (p fileChunk) check() error {
	if p.File < 0 || p.File >= maxFiles || p.Offset < 0 || p.Offset > maxFilesSize {
		return errSize
	}
	return nil
}

func (c claim) check() error {
	switch {
	case !plain(maxHost, c.Host, c.Hash):
		return errText
	case c.Shard < AnyShard || c.Shard >= measure.MaxShards:
		return errSize
	}
	return nil
}

func (g grant) check() error {
	switch {
	case !plain(maxText, g.Refused):
		return errText
	case g.Shard < AnyShard || g.Shard >= measure.MaxShards:
		return errSize
	}
	return nil
}

func (o offer) check() error {
	switch {
	case !plain(maxHost, o.SHA256):
		return errText
	case o.Size < 1 || o.Offset < 0 || o.Offset > o.Size:
		return errSize
	}
	return nil
}

func (r receipt) check() error {
	switch {
	case !plain(maxText, r.Refused):
		return errText
	case r.Next < 0 || r.Next > maxCount:
		return errSize
	}
	return nil
}
