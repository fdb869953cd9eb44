package console

import (
	"errors"
	"io"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// queuedWriter is stderr for what is said while something goes on. It makes nobody
// wait and never fails: a reader that went away, a terminal that was closed or
// stands still, and a full disk cost what is said, and nothing else. It is safe
// for concurrent use.
type queuedWriter struct {
	to io.Writer

	mu      sync.Mutex
	idle    *sync.Cond
	queue   [][]byte
	size    int  // of the queue, in bytes
	writing bool // a goroutine writes the queue
}

// maxQueued is how much may wait for a reader. Beyond it progress is left out.
const maxQueued = 1 << 20

func newQueuedWriter(to io.Writer) *queuedWriter {
	o := &queuedWriter{to: to}
	o.idle = sync.NewCond(&o.mu)
	return o
}

// Write implements [io.Writer].
func (o *queuedWriter) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.size+len(b) > maxQueued && o.size > 0 {
		return len(b), nil
	}
	o.queue = append(o.queue, append([]byte(nil), b...))
	o.size += len(b)
	if !o.writing {
		o.writing = true
		go o.drain()
	}
	return len(b), nil
}

// drain writes the queue until it is empty.
func (o *queuedWriter) drain() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.queue) > 0 {
		next := o.queue[0]
		o.queue = o.queue[1:]
		o.mu.Unlock()
		_, _ = o.to.Write(next) // nobody is left to be told
		o.mu.Lock()
		o.size -= len(next)
	}
	o.queue, o.writing = nil, false
	o.idle.Broadcast()
}

// flush waits until all is written, or for so long; with 0 for as long as it
// takes a reader to read it.
func (o *queuedWriter) flush(atMost time.Duration) {
	over := false
	if atMost > 0 {
		timer := time.AfterFunc(atMost, func() {
			o.mu.Lock()
			defer o.mu.Unlock()
			over = true
			o.idle.Broadcast()
		})
		defer timer.Stop()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.writing && !over {
		o.idle.Wait()
	}
}

// resultWriter is stdout. A reader that went away has seen what it wanted
// ('mfaload run … | head -3'): what comes after that is written to nobody, and is
// no error. The first other error is kept, for not all look at theirs.
type resultWriter struct {
	to       io.Writer
	terminal bool
	progress *queuedWriter // stands before the results on a terminal that shows both
	gone     bool
	failed   error
}

// Write implements [io.Writer].
func (w *resultWriter) Write(b []byte) (int, error) {
	w.progress.flush(time.Second)
	if w.gone {
		return len(b), nil
	}
	n, err := w.to.Write(b)
	if readerGone(err) || w.terminal && errors.Is(err, syscall.EIO) {
		w.gone = true
		return len(b), nil
	}
	if w.failed == nil {
		w.failed = err
	}
	return n, err
}

// readerGone says whether nobody reads a pipe any more.
func readerGone(err error) bool {
	if runtime.GOOS == "windows" {
		const brokenPipe, noData = syscall.Errno(109), syscall.Errno(232)
		return errors.Is(err, brokenPipe) || errors.Is(err, noData)
	}
	return errors.Is(err, syscall.EPIPE)
}
