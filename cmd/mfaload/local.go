package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"mfaload/session"
)

// runLocal runs the shards as processes of this machine, with a server in this one.
func (a *app) runLocal(ctx context.Context, file string, flags *runFlags, tolerated float64) (err error) {
	l, err := a.newCoordination(file, &flags.contract, flags.fleet.shards, tolerated)
	if err != nil {
		return err
	}
	defer l.close()
	if err := l.open(a, flags.out, flags.overwrite, flags.yes, flags.formats, &flags.baseline); err != nil {
		return err
	}
	defer func() { err = endResults(l.dir, err) }()
	ctx, interrupted := a.interruptible(ctx, l.keptShards)
	defer interrupted()
	l.coordinator.Plan.Answers, l.coordinator.Within = flags.answers, time.Minute
	join := filepath.Join(l.bundle.Dir, "join")
	if err := l.listen("127.0.0.1:0", nil, "", join); err != nil {
		return err
	}
	defer l.coordinator.Embedded.Close()
	children, err := a.startChildren(l, file, join)
	if err != nil {
		return err
	}
	l.coordinator.Fail = children.failed
	defer children.end()
	return l.run(ctx)
}

// keptShards is [keptByWorkers] of workers on this machine.
func (l *coordination) keptShards() string {
	return fmt.Sprintf("the workers end their load within 3 s and keep what they measured: 'mfaload merge "+
		"%s' judges it", filepath.Join(l.dir.Path(), "shards"))
}

// children are the workers of a local run.
type children struct {
	all    []*exec.Cmd
	failed chan error
	ended  sync.WaitGroup
}

// startChildren starts a worker for each shard. They are no part of this
// process's group: an interrupt from the keyboard is the coordinator's alone.
func (a *app) startChildren(l *coordination, file, join string) (*children, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the program of the workers: %w", err)
	}
	c := &children{failed: make(chan error, l.coordinator.Plan.Shards)}
	for i := range l.coordinator.Plan.Shards {
		out := filepath.Join(l.dir.Path(), session.ShardsFolder, strconv.Itoa(i))
		child := exec.Command(self, "worker", "--quiet", "--join-file", join, "--shard", strconv.Itoa(i), "--start-within", "2m", "--out", out, "--overwrite", file) // #nosec G204 -- itself, with names of its own
		ownProcessGroup(child)
		said, err := child.StderrPipe()
		if err == nil {
			err = child.Start()
		}
		if err != nil {
			c.end()
			return nil, &exitError{exitNotStarted, fmt.Errorf("start worker %d: %w", i, err)}
		}
		c.all = append(c.all, child)
		c.ended.Go(func() { c.wait(a, i, child, said) })
	}
	return c, nil
}

// wait passes on what a worker says, and that it ended in an unusual way.
func (c *children) wait(a *app, i int, child *exec.Cmd, said io.Reader) {
	last := ""
	for lines := bufio.NewScanner(said); lines.Scan(); {
		text := strings.TrimPrefix(lines.Text(), "mfaload: ")
		if !strings.HasPrefix(text, " ") {
			last = text
		}
		a.ui.say("worker %d: %s", i, text)
	}
	_, _ = io.Copy(io.Discard, said) // after a line that is too long
	if err := child.Wait(); err != nil {
		c.failed <- fmt.Errorf("worker %d ended: %s", i, strings.TrimPrefix(strings.Join([]string{last,
			err.Error()}, ": "), ": "))
	}
}

// end waits for the workers, who leave by themselves. One that does not within
// 10 s is killed.
func (c *children) end() {
	kill := time.AfterFunc(10*time.Second, func() {
		for _, child := range c.all {
			_ = child.Process.Kill()
		}
	})
	c.ended.Wait()
	kill.Stop()
}
