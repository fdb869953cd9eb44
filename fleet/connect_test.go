package fleet

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
)

// A file that is not there is not waited for; the context never ends.
func TestWrongFilesAreNoReasonToWait(t *testing.T) {
	nowhere, urls := filepath.Join(t.TempDir(), "nowhere"), []string{"tls://127.0.0.1:1"}
	for _, e := range []*External{
		{URLs: urls, CA: nowhere}, {URLs: urls, Certificate: nowhere, Key: nowhere},
		{URLs: urls, Creds: nowhere}, {URLs: urls, NKey: nowhere},
	} {
		_, err := dial(t.Context(), func() (*nats.Conn, error) { return e.connect("test", "_INBOX.test") })
		if err == nil || !strings.Contains(err.Error(), ": fix --") {
			t.Errorf("%+v: %v", e, err)
		}
	}
}
