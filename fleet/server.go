package fleet

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"mfaload/measure"
)

// This file is the only one that knows the server library, whose interface is
// not promised to be stable.

// Embedded is a NATS server inside the coordinator, for one run.
type Embedded struct {
	server   *server.Server
	identity *Identity
	gate     *gate
}

// Identity is what an embedded server proves itself and its workers with: a
// throw-away certificate and a token, both for one run.
type Identity struct {
	Run string `json:"run"`
	// Certificate and Key are PEM.
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
	Token       string `json:"token"`
}

// NewIdentity makes an identity for a run.
func NewIdentity(run string) (*Identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the run's key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("make the run's certificate: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "mfaload run"},
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make the run's certificate: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("make the run's key: %w", err)
	}
	return &Identity{
		Run:         run,
		Certificate: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})),
		Key:         string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
		Token:       rand.Text(),
	}, nil
}

// pin is the SHA-256 of the certificate, in hexadecimal.
func (i *Identity) pin() (string, error) {
	block, _ := pem.Decode([]byte(i.Certificate))
	if block == nil {
		return "", errors.New("the run's certificate is not PEM: make a new one")
	}
	sum := sha256.Sum256(block.Bytes)
	return hex.EncodeToString(sum[:]), nil
}

// Listen starts a server for one run at HOST:PORT. It stores nothing.
func Listen(address string, identity *Identity) (*Embedded, error) {
	fail := func(err error) (*Embedded, error) {
		return nil, fmt.Errorf("listen at %s: %w: choose another address", address, err)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fail(err)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return fail(fmt.Errorf("%q is not a port", port))
	}
	if err := CheckRun(identity.Run); err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair([]byte(identity.Certificate), []byte(identity.Key))
	if err != nil {
		return nil, fmt.Errorf("read the run's certificate: %w: make a new one", err)
	}
	e := &Embedded{identity: identity, gate: &gate{names: subjects{identity.Run}, token: identity.Token,
		secret: rand.Text()}}
	options := e.options(host, int(number), pair)
	if e.server, err = server.NewServer(options); err != nil {
		return fail(err)
	}
	logged := &serverLog{}
	e.server.SetLoggerV2(logged, false, false, false)
	e.server.Start()
	for range 100 {
		if e.server.ReadyForConnections(100 * time.Millisecond) {
			return e, nil
		}
		if err = logged.last(); err != nil {
			break
		}
	}
	e.Close()
	return fail(cmp.Or(err, errors.New("the server does not start")))
}

// Bounds of the server: workers that come again after a break for some time have two
// connections each, and a worker subscribes to the state and to its responses.
const (
	maxConnections   = 4 * measure.MaxShards
	maxSubscriptions = 16
)

func (e *Embedded) options(host string, port int, pair tls.Certificate) *server.Options {
	if port == 0 {
		port = server.RANDOM_PORT
	}
	return &server.Options{
		ServerName: "mfaload-" + e.gate.names.run, Host: host, Port: port,
		NoSigs: true,
		// Who has the token may take part, but not take all there is.
		MaxConn: maxConnections, MaxSubs: maxSubscriptions, MaxPayload: maxMessage, MaxControlLine: 4 << 10,
		TLS: true, TLSTimeout: 5, AuthTimeout: 5,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair},
			MinVersion: tls.VersionTLS13},
		CustomClientAuthentication: e.gate,
		// A client that does not read is cut off rather than waited for.
		WriteDeadline: 2 * time.Second,
		PingInterval:  10 * time.Second,
	}
}

// Close ends the server.
func (e *Embedded) Close() {
	e.server.Shutdown()
	e.server.WaitForShutdown()
}

// Addr is where the server listens.
func (e *Embedded) Addr() *net.TCPAddr { return e.server.Addr().(*net.TCPAddr) }

// connect gives the coordinator its connection, which goes through no network.
func (e *Embedded) connect(options ...nats.Option) (*nats.Conn, error) {
	return nats.Connect("", append(options, nats.InProcessServer(e.server),
		nats.UserInfo(coordinatorUser, e.gate.secret))...)
}

// coordinatorUser is no worker's ID: those are hexadecimal.
const coordinatorUser = "coordinator"

// gate lets in the coordinator, who may do everything, and workers that have
// the run's token, who may do what concerns themselves.
type gate struct {
	names         subjects
	token, secret string
}

// Check implements [server.Authentication].
func (g *gate) Check(c server.ClientAuthentication) bool {
	given := c.GetOpts()
	if given.Username == coordinatorUser {
		if !same(given.Password, g.secret) {
			return false
		}
		c.RegisterUser(&server.User{Username: coordinatorUser})
		return true
	}
	if !workerID.MatchString(given.Username) || !same(given.Password, g.token) {
		return false
	}
	publish, subscribe := g.names.workerMay(given.Username)
	c.RegisterUser(&server.User{Username: given.Username, Permissions: &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: publish},
		Subscribe: &server.SubjectPermission{Allow: subscribe},
	}})
	return true
}

// same compares secrets in a time that does not tell where they differ.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// serverLog keeps the last error of the embedded server, and nothing else: what
// matters of a run, its two ends say themselves.
type serverLog struct {
	mu   sync.Mutex
	text string
}

func (l *serverLog) keep(format string, v []any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = fmt.Sprintf(format, v...)
}

func (l *serverLog) last() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.text == "" {
		return nil
	}
	return errors.New(l.text)
}

func (l *serverLog) Noticef(string, ...any)         {}
func (l *serverLog) Warnf(string, ...any)           {}
func (l *serverLog) Debugf(string, ...any)          {}
func (l *serverLog) Tracef(string, ...any)          {}
func (l *serverLog) Errorf(format string, v ...any) { l.keep(format, v) }
func (l *serverLog) Fatalf(format string, v ...any) { l.keep(format, v) }
