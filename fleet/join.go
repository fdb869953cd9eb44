package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"mfaload/internal/disk"
)

// joinSchema names the format of a join file.
const joinSchema = "mfaload/join/v1"

// Join is what a worker needs to find and to trust an embedded server. Who has
// it can take part in the run.
type Join struct {
	Schema string   `json:"schema"`
	Run    string   `json:"run"`
	URLs   []string `json:"urls"`
	// Pin is the SHA-256 of the server's certificate, in hexadecimal.
	Pin   string `json:"certificate_sha256"`
	Token string `json:"token"`
}

// Join returns what workers need to join a server with this identity at these
// addresses, HOST:PORT.
func (i *Identity) Join(addresses []string) (*Join, error) {
	pin, err := i.pin()
	if err != nil {
		return nil, err
	}
	j := &Join{Schema: joinSchema, Run: i.Run, Pin: pin, Token: i.Token}
	for _, a := range addresses {
		j.URLs = append(j.URLs, "tls://"+a)
	}
	return j, j.check()
}

// ParseJoin reads a join file.
func ParseJoin(data []byte) (*Join, error) {
	var j Join
	if err := json.Unmarshal(data, &j); err != nil {
		return nil, fmt.Errorf("it is not JSON: %w", err)
	}
	return &j, j.check()
}

var (
	pinText   = regexp.MustCompile(`^[0-9a-f]{64}$`)
	tokenText = regexp.MustCompile(`^[!-~]{16,128}$`)
)

func (j *Join) check() error {
	switch {
	case j.Schema != joinSchema:
		return fmt.Errorf("its schema is not %q", joinSchema)
	case len(j.URLs) == 0 || len(j.URLs) > 64:
		return errors.New("it names no server, or more than 64")
	case !pinText.MatchString(j.Pin):
		return errors.New("its certificate_sha256 is no SHA-256 in hexadecimal")
	case !tokenText.MatchString(j.Token):
		return errors.New("its token has not 16 to 128 printable characters")
	}
	if err := checkURLs(j.URLs); err != nil {
		return err
	}
	return CheckRun(j.Run)
}

// checkURLs wants tls://host:port; nothing goes over a network without TLS. What
// is none is not shown: it may hold a password.
func checkURLs(all []string) error {
	for i, text := range all {
		text = strings.TrimSuffix(text, "/")
		if u, err := url.Parse(text); err == nil && u.Hostname() != "" && u.Port() != "" &&
			text == "tls://"+u.Host {
			continue
		}
		return fmt.Errorf("NATS server %d is not of the form tls://host:port, without a user and "+
			"without anything behind it", i+1)
	}
	return nil
}

// Write writes the join file. Only its owner may read it.
func (j *Join) Write(path string) error {
	data, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		return err
	}
	err = disk.Replace(path, append(data, '\n'), 0o600)
	if err != nil {
		return fmt.Errorf("write the join file: %w: choose another path", err)
	}
	return nil
}

// Addresses are where others may reach a server that listens at an address: the
// address itself, or those of this machine where it is no certain one. Loopback
// comes last.
func Addresses(listening *net.TCPAddr) ([]string, error) {
	port := fmt.Sprint(listening.Port)
	if !listening.IP.IsUnspecified() && listening.IP != nil {
		return []string{net.JoinHostPort(listening.IP.String(), port)}, nil
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list the addresses of this machine: %w: say one with --advertise", err)
	}
	var far, near []string
	for _, a := range all {
		n, ok := a.(*net.IPNet)
		if !ok || n.IP.IsLinkLocalUnicast() {
			continue
		}
		to := &far
		if n.IP.IsLoopback() {
			to = &near
		}
		*to = append(*to, net.JoinHostPort(n.IP.String(), port))
	}
	return slices.Concat(far, near), nil
}
