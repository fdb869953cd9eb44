package simulator

// ring keeps the last transactions.
type ring struct {
	ids    []string
	bodies map[string][]byte
	at     int
}

func newRing(n int) ring { return ring{ids: make([]string, n), bodies: map[string][]byte{}} }

func (r *ring) add(id string, body []byte) {
	delete(r.bodies, r.ids[r.at])
	r.ids[r.at], r.bodies[id] = id, body
	r.at = (r.at + 1) % len(r.ids)
}

func (r *ring) find(id string) []byte { return r.bodies[id] }
