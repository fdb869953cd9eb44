package report

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
// time of the judged part, as text that HdrHistogram's plotter reads: of the
// whole, and of each group where there are several.
func Distributions(m *measure.Measurement) (all []Distribution, err error) {
	s, err := newSums(&m.Main, len(m.Groups))
	if err != nil {
		return nil, err
	}
	add := func(name string, h *measure.Histogram) {
		var b bytes.Buffer
		if err == nil {
			err = h.WriteDistribution(&b)
		}
		all = append(all, Distribution{name + ".hgrm", b.Bytes()})
	}
	add("response", s.all.response)
	add("service", s.all.service)
	if len(m.Groups) > 1 {
		for i, name := range m.Groups {
			add(name+".response", s.groups[i].response)
			add(name+".service", s.groups[i].service)
		}
	}
	return all, err
}
