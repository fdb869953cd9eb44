package contract

import (
	"hash/maphash"
	"math/bits"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultWindow is how many responses back an ID or a body is recognized.
const DefaultWindow = 3 << 18

// Window finds what no single response shows: an ID that was given twice, a body
// that was sent twice, the user of another request. It remembers IDs and bodies
// of the last responses: IDs as the 128 bits they are (other texts in their place
// by 128 bits of two keyed hashes) in 22 bytes each, bodies by 64 bits of a keyed
// hash in 14 bytes each. It is safe for concurrent use.
type Window struct {
	ids    seenSet[idKey]
	bodies seenSet[bodyKey]
	seeds  [2]maphash.Seed

	mu      sync.RWMutex
	flights []*Exchange // every exchange that ever entered
}

// NewWindow returns a window over so many responses.
func NewWindow(responses int) *Window {
	w := &Window{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
	w.ids.maxKeys, w.bodies.maxKeys = responses, responses
	return w
}

// Reserve takes all the memory that the window will ever need, about 36 bytes an
// response, so that no response has to wait while it grows.
func (w *Window) Reserve() {
	w.ids.reserve()
	w.bodies.reserve()
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

// inFlight says whether a user is, or was a moment ago, of another exchange.
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

// hash is that of a user's ID, whatever the case of its letters.
func (w *Window) hash(s string) uint64 { return maphash.String(w.seeds[0], foldID(s)) }

// idKey is what is remembered of an ID: itself where it has the form of one.
type idKey [2]uint64

func (k idKey) hash64() uint64 { return mix(k[0] ^ mix(k[1])) }

type bodyKey uint64

func (k bodyKey) hash64() uint64 { return uint64(k) }

func (w *Window) bodyKey(body []byte) bodyKey { return bodyKey(maphash.Bytes(w.seeds[0], body)) }

func (w *Window) idKey(id string) idKey {
	if !isID(id) {
		return idKey{maphash.String(w.seeds[0], id), maphash.String(w.seeds[1], id)}
	}
	var k idKey
	n := 0
	for i := range len(id) {
		if id[i] != '-' {
			k[n/16] = k[n/16]<<4 | uint64(nibble(id[i]))
			n++
		}
	}
	return k
}

func nibble(b byte) byte {
	if b <= '9' {
		return b - '0'
	}
	return b&^0x20 - 'A' + 10
}

// seenSet holds the last keys: a ring of them, and a table with their places in
// it (open addressing, at most three quarters full). It grows with what it holds, up to
// its bound, or is reserved as a whole.
type seenSet[K hashed] struct {
	mu      sync.Mutex
	maxKeys int
	ring    []K
	at      int // where the next one goes once the ring is full
	// A slot of the table has 1 + a place in the ring in its low bits and bits
	// of the key above them, so that other keys are seldom compared; 0 is free.
	table []uint32
	low   uint32 // mask of the low bits
}

// hashed is a key that spreads itself evenly over 64 bits.
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

// resize gives the table so many slots, a power of two.
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

// checkAcross evaluates the rules over the whole run that an exchange belongs to.
// They need strings only, which either path has captured.
func (r *checker) checkAcross(rules []*acceptRule) {
	w := r.ex.Window
	if w == nil || !r.accepting && !r.readable {
		return
	}
	again := false
	for _, ru := range rules {
		if ru.predicate == predicateNewBody {
			again = w.bodies.add(w.bodyKey(r.ex.Body))
			if !r.holdsAcross(ru, !again) {
				r.breaksAcross(ru, nil, "a body that no other response of the run had", "the same bytes "+
					"again")
			}
			continue
		}
		for i, slot := range ru.at {
			for at := r.values.first[slot]; at >= 0; at = r.values.captured[at].next {
				if c := &r.values.captured[at]; c.typ == typeString {
					r.checkStringAcross(w, ru, ru.rule.at[i], c, again)
				}
			}
		}
		clear(r.strings)
	}
}

func (r *checker) checkStringAcross(w *Window, ru *acceptRule, at path, c *capture, again bool) {
	s := c.text
	switch ru.predicate {
	case predicateNewInRun:
		if again {
			return // its ID comes twice with it, and is the other response's to enter
		}
		if _, before := r.metBefore(ru.at, c); before {
			return // of this very response
		}
		if known := w.ids.add(w.idKey(s)); !r.holdsAcross(ru, !known) {
			r.breaksAcross(ru, at, "a value that no other response of the run had", r.quote(s))
		}
	case predicateNotAnothers:
		if !r.known(ru.text, c) {
			return
		}
		if mine := r.joined(ru.text); !r.holdsAcross(ru, SameText(s, mine) || !w.inFlight(s, r.ex)) {
			r.breaksAcross(ru, at, r.quote(mine), r.quote(s)+", which another request in flight asked for")
		}
	case predicateInExchange:
		if holds, looked := inExchange(s, r.ex); looked && !r.holdsAcross(ru, holds) {
			r.breaksAcross(ru, at, "a time between the send and the receipt", r.quote(s))
		}
	}
}

// holdsAcross marks a rule and passes on whether it holds.
func (r *checker) holdsAcross(ru *acceptRule, holds bool) bool {
	r.markEvaluated(ru.rule)
	return holds
}

// breaksAcross reports a rule that is broken. It is not silenced by other rules at
// the same place: it speaks of other responses.
func (r *checker) breaksAcross(ru *acceptRule, at path, expected, got string) {
	pointer := at.String()
	r.out = append(r.out, Violation{Rule: ru.Name, Level: ru.Level, Pointer: pointer, At: pointer,
		Expected: bound(expected), Got: bound(got)})
}

// clockGrain is how exactly the Date header tells of servers' clocks.
const clockGrain = time.Second

// inExchange says whether a UTC time lies between the send and the receipt of
// an exchange, give or take how far the clocks are apart.
func inExchange(s string, ex *Exchange) (holds, looked bool) {
	if ex.Sent.IsZero() || !isUTC(s) {
		return true, false
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return true, false
	}
	if !t.Before(ex.Sent.Add(-clockGrain)) && !t.After(ex.Received.Add(clockGrain)) {
		return true, true
	}
	date, _ := ex.Header.Get("Date")
	told, err := http.ParseTime(date)
	if err != nil {
		return false, true
	}
	// The server wrote told (cut to a second) at some moment of the exchange.
	minAhead, maxAhead := told.Sub(ex.Received), told.Add(clockGrain).Sub(ex.Sent)
	return !t.Before(ex.Sent.Add(minAhead-clockGrain)) && !t.After(ex.Received.Add(maxAhead+clockGrain)), true
}
