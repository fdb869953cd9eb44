package runner

import (
	"context"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// newWait returns a function that waits until a time, or until its context
// ends, for one goroutine at a time and always with the same context. The
// runtime's own timers wake an idle program up to a millisecond late; a timer of
// the kernel's that the runtime's poller looks at wakes it within some 0.1 ms,
// and holds no thread meanwhile. Where there is none to be had, it is
// [TimerWait].
func newWait() (wait func(context.Context, time.Time), stop func()) {
	t, err := newKernelTimer()
	if err != nil {
		return TimerWait, func() {}
	}
	return t.wait, t.close
}

// kernelTimer is a timerfd.
type kernelTimer struct {
	file   *os.File
	raw    syscall.RawConn
	step   func(fd uintptr) bool
	unbind func() bool

	length time.Duration
	armed  bool
	count  [8]byte // of expirations, as the kernel writes it
}

func newKernelTimer() (*kernelTimer, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	t := &kernelTimer{file: os.NewFile(uintptr(fd), "timer")}
	if t.raw, err = t.file.SyscallConn(); err != nil {
		return nil, err
	}
	t.step = t.advance
	return t, nil
}

func (t *kernelTimer) wait(ctx context.Context, until time.Time) {
	if t.unbind == nil {
		// Its context's end ends the wait, this one and all later ones.
		t.unbind = context.AfterFunc(ctx, func() { _ = t.file.SetReadDeadline(time.Unix(1, 0)) })
	}
	for ctx.Err() == nil {
		if t.length = time.Until(until); t.length <= 0 {
			return
		}
		t.armed = false
		if err := t.raw.Read(t.step); err != nil && ctx.Err() == nil {
			TimerWait(ctx, until)
		}
	}
}

// advance starts the timer, and then looks whether it has ended.
func (t *kernelTimer) advance(fd uintptr) bool {
	if !t.armed {
		t.armed = true
		spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(t.length))}
		return unix.TimerfdSettime(int(fd), 0, &spec, nil) != nil
	}
	_, err := syscall.Read(int(fd), t.count[:])
	return err != syscall.EAGAIN
}

func (t *kernelTimer) close() {
	if t.unbind != nil {
		t.unbind()
	}
	_ = t.file.Close()
}
