// Package disk is the one place where mfaload writes files that stay: what is
// there of a name, a link somewhere else perhaps, is never written to, no reader
// ever sees half of a file, and what was written outlives a power cut. It also opens
// the files that a person names: that never waits without end, and reading one is
// bounded.
package disk

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// New makes an empty file that nobody else has and only its owner may read. What
// is there of that name is removed.
func New(path string) (*os.File, error) {
	_ = os.Remove(path)
	return create(path, 0o600)
}

// Create writes a file that is not there yet: one that is there is [fs.ErrExist].
func Create(path string, data []byte, mode fs.FileMode) error {
	f, err := create(path, mode)
	if err != nil {
		return err
	}
	if err := write(f, data); err != nil {
		_ = os.Remove(path)
		return err
	}
	return SyncFolder(filepath.Dir(path))
}

// Replace writes a file in one step, in place of what is there of that name. A
// device, a pipe or a folder of that name is an error: it is no file of ours.
func Replace(path string, data []byte, mode fs.FileMode) error {
	return ReplaceWith(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}, mode)
}

// ReplaceWith is Replace of what is written bit by bit.
func ReplaceWith(path string, content func(io.Writer) error, mode fs.FileMode) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", path)
	}
	temporary := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".tmp")
	_ = os.Remove(temporary)
	f, err := create(temporary, mode)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 256<<10)
	if err = content(w); err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = Rename(temporary, path)
	}
	if err != nil {
		_ = os.Remove(temporary)
	}
	return err
}

// Extend writes to a file that is there, from a place on: what it has beyond that is dropped.
// Where that fails, the file ends at the place.
func Extend(path string, from int64, data []byte) error {
	f, err := os.OpenFile(path, os.O_RDWR|noFollow|noWait, 0)
	if err != nil {
		return err
	}
	if err = f.Truncate(from); err == nil {
		_, err = f.WriteAt(data, from)
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		_ = f.Truncate(from)
	}
	return errors.Join(err, f.Close())
}

// Rename gives a file another path in its folder, which outlives a power cut.
func Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return SyncFolder(filepath.Dir(to))
}

// create follows no link and opens nothing that is there.
func create(path string, mode fs.FileMode) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|noFollow, mode)
}

func write(f *os.File, data []byte) error {
	_, err := f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// SyncFolder makes what was made or renamed in a folder outlive a power cut, where
// the system can do that.
func SyncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrPermission) {
		return nil // a folder that may be written to and not read
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) &&
		!errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}

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

// ReadRegular reads a file as [OpenRegular] opens it; more than maxBytes is an error.
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

// Scratch is a folder for a run's files that is gone after it. Where its process is killed, the
// next one that makes a folder of the same prefix removes it.
type Scratch struct {
	Dir  string
	lock *os.File // held as long as the process lives
}

// lockName is the file in a scratch folder that its owner has locked.
const lockName = ".lock"

// NewScratch makes a folder, and removes those of the same prefix whose owner is dead.
func NewScratch(prefix string) (*Scratch, error) {
	removeOrphans(prefix)
	s, err := newScratch(prefix)
	if err != nil {
		return nil, fmt.Errorf("make a folder for the files of the run: %w: set TMPDIR to one that can "+
			"be written to", err)
	}
	return s, nil
}

func newScratch(prefix string) (*Scratch, error) {
	dir, err := os.MkdirTemp("", prefix)
	if err != nil {
		return nil, err
	}
	// It has its name once it is locked: nobody finds it before.
	making := filepath.Join(dir, lockName+".new")
	lock, err := os.OpenFile(making, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err == nil {
		err = flock(lock)
	}
	if err == nil {
		err = os.Rename(making, filepath.Join(dir, lockName))
	}
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	return &Scratch{dir, lock}, nil
}

// Close removes the folder.
func (s *Scratch) Close() {
	_ = s.lock.Close() // first: elsewhere an open file can't be removed
	_ = os.RemoveAll(s.Dir)
}

func removeOrphans(prefix string) {
	all, err := os.ReadDir(os.TempDir())
	if err != nil {
		return
	}
	for _, entry := range all {
		if name := entry.Name(); entry.IsDir() && len(name) > len(prefix) && name[:len(prefix)] == prefix {
			removeOrphan(filepath.Join(os.TempDir(), name))
		}
	}
}

// Temporary is a file for what memory does not hold. It goes when it is closed, or when
// nobody knows it any more.
type Temporary struct{ *os.File }

// NewTemporary makes one that only its owner can read. It has no name, where the system
// can do that, and so goes with its process, whatever ends that.
func NewTemporary() (*Temporary, error) {
	f, err := os.CreateTemp("", "mfaload-*")
	if err != nil {
		return nil, err
	}
	t := &Temporary{f}
	if runtime.GOOS != "windows" {
		return t, os.Remove(f.Name())
	}
	runtime.AddCleanup(t, func(f *os.File) { _ = remove(f) }, f) // there an open file keeps its name
	return t, nil
}

// Close gives the file up.
func (t *Temporary) Close() error {
	if runtime.GOOS != "windows" {
		return t.File.Close()
	}
	return remove(t.File)
}

func remove(f *os.File) error { return errors.Join(f.Close(), os.Remove(f.Name())) }
