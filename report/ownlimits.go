package report

import (
	"fmt"

	"mfaload/internal/number"
	"mfaload/measure"
)

// ownLimitTexts say how many requests mfaload itself did not send, for which of
// its limits, and what to do.
func ownLimitTexts(p *measure.Phase) (texts []string) {
	counts := map[string]uint64{}
	for _, w := range p.Withheld {
		counts[w.Reason] += w.Count
	}
	for _, reason := range measure.OwnLimits() {
		if n := counts[reason]; n > 0 {
			texts = append(texts, fmt.Sprintf("%s requests were not sent, %s: %s", number.Count(n), reason,
				ownLimitRemedies[reason]))
		}
	}
	return texts
}

var ownLimitRemedies = map[string]string{
	measure.NoToken: "the token had expired, and the token endpoint gave no new one; check " +
		"clientCredentials and the token endpoint, " +
		"or keep accessTokenFile up to date",
	measure.NoSource: "this machine has no such address; correct target.sourceAddresses or " +
		"target.ipVersion, or give the machine the address",
	measure.NoPorts: "widen the range of local ports (Linux: net.ipv4.ip_local_port_range), add " +
		"target.sourceAddresses, lower load.workers, " +
		"or share the load among several machines",
	measure.NoDescriptors: "raise the limit of open files (ulimit -n, and fs.file-max for the whole " +
		"system), lower load.workers, " +
		"or share the load among several machines",
	measure.NoMemory: "the system had no memory for another socket (Windows: or no local port); lower " +
		"load.workers, " +
		"or use a machine with more memory, or several",
	measure.NotPermitted: "a packet filter of this machine, or what confines mfaload, refused the " +
		"connection; let it connect to the target",
	measure.NetworkDown: "bring the network interface up and run again",
	measure.NotLoopback: "the target's name led to another machine; set target.ownerAgreed once the owner " +
		"agreed to the load",
}
