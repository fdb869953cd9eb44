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
// time of the requests of the judged part that were served, as text that HdrHistogram's plotter reads: of the
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
	addAll := func(prefix string, s *sum) {
		for i, name := range []string{"response", "service"} {
			sum := measure.NewHistogram()
			for _, h := range s.judged[i].Served {
				_ = sum.Merge(h) // of the same geometry
			}
			add(prefix+name, sum)
		}
	}
	addAll("", s.all)
	if len(m.Groups) > 1 {
		for i, name := range m.Groups {
			addAll(name+".", s.groups[i])
		}
	}
	return all, err
}
