package disk

import (
	"crypto/tls"
	"fmt"
	"io"
	"os"
)

// Open opens a file that a person named, for reading. A named pipe that nobody writes
// to is empty, where opening it would wait without end.
func Open(path string) (*os.File, error) { return os.OpenFile(path, os.O_RDONLY|noWait, 0) }

// Read reads a whole file that a person named, a pipe or a device too. More than
// maxBytes is an error.
func Read(path string, maxBytes int64) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err == nil && int64(len(data)) > maxBytes {
		return nil, &os.PathError{Op: "read", Path: path, Err: fmt.Errorf("more than %d bytes", maxBytes)}
	}
	return data, err
}

// MaxCredentials bounds files with tokens, keys and certificates, in bytes.
const MaxCredentials = 16 << 20

// KeyPair reads a certificate and its key, both in PEM.
func KeyPair(certFile, keyFile string) (tls.Certificate, error) {
	certificate, err := Read(certFile, MaxCredentials)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := Read(keyFile, MaxCredentials)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(certificate, key)
}
