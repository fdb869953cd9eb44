package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"mfaload/session"
	"mfaload/session/shards"
)

// runLocal runs the shards as processes of this machine, with a server in this one.
func (a *app) runLocal(ctx context.Context, file string, flags *runFlags, tolerated float64) (err error) {
	run, err := a.newFleetRun(file, &flags.contract, flags.fleet.shards, &flags.labels)
	if err != nil {
		return err
	}
	defer run.Close()
	earlier, dir, err := a.openFleetRun(run, flags.out, flags.overwrite, flags.yes, flags.formats,
		&flags.baseline)
	if err != nil {
		return err
	}
	defer func() { err = endResults(dir, err) }()
	folder := filepath.Join(dir.Path(), session.ShardsFolder)
	ctx, interrupted := a.interruptible(ctx, func() string {
		return fmt.Sprintf("the workers end their load within 3 s and keep what they measured: 'mfaload "+
			"merge %s' judges it", folder)
	})
	defer interrupted()
	c := &run.Coordinator
	c.Plan.Answers, c.Within = flags.answers, time.Minute
	join := filepath.Join(run.Dir(), "join")
	if err := run.Listen("127.0.0.1:0", nil, "", join); err != nil {
		return refused(err)
	}
	defer c.Embedded.Close()
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the program of the workers: %w", err)
	}
	workers, err := shards.StartProcesses(c, program, file, join, folder)
	if err != nil {
		return refused(err)
	}
	defer workers.End()
	m, err := a.runFleet(ctx, run, tolerated)
	if err != nil {
		return err
	}
	return a.judge(m, dir, flags.formats, earlier)
}
