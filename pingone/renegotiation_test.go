package pingone_test

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
	"mfaload/scenario"
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

// asking is a server's connection. It asks for another handshake at once after the
// first, in the same write, or when it is told to.
type asking struct {
	net.Conn
	keys  bytes.Buffer
	hello []byte
	early bool
}

func (a *asking) Write(b []byte) (int, error) {
	if a.hello == nil {
		a.hello = bytes.Clone(b)
	}
	n, err := a.Conn.Write(b)
	if err == nil && a.early && bytes.Contains(b, []byte{20, 3, 3, 0, 1, 1}) {
		err = a.ask()
	}
	return n, err
}

func (a *asking) ask() error {
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
	_, caFile := start(t, created, true, func(s *httptest.Server) { other = s })
	for _, early := range []bool{true, false} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		go func() {
			for {
				nc, err := listener.Accept()
				if err != nil {
					return
				}
				go func() {
					defer nc.Close()
					a := &asking{Conn: nc, early: early}
					secure := tls.Server(a, &tls.Config{Certificates: other.TLS.Certificates,
						MaxVersion:   tls.VersionTLS12,
						CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
						KeyLogWriter: &a.keys, SessionTicketsDisabled: true})
					var request [4096]byte
					if _, err := secure.Read(request[:]); err == nil {
						_ = a.ask()
					}
					_, _ = nc.Read(request[:]) // until the client ends the connection
				}()
			}
		}()
		op := open(t, "https://"+listener.Addr().String(), caFile, scenario.HTTP1, nil)
		err = op.Preflight(t.Context())
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
		var ex contract.Exchange
		var f *contract.Failure
		if err := op.Send(t.Context(), scenario.User{ID: userID}, &ex); !errors.As(err, &f) ||
			f.Kind != "TLS renegotiation refused" || !strings.Contains(err.Error(), hint) {
			t.Errorf("%v", err)
		}
	}
}
