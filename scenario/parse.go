package scenario

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// maxFile is the largest scenario file.
const maxFile = 16 << 20

// SimulatedEnvID is the environment of the embedded simulator where a scenario
// names none.
const SimulatedEnvID = "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6"

// Read reads and parses a scenario file; see [Parse].
func Read(path string, env func(string) (string, bool)) (*Scenario, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, data, env)
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		if cause := (*fs.PathError)(nil); errors.As(err, &cause) {
			err = cause.Err
		}
		return nil, fmt.Errorf("read %s: %w: check the path of the scenario file", path, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("read %s: the file is longer than 16 MiB: a scenario is a few lines", path)
	}
	return data, nil
}

// Parse turns the text of a scenario file into a scenario. File is the name
// that problems carry. Variables such as ${NAME} come from env. The error is of
// type [Problems] and lists everything that is wrong.
func Parse(file string, data []byte, env func(string) (string, bool)) (*Scenario, error) {
	d := &decoder{file: file, env: env}
	root := d.document(data)
	if root == nil {
		return nil, d.sorted()
	}
	b := newBuilder(d)
	b.defaults()
	b.mapping(root, "the scenario", b.fileKeys())
	b.validate(root)
	b.s.File = file
	return b.s, d.sorted()
}

// ReadSimulator reads what the simulator is to do on its own: from a scenario,
// or from a file with just the keys of its target.simulator and, if wanted,
// envID and accessToken. Of the result only Target and Groups are set.
func ReadSimulator(path string, env func(string) (string, bool)) (*Scenario, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	d := &decoder{file: path, env: env}
	root := d.document(data)
	if root == nil {
		return nil, d.sorted()
	}
	if hasKey(root, "target") || hasKey(root, "load") {
		s, err := Parse(path, data, env)
		if err == nil && s.Target.Simulator == nil {
			s.Target.Simulator, s.Target.AccessToken = &Simulator{Seed: 1}, Secret{}
		}
		return s, err
	}
	b := newBuilder(d)
	simulator := &Simulator{Seed: 1}
	b.s.Target.Simulator, b.s.Target.EnvID = simulator, SimulatedEnvID
	keys := b.simulatorKeys(simulator)
	for _, k := range b.targetKeys() {
		if k.name == "envID" || k.name == "accessToken" {
			keys = append(keys, k)
		}
	}
	b.mapping(root, "the simulator", keys)
	return b.s, d.sorted()
}

func hasKey(n *yaml.Node, name string) bool {
	for i := 0; i < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return true
		}
	}
	return false
}

// document returns the file's only document, or nil with a problem.
func (d *decoder) document(data []byte) *yaml.Node {
	start := &yaml.Node{Line: 1, Column: 1}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if at := invalidUTF8(data); at >= 0 {
		line := bytes.Count(data[:at], []byte("\n")) + 1
		d.problem(&yaml.Node{Line: line, Column: at - bytes.LastIndexByte(data[:at], '\n')}, "save the file as UTF-8", "the file is not UTF-8")
		return nil
	}
	yd := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	if err := decodeNode(yd, &doc); errors.Is(err, io.EOF) || err == nil && len(doc.Content) == 0 {
		d.problem(start, "write a scenario; scenarios/quickstart.yaml is one to start from", "the file is empty")
		return nil
	} else if err != nil {
		d.syntax(err, data)
		return nil
	}
	if err := decodeNode(yd, &second); !errors.Is(err, io.EOF) {
		if err != nil {
			d.syntax(err, data)
		} else {
			d.problem(&second, "keep one scenario a file", "the file has a second document")
		}
		return nil
	}
	root := doc.Content[0]
	if isNull(root) {
		d.problem(start, "write a scenario; scenarios/quickstart.yaml is one to start from", "the file is empty")
		return nil
	}
	if !d.isMapping(root, "the file") {
		return nil
	}
	return root
}

// decodeNode guards against panics of the YAML library on odd input.
func decodeNode(d *yaml.Decoder, n *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: the file can't be read")
		}
	}()
	return d.Decode(n)
}

func invalidUTF8(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?line ([0-9]+): `)

// syntax turns an error of the YAML library into a problem. The library names
// the line at which it gave up, which may be the one before the mistake.
func (d *decoder) syntax(err error, data []byte) {
	text, line := strings.TrimPrefix(err.Error(), "yaml: "), 1
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		line, _ = strconv.Atoi(m[1])
		text = strings.TrimPrefix(err.Error(), m[0])
	}
	lines := strings.Split(string(data), "\n")
	line = min(max(line, 1), len(lines))
	remedy := "check indentation, quotes and brackets near this line"
	switch near := strings.Join(lines[max(line-2, 0):min(line+1, len(lines))], "\n"); {
	case strings.Contains(text, "cannot start any token"), strings.Contains(text, "tab character"):
		remedy = "indent with spaces, not tabs; put texts with special characters in quotes"
	case strings.Contains(near, "${") && strings.ContainsAny(near, "[{"):
		remedy = `put ${…} in quotes inside { } and [ ]: "${NAME}"`
	}
	d.problem(&yaml.Node{Line: line, Column: 1}, remedy, "the file is no YAML: %s", clip(text))
}

// defaults are what a scenario gets without saying it.
func (b *builder) defaults() {
	b.s.Target.Timeout = 10 * time.Second
	b.s.Load = Load{Arrivals: Uniform, Seed: 1, Workers: 64, Drain: 10 * time.Second}
}

// validate looks at what keys mean together.
func (b *builder) validate(root *yaml.Node) {
	if b.places.users != nil && b.places.users.Kind == yaml.SequenceNode && len(b.places.users.Content) == 0 {
		b.problem(b.places.users, "add a group with a name and ids", "users has no group")
	}
	if b.places.target != nil {
		b.validateTarget(b.places.target)
	}
	b.validateLoad(root)
	b.finishThresholds()
}

func (b *builder) validateTarget(n *yaml.Node) {
	t := &b.s.Target
	switch {
	case t.Simulator != nil && b.places.authPath != nil:
		b.problem(b.places.authPath, "remove authPath or simulator", "target has both authPath and simulator")
	case t.Simulator != nil:
		if t.EnvID == "" {
			t.EnvID = SimulatedEnvID
		}
	case b.places.authPath == nil:
		b.problem(n, "add authPath: https://auth.pingone.eu (or com, ca, com.au, sg, asia), or simulator: {}", "target has neither authPath nor simulator")
	default:
		b.validateHost(n)
	}
}

func (b *builder) validateHost(n *yaml.Node) {
	t := &b.s.Target
	for _, k := range []struct{ name, remedy string }{
		{"envID", "add envID: ${PINGONE_ENV_ID}"}, {"accessToken", "add accessToken: ${PINGONE_ACCESS_TOKEN}"},
	} {
		if resolved, _ := b.follow(n); !hasKey(resolved, k.name) && !hasKey(resolved, "clientCredentials") {
			b.problem(n, k.remedy, "target has no %s", k.name)
		}
	}
	if t.AuthPath == "" {
		return // its variable is missing, which was said
	}
	at := b.places.authPath
	u, err := url.Parse(t.AuthPath)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", u.User != nil,
		strings.Trim(u.Path, "/") != "", u.RawQuery != "", u.Fragment != "", !validPort(u):
		b.problem(at, "write scheme and host alone, for example https://auth.pingone.eu", "authPath: %q is no such URL", shown(at))
	case loopback(u.Hostname()):
		t.AuthPath = u.Scheme + "://" + u.Host
	case u.Scheme == "http":
		b.problem(at, "use https", "authPath: %q would send the token unencrypted", shown(at))
	default:
		t.AuthPath = u.Scheme + "://" + u.Host
		if !t.OwnerAgreed {
			b.problem(at, "ask the owner first (PingOne asks customers to open a support case before a load test, and real messages may go out), then set ownerAgreed: true",
				"authPath: %q is not loopback, and nobody says that its owner agreed", shown(at))
		}
	}
}

func validPort(u *url.URL) bool {
	if u.Port() == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	n, err := strconv.Atoi(u.Port())
	return err == nil && n > 0 && n < 65536
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

func (b *builder) validateLoad(root *yaml.Node) {
	at, l := b.places.stages, &b.s.Load
	if at == nil || len(b.problems) > 0 && len(l.Stages) == 0 {
		return
	}
	if len(l.Stages) == 0 {
		b.problem(at, "add a stage: {rate: 50/s, duration: 2m}", "load.stages has no stage")
		return
	}
	total := 0.0
	for _, s := range l.Stages {
		total += float64(s.From+s.To) / 2 * s.Duration.Seconds()
	}
	switch {
	case b.s.Duration()+l.Warmup > MaxDuration:
		b.problem(at, "make the stages shorter", "load.stages last longer than 30 days")
	case total < 1-1e-6:
		b.problem(at, "raise a rate or a duration", "load.stages have no arrival in them")
	case l.Warmup > 0 && l.Stages[0].From == 0:
		b.problem(b.places.warmup, "begin the first stage above 0/s, or remove warmup", "the warm-up would send nothing: the first stage begins at 0/s")
	}
}

// finishThresholds adds the defaults and the groups' thresholds, in the order
// of the groups.
func (b *builder) finishThresholds() {
	s := b.s
	for _, t := range []Threshold{
		{Metric: ErrorRate, Written: "0%"}, {Metric: ViolationRate, Written: "0%"}, {Metric: AchievedRate, Limit: 0.99, Written: "99%"},
	} {
		if !has(s.Thresholds, t.Metric) {
			s.Thresholds = append(s.Thresholds, t)
		}
	}
	var names []string
	for _, g := range s.Groups {
		names = append(names, g.Name)
		for _, t := range b.places.thresholdGroups {
			if t.group == g.Name {
				s.Thresholds = append(s.Thresholds, t.thresholds...)
			}
		}
	}
	for _, t := range b.places.thresholdGroups {
		if !b.seenGroups[t.group] {
			b.problem(t.name, suggest(t.group, names), "thresholds.groups: there is no group %q", clip(t.group))
		}
	}
}

func has(thresholds []Threshold, m Metric) bool {
	for _, t := range thresholds {
		if t.Metric == m {
			return true
		}
	}
	return false
}

// Duration is the length of all stages, without the warm-up.
func (s *Scenario) Duration() (d time.Duration) {
	for _, stage := range s.Load.Stages {
		d += stage.Duration
	}
	return d
}
