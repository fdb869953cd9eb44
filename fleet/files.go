package fleet

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

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
func openFiles(all []PlanFile) (*files, error) {
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

func (f *files) add(one PlanFile) (fileRef, error) {
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
