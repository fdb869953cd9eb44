package measure

import "slices"

// Reasons of mfaload's own, or of the machine's that it runs on, for which an
// arrival was not sent. They say nothing of the service: what was withheld for
// them is in no rate and no percentile, and the run does not judge the service.
const (
	NoToken       = "no valid token"
	NoSource      = "no source address"
	NoPorts       = "out of local ports"
	NoDescriptors = "out of file descriptors"
	NoMemory      = "out of socket memory"
	NotPermitted  = "not permitted by this machine"
	NetworkDown   = "network of this machine down"
	NotLoopback   = "not loopback"
)

var ownLimits = []string{NoToken, NoSource, NoPorts, NoDescriptors, NoMemory, NotPermitted, NetworkDown,
	NotLoopback}

// OwnLimits returns the reasons of mfaload's own for which arrivals are not sent.
func OwnLimits() []string { return slices.Clone(ownLimits) }

// IsOwnLimit says whether a reason why an arrival was withheld is mfaload's own.
func IsOwnLimit(reason string) bool { return slices.Contains(ownLimits, reason) }
