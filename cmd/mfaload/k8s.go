package main

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

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"

	"mfaload/fleet"
	"mfaload/internal/disk"
	"mfaload/internal/number"
	"mfaload/measure"
	"mfaload/runner/plan"
	"mfaload/runner/schedule"
	"mfaload/scenario"
	"mfaload/scenario/form"
	"mfaload/session"
	"mfaload/session/shards"
)

// k8sFlags are the flags of the verb k8s.
type k8sFlags struct {
	fleetFlags
	image, namespace, run string
	envSecret, resultsPVC string
	cpu, memory           string
	nats                  []string
	credsSecret           string
}

func newK8s(a *app) *cobra.Command {
	flags := &k8sFlags{}
	c := &cobra.Command{
		Use:   "k8s SCENARIO",
		Short: "Print Kubernetes manifests for a run on many machines",
		Long: `Print Kubernetes manifests for one run: a coordinator and an Indexed Job of
workers, spread over the nodes. Nothing is applied; no cluster is asked.

Without --nats the coordinator is the NATS server, and the manifests hold the
run's throw-away key and token: pipe them to kubectl, and keep them nowhere. With
--nats a server of yours is used; --creds-secret names a Secret that holds
lead.creds and worker.creds.

Variables of the scenario have to be set here too, to check it; their values are
not in the manifests. In the cluster they come from the Secret of --env-secret.`,
		Example: `  mfaload k8s --shards 8 --image registry.example/mfaload:v1 --namespace load --env-secret pingone rollout.yaml | kubectl apply -f -
  kubectl -n load logs -f job/mfaload-RUN-lead`,
		Args:              exactly("SCENARIO"),
		ValidArgsFunction: scenarioFiles,
		RunE: func(c *cobra.Command, args []string) error {
			if err := flags.check(); err != nil {
				return usage(c, err)
			}
			return a.k8s(args[0], flags)
		},
	}
	flags.fleetFlags.add(c, "the number of shards, each a pod (required)")
	c.Flags().StringVar(&flags.image, "image", "",
		"the image of mfaload, as deploy/Dockerfile makes it (required)")
	c.Flags().StringVar(&flags.namespace, "namespace", "default", "the namespace")
	c.Flags().StringVar(&flags.run, "run", "",
		"the run's name: lower-case letters, digits and '-' (default: made from the time)")
	c.Flags().StringVar(&flags.envSecret, "env-secret", "",
		"a Secret whose keys are the variables of the scenario")
	c.Flags().StringVar(&flags.resultsPVC, "results-claim", "",
		"a PersistentVolumeClaim for the results (default: a folder that goes with the pod; the summary is "+
			"in its log)")
	c.Flags().StringVar(&flags.cpu, "cpu", "1", "processors of a worker, as request and limit")
	c.Flags().StringVar(&flags.memory, "memory", "",
		"memory of a worker, as request and limit (default: what the run needs, at least 512Mi)")
	c.Flags().StringSliceVar(&flags.nats, "nats", nil, "an external NATS server or cluster: tls://host:port")
	c.Flags().StringVar(&flags.credsSecret, "creds-secret", "",
		"with --nats: a Secret with lead.creds and worker.creds")
	return c
}

var (
	k8sName     = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)
	k8sQuantity = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?(m|[KMGT]i?)?$`)
)

func (f *k8sFlags) check() error {
	if _, err := f.fleetFlags.check(); err != nil {
		return err
	}
	if f.run == "" {
		f.run = strings.ToLower(shards.RunName())
	}
	switch {
	case f.image == "" || strings.ContainsAny(f.image, " \t\n"):
		return errors.New("--image is missing: the image of mfaload, as deploy/Dockerfile makes it")
	case !k8sName.MatchString(f.run):
		return fmt.Errorf("--run %q is not of lower-case letters, digits and '-', at most 40", f.run)
	case !k8sName.MatchString(f.namespace):
		return fmt.Errorf("--namespace %q can't be the name of one", f.namespace)
	case !k8sQuantity.MatchString(f.cpu) || f.memory != "" && !k8sQuantity.MatchString(f.memory):
		return errors.New("--cpu and --memory are quantities such as 500m, 2 and 512Mi")
	case f.credsSecret != "" && len(f.nats) == 0:
		return errors.New("--creds-secret needs --nats")
	case len(f.nats) == 0:
		return nil
	}
	return (&fleet.External{URLs: f.nats}).Check()
}

func (a *app) k8s(file string, flags *k8sFlags) error {
	in, err := (&contractFlags{}).loader(a).Load(file)
	if err != nil {
		return err
	}
	s := in.Scenario
	defer s.Close()
	if err := schedule.CheckShard(s, measure.Shard{Run: flags.run, Count: flags.shards}); err != nil {
		return err
	}
	if err := a.consent(s, true); err != nil {
		return err
	}
	plan := session.Plan(s, 0)
	plan.Share(flags.shards)
	m := &manifests{k8sFlags: flags, name: "mfaload-" + flags.run, scenario: s, worker: plan.Needs,
		leader: plan.CoordinatorResources(flags.shards)}
	if given := quantity(flags.memory); flags.memory != "" && given < float64(m.worker.Memory) {
		a.ui.tell("mfaload: --memory %s is less than the %s that a worker needs, about: it may be killed\n",
			flags.memory, number.Bytes(m.worker.Memory))
	}
	if flags.resultsPVC != "" {
		a.ui.tell("mfaload: the results take about %s of the claim %s\n", number.Bytes(m.leader.Folder()),
			flags.resultsPVC)
	}
	return m.print(a.ui.data)
}

// object is a part of a manifest.
type object = map[string]any

// manifests are those of one run.
type manifests struct {
	*k8sFlags
	name     string
	scenario *scenario.Scenario
	// worker and leader are what a worker and the coordinator need.
	worker, leader plan.Resources
}

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

// quantity is the number that a quantity such as 512Mi stands for.
func quantity(text string) float64 {
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

// k8sTemplate are the manifests, with places to be filled in; it says how.
//
//go:embed k8s.yaml
var k8sTemplate []byte

// print fills the manifests in.
func (m *manifests) print(to io.Writer) error {
	values, err := m.values()
	if err != nil {
		return err
	}
	template, encoder := yaml.NewDecoder(bytes.NewReader(k8sTemplate)), yaml.NewEncoder(to)
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
func fill(part any, values object) any {
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
	case object:
		if when, conditional := part["x-when"]; conditional && values[when.(string)] != true {
			return nil
		}
		filled := object{}
		for name, value := range part {
			if value = fill(value, values); value != nil && name != "x-when" {
				filled[name] = value
			}
		}
		return filled
	}
	return part
}

// values are what the template leaves open.
func (m *manifests) values() (object, error) {
	files, err := m.files()
	if err != nil {
		return nil, err
	}
	grace := m.scenario.Load.Drain + m.scenario.Target.Timeout + 20*time.Second
	values := object{
		"embedded": len(m.nats) == 0, "creds": m.credsSecret != "", "env": m.envSecret != "",
		"claim": m.resultsPVC != "", "no claim": m.resultsPVC == "",
		"NAME": m.name, "NAMESPACE": m.namespace, "IMAGE": m.image,
		"SHARDS": m.shards, "GRACE": int(grace / time.Second),
		"LABELS": m.labels(""), "LEAD_LABELS": m.labels("lead"), "WORKER_LABELS": m.labels("worker"),
		"ENV_SECRET": m.envSecret, "CREDS_SECRET": m.credsSecret, "CLAIM": m.resultsPVC,
		"FILES": files.data, "ITEMS": files.items, "LEAD_ARGS": m.leadArgs(files),
		"WORKER_ARGS": m.workerArgs(),
		"CPU":         m.cpu, "MEMORY": cmp.Or(m.memory, mebibytes(m.worker.Memory, minPodMemory)),
		"LEAD_MEMORY":     mebibytes(m.leader.Memory, minPodMemory),
		"RESULTS_SIZE":    mebibytes(m.leader.Folder(), minPodFolder),
		"WORK_SIZE":       mebibytes(m.worker.Folder(), minPodFolder),
		"LEAD_TMP_SIZE":   mebibytes(m.leader.Temporary, minPodFolder),
		"WORKER_TMP_SIZE": mebibytes(m.worker.Temporary, minPodFolder),
	}
	if len(m.nats) == 0 {
		values["IDENTITY"], values["JOIN"], err = m.secrets()
	}
	return values, err
}

func (m *manifests) labels(role string) object {
	l := object{"app.kubernetes.io/name": "mfaload", "app.kubernetes.io/instance": m.name}
	if role != "" {
		l["app.kubernetes.io/component"] = role
	}
	return l
}

// secrets are what the embedded server needs: its identity for the coordinator, and
// the join file for the workers.
func (m *manifests) secrets() (identity, join string, err error) {
	made, err := fleet.NewIdentity(m.run)
	if err != nil {
		return "", "", err
	}
	joined, err := made.Join([]string{fmt.Sprintf("%s.%s.svc:%d", m.name, m.namespace, natsPort)})
	if err != nil {
		return "", "", err
	}
	identityText, identityErr := json.Marshal(made)
	joinText, joinErr := json.Marshal(joined)
	return string(identityText), string(joinText), errors.Join(identityErr, joinErr)
}

// mounted are the scenario and its files, as keys of a ConfigMap and where they
// are mounted.
type mounted struct {
	data  object
	items []object
	main  string
}

// maxConfigMap bounds what a ConfigMap may hold, in bytes.
const maxConfigMap = 1_000_000

func (m *manifests) files() (*mounted, error) {
	s := m.scenario
	if len(s.Literal) > 0 && s.Target.Simulator == nil {
		return nil, form.Problems{{Pos: s.Literal[0],
			Text:   "a secret is written out here, and would be in the manifests",
			Remedy: "write ${VARIABLE}, and name a Secret that has it with --env-secret"}}
	}
	f, size := &mounted{data: object{}, main: filepath.Base(s.File)}, 0
	add := func(file string) error {
		rel, err := filepath.Rel(filepath.Dir(s.File), file)
		if err != nil || !filepath.IsLocal(rel) {
			return fmt.Errorf("%s is not below the scenario's folder\n%s", file,
				hint("move it there: the manifests hold the scenario with its files"))
		}
		text, err := disk.Read(file, maxConfigMap)
		if err != nil {
			return fmt.Errorf("read what the scenario names: %w", err)
		}
		if size += len(text); size > maxConfigMap {
			return fmt.Errorf("the scenario and its files have more than 1 MB, which is all that a "+
				"ConfigMap holds\n%s", hint("use 'mfaload coordinate' on a machine of your own"))
		}
		key := fmt.Sprintf("file-%d", len(f.items))
		f.data[key] = string(text)
		f.items = append(f.items, object{"key": key, "path": path.Clean(filepath.ToSlash(rel))})
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
		if st.Profile != nil {
			names = append(names, st.Profile.File)
		}
	}
	for _, name := range names {
		if err := add(name); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (m *manifests) leadArgs(files *mounted) []string {
	args := []string{"coordinate", "--yes", "--shards", fmt.Sprint(m.shards), "--join-within", "30m"}
	if m.tolerate != "" {
		args = append(args, "--tolerate-lost", m.tolerate)
	}
	if len(m.nats) == 0 {
		args = append(args, "--listen", fmt.Sprintf(":%d", natsPort), "--identity", "/identity/identity")
	} else {
		args = m.external(args, "lead.creds")
	}
	return append(args, "--out", "/work/"+m.run, "/scenario/"+files.main)
}

func (m *manifests) workerArgs() []string {
	args := []string{"worker", "--start-within", "30m"}
	if len(m.nats) == 0 {
		return append(args, "--join-file", "/join/join")
	}
	return m.external(args, "worker.creds")
}

// external adds where a server of yours is.
func (m *manifests) external(args []string, creds string) []string {
	args = append(args, "--nats", strings.Join(m.nats, ","), "--run", m.run)
	if m.credsSecret != "" {
		args = append(args, "--creds", "/creds/"+creds)
	}
	return args
}
