package runner

import (
	"fmt"
	"os"
)

// localPorts is how many ports there are for connections to one address, from one
// of this machine's.
func localPorts() int {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return defaultPorts
	}
	var first, last int
	if n, _ := fmt.Sscan(string(text), &first, &last); n != 2 || first > last {
		return defaultPorts
	}
	return last - first + 1
}

// defaultPorts is the kernel's own range.
const defaultPorts = 60999 - 32768 + 1
