//go:build linux

package main

import "time"

// start measures how long mfaload takes to be there, and to send its first
// request.
func (b *bench) start() error {
	b.print("\n## Start")
	b.header("what", "median ms")
	var version, first []float64
	var o outcome
	for range 4 * b.runs {
		began := time.Now()
		if _, err := b.execute(&o, nil, b.mfaload, "version"); err != nil {
			return err
		}
		version = append(version, time.Since(began).Seconds()*1000)
	}
	b.row("`mfaload version`, the whole process", number(median(version), 1))
	for range b.runs {
		if err := b.server.behave("none"); err != nil {
			return err
		}
		began := time.Now()
		a := attack{origin: "http://" + plainHost, connections: 64, rate: 100, length: time.Second}
		if _, err := mfaload(b, peer{binary: b.mfaload}, a); err != nil {
			return err
		}
		at, err := b.server.firstAt()
		if err != nil {
			return err
		}
		first = append(first, at.Sub(began).Seconds()*1000)
	}
	b.row("`mfaload run` until its first request came, validation included", number(median(first), 1))
	return nil
}
