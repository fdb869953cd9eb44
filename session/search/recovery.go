package search

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"mfaload/capacity"
	"mfaload/contract"
	"mfaload/live"
	"mfaload/pingone"
	"mfaload/runner"
	"mfaload/scenario"
	"mfaload/session"
)

// recoveryFolder is that of what is sent before a trial until the service is back.
// It holds a trial.json only: whose turn it was counts, what was measured does not.
func recoveryFolder(number int) string { return trialFolder(number) + "-recovery" }

// awaitRecovery sends what a trial wants to be sent before it, until the service is as
// fast as before; nil where it wants nothing.
func (s *Trials) awaitRecovery(ctx context.Context, a capacity.TrialSpec) (*capacity.Recovered, error) {
	if a.Recovery == nil {
		return nil, nil
	}
	done := &capacity.Recovered{}
	began := time.Now()
	for i := range a.Recovery.Rates {
		sent, back, err := s.watch(ctx, a, i, a.Recovery.Max-time.Since(began))
		if err != nil {
			return nil, err
		}
		done.Sent += sent
		if done.Back = back; !back {
			break
		}
	}
	done.Took = time.Since(began)
	remark := "the service is back at its former response time"
	if !done.Back {
		remark = "the service is not back at its former response time"
	}
	s.Say("%s %v after the end of trial %d", remark, (done.Took + a.Settle).Round(time.Second),
		a.Number-1)
	return done, nil
}

// watch sends at one rate of a recovery until the service is back at it, or for as
// long as is left.
func (s *Trials) watch(ctx context.Context, a capacity.TrialSpec, i int, left time.Duration) (sent float64,
	back bool, err error) {
	if left = left.Truncate(time.Second); left < time.Second {
		return 0, false, nil
	}
	ask := capacity.TrialSpec{Number: a.Number, Rate: a.Recovery.Rates[i], Length: left}
	dir := session.OpenFolder(session.FreePath(filepath.Join(s.Folder.Path(),
		filepath.FromSlash(recoveryFolder(a.Number)))))
	record := newTrialRecord(ask, session.TrialsFolder+"/"+filepath.Base(dir.Path()))
	record.Recovery = true
	if err := errors.Join(os.MkdirAll(dir.Path(), 0o700), record.write(dir)); err != nil {
		return 0, false, fmt.Errorf("keep the record of what is sent before trial %d: %w", a.Number, err)
	}
	watched := &watcher{Operation: s.operation, watch: a.Recovery.Watch(i), began: time.Now()}
	r := runner.New(runner.Config{Scenario: trialScenario(s.Scenario, s.Options, ask), Operation: watched,
		Previous: s.earlier(time.Now())})
	running, stop := context.WithCancel(ctx)
	defer stop()
	looked := live.Every(100*time.Millisecond, func() {
		if watched.back() {
			stop()
		}
	})
	m, err := r.Run(running, runner.Start{})
	looked()
	s.records = append(s.records, record)
	if err != nil {
		return 0, false, err
	}
	record.close(m, 0)
	record.Complete = true
	if err := record.write(dir); err != nil {
		return 0, false, err
	}
	return float64(m.Main.Sent()), watched.isBack, ctx.Err()
}

// watcher is an operation whose requests are watched while a service recovers.
type watcher struct {
	*pingone.Operation
	began time.Time

	mu     sync.Mutex
	watch  *capacity.Watch
	flying map[*contract.Exchange]sentRequest
	isBack bool
}

// sentRequest is one that is watched: its number, and when it ended.
type sentRequest struct {
	number int
	done   time.Duration
}

func (w *watcher) Send(ctx context.Context, u scenario.User, ex *contract.Exchange) error {
	w.mu.Lock()
	number := w.watch.Sent(time.Since(w.began))
	w.mu.Unlock()
	err := w.Operation.Send(ctx, u, ex)
	done := time.Since(w.began)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.watch.Done(number, done, false)
		return err
	}
	if w.flying == nil {
		w.flying = map[*contract.Exchange]sentRequest{}
	}
	w.flying[ex] = sentRequest{number, done}
	return nil
}

func (w *watcher) Check(u scenario.User, ex *contract.Exchange,
	dst []contract.Violation) []contract.Violation {
	dst = w.Operation.Check(u, ex, dst)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.watch.Done(w.flying[ex].number, w.flying[ex].done, ex.AsExpected)
	delete(w.flying, ex)
	return dst
}

// back says whether the service is back, once and for all.
func (w *watcher) back() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.isBack = w.isBack || w.watch.Back(time.Since(w.began))
	return w.isBack
}
