package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"mfaload/capacity"
	"mfaload/report/compare"
	"mfaload/scenario"
	"mfaload/session"
)

// capacitiesOf are the files of two searches for capacity; none if the sides are of something else.
func capacitiesOf(sides []string) (files []string, err error) {
	for _, path := range sides {
		file := path
		if s, err := os.Stat(path); err == nil && s.IsDir() {
			file = filepath.Join(path, session.CapacityFile)
		}
		if _, err := os.Stat(file); err == nil && strings.HasSuffix(file, ".json") {
			files = append(files, file)
		}
	}
	switch {
	case len(files) == 0:
		return nil, nil
	case len(files) != 2 || len(sides) != 2:
		return nil, errors.New("two searches for capacity can be compared, and nothing else with them: " +
			"name two results folders of 'mfaload capacity', or their capacity.json")
	}
	return files, nil
}

// compareCapacities says whether the capacity changed from one search to another.
func (a *app) compareCapacities(files []string, f *compareFlags) error {
	if len(f.metrics) > 0 {
		return errors.New("--metrics is for runs: two searches for capacity have no other figures")
	}
	margin, err := capacityMargin(f.margins)
	if err != nil {
		return err
	}
	var sides [2]*capacity.Result
	for i, file := range files {
		data, err := os.ReadFile(file)
		if err == nil {
			sides[i], err = capacity.Decode(data)
		}
		if err != nil {
			return fmt.Errorf("read %s: %w\n%s", file, err,
				hint("name two results folders of 'mfaload capacity'"))
		}
	}
	c, err := capacity.Compare(sides[0], sides[1], margin, f.force)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, hint("--force shows both, and judges nothing"))
	}
	terminal := capacity.TerminalText{Color: a.ui.Color}
	return a.show(f, c, c.HTML, func() error { return terminal.WriteComparison(a.ui.Out, c) },
		compare.Judgement(c.Verdict))
}

// capacityMargin is the loss of capacity that nobody minds.
func capacityMargin(texts []string) (margin float64, err error) {
	margin = capacity.MarginDefault
	for _, t := range texts {
		share, ok := strings.CutPrefix(t, "capacity=")
		if !ok {
			return 0, fmt.Errorf("--margin %q is of a run's figure: of two searches write "+
				"--margin capacity=5%%", t)
		}
		if margin, err = scenario.ParseShare(share); err != nil || margin >= 1 {
			return 0, fmt.Errorf("--margin %q is not a share below 100%%, such as capacity=5%%", t)
		}
	}
	return margin, nil
}
