// Package manifests decodes the Kubernetes manifests of deploy/kubernetes as a
// cluster does, and looks at what they promise.
package manifests

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// manifests are the objects of a file.
type manifests struct {
	jobs       []*batch.Job
	services   []*core.Service
	secrets    []*core.Secret
	configMaps []*core.ConfigMap
}

func read(t *testing.T, path string) (m manifests) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, document := range strings.Split(string(text), "\n---\n") {
		var kind struct{ APIVersion, Kind string }
		if err := yaml.Unmarshal([]byte(document), &kind); err != nil {
			t.Fatal(err)
		}
		var into any
		switch kind.APIVersion + " " + kind.Kind {
		case "batch/v1 Job":
			job := &batch.Job{}
			m.jobs, into = append(m.jobs, job), job
		case "v1 Service":
			service := &core.Service{}
			m.services, into = append(m.services, service), service
		case "v1 Secret":
			secret := &core.Secret{}
			m.secrets, into = append(m.secrets, secret), secret
		case "v1 ConfigMap":
			configMap := &core.ConfigMap{}
			m.configMaps, into = append(m.configMaps, configMap), configMap
		default:
			t.Fatalf("%s: %s %s is no kind that is expected", path, kind.APIVersion, kind.Kind)
		}
		// A field that is unknown, or there twice, is an error.
		if err := yaml.UnmarshalStrict([]byte(document), into); err != nil {
			t.Errorf("%s: %s: %v", path, kind.Kind, err)
		}
	}
	return m
}

func TestManifests(t *testing.T) {
	for _, name := range []string{"embedded.yaml", "nats.yaml"} {
		m := read(t, filepath.Join("..", "kubernetes", name))
		if len(m.jobs) != 2 || len(m.configMaps) != 1 {
			t.Fatalf("%s: %d jobs, %d config maps", name, len(m.jobs), len(m.configMaps))
		}
		if embedded := name == "embedded.yaml"; embedded != (len(m.services) == 1 && len(m.secrets) == 2) {
			t.Errorf("%s: %d services, %d secrets", name, len(m.services), len(m.secrets))
		}
		for _, job := range m.jobs {
			checkPod(t, name+" "+job.Name, &job.Spec.Template)
		}
		checkLead(t, m)
		checkWorkers(t, m.jobs[1])
		checkReferences(t, m)
	}
}

func checkPod(t *testing.T, name string, template *core.PodTemplateSpec) {
	t.Helper()
	pod, c := template.Spec, template.Spec.Containers[0]
	security, own := pod.SecurityContext, c.SecurityContext
	for what, ok := range map[string]bool{
		"never restarted": pod.RestartPolicy == core.RestartPolicyNever,
		"no service account token": pod.AutomountServiceAccountToken != nil &&
			!*pod.AutomountServiceAccountToken,
		"not root": *security.RunAsNonRoot && *security.RunAsUser > 0,
		"seccomp":  security.SeccompProfile.Type == core.SeccompProfileTypeRuntimeDefault,
		"no more privileges": !*own.AllowPrivilegeEscalation && slices.Equal(own.Capabilities.Drop,
			[]core.Capability{"ALL"}),
		"a root that is read-only": *own.ReadOnlyRootFilesystem,
		"requests of both": !c.Resources.Requests.Cpu().IsZero() &&
			!c.Resources.Requests.Memory().IsZero(),
		"limits that are requests": c.Resources.Limits.Cpu().Equal(*c.Resources.Requests.Cpu()) &&
			c.Resources.Limits.Memory().Equal(*c.Resources.Requests.Memory()),
		"time to drain": *pod.TerminationGracePeriodSeconds >= 30,
		"variables of the one secret": len(c.EnvFrom) == 1 && c.EnvFrom[0].SecretRef.Name == "pingone" &&
			len(c.Env) == 0,
	} {
		if !ok {
			t.Errorf("%s: %s is not so", name, what)
		}
	}
}

func checkLead(t *testing.T, m manifests) {
	t.Helper()
	lead := m.jobs[0]
	if *lead.Spec.BackoffLimit != 0 {
		t.Error("the coordinator would be started again")
	}
	for _, s := range m.services {
		for key, value := range s.Spec.Selector {
			if lead.Spec.Template.Labels[key] != value {
				t.Errorf("the service does not find the coordinator by %s", key)
			}
		}
		if s.Spec.Ports[0].Port != lead.Spec.Template.Spec.Containers[0].Ports[0].ContainerPort {
			t.Error("the service leads to another port")
		}
	}
}

func checkWorkers(t *testing.T, job *batch.Job) {
	t.Helper()
	s := job.Spec
	if *s.CompletionMode != batch.IndexedCompletion || *s.Completions != 8 || *s.Parallelism != 8 {
		t.Error("it is no job of eight indices at once")
	}
	if *s.BackoffLimitPerIndex != 0 || *s.PodReplacementPolicy != batch.Failed {
		t.Error("a pod would be started again")
	}
	spread := s.Template.Spec.TopologySpreadConstraints
	if len(spread) != 1 || spread[0].TopologyKey != core.LabelHostname ||
		spread[0].LabelSelector.MatchLabels["app.kubernetes.io/component"] != "worker" {
		t.Error("workers are not spread over the nodes")
	}
}

// checkReferences finds volumes that nothing in the file has, and files that are
// not mounted.
func checkReferences(t *testing.T, m manifests) {
	t.Helper()
	there := map[string]bool{"nats-creds": true, "results": true}
	for _, s := range m.secrets {
		there[s.Name] = true
	}
	for _, c := range m.configMaps {
		there[c.Name] = true
	}
	for _, job := range m.jobs {
		mounts := map[string]bool{}
		for _, mount := range job.Spec.Template.Spec.Containers[0].VolumeMounts {
			mounts[mount.Name] = true
		}
		for _, v := range job.Spec.Template.Spec.Volumes {
			if !mounts[v.Name] {
				t.Errorf("%s: volume %s is not mounted", job.Name, v.Name)
			}
			delete(mounts, v.Name)
			if v.Secret != nil && !there[v.Secret.SecretName] || v.ConfigMap != nil &&
				!there[v.ConfigMap.Name] {
				t.Errorf("%s: volume %s is of something that is not there", job.Name, v.Name)
			}
			if v.ConfigMap != nil {
				for _, item := range v.ConfigMap.Items {
					if _, ok := m.configMaps[0].Data[item.Key]; !ok {
						t.Errorf("%s: %s is not in the config map", job.Name, item.Key)
					}
				}
			}
		}
		if len(mounts) > 0 {
			t.Errorf("%s mounts what is no volume: %v", job.Name, mounts)
		}
	}
}
