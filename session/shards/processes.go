package shards

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"mfaload/fleet"
	"mfaload/session"
)

// Processes are the workers of a run whose shards are processes of this machine.
type Processes struct {
	all    []*exec.Cmd
	failed chan error
	ended  sync.WaitGroup
	say    func(format string, args ...any)
}

// StartProcesses starts 'PROGRAM worker' for each shard, with results folders in a folder, and has
// the coordinator hear of those that fail. They are no part of this process's group: an interrupt
// from the keyboard is the coordinator's alone. The error is a [session.NotStartedError].
func StartProcesses(c *fleet.Coordinator, program, scenarioFile, joinFile, folder string) (*Processes,
	error) {
	p := &Processes{failed: make(chan error, c.Plan.Shards), say: c.Say}
	c.Fail = p.failed
	for i := range c.Plan.Shards {
		index := strconv.Itoa(i)
		// #nosec G204 -- mfaload itself, with names of its own
		child := exec.Command(program, "worker", "--quiet", "--join-file", joinFile, "--shard", index,
			"--start-within", "2m", "--out", filepath.Join(folder, index), "--overwrite", scenarioFile)
		ownProcessGroup(child)
		said, err := child.StderrPipe()
		if err == nil {
			err = child.Start()
		}
		if err != nil {
			p.End()
			return nil, &session.NotStartedError{Err: fmt.Errorf("start worker %d: %w", i, err)}
		}
		p.all = append(p.all, child)
		p.ended.Go(func() { p.wait(i, child, said) })
	}
	return p, nil
}

// wait passes on what a worker says, and that it ended in an unusual way.
func (p *Processes) wait(i int, child *exec.Cmd, said io.Reader) {
	last := ""
	for lines := bufio.NewScanner(said); lines.Scan(); {
		text := strings.TrimPrefix(lines.Text(), "mfaload: ")
		if !strings.HasPrefix(text, " ") {
			last = text
		}
		p.say("worker %d: %s", i, text)
	}
	_, _ = io.Copy(io.Discard, said) // after a line that is too long
	if err := child.Wait(); err != nil {
		p.failed <- fmt.Errorf("worker %d ended: %s", i, strings.TrimPrefix(strings.Join([]string{last,
			err.Error()}, ": "), ": "))
	}
}

// End waits for the workers, who leave by themselves. One that does not within
// 10 s is killed.
func (p *Processes) End() {
	kill := time.AfterFunc(10*time.Second, func() {
		for _, child := range p.all {
			_ = child.Process.Kill()
		}
	})
	p.ended.Wait()
	kill.Stop()
}
