package contract

import (
	"math/bits"
	"sync"
)

// memory holds the last keys: a ring of them, and a table with their places in
// it (open addressing, at most three quarters full). It grows with what it holds, up to
// its bound, or is reserved as a whole.
type seenSet[K hashed] struct {
	mu      sync.Mutex
	maxKeys int
	ring    []K
	at      int // where the next one goes once the ring is full
	// A slot of the table has 1 + a place in the ring in its low bits and bits
	// of the key above them, so that other keys are seldom looked at; 0 is free.
	table []uint32
	low   uint32 // mask of the low bits
}

// spreader is a key that spreads itself evenly over 64 bits.
type hashed interface {
	comparable
	hash64() uint64
}

// reserve makes an empty memory as large as it may become. Clearing what is
// new takes it from the system now and not when it is first used.
func (m *seenSet[K]) reserve() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.ring) > 0 {
		return
	}
	m.ring = make([]K, m.maxKeys)
	clear(m.ring)
	m.ring = m.ring[:0]
	m.resize(1 << bits.Len(uint((4*m.maxKeys-1)/3)))
	clear(m.table)
}

// add says whether the key was there, and puts it in.
func (m *seenSet[K]) add(k K) (known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, found := m.find(k); found {
		return true
	}
	if len(m.ring) < m.maxKeys {
		m.ring = append(m.ring, k)
		if 4*len(m.ring) > 3*len(m.table) {
			m.resize(max(2*len(m.table), 1024))
		} else {
			m.put(len(m.ring) - 1)
		}
		return false
	}
	m.remove(m.ring[m.at])
	m.ring[m.at] = k
	m.put(m.at)
	m.at = (m.at + 1) % len(m.ring)
	return false
}

// put enters a place of the ring into the table.
func (m *seenSet[K]) put(place int) {
	k := m.ring[place]
	slot, _ := m.find(k)
	m.table[slot] = uint32(place+1) | m.tag(k)
}

// tag is the bits of a key that its slot has.
func (m *seenSet[K]) tag(k K) uint32 { return uint32(k.hash64()>>32) &^ m.low }

// find returns the slot of a key, or the free one where it would go.
func (m *seenSet[K]) find(k K) (slot int, found bool) {
	if len(m.table) == 0 {
		return 0, false
	}
	tag := m.tag(k)
	for slot = m.home(k); m.table[slot] != 0; slot = (slot + 1) & (len(m.table) - 1) {
		if v := m.table[slot]; v&^m.low == tag && m.ring[v&m.low-1] == k {
			return slot, true
		}
	}
	return slot, false
}

func (m *seenSet[K]) home(k K) int { return int(k.hash64()) & (len(m.table) - 1) }

// resize makes the table anew with so many slots, a power of two.
func (m *seenSet[K]) resize(slots int) {
	m.table, m.low = make([]uint32, slots), uint32(slots-1)
	for place := range m.ring {
		m.put(place)
	}
}

// remove takes a key out and moves up those that had to go around it.
func (m *seenSet[K]) remove(k K) {
	hole, found := m.find(k)
	if !found {
		return
	}
	mask := len(m.table) - 1
	for slot := (hole + 1) & mask; m.table[slot] != 0; slot = (slot + 1) & mask {
		want := m.home(m.ring[m.table[slot]&m.low-1])
		if (slot-want)&mask >= (slot-hole)&mask {
			m.table[hole] = m.table[slot]
			hole = slot
		}
	}
	m.table[hole] = 0
}
