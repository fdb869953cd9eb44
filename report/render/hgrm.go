package render

import (
	"bytes"

	"mfaload/measure"
)

// Distribution is a percentile distribution as a file.
type Distribution struct {
	// Name is the file's, such as "response.hgrm" or "email-otp.service.hgrm".
	Name string
	Text []byte
}

// Distributions returns the percentile distributions of response and service
// time of the requests of the judged part that were served, as text that HdrHistogram's plotter reads: of the
// whole, and of each group where there are several.
func Distributions(m *measure.Measurement) (all []Distribution, err error) {
	add := func(name string, h *measure.Histogram) {
		var b bytes.Buffer
		if err == nil {
			err = h.WriteDistribution(&b)
		}
		all = append(all, Distribution{name + ".hgrm", b.Bytes()})
	}
	addAll := func(prefix string, group int) {
		for i, name := range []string{"response", "service"} {
			sum, waits := measure.NewHistogram(), m.Main.Waits(group, i == 1)
			for _, h := range waits.Served {
				_ = sum.Merge(h) // of the same geometry
			}
			add(prefix+name, sum)
		}
	}
	addAll("", -1)
	if len(m.Groups) > 1 {
		for i, name := range m.Groups {
			addAll(name+".", i)
		}
	}
	return all, err
}
