package shards

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"mfaload/fleet"
	"mfaload/internal/disk"
	"mfaload/internal/text"
	"mfaload/scenario"
	"mfaload/session"
)

// What the files are called that travel to workers. Users of groups are
// numbered; what the scenario's stages read lies next to it.
const (
	scenarioFolder  = "scenario"
	bundledContract = "contract.yaml"
	bundledChanges  = "changes.json"
	maxChanges      = 16 << 20 // bytes
)

func bundledUsers(group int) string { return fmt.Sprintf("users-%d", group) }

// bundle is what workers need to read the same scenario. Its text travels as it
// is written: variables are filled in where they arrive.
type bundle struct {
	scratch  *disk.Scratch
	stdin    *os.File
	files    []fleet.PlanFile
	withheld string // why the scenario's text does not travel
}

func newBundle() (*bundle, error) {
	scratch, err := disk.NewScratch("mfaload-run-")
	if err != nil {
		return nil, err
	}
	b := &bundle{scratch: scratch}
	if b.stdin, err = disk.New(filepath.Join(scratch.Dir, "stdin")); err != nil {
		scratch.Close()
		return nil, fmt.Errorf("make a file for the users of the run: %w", err)
	}
	return b, nil
}

func (b *bundle) close() {
	_ = b.stdin.Close()
	b.scratch.Close()
}

func (b *bundle) pack(s *scenario.Scenario, loader *session.Loader) error {
	if loader.Contract != "" || loader.Overlay != "" {
		_, document, err := loader.Document()
		if err != nil {
			return err
		}
		file := filepath.Join(b.scratch.Dir, bundledContract)
		if err := disk.Replace(file, document, 0o600); err != nil {
			return fmt.Errorf("keep the contract for the workers: %w", err)
		}
		b.add(bundledContract, file)
	}
	if s.Changed != "" {
		changes, err := json.Marshal(loader.Changes)
		if err != nil {
			return err
		}
		file := filepath.Join(b.scratch.Dir, bundledChanges)
		if err := disk.Replace(file, changes, 0o600); err != nil {
			return fmt.Errorf("keep the scenario's changes for the workers: %w", err)
		}
		b.add(bundledChanges, file)
	}
	for i := range s.Groups {
		switch source := s.Groups[i].File; source.Path {
		case "":
		case scenario.Stdin:
			b.add(bundledUsers(i), b.stdin.Name())
		default:
			b.add(bundledUsers(i), Beside(s.File, source.Path))
		}
	}
	b.packScenario(s)
	return nil
}

// packScenario adds the scenario's text and what its stages read, or says why
// that can't travel.
func (b *bundle) packScenario(s *scenario.Scenario) {
	if len(s.Literal) > 0 && s.Target.Simulator == nil {
		at := s.Literal[0]
		b.withheld = fmt.Sprintf("a secret is written out in line %d of it: write ${VARIABLE} there, and "+
			"set it where the workers run", at.Line)
		return
	}
	var read []fleet.PlanFile
	for _, st := range s.Load.Stages {
		file := st.Reads()
		if file == "" {
			continue
		}
		rel, err := filepath.Rel(filepath.Dir(s.File), file)
		if err != nil || !filepath.IsLocal(rel) {
			b.withheld = fmt.Sprintf("its load reads %s, which is not below its folder", file)
			return
		}
		read = append(read, fleet.PlanFile{Name: path.Join(scenarioFolder, filepath.ToSlash(rel)),
			Path: file})
	}
	b.add(path.Join(scenarioFolder, filepath.Base(s.File)), s.File)
	for _, f := range read {
		b.add(f.Name, f.Path)
	}
}

func (b *bundle) add(name, file string) {
	for _, f := range b.files {
		if f.Name == name {
			return
		}
	}
	b.files = append(b.files, fleet.PlanFile{Name: name, Path: file})
}

// Beside is where a file is that a scenario names.
func Beside(scenarioFile, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(scenarioFile), name)
}

// unpack reads the scenario of a run where its bundle arrived, or the worker's
// own file where one is named. Users and contract are always those that came, and the load may
// go to pinned hosts only.
func (w *Participant) unpack(offer fleet.Offer) (*session.Inputs, error) {
	file, loader := w.File, *w.Loader
	came := map[string]bool{}
	for _, name := range offer.Files {
		came[name] = true
	}
	if file == "" {
		if offer.Withheld != "" {
			return nil, fmt.Errorf("the coordinator does not send its scenario: %s\n%s", offer.Withheld,
				text.Hint("or name the same file to every worker: mfaload worker … SCENARIO"))
		}
		for _, name := range offer.Files {
			if path.Dir(name) == scenarioFolder {
				file = filepath.Join(offer.Dir, filepath.FromSlash(name))
				break // the first one: what it reads comes after it
			}
		}
	}
	if came[bundledChanges] {
		data, err := disk.Read(filepath.Join(offer.Dir, bundledChanges), maxChanges)
		if err == nil {
			err = json.Unmarshal(data, &loader.Changes)
		}
		if err != nil {
			return nil, fmt.Errorf("read the coordinator's changes of the scenario: %w", err)
		}
	}
	s, err := scenario.Read(file, loader.Lookup, loader.Changes)
	if err != nil {
		return nil, err
	}
	if w.File == "" {
		if err := checkReads(s, offer, came); err != nil {
			return nil, err
		}
	}
	if err := w.Pins.check(&s.Target); err != nil {
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

// checkReads finds files of this machine that a scenario from the coordinator would have read as users or
// as load: both travel with it. Files of secrets and certificates are this machine's own.
func checkReads(s *scenario.Scenario, offer fleet.Offer, sent map[string]bool) error {
	for i := range s.Groups {
		if path := s.Groups[i].File.Path; path != "" && !sent[bundledUsers(i)] {
			return fmt.Errorf("the coordinator's scenario reads users from %q, which it did not send "+
				"along: it is none of mfaload's", path)
		}
	}
	for _, stage := range s.Load.Stages {
		file := stage.Reads()
		if file == "" {
			continue
		}
		below, err := filepath.Rel(offer.Dir, file)
		if err != nil || !filepath.IsLocal(below) {
			return fmt.Errorf("the coordinator's scenario reads load from %q, which it did not send along: "+
				"it is none of mfaload's", file)
		}
	}
	return nil
}

// HostPins are the hosts that a worker may send to, each with a port or for all ports. None
// allows all: who leads the run says where its load goes.
type HostPins []hostPin

type hostPin struct{ host, port string }

// ParsePins reads HOST or HOST:PORT.
func ParsePins(names []string) (pins HostPins, err error) {
	for _, name := range names {
		pin := hostPin{host: strings.Trim(name, "[]")}
		if host, port, err := net.SplitHostPort(name); err == nil {
			pin = hostPin{host, port}
		}
		u, err := url.Parse("//" + net.JoinHostPort(pin.host, cmp.Or(pin.port, "1")))
		if err != nil || pin.host == "" || u.Hostname() != pin.host || strings.ContainsAny(name, "/@?# *") {
			return nil, fmt.Errorf("--host %q is not HOST or HOST:PORT, such as auth.pingone.eu", name)
		}
		pins = append(pins, hostPin{plainHost(pin.host), pin.port})
	}
	return pins, nil
}

func plainHost(host string) string { return strings.ToLower(strings.TrimSuffix(host, ".")) }

func (p HostPins) allow(host, port string) bool {
	for _, pin := range p {
		if pin.host == plainHost(host) && (pin.port == "" || pin.port == port) {
			return true
		}
	}
	return len(p) == 0
}

var defaultPorts = map[string]string{"http": "80", "https": "443", "socks5": "1080"}

// check finds where a scenario sends to that is not pinned: the target, the addresses in place
// of its own, and a proxy. A simulator is in this process.
func (p HostPins) check(t *scenario.Target) error {
	if len(p) == 0 || t.Simulator != nil {
		return nil
	}
	look := func(key, address string) (port string, err error) {
		u, err := url.Parse(address)
		if err != nil {
			return "", fmt.Errorf("the scenario's target.%s is not a URL", key)
		}
		if port = u.Port(); port == "" {
			port = defaultPorts[u.Scheme]
		}
		return port, p.refuse(key, u.Hostname(), port)
	}
	port, err := look("authPath", t.AuthPath)
	if err == nil && !t.Proxy.IsZero() {
		_, err = look("proxy", t.Proxy.Reveal())
	}
	for _, e := range t.Resolve {
		its := port
		if e.Port != 0 {
			its = strconv.Itoa(e.Port)
		}
		err = errors.Join(err, p.refuse("resolve", e.Address, its))
	}
	return err
}

func (p HostPins) refuse(key, host, port string) error {
	if p.allow(host, port) {
		return nil
	}
	return fmt.Errorf("the scenario sends to %s (target.%s), which --host does not name: nothing was "+
		"sent\n%s", net.JoinHostPort(host, port), key,
		text.Hint("name it with --host too, if the load may go there"))
}
