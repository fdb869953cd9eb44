package main

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"mfaload/fleet"
	"mfaload/internal/number"
	"mfaload/measure"
	"mfaload/runner/schedule"
	"mfaload/session"
	"mfaload/session/kubernetes"
	"mfaload/session/shards"
)

type k8sFlags struct {
	fleetFlags
	m kubernetes.Manifests
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
	c.Flags().StringVar(&flags.m.Image, "image", "",
		"the image of mfaload, as deploy/Dockerfile makes it (required)")
	c.Flags().StringVar(&flags.m.Namespace, "namespace", "default", "the namespace")
	c.Flags().StringVar(&flags.m.Run, "run", "",
		"the run's name: lower-case letters, digits and '-' (default: made from the time)")
	c.Flags().StringVar(&flags.m.EnvSecret, "env-secret", "",
		"a Secret whose keys are the variables of the scenario")
	c.Flags().StringVar(&flags.m.Claim, "results-claim", "",
		"a PersistentVolumeClaim for the results (default: a folder that goes with the pod; the summary is "+
			"in its log)")
	c.Flags().StringVar(&flags.m.CPU, "cpu", "1", "processors of a worker, as request and limit")
	c.Flags().StringVar(&flags.m.Memory, "memory", "",
		"memory of a worker, as request and limit (default: what the run needs, at least 512Mi)")
	c.Flags().StringSliceVar(&flags.m.NATS, "nats", nil,
		"an external NATS server or cluster: tls://host:port")
	c.Flags().StringVar(&flags.m.CredsSecret, "creds-secret", "",
		"with --nats: a Secret with lead.creds and worker.creds")
	return c
}

var (
	k8sName     = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)
	k8sQuantity = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?(m|[KMGT]i?)?$`)
)

func (f *k8sFlags) check() error {
	m := &f.m
	if _, err := f.fleetFlags.check(); err != nil {
		return err
	}
	m.Run = cmp.Or(m.Run, strings.ToLower(shards.RunName()))
	switch {
	case m.Image == "" || strings.ContainsAny(m.Image, " \t\n"):
		return errors.New("--image is missing: the image of mfaload, as deploy/Dockerfile makes it")
	case !k8sName.MatchString(m.Run):
		return fmt.Errorf("--run %q is not of lower-case letters, digits and '-', at most 40", m.Run)
	case !k8sName.MatchString(m.Namespace):
		return fmt.Errorf("--namespace %q can't be the name of one", m.Namespace)
	case !k8sQuantity.MatchString(m.CPU) || m.Memory != "" && !k8sQuantity.MatchString(m.Memory):
		return errors.New("--cpu and --memory are quantities such as 500m, 2 and 512Mi")
	case m.CredsSecret != "" && len(m.NATS) == 0:
		return errors.New("--creds-secret needs --nats")
	case len(m.NATS) == 0:
		return nil
	}
	return (&fleet.External{URLs: m.NATS}).Check()
}

func (a *app) k8s(file string, flags *k8sFlags) error {
	in, err := (&contractFlags{}).loader(a).Load(file)
	if err != nil {
		return err
	}
	s := in.Scenario
	defer s.Close()
	m := &flags.m
	m.Shards, m.Tolerate = flags.shards, flags.tolerate
	if err := schedule.CheckShard(s, measure.Shard{Run: m.Run, Count: m.Shards}); err != nil {
		return err
	}
	if err := a.consent(s, session.PlanHere(s, 0), true); err != nil {
		return err
	}
	m.Scenario = s
	worker, coordinator := m.Needs()
	if m.Memory != "" && kubernetes.Quantity(m.Memory) < float64(worker.Memory) {
		a.ui.Tell("mfaload: --memory %s is less than the %s that a worker needs, about: it may be killed\n",
			m.Memory, number.Bytes(worker.Memory))
	}
	if m.Claim != "" {
		a.ui.Tell("mfaload: the results take about %s of the claim %s\n", number.Bytes(coordinator.Folder()),
			m.Claim)
	}
	return m.Write(a.ui.Data)
}
