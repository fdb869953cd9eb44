package fleet

import (
	"encoding/base64"
	"fmt"
)

// names are what a run's subjects, streams and buckets are called. All of them
// hold the name of the run, so that many runs share a server.
type names struct{ run string }

func (n names) subject(what string) string { return "mfaload." + n.run + "." + what }

// state is where the coordinator says what is going on.
func (n names) state() string { return n.subject("state") }

// A worker's own subjects end in its ID: the embedded server lets nobody else
// use them.
func (n names) hello(id string) string { return n.subject("hello." + id) }
func (n names) clock(id string) string { return n.subject("clock." + id) }
func (n names) beat(id string) string  { return n.subject("beat." + id) }

// final is where a shard's measurement is stored.
func (n names) final(shard int, id string) string {
	return n.subject(fmt.Sprintf("final.%d.%s", shard, id))
}

// inbox is where a worker gets its answers.
func (n names) inbox(id string) string { return "_INBOX." + id }

func (n names) claims() string { return "mfaload-" + n.run + "-shards" } // a bucket
func (n names) finals() string { return "mfaload-" + n.run + "-finals" } // a stream
func (n names) files() string  { return "mfaload-" + n.run + "-files" }  // of objects, for all workers
func (n names) large() string  { return "mfaload-" + n.run + "-large" }  // of objects: finals

// claim is the subject of a key in the bucket of claims.
func (n names) claim(shard string) string { return "$KV." + n.claims() + "." + shard }

// readClaim is where the value of a claim is read.
func (n names) readClaim(shard string) string {
	return api("DIRECT.GET", "KV_"+n.claims()) + "." + n.claim(shard)
}

// api is a request to a stream of the server.
func api(what, stream string) string { return "$JS.API." + what + "." + stream }

// workerMay are the subjects that a worker may publish to and subscribe to. They are all
// that a worker needs, with any server.
func (n names) workerMay(id string) (publish, subscribe []string) {
	files, large := "OBJ_"+n.files(), "OBJ_"+n.large()
	object := "$O." + n.large() + ".M." + base64.URLEncoding.EncodeToString([]byte(id))
	publish = []string{
		n.hello(id), n.clock(id), n.beat(id), n.subject("final.*." + id),
		n.claim("*"), n.readClaim("*"),
		// Reading the files.
		api("STREAM.INFO", files), api("DIRECT.GET", files) + ".$O." + n.files() + ".M.>",
		api("CONSUMER.CREATE", files) + ".>", api("CONSUMER.DELETE", files) + ".>", api("CONSUMER.INFO", files) + ".>",
		api("CONSUMER.MSG.NEXT", files) + ".>", "$JS.FC." + files + ".>",
		// Storing a large final. What is in an object of another worker can't be read.
		api("STREAM.INFO", large), "$O." + n.large() + ".C.*", object, api("DIRECT.GET", large) + "." + object,
	}
	return publish, []string{n.state(), n.inbox(id) + ".>"}
}
