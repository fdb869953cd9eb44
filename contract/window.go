package contract

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// DefaultWindow is how many answers back an ID or a body is recognized.
const DefaultWindow = 3 << 18

// Window finds what no single answer shows: an ID that was given twice, a body
// that was sent twice, the user of another request. It remembers IDs and bodies
// of the last answers: IDs as the 128 bits they are (other texts in their place
// by 128 bits of two keyed hashes) in 22 bytes each, bodies by 64 bits of a keyed
// hash in 14 bytes each. It is safe for concurrent use.
type Window struct {
	ids    seenSet[idKey]
	bodies seenSet[bodyKey]
	seeds  [2]maphash.Seed

	mu      sync.RWMutex
	flights []*Exchange // every exchange that ever entered
}

// NewWindow returns a window over so many answers.
func NewWindow(answers int) *Window {
	w := &Window{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
	w.ids.maxKeys, w.bodies.maxKeys = answers, answers
	return w
}

// Reserve takes all the memory that the window will ever need, some 36 bytes an
// answer, so that no answer has to wait while it grows.
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

// hash is that of a user's ID, whatever the case of its letters.
func (w *Window) hash(s string) uint64 { return maphash.String(w.seeds[0], foldID(s)) }

// idKey is what is remembered of an ID: itself where it has the form of one.
type idKey [2]uint64

func (k idKey) hash64() uint64 { return mix(k[0] ^ mix(k[1])) }

// bodyKey is what is remembered of a body.
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
