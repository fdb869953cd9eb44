package transport_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net"
	"net/http/httptest"
	"strings"
	"testing"

	"mfaload/contract"
	"mfaload/pingone/transport/transporttest"
)

// helloRequest is how a server of TLS 1.2 asks for another handshake (RFC 5246,
// section 7.4.1.1). Go's own never does, so the record is made here: it is the first
// that the server encrypts after its Finished.
func helloRequest(keys, hello []byte) ([]byte, error) {
	fields := strings.Fields(string(keys)) // CLIENT_RANDOM, the client's random, the master secret
	if len(fields) != 3 {
		return nil, errors.New("no keys")
	}
	clientRandom, _ := hex.DecodeString(fields[1])
	master, _ := hex.DecodeString(fields[2])
	serverRandom := hello[5+4+2:][:32] // after the heads of record and message, and the version
	seed := append(append([]byte("key expansion"), serverRandom...), clientRandom...)
	sum := func(parts ...[]byte) []byte {
		h := hmac.New(sha256.New, master)
		h.Write(bytes.Join(parts, nil))
		return h.Sum(nil)
	}
	var block []byte
	for a := sum(seed); len(block) < 40; a = sum(a) {
		block = append(block, sum(a, seed)...)
	}
	key, iv := block[16:32], block[36:40] // of the server
	of, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(of)
	if err != nil {
		return nil, err
	}
	sequence := binary.BigEndian.AppendUint64(nil, 1)
	message := []byte{0, 0, 0, 0}
	sealed := gcm.Seal(nil, append(iv, sequence...), message,
		append(sequence, 22, 3, 3, 0, byte(len(message))))
	record := append([]byte{22, 3, 3, 0, byte(8 + len(sealed))}, sequence...)
	return append(record, sealed...), nil
}

// reaskingConn is a server's connection. It asks for another handshake at once after the
// first, in the same write, or when it is told to.
type reaskingConn struct {
	net.Conn
	keys  bytes.Buffer
	hello []byte
	early bool
}

func (a *reaskingConn) Write(b []byte) (int, error) {
	if a.hello == nil {
		a.hello = bytes.Clone(b)
	}
	n, err := a.Conn.Write(b)
	if err == nil && a.early && bytes.Contains(b, []byte{20, 3, 3, 0, 1, 1}) {
		err = a.ask()
	}
	return n, err
}

func (a *reaskingConn) ask() error {
	record, err := helloRequest(a.keys.Bytes(), a.hello)
	if err == nil {
		_, err = a.Conn.Write(record)
	}
	return err
}

// A server that wants to renegotiate is found before the start when it says so at
// once, and named in each failure when it waits for a request.
func TestRenegotiation(t *testing.T) {
	var other *httptest.Server
	_, caFile := transporttest.Start(t, transporttest.Created, true, func(s *httptest.Server) { other = s })
	for _, early := range []bool{true, false} {
		url := transporttest.Listen(t, func(nc net.Conn) {
			a := &reaskingConn{Conn: nc, early: early}
			secure := tls.Server(a, &tls.Config{Certificates: other.TLS.Certificates,
				MaxVersion:   tls.VersionTLS12,
				CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
				KeyLogWriter: &a.keys, SessionTicketsDisabled: true})
			var request [4096]byte
			if _, err := secure.Read(request[:]); err == nil {
				_ = a.ask()
			}
			_, _ = nc.Read(request[:]) // until the client ends the connection
		})
		to := ways[1].open(t, strings.Replace(url, "http:", "https:", 1), caFile, nil)
		err := to.Reach(t.Context())
		const hint = "ask for target.clientCertificate in the handshake"
		if early {
			if !strings.Contains(hintOf(t, err), hint) {
				t.Errorf("%v", err)
			}
			continue
		}
		if err != nil {
			t.Errorf("before it asks: %v", err)
		}
		err = to.RoundTrip(t.Context(), request, &contract.Exchange{})
		if kindOf(t, err) != "TLS renegotiation refused" || !strings.Contains(err.Error(), hint) {
			t.Error(err)
		}
	}
}
