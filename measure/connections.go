package measure

import (
	"errors"
	"time"
)

// Connections are what opening connections took.
type Connections struct {
	Opened uint64 `json:"opened"`
	// Dial is the time until one was open, Handshake that of TLS after it.
	Dial      *Histogram `json:"dial"`
	Handshake *Histogram `json:"tls_handshake"`
	// Resumed counts the handshakes that resumed an earlier TLS session.
	Resumed uint64 `json:"tls_resumed"`
	// Protocols counts those that were opened by what was spoken on them: [HTTP1] or [HTTP2].
	// Measurements of versions that do not tell have none.
	Protocols map[string]uint64 `json:"protocols,omitempty"`
	// Successors counts those that were opened to take the place of one that the scenario lets
	// take no more requests.
	Successors uint64 `json:"successors,omitempty"`
	// Waits are the times that requests waited before they were sent, because the scenario
	// allows no more connections; nil for none.
	Waits *Histogram `json:"waits,omitempty"`
}

// What is spoken on a connection, by its name in TLS's protocol negotiation.
const (
	HTTP1 = "http/1.1"
	HTTP2 = "h2"
)

func newConnections() Connections { return Connections{Dial: NewSparse(), Handshake: NewSparse()} }

// OpenedConnection is one of [Connections].
type OpenedConnection struct {
	// Dial is the time until it was open, Handshake that of TLS after it.
	Dial, Handshake time.Duration
	// Secure says that it has TLS, Resumed that it resumed an earlier session of it.
	Secure, Resumed bool
	// Protocol is [HTTP1] or [HTTP2]; empty if a journal of an earlier version does not tell.
	Protocol string
	// Successor says that it takes the place of one that takes no more requests.
	Successor bool
}

func (c *Connections) add(o OpenedConnection) {
	c.Opened++
	c.Dial.Record(o.Dial)
	if o.Secure {
		c.Handshake.Record(o.Handshake)
	}
	if o.Resumed {
		c.Resumed++
	}
	if o.Successor {
		c.Successors++
	}
	if o.Protocol == "" {
		return
	}
	if c.Protocols == nil {
		c.Protocols = map[string]uint64{}
	}
	c.Protocols[o.Protocol]++
}

func (c *Connections) wait(d time.Duration) {
	if c.Waits == nil {
		c.Waits = NewSparse()
	}
	c.Waits.Record(d)
}

func (c *Connections) merge(o *Connections) {
	c.Dial.Merge(o.Dial)
	c.Handshake.Merge(o.Handshake)
	c.Opened += o.Opened
	c.Resumed += o.Resumed
	c.Successors += o.Successors
	for protocol, n := range o.Protocols {
		if c.Protocols == nil {
			c.Protocols = map[string]uint64{}
		}
		c.Protocols[protocol] += n
	}
	if o.Waits != nil {
		if c.Waits == nil {
			c.Waits = NewSparse()
		}
		c.Waits.Merge(o.Waits)
	}
}

// check finds counts that can't be.
func (c *Connections) check() error {
	n := uint64(0)
	for protocol, count := range c.Protocols {
		if n += count; protocol != HTTP1 && protocol != HTTP2 || count > c.Opened {
			return errors.New("the protocols of connections can't be")
		}
	}
	if !sameCounts(c.Dial) || !sameCounts(c.Handshake) || c.Dial.Count() != c.Opened ||
		c.Handshake.Count() > c.Opened || c.Resumed > c.Handshake.Count() ||
		c.Successors > c.Opened || n > c.Opened || c.Waits != nil && c.Waits.unmade() {
		return errors.New("the counts of connections do not add up")
	}
	return nil
}

// Protocols counts all connections of the run by what was spoken on them; nil if that is not known.
func (m *Measurement) Protocols() map[string]uint64 {
	var all map[string]uint64
	for _, c := range []*Connections{&m.Warmup.Connections, &m.Main.Connections} {
		for protocol, n := range c.Protocols {
			if all == nil {
				all = map[string]uint64{}
			}
			all[protocol] += n
		}
	}
	return all
}
