// Package kubernetes writes the manifests of a run on many machines.
package kubernetes

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"mfaload/fleet"
	"mfaload/internal/disk"
	"mfaload/internal/text"
	"mfaload/runner/plan"
	"mfaload/scenario"
	"mfaload/scenario/form"
	"mfaload/session"
	"mfaload/session/shards"
)

type mapping = map[string]any

// Manifests are those of one run, as far as its user chooses.
type Manifests struct {
	// Run is the run's name, of lower-case letters, digits and '-'.
	Run string
	// Image is that of mfaload, and Namespace where it runs.
	Image, Namespace string
	// EnvSecret is a Secret with the scenario's variables, Claim a PersistentVolumeClaim for the
	// results, and CredsSecret a Secret for an external server. Empty for none.
	EnvSecret, Claim, CredsSecret string
	// CPU and Memory are quantities of a worker. An empty Memory stands for what the run needs.
	CPU, Memory string
	// NATS are the URLs of an external server or cluster; empty for one in the coordinator.
	NATS []string
	// Tolerate is the share of shards that may be lost, as --tolerate-lost; empty for none.
	Tolerate string
	Shards   int
	Scenario *scenario.Scenario
}

// Needs are what a worker and the coordinator need, about.
func (m *Manifests) Needs() (worker, coordinator plan.Resources) {
	p := session.Plan(m.Scenario, 0)
	return p.Resources(m.Shards), p.CoordinatorResources(m.Shards)
}

func (m *Manifests) name() string { return "mfaload-" + m.Run }

// The least memory of a pod, and the least room of a folder, in MiB.
const (
	minPodMemory = 512
	minPodFolder = 256
)

// mebibytes is a quantity of half as much again, for a need is an estimate: at least so
// many MiB, rounded up to 64.
func mebibytes(bytes uint64, least uint64) string {
	const step = 64 << 20
	return fmt.Sprintf("%dMi", max((bytes+bytes/2+step-1)/step*64, least))
}

// Quantity is the number that a quantity such as 512Mi stands for.
func Quantity(text string) float64 {
	digits := strings.TrimRight(text, "mKMGTi")
	n, _ := strconv.ParseFloat(digits, 64)
	switch unit := text[len(digits):]; {
	case unit == "":
		return n
	case unit == "m":
		return n / 1000
	default:
		base, power := 1000.0, strings.Index("KMGT", unit[:1])+1
		if strings.HasSuffix(unit, "i") {
			base = 1024
		}
		return n * math.Pow(base, float64(power))
	}
}

const natsPort = 4222

// templates are the manifests, with places to be filled in; it says how.
//
//go:embed kubernetes.yaml
var templates []byte

// Write fills the manifests in.
func (m *Manifests) Write(to io.Writer) error {
	values, err := m.values()
	if err != nil {
		return err
	}
	template, encoder := yaml.NewDecoder(bytes.NewReader(templates)), yaml.NewEncoder(to)
	encoder.SetIndent(2)
	for {
		var document any
		if err := template.Decode(&document); errors.Is(err, io.EOF) {
			return encoder.Close()
		} else if err != nil {
			return fmt.Errorf("read the template of the manifests: %w", err)
		}
		if document = fill(document, values); document == nil {
			continue
		}
		if err := encoder.Encode(document); err != nil {
			return fmt.Errorf("print the manifests: %w", err)
		}
	}
}

var placeholder = regexp.MustCompile(`\$[A-Z_]+`)

// fill returns a part of the template with its values; nil for one that is not there.
func fill(part any, values mapping) any {
	switch part := part.(type) {
	case string:
		if part == placeholder.FindString(part) && part != "" {
			return values[part[1:]]
		}
		return placeholder.ReplaceAllStringFunc(part, func(name string) string {
			return fmt.Sprint(values[name[1:]])
		})
	case []any:
		var list []any
		for _, item := range part {
			if item = fill(item, values); item != nil {
				list = append(list, item)
			}
		}
		if len(list) > 0 {
			return list
		}
		return nil
	case mapping:
		if when, conditional := part["x-when"]; conditional && values[when.(string)] != true {
			return nil
		}
		filled := mapping{}
		for name, value := range part {
			if value = fill(value, values); value != nil && name != "x-when" {
				filled[name] = value
			}
		}
		return filled
	}
	return part
}

func (m *Manifests) values() (mapping, error) {
	files, err := m.files()
	if err != nil {
		return nil, err
	}
	worker, coordinator := m.Needs()
	grace := m.Scenario.Load.Drain + m.Scenario.Target.Timeout + 20*time.Second
	values := mapping{
		"embedded": len(m.NATS) == 0, "creds": m.CredsSecret != "", "env": m.EnvSecret != "",
		"claim": m.Claim != "", "no claim": m.Claim == "",
		"NAME": m.name(), "NAMESPACE": m.Namespace, "IMAGE": m.Image,
		"SHARDS": m.Shards, "GRACE": int(grace / time.Second),
		"LABELS": m.labels(""), "LEAD_LABELS": m.labels("lead"), "WORKER_LABELS": m.labels("worker"),
		"ENV_SECRET": m.EnvSecret, "CREDS_SECRET": m.CredsSecret, "CLAIM": m.Claim,
		"FILES": files.data, "ITEMS": files.items, "LEAD_ARGS": m.leadArgs(files),
		"WORKER_ARGS": m.workerArgs(),
		"CPU":         m.CPU, "MEMORY": cmp.Or(m.Memory, mebibytes(worker.Memory, minPodMemory)),
		"LEAD_MEMORY":     mebibytes(coordinator.Memory, minPodMemory),
		"RESULTS_SIZE":    mebibytes(coordinator.Folder(), minPodFolder),
		"WORK_SIZE":       mebibytes(worker.Folder(), minPodFolder),
		"LEAD_TMP_SIZE":   mebibytes(coordinator.Temporary, minPodFolder),
		"WORKER_TMP_SIZE": mebibytes(worker.Temporary, minPodFolder),
	}
	if len(m.NATS) == 0 {
		values["IDENTITY"], values["JOIN"], err = m.secrets()
	}
	return values, err
}

func (m *Manifests) labels(role string) mapping {
	l := mapping{"app.kubernetes.io/name": "mfaload", "app.kubernetes.io/instance": m.name()}
	if role != "" {
		l["app.kubernetes.io/component"] = role
	}
	return l
}

// secrets are what the embedded server needs: its identity for the coordinator, and
// the join file for the workers.
func (m *Manifests) secrets() (identity, join string, err error) {
	made, err := fleet.NewIdentity(m.Run)
	if err != nil {
		return "", "", err
	}
	joined, err := made.Join([]string{fmt.Sprintf("%s.%s.svc:%d", m.name(), m.Namespace, natsPort)})
	if err != nil {
		return "", "", err
	}
	identityText, identityErr := json.Marshal(made)
	joinText, joinErr := json.Marshal(joined)
	return string(identityText), string(joinText), errors.Join(identityErr, joinErr)
}

// mounted are the scenario and its files, as keys of a ConfigMap and as paths.
type mounted struct {
	data  mapping
	items []mapping
	main  string
}

const maxConfigMap = 1_000_000

func (m *Manifests) files() (*mounted, error) {
	s := m.Scenario
	if len(s.Literal) > 0 && s.Target.Simulator == nil {
		return nil, form.Problems{{Pos: s.Literal[0],
			Text:   "a secret is written out here, and would be in the manifests",
			Remedy: "write ${VARIABLE}, and name a Secret that has it with --env-secret"}}
	}
	f, size := &mounted{data: mapping{}, main: filepath.Base(s.File)}, 0
	add := func(file string) error {
		rel, err := filepath.Rel(filepath.Dir(s.File), file)
		if err != nil || !filepath.IsLocal(rel) {
			return fmt.Errorf("%s is not below the scenario's folder\n%s", file,
				text.Hint("move it there: the manifests hold the scenario with its files"))
		}
		content, err := disk.Read(file, maxConfigMap)
		if err != nil {
			return fmt.Errorf("read what the scenario names: %w", err)
		}
		if size += len(content); size > maxConfigMap {
			return fmt.Errorf("the scenario and its files have more than 1 MB, which is all that a "+
				"ConfigMap holds\n%s", text.Hint("use 'mfaload coordinate' on a machine of your own"))
		}
		key := fmt.Sprintf("file-%d", len(f.items))
		f.data[key] = string(content)
		f.items = append(f.items, mapping{"key": key, "path": path.Clean(filepath.ToSlash(rel))})
		return nil
	}
	names := []string{s.File}
	for _, g := range s.Groups {
		if g.File.Path == scenario.Stdin {
			return nil, errors.New("users from standard input can't come to a pod: write them to a file " +
				"below the scenario's folder")
		}
		if g.File.Path != "" {
			names = append(names, shards.Beside(s.File, g.File.Path))
		}
	}
	for _, st := range s.Load.Stages {
		if file := st.Reads(); file != "" {
			names = append(names, file)
		}
	}
	for _, name := range names {
		if err := add(name); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (m *Manifests) leadArgs(files *mounted) []string {
	args := []string{"coordinate", "--yes", "--shards", fmt.Sprint(m.Shards), "--join-within", "30m"}
	if m.Tolerate != "" {
		args = append(args, "--tolerate-lost", m.Tolerate)
	}
	if len(m.NATS) == 0 {
		args = append(args, "--listen", fmt.Sprintf(":%d", natsPort), "--identity", "/identity/identity")
	} else {
		args = m.external(args, "lead.creds")
	}
	return append(args, "--out", "/work/"+m.Run, "/scenario/"+files.main)
}

func (m *Manifests) workerArgs() []string {
	args := []string{"worker", "--start-within", "30m"}
	if len(m.NATS) == 0 {
		return append(args, "--join-file", "/join/join")
	}
	return m.external(args, "worker.creds")
}

// external adds where a server of yours is.
func (m *Manifests) external(args []string, creds string) []string {
	args = append(args, "--nats", strings.Join(m.NATS, ","), "--run", m.Run)
	if m.CredsSecret != "" {
		args = append(args, "--creds", "/creds/"+creds)
	}
	return args
}
