package disk

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Open opens a file that a person named, for reading. A named pipe that nobody writes
// to is empty, where opening it would wait without end.
func Open(path string) (*os.File, error) { return os.OpenFile(path, os.O_RDONLY|noWait, 0) }

// OpenRegular opens a file that nothing but a regular file can be: what might never end,
// or never begin, is an error.
func OpenRegular(path string) (*os.File, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(fmt.Errorf("%s is not a regular file", path), err, f.Close())
	}
	return f, nil
}

// Read reads a whole file that a person named, a pipe or a device too. More than
// maxBytes is an error.
func Read(path string, maxBytes int64) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	return readAll(f, maxBytes)
}

// ReadRegular reads a whole file as [OpenRegular] opens it. More than maxBytes is an
// error.
func ReadRegular(path string, maxBytes int64) ([]byte, error) {
	f, err := OpenRegular(path)
	if err != nil {
		return nil, err
	}
	return readAll(f, maxBytes)
}

func readAll(f *os.File, maxBytes int64) ([]byte, error) {
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err == nil && int64(len(data)) > maxBytes {
		return nil, &os.PathError{Op: "read", Path: f.Name(), Err: fmt.Errorf("more than %d bytes", maxBytes)}
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

// Cause is why a file can't be read, without its path: that may be the secret itself
// where somebody took the key of a path for that of the content.
func Cause(err error) error {
	var of *fs.PathError
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}
