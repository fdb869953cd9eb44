package fleet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"

	"mfaload/internal/disk"
)

// files are what the coordinator hands out to workers, piece by piece. They are open as long as
// the run lasts.
type files struct {
	refs []fileRef
	open []*os.File
}

// openFiles opens and sums up the files of a plan.
func openFiles(all []File) (*files, error) {
	f := &files{}
	size := int64(0)
	for _, one := range all {
		ref, err := f.add(one)
		if err == nil {
			if size += ref.Size; size > maxFilesSize {
				err = fmt.Errorf("all files have more than %d MiB: copy them to the workers, and name the "+
					"scenario there", maxFilesSize>>20)
			}
		}
		if err != nil {
			f.close()
			return nil, fmt.Errorf("hand out %s to the workers: %w", one.Name, err)
		}
	}
	return f, nil
}

func (f *files) add(one File) (fileRef, error) {
	in, err := disk.Open(one.Path)
	if err != nil {
		return fileRef{}, err
	}
	f.open = append(f.open, in)
	sum := sha256.New()
	n, err := io.Copy(sum, io.LimitReader(in, maxFilesSize+1))
	if err != nil {
		return fileRef{}, err
	}
	ref := fileRef{one.Name, n, hex.EncodeToString(sum.Sum(nil))}
	f.refs = append(f.refs, ref)
	return ref, nil
}

func (f *files) close() {
	for _, open := range f.open {
		_ = open.Close()
	}
}

// pieceSize is how much of a file or of a measurement goes in one message, in bytes: NATS takes
// 1 MB with its headers.
const pieceSize = 512 << 10

// failedHeader says why there is no piece.
const failedHeader = "Mfaload-Failed"

// serve responds with a piece of a file.
func (f *files) serve(m *nats.Msg) {
	response := nats.NewMsg(m.Reply)
	p, err := decode[fileChunk](m.Data)
	switch {
	case err != nil:
	case p.File >= len(f.refs) || p.Offset > f.refs[p.File].Size:
		err = errors.New("the run has no such file")
	default:
		piece := make([]byte, min(pieceSize, f.refs[p.File].Size-p.Offset))
		var n int
		if n, err = f.open[p.File].ReadAt(piece, p.Offset); n == len(piece) {
			response.Data, err = piece, nil
		}
	}
	if err != nil {
		response.Header.Set(failedHeader, tidy(err.Error()))
	}
	_ = m.RespondMsg(response)
}

// fetch gets the files of the plan into a folder.
func (c *coordinatorClient) fetch(ctx context.Context, refs []fileRef, dir string) error {
	for i, ref := range refs {
		path := filepath.Join(dir, filepath.FromSlash(ref.Name)) // it is local: see plan.check
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return fmt.Errorf("make a folder for the files of the run: %w", err)
		}
		if err := c.fetchFile(ctx, i, ref, path); err != nil {
			return fmt.Errorf("get %s from the coordinator: %w", ref.Name, err)
		}
	}
	return nil
}

func (c *coordinatorClient) fetchFile(ctx context.Context, index int, ref fileRef, path string) error {
	out, err := disk.New(path)
	if err != nil {
		return err
	}
	defer out.Close()
	sum := sha256.New()
	for offset := int64(0); offset < ref.Size; {
		data, err := c.fetchPiece(ctx, fileChunk{index, offset}, min(pieceSize, ref.Size-offset))
		if err != nil {
			return err
		}
		sum.Write(data)
		if _, err := out.Write(data); err != nil {
			return err
		}
		offset += int64(len(data))
	}
	if hex.EncodeToString(sum.Sum(nil)) != ref.SHA256 {
		return errors.New("it was changed since the coordinator started: start all again")
	}
	return out.Close()
}

// fetchPiece asks for a piece until there is a response.
func (c *coordinatorClient) fetchPiece(ctx context.Context, p fileChunk, size int64) ([]byte, error) {
	m := nats.NewMsg(c.subjects.file(c.id))
	m.Data = encode(p)
	response, err := c.ask(ctx, m)
	switch {
	case err != nil:
		return nil, err
	case response.Header.Get(failedHeader) != "":
		return nil, errors.New(tidy(response.Header.Get(failedHeader)))
	case int64(len(response.Data)) != size:
		return nil, fmt.Errorf("a piece of it has %d bytes, not %d", len(response.Data), size)
	}
	return response.Data, nil
}

// ask sends a request until there is a response, or the context ends. All requests of a run may
// be sent more than once: the second response is the first one's.
func (c *coordinatorClient) ask(ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
	for {
		try, cancel := context.WithTimeout(ctx, 2*time.Second)
		response, err := c.nc.RequestMsgWithContext(try, m)
		cancel()
		if err == nil {
			return response, nil
		}
		if errors.Is(err, nats.ErrMaxPayload) {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, cause(ctx, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
