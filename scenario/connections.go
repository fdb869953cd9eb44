package scenario

import (
	"fmt"
	"time"

	"mfaload/scenario/form"
)

// Connections bound the connections to the target; in a run on several machines, those of each
// of them. The zero value bounds nothing.
type Connections struct {
	// Max is the most at once, from 1 to 100,000; 0 for as many as the requests need. Over
	// HTTP/2 that many are kept open.
	Max int
	// MaxRequests is how many requests a connection takes before another takes its place, up
	// to 1,000,000; 0 for no limit.
	MaxRequests int
	// MaxAge is how old a connection may be that takes a request, from [MinAge] to 30 days; 0
	// for no limit.
	MaxAge time.Duration
}

// MinAge is the least that Connections.MaxAge may be: a tenth of it is for opening the next
// connection.
const MinAge = time.Second

var maxConnections = form.Whole(1, 100_000)

var connectionsForm = form.Either(
	form.Convert(maxConnections, func(n int) Connections { return Connections{Max: n} }),
	form.Mapping(checkConnections, []form.Field{
		form.Key("max", maxConnections,
			"The maximum at once. Over HTTP/2 that many are kept open, and requests spread over them. "+
				"Left out: as many as the requests need."),
		form.Key("maxRequests", form.Whole(1, 1_000_000),
			"How many requests a connection takes before another takes its place. Left out: any number."),
		form.Key("maxAge", duration(true, maxRun),
			"How old a connection may be that takes a request, at least 1s: another takes its place before, "+
				"after 90% to 100% of that. Left out: any age."),
	}))

func checkConnections(d *form.Decoder, n *form.Node, c *Connections) {
	if len(n.Entries) == 0 {
		d.Fail(n, d.Label(n)+" is empty",
			"write a number such as 4, or {max: 4, maxRequests: 1000, maxAge: 1m}")
	}
	if age := n.Get("maxAge"); n.Sound("maxAge") && c.MaxAge < MinAge {
		d.Fail(age, d.Label(age)+": "+age.Shown()+" is shorter than 1s",
			"write at least 1s, or maxRequests: 1 for a connection for each request")
	}
}

// checkClosedConnections finds users of a closed load who would wait for each other: over
// HTTP/1.1 each of them takes a connection while they wait for their response.
func checkClosedConnections(d *form.Decoder, n *form.Node, s *draft) {
	most := s.Target.Connections.Max
	if !s.Load.Closed() || most == 0 || most >= s.Load.Concurrency || s.Target.Protocol != HTTP1 {
		return
	}
	e := n.Get("target").Get("connections")
	remedy := fmt.Sprintf("write at least %d, lower load.concurrency, or write protocol: h2, which sends "+
		"many requests on a connection", s.Load.Concurrency)
	d.FailKey(e, fmt.Sprintf("%s allows %d connections, and load.concurrency has %d users, who need one "+
		"each over HTTP/1.1", d.Label(e), most, s.Load.Concurrency), remedy)
}
