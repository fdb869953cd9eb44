package contract

import (
	"encoding/binary"
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// DefaultWindow is how many answers back an ID or a body is recognized.
const DefaultWindow = 1 << 20

// Window finds what no single answer shows: an ID that was given twice, a body
// that was sent twice, the user of another request. It remembers IDs and bodies
// of the last answers exactly (IDs as the 128 bits they are, other texts by 128
// bits of two keyed hashes) in at most 24 bytes each. It is safe for concurrent
// use.
type Window struct {
	ids, bodies memory
	seeds       [2]maphash.Seed

	mu      sync.RWMutex
	flights []*Exchange // every exchange that ever entered
}

// NewWindow returns a window over so many answers.
func NewWindow(answers int) *Window {
	w := &Window{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
	w.ids.most, w.bodies.most = answers, answers
	return w
}

// Enter notes that an exchange is now about this user. The exchange must be
// one that is used again and again: a window never forgets it.
func (w *Window) Enter(ex *Exchange, user string) {
	if !ex.entered {
		ex.entered = true
		w.mu.Lock()
		w.flights = append(w.flights, ex)
		w.mu.Unlock()
	}
	ex.userBefore.Store(ex.user.Load())
	ex.user.Store(w.hash(user))
}

// flight is what other exchanges may see of one.
type flight struct {
	entered          bool
	user, userBefore atomic.Uint64 // hashes of the present and the last user
}

// inFlight says whether a user is that of another exchange, or was until a
// moment ago.
func (w *Window) inFlight(user string, mine *Exchange) bool {
	h := w.hash(user)
	w.mu.RLock()
	defer w.mu.RUnlock()
	for _, ex := range w.flights {
		if ex != mine && (ex.user.Load() == h || ex.userBefore.Load() == h) {
			return true
		}
	}
	return false
}

func (w *Window) hash(s string) uint64 { return maphash.String(w.seeds[0], s) }

// key is what is remembered of a text.
type key [2]uint64

func (w *Window) keyOf(text []byte) key {
	return key{maphash.Bytes(w.seeds[0], text), maphash.Bytes(w.seeds[1], text)}
}

// idKey is the ID itself where it has the form of one.
func (w *Window) idKey(id string) key {
	if !isID(id) {
		return w.keyOf(unsafeBytes(id))
	}
	var b [16]byte
	n := 0
	for i := range len(id) {
		if id[i] != '-' {
			b[n/2] = b[n/2]<<4 | nibble(id[i])
			n++
		}
	}
	return key{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

func nibble(b byte) byte {
	if b <= '9' {
		return b - '0'
	}
	return b&^0x20 - 'A' + 10
}

// memory holds the last keys: a ring of them, and a table with their places in
// it (open addressing). It grows with what it holds, up to its bound.
type memory struct {
	mu    sync.Mutex
	most  int
	ring  []key
	at    int      // where the next one goes once the ring is full
	table []uint32 // 1 + place in the ring; 0: free
}

// add says whether the key was there, and puts it in.
func (m *memory) add(k key) (known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if slot, found := m.find(k); found {
		return true
	} else if len(m.ring) < m.most {
		if 2*len(m.ring) >= len(m.table) {
			m.grow()
			slot, _ = m.find(k)
		}
		m.ring = append(m.ring, k)
		m.table[slot] = uint32(len(m.ring))
		return false
	}
	m.remove(m.ring[m.at])
	m.ring[m.at] = k
	slot, _ := m.find(k)
	m.table[slot] = uint32(m.at + 1)
	m.at = (m.at + 1) % len(m.ring)
	return false
}

// find returns the slot of a key, or the free one where it would go.
func (m *memory) find(k key) (slot int, found bool) {
	if len(m.table) == 0 {
		return 0, false
	}
	mask := len(m.table) - 1
	for slot = home(k) & mask; m.table[slot] != 0; slot = (slot + 1) & mask {
		if m.ring[m.table[slot]-1] == k {
			return slot, true
		}
	}
	return slot, false
}

func home(k key) int { return int(mix(k[0]^mix(k[1])) >> 1) }

func (m *memory) grow() {
	m.table = make([]uint32, max(2*len(m.table), 1024))
	for i, k := range m.ring {
		slot, _ := m.find(k)
		m.table[slot] = uint32(i + 1)
	}
}

// remove takes a key out and moves up those that had to go around it.
func (m *memory) remove(k key) {
	hole, found := m.find(k)
	if !found {
		return
	}
	mask := len(m.table) - 1
	for slot := (hole + 1) & mask; m.table[slot] != 0; slot = (slot + 1) & mask {
		want := home(m.ring[m.table[slot]-1]) & mask
		if (slot-want)&mask >= (slot-hole)&mask {
			m.table[hole] = m.table[slot]
			hole = slot
		}
	}
	m.table[hole] = 0
}
