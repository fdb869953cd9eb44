//go:build fleettest

package fleet

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
)

// TestCredentialsAndMutualTLS runs over a server that wants both of each end: a
// certificate that it knows, and a user's credentials.
func TestCredentialsAndMutualTLS(t *testing.T) {
	dir := t.TempDir()
	cert, key := certificate(t, dir)
	operator, err := nkeys.CreateOperator()
	if err != nil {
		t.Fatal(err)
	}
	resolver := &server.MemAccResolver{}
	account, system := newAccount(t, operator, resolver), newAccount(t, operator, resolver)
	creds := credentials(t, filepath.Join(dir, "user.creds"), account)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	authority, pem := x509.NewCertPool(), []byte(nil)
	if pem, err = os.ReadFile(cert); err != nil || !authority.AppendCertsFromPEM(pem) {
		t.Fatal(err)
	}
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true,
		TrustedKeys: []string{publicOf(t, operator)}, AccountResolver: resolver, SystemAccount: publicOf(t,
			system), TLS: true, TLSVerify: true, TLSTimeout: 5,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: authority,
			ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13}})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(s.Shutdown)
	if !s.ReadyForConnections(30 * time.Second) {
		t.Fatal("the server did not come up")
	}
	external := &External{URLs: []string{"tls://" + s.Addr().String()}, CA: cert, Certificate: cert, Key: key,
		Creds: creds}
	tm, w := externalTeam(2, external), &work{requests: 300}
	leading, works := tm.start(t.Context(), tm.externalWorker(external, w), tm.externalWorker(external, w))
	wantLost(t, tm, leading)
	for _, work := range works {
		if err := work(); err != nil {
			t.Error(err)
		}
	}
	stranger := newAccount(t, operator, &server.MemAccResolver{})
	unknown := *external
	unknown.Creds = credentials(t, filepath.Join(dir, "stranger.creds"), stranger)
	wantError(t, tm.externalWorker(&unknown, w).Work(t.Context()), ErrNotStarted,
		"does not take the credentials")
	bare := *external
	bare.Certificate, bare.Key = "", ""
	nc, err := bare.connect("test", "_INBOX.test")
	if err == nil {
		nc.Close()
		t.Error("the server lets in who has no certificate")
	}
}

// newAccount makes an account that a server finds.
func newAccount(t *testing.T, operator nkeys.KeyPair, known server.AccountResolver) nkeys.KeyPair {
	t.Helper()
	account, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	claims := jwt.NewAccountClaims(publicOf(t, account))
	encoded, err := claims.Encode(operator)
	if err != nil {
		t.Fatal(err)
	}
	if err := known.Store(publicOf(t, account), encoded); err != nil {
		t.Fatal(err)
	}
	return account
}

// credentials makes a user of an account, and the file that proves it.
func credentials(t *testing.T, path string, account nkeys.KeyPair) string {
	t.Helper()
	user, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.NewUserClaims(publicOf(t, user)).Encode(account)
	if err != nil {
		t.Fatal(err)
	}
	file, err := jwt.FormatUserConfig(token, seed)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, file)
	return path
}

func publicOf(t *testing.T, pair nkeys.KeyPair) string {
	t.Helper()
	public, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return public
}
