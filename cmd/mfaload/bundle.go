package main

import (
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	"mfaload/fleet"
	"mfaload/internal/disk"
	"mfaload/scenario"
	"mfaload/session"
)

// What the files are called that travel to workers. Users of groups are
// numbered; what the scenario's stages read lies beside it.
const (
	scenarioFolder  = "scenario"
	bundledContract = "contract.yaml"
)

func bundledUsers(group int) string { return fmt.Sprintf("users-%d", group) }

// bundle is what workers need to read the same scenario. Its text travels as it
// is written: variables are filled in where they arrive.
type bundle struct {
	*disk.Scratch
	stdin    *os.File
	files    []fleet.PlanFile
	withheld string // why the scenario's text does not travel
}

// newBundle makes room, and keeps what is read from standard input: workers
// need it too.
func (a *app) newBundle() (*bundle, error) {
	scratch, err := disk.NewScratch("mfaload-run-")
	if err != nil {
		return nil, err
	}
	l := &bundle{Scratch: scratch}
	if l.stdin, err = disk.New(filepath.Join(l.Dir, "stdin")); err != nil {
		l.Close()
		return nil, fmt.Errorf("make a file for the users of the run: %w", err)
	}
	a.env.in = io.TeeReader(a.env.in, l.stdin)
	return l, nil
}

func (l *bundle) close() {
	_ = l.stdin.Close()
	l.Close()
}

// pack collects what a scenario that was read needs.
func (l *bundle) pack(s *scenario.Scenario, loader *session.Loader) error {
	if loader.Contract != "" || loader.Overlay != "" {
		_, text, err := loader.Document()
		if err != nil {
			return err
		}
		file := filepath.Join(l.Dir, bundledContract)
		if err := disk.Replace(file, text, 0o600); err != nil {
			return fmt.Errorf("keep the contract for the workers: %w", err)
		}
		l.add(bundledContract, file)
	}
	for i := range s.Groups {
		switch source := s.Groups[i].File; source.Path {
		case "":
		case scenario.Stdin:
			l.add(bundledUsers(i), l.stdin.Name())
		default:
			l.add(bundledUsers(i), beside(s.File, source.Path))
		}
	}
	l.packScenario(s)
	return nil
}

// packScenario adds the scenario's text and what its stages read, or says why
// that can't travel.
func (l *bundle) packScenario(s *scenario.Scenario) {
	if len(s.Literal) > 0 && s.Target.Simulator == nil {
		at := s.Literal[0]
		l.withheld = fmt.Sprintf("a secret is written out in line %d of it: write ${VARIABLE} there, and "+
			"set it where the workers run", at.Line)
		return
	}
	var beside []fleet.PlanFile
	for _, st := range s.Load.Stages {
		if st.Profile == nil {
			continue
		}
		rel, err := filepath.Rel(filepath.Dir(s.File), st.Profile.File)
		if err != nil || !filepath.IsLocal(rel) {
			l.withheld = fmt.Sprintf("a stage reads %s, which is not below its folder", st.Profile.File)
			return
		}
		beside = append(beside, fleet.PlanFile{Name: path.Join(scenarioFolder, filepath.ToSlash(rel)),
			Path: st.Profile.File})
	}
	l.add(path.Join(scenarioFolder, filepath.Base(s.File)), s.File)
	for _, f := range beside {
		l.add(f.Name, f.Path)
	}
}

// add adds a file once.
func (l *bundle) add(name, file string) {
	for _, f := range l.files {
		if f.Name == name {
			return
		}
	}
	l.files = append(l.files, fleet.PlanFile{Name: name, Path: file})
}

// beside is where a file is that a scenario names.
func beside(scenarioFile, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(scenarioFile), name)
}

// unpack reads the scenario of a run where its bundle arrived, or the worker's
// own file where one is named. Users and contract are always those that came, and the load may
// go to pinned hosts only.
func (a *app) unpack(offer fleet.Offer, own string, pins hostPins) (*session.Inputs, error) {
	file, loader := own, (&contractFlags{}).loader(a)
	came := map[string]bool{}
	for _, name := range offer.Files {
		came[name] = true
	}
	if file == "" {
		if offer.Withheld != "" {
			return nil, fmt.Errorf("the coordinator does not send its scenario: %s\n%s", offer.Withheld,
				hint("or name the same file to every worker: mfaload worker … SCENARIO"))
		}
		for _, name := range offer.Files {
			if path.Dir(name) == scenarioFolder {
				file = filepath.Join(offer.Dir, filepath.FromSlash(name))
				break // the first one: what it reads comes after it
			}
		}
	}
	s, err := scenario.Read(file, a.env.lookup)
	if err != nil {
		return nil, err
	}
	if own == "" {
		if err := checkReads(s, offer, came); err != nil {
			return nil, err
		}
	}
	if err := pins.check(&s.Target); err != nil {
		return nil, err
	}
	for i := range s.Groups {
		if came[bundledUsers(i)] && s.Groups[i].File.Path != "" {
			s.Groups[i].File.Path = filepath.Join(offer.Dir, bundledUsers(i))
		}
	}
	if came[bundledContract] {
		loader.Contract = filepath.Join(offer.Dir, bundledContract)
	}
	return loader.Complete(s)
}
