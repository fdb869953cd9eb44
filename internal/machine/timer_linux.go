package machine

import (
	"context"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// NewWait returns a function that waits until a time, or until its context
// ends, for one goroutine at a time and always with the same context. The
// runtime's own timers wake an idle program up to a millisecond late; a timer of
// the kernel's that the runtime's poller looks at wakes it within some 0.1 ms,
// and holds no thread meanwhile. Where there is none to be had, it is
// [TimerWait].
func NewWait() (wait func(context.Context, time.Time), stop func()) {
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
	late   time.Duration // how late the timer has lately been
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
		left := time.Until(until)
		if left <= 0 {
			return
		}
		early := t.early(left)
		t.length, t.armed = left-early, false
		if err := t.raw.Read(t.step); err != nil && ctx.Err() == nil {
			TimerWait(ctx, until)
		}
		t.learn(time.Until(until) - early)
		for early > 0 && time.Until(until) > 0 && ctx.Err() == nil {
		}
	}
}

// A processor that sleeps takes some 0.05 ms to wake up. So a long wait is ended
// as much earlier as the last ones were late, and the rest is spent looking at
// the clock: at most spin, and no more than a tenth of the wait.
const (
	spin     = 100 * time.Microsecond
	longWait = 5 * spin
)

func (t *kernelTimer) early(left time.Duration) time.Duration {
	if left < longWait {
		return 0
	}
	return min(t.late*5/4, spin, left/10)
}

// learn takes in how late the timer was this time.
func (t *kernelTimer) learn(left time.Duration) {
	t.late += (min(max(-left, 0), 2*spin) - t.late) / 16
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
