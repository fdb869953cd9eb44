package scenario

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"mfaload/internal/disk"
)

// Read reads a scenario file. Variables are looked up with env. The error is
// [Problems], or says why the file can't be read.
func Read(path string, env func(string) (string, bool)) (*Scenario, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, data, env)
}

// Parse turns the text of a scenario file into a scenario of its own, with
// every default filled in. The file's name is for places only. The error is
// [Problems]: everything that is wrong, sorted by place.
func Parse(file string, data []byte, env func(string) (string, bool)) (*Scenario, error) {
	d := &decoder{file: file, env: env}
	var s Scenario
	root := d.load(data)
	if root != nil {
		s = scenarioForm.read(d, root)
	}
	if len(d.problems) == 0 {
		s.Text = d.text(root)
	}
	return d.result(s)
}

// ReadSimulator reads a file for the simulator on its own: a scenario with
// target.simulator, or a file with just the keys of target.simulator and, if
// wanted, envID and accessToken. From the latter only Target is filled in; an
// empty AccessToken means that any token is taken. Errors are those of [Read].
func ReadSimulator(path string, env func(string) (string, bool)) (*Scenario, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return ParseSimulator(path, data, env)
}

// ParseSimulator is [ReadSimulator] for a text that was read already.
func ParseSimulator(file string, data []byte, env func(string) (string, bool)) (*Scenario, error) {
	d := &decoder{file: file, env: env}
	var s Scenario
	switch root := d.load(data); {
	case root == nil:
	case isScenario(root):
		s = scenarioForm.read(d, root)
		if target := root.get("target"); target != nil && !target.bad && s.Target.Simulator == nil {
			d.fail(target, "target has no simulator",
				"write simulator: {} there instead of authPath, or pass a file with the simulator's own keys")
		}
	default:
		s.Target = simulatorFileForm.read(d, root)
	}
	return d.result(s)
}

// isScenario says whether a file has a key that only whole scenarios have.
func isScenario(root *node) bool {
	return slices.ContainsFunc([]string{"name", "description", "target", "load", "thresholds", "contract"},
		func(key string) bool { return root.get(key) != nil })
}

func (d *decoder) result(s Scenario) (*Scenario, error) {
	if problems := d.sorted(); len(problems) > 0 {
		return nil, problems
	}
	s.File, s.Literal = d.file, d.literal
	return &s, nil
}

// readFile reads a file, and of a file that is too large only enough to tell.
func readFile(path string) ([]byte, error) {
	data, err := readSome(path)
	if err != nil {
		if cause := (*fs.PathError)(nil); errors.As(err, &cause) {
			err = cause.Err
		}
		return nil, fmt.Errorf("read %s: %w: check the path", path, err)
	}
	return data, nil
}

func readSome(path string) ([]byte, error) {
	f, err := disk.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile+1))
}
