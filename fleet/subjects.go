package fleet

// subjects are what a run's subjects are called. All of them hold the name of the run, so that many
// runs share a server.
type subjects struct{ run string }

func (n subjects) subject(what string) string { return "mfaload." + n.run + "." + what }

// state is where the coordinator says what it wants.
func (n subjects) state() string { return n.subject("state") }

// A worker's own subjects end in its ID: the embedded server lets nobody else use them. On all
// of them but beat the coordinator responds.
func (n subjects) hello(id string) string { return n.subject("hello." + id) }
func (n subjects) claim(id string) string { return n.subject("claim." + id) }
func (n subjects) clock(id string) string { return n.subject("clock." + id) }
func (n subjects) file(id string) string  { return n.subject("file." + id) }
func (n subjects) beat(id string) string  { return n.subject("beat." + id) }
func (n subjects) final(id string) string { return n.subject("final." + id) }

// inbox is where one end receives its responses.
func (n subjects) inbox(id string) string { return "_INBOX." + id }

// workerMay are the subjects that a worker may publish to and subscribe to: its own, and the
// state of the run. They are all that a worker needs, with any server.
func (n subjects) workerMay(id string) (publish, subscribe []string) {
	return []string{n.hello(id), n.claim(id), n.clock(id), n.file(id), n.beat(id), n.final(id)}, []string{n.state(), n.inbox(id) + ".>"}
}
