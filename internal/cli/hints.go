package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mfaload/internal/text"
)

// flagHints say what to write in place of flags that other load tools have (k6, vegeta, wrk, hey, oha,
// Locust, JMeter) or that people try.
var flagHints = []struct{ names, instead string }{
	{"output o out-dir output-dir dir report-dir reports d-out", "use --out DIR"},
	{"config f file script scenario input targets", "the scenario is an argument: mfaload %s SCENARIO"},
	{"rps qps R throughput tps req-rate", "use --rate 50/s"},
	{"d t z time run-time period length", "use --duration 30s"},
	{"n number requests iterations i count num max-requests amount",
		"use --set load.maxRequests=1000, or --duration"},
	{"u vus users c concurrency connections clients concurrent max-vus workers max-workers",
		"mfaload sends on a schedule, with as many connections as it takes: use --rate 50/s. For users who " +
			"wait for their response (a closed load) write load.concurrency in the scenario"},
	{"threads processes cpus p parallel",
		"mfaload uses all processors: use --shards 4 for several processes"},
	{"s stage stages ramp-up rampup spawn-rate", "write load.stages in the scenario, or use " +
		"--set load.stages[0].rate=50/s"},
	{"timeout T", "use --set target.timeout=10s"},
	{"H header headers", "use --set 'target.headers={NAME: value}'"},
	{"host url target base-url address", "use --set target.authPath=https://auth.pingone.eu"},
	{"env-id environment", "use --set target.envID=ID"},
	{"token bearer access-token", "export PINGONE_ACCESS_TOKEN; no secret belongs on a command line"},
	{"k insecure insecure-skip-tls-verify", "mfaload always verifies certificates: use " +
		"--set target.caFile=ca.pem to trust an authority of your own"},
	{"http2 h2", "use --set target.protocol=h2"},
	{"proxy x", "use --set target.proxy=http://proxy.example:3128"},
	{"e env variable", "scenarios read variables of the environment: NAME=value mfaload %s SCENARIO"},
	{"threshold thresholds fail-under",
		"use --set thresholds.errorRate=1%, or write thresholds in the scenario"},
	{"tag tags", "use --label key=value"},
	{"warmup warm-up", "use --set load.warmup=10s"},
	{"seed", "use --set load.seed=7"},
	{"dryrun dry noop simulate check-only preview", "use --plan"},
	{"json summary-export report-format", "use --summary json"},
	{"silent no-summary", "use --summary none, or --quiet to show no progress"},
	{"no-color no-colour color", "set NO_COLOR=1"},
	{"debug trace", "use --verbose, or 'mfaload check --verbose' to see requests and responses"},
	{"force overwrite-existing", "use --overwrite to replace results, --yes to start without a question"},
	{"browser web dashboard ui", "use --listen 127.0.0.1:9095 for a live page, --open for the report"},
}

// verbHints are verbs that people try, and ours.
var verbHints = map[string]string{
	"attack": "run", "bench": "run", "benchmark": "run", "load": "run", "test": "run", "start": "run",
	"exec": "run", "go": "run", "plan": "run --plan", "dry-run": "run --plan",
	"plot": "report", "show": "report", "render": "report", "html": "report", "view": "report",
	"diff": "compare", "regression": "compare", "baseline": "compare", "history": "compare --against-history",
	"lint": "validate", "verify": "validate", "inspect": "validate", "new": "init", "create": "init",
	"generate": "init", "scaffold": "init", "mock": "simulate", "serve": "simulate", "server": "simulate",
	"stub": "simulate", "simulator": "simulate", "conformance": "check", "probe": "check", "smoke": "check",
	"max": "capacity", "limit": "capacity", "search": "capacity", "stress": "capacity",
	"master": "coordinate",
	"lead":   "coordinate", "leader": "coordinate", "agent": "worker", "join": "worker",
	"kubernetes": "k8s", "rules": "contract", "faults": "simulate --faults", "topics": "help",
}

// FlagError says what to write in place of a flag that a verb does not have; nil if the error is
// about something else.
func FlagError(c *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return nil
	}
	name, written := unknown.GetSpecifiedName(), "--"+unknown.GetSpecifiedName()
	if unknown.GetSpecifiedShortnames() != "" {
		name = name[:1]
		written = "-" + name
	}
	err = fmt.Errorf("there is no flag %.80s", written)
	if hint := flagHint(c, name, len(written) == 2); hint != "" {
		return fmt.Errorf("%w\n%s", err, text.Hint("%s", hint))
	}
	return err
}

// flagHint is what to write for a flag: another tool's by its name, else the nearest one of the verb.
func flagHint(c *cobra.Command, name string, short bool) string {
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	for _, h := range flagHints {
		for known := range strings.FieldsSeq(h.names) {
			if known == name && offered(c, h.instead) {
				return strings.ReplaceAll(h.instead, "%s", c.Name())
			}
		}
	}
	if short {
		return ""
	}
	if near := text.Nearest(name, names, 3); near != "" {
		return "did you mean --" + near + "?"
	}
	return ""
}

// offered says whether the verb has the flag that a hint begins with, if that names one.
func offered(c *cobra.Command, instead string) bool {
	_, flag, found := strings.Cut(instead, "use --")
	if !found {
		return c.Flags().Lookup("set") != nil || c.Name() == "run"
	}
	end := strings.IndexFunc(flag, func(r rune) bool { return r != '-' && (r < 'a' || r > 'z') })
	if end >= 0 {
		flag = flag[:end]
	}
	return c.Flags().Lookup(flag) != nil
}

// VerbError says what to write in place of a verb that there is not.
func VerbError(root *cobra.Command, word string) error {
	err := fmt.Errorf("there is no command %q", word)
	if ours := verbHints[strings.ToLower(word)]; ours != "" {
		return fmt.Errorf("%w: did you mean 'mfaload %s'?", err, ours)
	}
	if near := root.SuggestionsFor(word); len(near) > 0 {
		return fmt.Errorf("%w: did you mean %s?", err, strings.Join(near, " or "))
	}
	if info, found := os.Stat(word); found == nil && info.Mode().IsRegular() {
		return fmt.Errorf("%w: did you mean 'mfaload run %s'?", err, word)
	} else if found == nil {
		return fmt.Errorf("%w: did you mean 'mfaload report %s'?", err, word)
	}
	return err
}
