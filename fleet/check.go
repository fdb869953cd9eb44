package fleet

import (
	"encoding/hex"
	"errors"
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
	hello | plan | state | beat | owner
	check() error
}

// What messages have at most, in bytes and entries. All senders keep to it.
const (
	mostMessage = 1 << 20
	mostText    = 4000
	mostHost    = 255
	mostFiles   = 4096
	mostCount   = 1 << 48
	mostSpread  = time.Hour
)

// tidy is a text of one line, no longer than a message may have it.
func tidy(text string) string { return cut(text, mostText) }

func cut(text string, most int) string {
	text = strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return ' '
		}
		return c
	}, strings.Join(strings.Fields(text), " "))
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most-len("…")], "") + "…"
	}
	return text
}

var (
	errText = errors.New("a text is too long, or holds control characters")
	errSize = errors.New("a number is out of range")
)

// plain says whether texts are as tidy leaves them.
func plain(most int, all ...string) bool {
	return !slices.ContainsFunc(all, func(text string) bool {
		return len(text) > most || strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) })
	})
}

func (h hello) check() error {
	if !plain(mostHost, h.Version, h.Host) {
		return errText
	}
	return nil
}

// check lets the plan of another protocol pass: the worker then says so.
func (p plan) check() error {
	switch {
	case !plain(mostHost, p.Version, p.Scenario, p.Hash) || !plain(mostText, p.Withheld):
		return errText
	case p.Protocol != protocol:
		return nil
	case p.Shards < 1 || p.Shards > measure.MaxShards || p.Answers < 0 || p.Answers > measure.Instances ||
		p.Spread < 0 || p.Spread > mostSpread || len(p.Files) > mostFiles:
		return errSize
	}
	for _, f := range p.Files {
		if sum, err := hex.DecodeString(f.SHA256); err != nil || len(sum) != 32 || !filepath.IsLocal(filepath.FromSlash(f.Name)) || !plain(mostText, f.Name) {
			return errors.New("a file has no name or checksum that could be")
		}
	}
	return nil
}

func (s state) check() error {
	if !plain(mostText, s.Why) || s.Stop != nil && !plain(mostText, s.Stop.Condition, s.Stop.Observed) {
		return errText
	}
	if !slices.Contains([]phase{gathering, arming, going, stopping, cancelled, done}, s.Phase) {
		return errors.New("it has an unknown phase")
	}
	return nil
}

func (b beat) check() error {
	switch {
	case !plain(mostHost, b.Host) || !plain(mostText, b.Why):
		return errText
	case !slices.Contains([]stage{refused, claimed, ready, armed, running, delivered, gone, left}, b.Stage):
		return errors.New("it has an unknown stage")
	case b.Shard < AnyShard || b.Shard >= measure.MaxShards || b.RoundTrip < 0 || b.RoundTrip > time.Hour:
		return errSize
	case b.Snapshot != nil && !b.Snapshot.sound():
		return errors.New("its figures do not add up")
	}
	return nil
}

func (o owner) check() error {
	if !plain(mostHost, o.Of, o.Host, o.Hash) {
		return errText
	}
	return nil
}
