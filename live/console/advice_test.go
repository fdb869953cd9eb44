package console

import (
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
)

// A port that is taken is told from an address that is not there by the numbers of
// Windows, too.
func TestAdviceByTheNumbersOfWindows(t *testing.T) {
	for errno, want := range map[syscall.Errno]string{
		10048: "choose another port", 10013: "choose another port", 10049: "choose one of its own",
	} {
		err := &net.OpError{Op: "listen", Net: "tcp", Err: os.NewSyscallError("bind", errno)}
		if text := Advised(err).Error(); !strings.Contains(text, want) {
			t.Errorf("%d: %s, want %q", int(errno), text, want)
		}
	}
}
