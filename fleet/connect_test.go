package fleet

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A file that is not there is not waited for; the context never ends.
func TestWrongFilesAreNoReasonToWait(t *testing.T) {
	nowhere, urls := filepath.Join(t.TempDir(), "nowhere"), []string{"tls://127.0.0.1:1"}
	for _, e := range []*External{
		{URLs: urls, CA: nowhere}, {URLs: urls, Certificate: nowhere, Key: nowhere}, {URLs: urls, Creds: nowhere}, {URLs: urls, NKey: nowhere},
	} {
		_, err := dial(t.Context(), func() (*nats.Conn, error) { return e.connect("test", "_INBOX.test") })
		if err == nil || !strings.Contains(err.Error(), ": mend --") {
			t.Errorf("%+v: %v", e, err)
		}
	}
}

// A cluster that elects a leader is waited for, a full one is not.
func TestWhatIsWaitedFor(t *testing.T) {
	for _, c := range []struct {
		refused jetstream.APIError
		want    bool
	}{
		{jetstream.APIError{Code: 503, ErrorCode: 10008, Description: "JetStream system temporarily unavailable"}, true},
		{jetstream.APIError{Code: 400, ErrorCode: noPeers, Description: "no suitable peers for placement"}, true},
		{jetstream.APIError{Code: 500, ErrorCode: diskFull, Description: "insufficient storage resources available"}, false},
		{jetstream.APIError{Code: 500, ErrorCode: memoryFull, Description: "insufficient memory resources available"}, false},
		{jetstream.APIError{Code: 400, ErrorCode: accountFull, Description: "resource limits exceeded for account"}, false},
	} {
		if got := unplaced(&c.refused); got != c.want {
			t.Errorf("%v: waited for: %v", &c.refused, got)
		}
	}
}
