package fleet

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"mfaload/internal/disk"
)

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
		return errors.New("its certificate_sha256 is not a SHA-256 in hexadecimal")
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
			"without anything after it", i+1)
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

// External says how to reach a NATS server or cluster that was there before.
type External struct {
	// URLs are tls://host:port. Required.
	URLs []string
	// Creds is a file with a user's JWT and seed, NKey one with a seed. Empty for none.
	Creds, NKey string
	// CA, Certificate and Key are PEM files: whom to trust in addition to the system's
	// authorities, and how to prove oneself by mutual TLS. Empty for none.
	CA, Certificate, Key string
}

// errRefused is the error of a server that does not let one in, or is not the
// one it should be: trying again does not help.
var errRefused = errors.New("refused")

// settingsError is of files that say how to connect: trying again does not help.
type settingsError struct{ error }

func (e settingsError) Unwrap() error { return e.error }

// Timing of connections. After a break they come back quickly: a worker has
// only [silence] until it stops its load.
const (
	dialTimeout   = 500 * time.Millisecond
	connectWithin = 2 * time.Second
	reconnectWait = 50 * time.Millisecond
)

// workerID is what workers call themselves: 128 random bits, so that no worker
// can guess the name of another.
var workerID = regexp.MustCompile(`^[0-9a-f]{32}$`)

func newWorkerID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}

// lasting are options of connections, which are made again when they break.
func lasting(name string) []nats.Option {
	return []nats.Option{
		nats.Name(name), nats.MaxReconnects(-1),
		nats.ReconnectWait(reconnectWait), nats.ReconnectJitter(reconnectWait, reconnectWait),
		nats.Timeout(connectWithin), nats.SetCustomDialer(&net.Dialer{Timeout: dialTimeout}),
		nats.DontRandomize(),
		nats.PingInterval(5 * time.Second), nats.MaxPingsOutstanding(2),
		// Asynchronous errors show themselves as silence.
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}),
	}
}

func (j *Join) connect(id string) (*nats.Conn, error) {
	options := append(lasting("mfaload worker"), nats.UserInfo(id, j.Token),
		nats.CustomInboxPrefix(subjects{j.Run}.inbox(id)),
		nats.IgnoreDiscoveredServers(), nats.Secure(j.tls()))
	// One address at a time: the one that works is then the only one that a
	// broken connection is made to again, without waiting for others.
	var failed error
	for _, u := range j.URLs {
		nc, err := nats.Connect(u, options...)
		if err == nil {
			return nc, nil
		}
		if failed = connectError(err); errors.Is(failed, errRefused) {
			break
		}
	}
	return nil, failed
}

var errPin = errors.New("the server is not the one of the join file: its certificate is another one")

// tls trusts the one certificate of the join file and nothing else.
func (j *Join) tls() *tls.Config {
	want, _ := hex.DecodeString(j.Pin) // it was checked
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		InsecureSkipVerify: true, // #nosec G402 -- VerifyConnection is all there is
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 {
				return errPin
			}
			got := sha256.Sum256(s.PeerCertificates[0].Raw)
			if subtle.ConstantTimeCompare(got[:], want) != 1 {
				return errPin
			}
			return nil
		},
	}
}

func (e *External) connect(name, inbox string) (*nats.Conn, error) {
	options := append(lasting(name), nats.CustomInboxPrefix(inbox))
	secure := &tls.Config{MinVersion: tls.VersionTLS13}
	if e.CA != "" {
		pem, err := disk.Read(e.CA, disk.MaxCredentials)
		if err != nil {
			return nil, settingsError{fmt.Errorf("read the authorities of the NATS server: %w: fix --nats-ca",
				err)}
		}
		if secure.RootCAs, err = x509.SystemCertPool(); err != nil {
			secure.RootCAs = x509.NewCertPool()
		}
		if !secure.RootCAs.AppendCertsFromPEM(pem) {
			return nil, settingsError{fmt.Errorf("%s holds no certificate in PEM: fix --nats-ca", e.CA)}
		}
	}
	if e.Certificate != "" {
		pair, err := disk.KeyPair(e.Certificate, e.Key)
		if err != nil {
			return nil, settingsError{fmt.Errorf(
				"read the certificate for the NATS server: %w: fix --nats-cert and --nats-key", err)}
		}
		secure.Certificates = []tls.Certificate{pair}
	}
	options = append(options, nats.Secure(secure))
	if e.Creds != "" {
		credentials, err := disk.Read(e.Creds, disk.MaxCredentials)
		if err != nil {
			return nil, settingsError{fmt.Errorf("read the credentials for the NATS server: %w: fix --creds",
				err)}
		}
		options = append(options, nats.UserCredentialBytes(credentials))
	}
	if e.NKey != "" {
		option, err := nats.NkeyOptionFromSeed(e.NKey)
		if err != nil {
			return nil, settingsError{fmt.Errorf("read the NKey for the NATS server: %w: fix --nkey", err)}
		}
		options = append(options, option)
	}
	nc, err := nats.Connect(strings.Join(e.URLs, ","), options...)
	return nc, connectError(err)
}

// Check says whether the URLs can be used.
func (e *External) Check() error {
	if len(e.URLs) == 0 {
		return errors.New("no NATS server is given")
	}
	return checkURLs(e.URLs)
}

// connectError tells what trying again may fix from what it does not.
func connectError(err error) error {
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errPin):
		return fmt.Errorf("%w: %w: take the join file of this run's coordinator", errRefused, errPin)
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired),
		errors.Is(err, nats.ErrAuthRevoked), errors.Is(err, nats.ErrAccountAuthExpired):
		return fmt.Errorf("%w: the NATS server does not take the credentials: take the join file, or "+
			"the credentials, of this run", errRefused)
	case errors.Is(err, nats.ErrSecureConnWanted), errors.Is(err, nats.ErrSecureConnRequired):
		return fmt.Errorf("%w: the NATS server offers no TLS: switch it on there, TLS 1.3", errRefused)
	case errors.As(err, &unknown), errors.As(err, &host), errors.As(err, &invalid):
		return fmt.Errorf("%w: %w: name the authority of the NATS server with --nats-ca", errRefused, err)
	}
	return err
}

// dial connects until the context ends, where the other end may not be up yet.
func dial(ctx context.Context, connect func() (*nats.Conn, error)) (*nats.Conn, error) {
	for {
		nc, err := connect()
		var settings settingsError
		if err == nil || errors.Is(err, errRefused) || errors.As(err, &settings) {
			return nc, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("reach the NATS server: %w", err)
		case <-time.After(reconnectWait * 4):
		}
	}
}
