package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
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
	"mfaload/measure"
	"mfaload/runner/plan"
	"mfaload/runner/schedule"
	"mfaload/scenario"
	"mfaload/scenario/form"
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
		f.run = strings.ToLower(newRunName())
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
	plan := newPlan(s, 0)
	plan.Share(flags.shards)
	m := &manifests{k8sFlags: flags, name: "mfaload-" + flags.run, scenario: s, worker: plan.Needs,
		leader: plan.CoordinatorResources(flags.shards)}
	if given := quantity(flags.memory); flags.memory != "" && given < float64(m.worker.Memory) {
		a.ui.tell("mfaload: --memory %s is less than the %s that a worker needs, about: it may be killed\n",
			flags.memory, storage(m.worker.Memory))
	}
	if flags.resultsPVC != "" {
		a.ui.tell("mfaload: the results take about %s of the claim %s\n", storage(m.leader.Folder()),
			flags.resultsPVC)
	}
	if err := m.make(); err != nil {
		return err
	}
	encoder := yaml.NewEncoder(a.ui.data)
	encoder.SetIndent(2)
	for _, document := range m.all {
		if err := encoder.Encode(document); err != nil {
			return fmt.Errorf("print the manifests: %w", err)
		}
	}
	return encoder.Close()
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
	all            []object
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

// folder is a volume that goes with its pod.
func folder(name string, need uint64) object {
	return object{"name": name, "emptyDir": object{"sizeLimit": mebibytes(need, minPodFolder)}}
}

const natsPort = 4222

func (m *manifests) make() error {
	files, err := m.files()
	if err != nil {
		return err
	}
	if len(m.nats) == 0 {
		if err := m.server(); err != nil {
			return err
		}
	}
	m.add("v1", "ConfigMap", m.name+"-scenario", object{"data": files.data})
	m.lead(files)
	m.workers()
	return nil
}

func (m *manifests) add(version, kind, name string, rest object) {
	rest["apiVersion"], rest["kind"] = version, kind
	rest["metadata"] = object{"name": name, "namespace": m.namespace, "labels": m.labels("")}
	m.all = append(m.all, rest)
}

func (m *manifests) labels(role string) object {
	l := object{"app.kubernetes.io/name": "mfaload", "app.kubernetes.io/instance": m.name}
	if role != "" {
		l["app.kubernetes.io/component"] = role
	}
	return l
}

// server adds what the embedded server needs: its identity for the
// coordinator, the join file for the workers, and a name.
func (m *manifests) server() error {
	identity, err := fleet.NewIdentity(m.run)
	if err != nil {
		return err
	}
	join, err := identity.Join([]string{fmt.Sprintf("%s.%s.svc:%d", m.name, m.namespace, natsPort)})
	if err != nil {
		return err
	}
	for _, secret := range []struct {
		key   string
		value any
	}{{"identity", identity}, {"join", join}} {
		text, err := json.Marshal(secret.value)
		if err != nil {
			return err
		}
		m.add("v1", "Secret", m.name+"-"+secret.key, object{"type": "Opaque",
			"stringData": object{secret.key: string(text)}})
	}
	m.add("v1", "Service", m.name, object{"spec": object{"selector": m.labels("lead"),
		"publishNotReadyAddresses": true,
		"ports": []object{{"name": "nats", "port": natsPort, "targetPort": natsPort,
			"protocol": "TCP"}}}})
	return nil
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
			names = append(names, beside(s.File, g.File.Path))
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

// lead adds the coordinator's job.
func (m *manifests) lead(files *mounted) {
	args := []string{"coordinate", "--yes", "--shards", fmt.Sprint(m.shards), "--join-within", "30m"}
	if m.tolerate != "" {
		args = append(args, "--tolerate-lost", m.tolerate)
	}
	volumes := []object{{"name": "scenario", "configMap": object{"name": m.name + "-scenario",
		"items": files.items}}, m.results()}
	mounts := []object{{"name": "scenario", "mountPath": "/scenario", "readOnly": true},
		{"name": "results", "mountPath": "/work"}}
	container := object{"name": "lead"}
	if len(m.nats) == 0 {
		args = append(args, "--listen", fmt.Sprintf(":%d", natsPort), "--identity", "/identity/identity")
		volumes, mounts = append(volumes, secretVolume("identity", m.name+"-identity")), append(mounts,
			object{"name": "identity", "mountPath": "/identity", "readOnly": true})
		container["ports"] = []object{{"name": "nats", "containerPort": natsPort}}
	} else {
		args, volumes, mounts = m.external(args, volumes, mounts, "lead.creds")
	}
	args = append(args, "--out", "/work/"+m.run, "/scenario/"+files.main)
	m.job("lead", container, args, "500m", mebibytes(m.leader.Memory, minPodMemory), &m.leader, volumes,
		mounts, object{"backoffLimit": 0})
}

// workers adds the job of the workers.
func (m *manifests) workers() {
	args := []string{"worker", "--start-within", "30m"}
	volumes, mounts := []object{folder("work", m.worker.Folder())}, []object{{"name": "work",
		"mountPath": "/work"}}
	if len(m.nats) == 0 {
		args = append(args, "--join-file", "/join/join")
		volumes, mounts = append(volumes, secretVolume("join", m.name+"-join")), append(mounts,
			object{"name": "join", "mountPath": "/join", "readOnly": true})
	} else {
		args, volumes, mounts = m.external(args, volumes, mounts, "worker.creds")
	}
	memory := cmp.Or(m.memory, mebibytes(m.worker.Memory, minPodMemory))
	m.job("worker", object{"name": "worker"}, args, m.cpu, memory, &m.worker, volumes, mounts, object{
		"completionMode": "Indexed", "completions": m.shards, "parallelism": m.shards,
		// A pod that is started again would find its shard claimed.
		"backoffLimitPerIndex": 0, "podReplacementPolicy": "Failed",
	})
}

func (m *manifests) external(args []string, volumes, mounts []object, creds string) ([]string, []object,
	[]object) {
	args = append(args, "--nats", strings.Join(m.nats, ","), "--run", m.run)
	if m.credsSecret != "" {
		args = append(args, "--creds", "/creds/"+creds)
		volume := object{"name": "creds", "secret": object{"secretName": m.credsSecret, "defaultMode": 0o440,
			"items": []object{{"key": creds, "path": creds}}}}
		volumes, mounts = append(volumes, volume), append(mounts, object{"name": "creds",
			"mountPath": "/creds", "readOnly": true})
	}
	return args, volumes, mounts
}

func secretVolume(name, secret string) object {
	return object{"name": name, "secret": object{"secretName": secret, "defaultMode": 0o440}}
}

func (m *manifests) results() object {
	if m.resultsPVC == "" {
		return folder("results", m.leader.Folder())
	}
	return object{"name": "results", "persistentVolumeClaim": object{"claimName": m.resultsPVC}}
}

// job adds a job whose pods are not root, write nowhere but to their folders,
// and have no token of the cluster.
func (m *manifests) job(role string, container object, args []string, cpu, memory string,
	need *plan.Resources, volumes, mounts []object, spec object) {
	container["image"], container["args"], container["workingDir"] = m.image, args, "/work"
	container["resources"] = object{"requests": object{"cpu": cpu, "memory": memory},
		"limits": object{"cpu": cpu, "memory": memory}}
	container["securityContext"] = object{"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
		"capabilities": object{"drop": []string{"ALL"}}}
	if m.envSecret != "" {
		container["envFrom"] = []object{{"secretRef": object{"name": m.envSecret}}}
	}
	container["volumeMounts"] = append(mounts, object{"name": "tmp", "mountPath": "/tmp"})
	grace := m.scenario.Load.Drain + m.scenario.Target.Timeout + 20*time.Second
	pod := object{
		"restartPolicy": "Never", "automountServiceAccountToken": false, "enableServiceLinks": false,
		"terminationGracePeriodSeconds": int(grace / time.Second),
		"securityContext": object{"runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532,
			"fsGroup":        65532,
			"seccompProfile": object{"type": "RuntimeDefault"}},
		"containers": []object{container},
		"volumes":    append(volumes, folder("tmp", need.Temporary)),
	}
	if role == "worker" {
		pod["topologySpreadConstraints"] = []object{{"maxSkew": 1, "topologyKey": "kubernetes.io/hostname",
			"whenUnsatisfiable": "ScheduleAnyway",
			"labelSelector":     object{"matchLabels": m.labels(role)}}}
	}
	spec["ttlSecondsAfterFinished"] = 86400
	spec["template"] = object{"metadata": object{"labels": m.labels(role)}, "spec": pod}
	m.add("batch/v1", "Job", m.name+"-"+role, object{"spec": spec})
}
