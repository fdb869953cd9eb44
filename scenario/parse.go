package scenario

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"

	"mfaload/internal/disk"
	"mfaload/scenario/form"
)

// Read reads a scenario file. Variables are looked up with env. The error is
// [form.Problems], or says why the file can't be read.
func Read(path string, env func(string) (string, bool)) (*Scenario, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, data, env)
}

// Parse turns the text of a scenario file into a scenario of its own, with
// every default filled in. The file's name is for places only. The error is
// [form.Problems]: everything that is wrong, sorted by place.
func Parse(file string, data []byte, env func(string) (string, bool)) (*Scenario, error) {
	d := form.NewDecoder(file, env, policy)
	var s Scenario
	root := d.Load(data)
	if root != nil {
		s = scenarioForm.Read(d, root)
	}
	if d.IsSound() {
		s.Text = d.YAML(root)
	}
	return result(d, s)
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
	d := form.NewDecoder(file, env, policy)
	var s Scenario
	switch root := d.Load(data); {
	case root == nil:
	case isScenario(root):
		s = scenarioForm.Read(d, root)
		if target := root.Get("target"); target != nil && !target.Bad && s.Target.Simulator == nil {
			d.Fail(target, "target has no simulator",
				"write simulator: {} there instead of authPath, or pass a file with the simulator's own keys")
		}
	default:
		s.Target = simulatorFileForm.Read(d, root)
	}
	return result(d, s)
}

// isScenario says whether a file has a key that only whole scenarios have.
func isScenario(root *form.Node) bool {
	return slices.ContainsFunc([]string{"name", "description", "target", "load", "thresholds", "contract"},
		func(key string) bool { return root.Get(key) != nil })
}

func result(d *form.Decoder, s Scenario) (*Scenario, error) {
	if problems := d.Problems(); len(problems) > 0 {
		return nil, problems
	}
	s.File, s.Literal = d.File, d.Literals()
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
	return io.ReadAll(io.LimitReader(f, form.MaxFile+1))
}

// Schema returns the JSON Schema (2020-12) of scenario files, for editors. It
// comes from the tables that the decoder reads with: it takes what [Parse]
// takes, but knows nothing of what several values mean together.
func Schema() []byte {
	schema := maps.Clone(scenarioForm.Schema)
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["title"] = "mfaload scenario"
	schema["$defs"] = form.SchemaObject{
		"variable": form.SchemaObject{"type": "string", "pattern": form.VariablePattern,
			"description": "A value with ${VAR} or ${VAR:-default} from the environment."},
		"rate": form.SchemaObject{"type": "string", "pattern": form.OrVariable(ratePattern),
			"description": "Requests a second, minute or hour: 50/s, 90/min, 0.5/h."},
		"duration": form.SchemaObject{"type": "string", "pattern": form.OrVariable(durationPattern),
			"description": "A duration with units: 100ms, 1.5s, 2m, 1h30m, 1d."},
		"share": form.SchemaObject{
			"anyOf": []any{form.SchemaObject{"const": 0},
				form.SchemaObject{"type": "string", "pattern": form.OrVariable(sharePattern)}},
			"description": "A percentage such as 0.1%. Only 0 needs no %."},
	}
	text, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		panic("scenario: the schema is no JSON: " + err.Error())
	}
	return append(text, '\n')
}

// Keys returns the keys of scenario files, in the order of the tables that they
// are read by.
func Keys() []form.KeyDoc { return scenarioForm.Docs() }

// SimulatorKeys returns the keys of a file for the simulator on its own.
func SimulatorKeys() []form.KeyDoc { return simulatorFileForm.Docs() }
