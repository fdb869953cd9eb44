package live

import (
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"mfaload/internal/disk"
)

// The rules of these variables are those of
// https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/:
// only "true", in any case, is true, and lists are separated by commas.

// OTLPWanted says whether the standard environment variables ask for an export,
// and refuses what can't be done.
func OTLPWanted(lookup func(string) (string, bool)) (bool, error) {
	value := firstSet(lookup)
	_, exporters := value("OTEL_METRICS_EXPORTER")
	name, endpoint := value("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
	_, disabled := value("OTEL_SDK_DISABLED")
	if strings.EqualFold(disabled, "true") || exporters != "" && !hasOTLP(exporters) || exporters == "" &&
		endpoint == "" {
		return false, nil
	}
	if variable, protocol := value("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL",
		"OTEL_EXPORTER_OTLP_PROTOCOL"); protocol != "" && !strings.EqualFold(protocol, "http/protobuf") {
		return false, fmt.Errorf("%s %.40q is not supported: use http/protobuf", variable, protocol)
	}
	if err := checkEndpoint(endpoint); err != nil {
		return false, fmt.Errorf("%s %w", name, err)
	}
	if err := checkSettings(value); err != nil {
		return false, err
	}
	return true, nil
}

// firstSet returns the first of several variables that is set, and its name. An empty
// one counts as not set.
func firstSet(lookup func(string) (string, bool)) func(names ...string) (name, v string) {
	return func(names ...string) (name, v string) {
		for _, name := range names {
			if v, _ := lookup(name); strings.TrimSpace(v) != "" {
				return name, strings.TrimSpace(v)
			}
		}
		return "", ""
	}
}

// checkSettings refuses what the SDK would log, with its value, and leave out.
func checkSettings(value func(names ...string) (name, v string)) error {
	for _, setting := range []struct {
		names []string
		check func(string) error
	}{
		{[]string{"OTEL_EXPORTER_OTLP_METRICS_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"}, checkHeaders},
		{[]string{"OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"}, checkMilliseconds},
		{[]string{"OTEL_RESOURCE_ATTRIBUTES"}, checkAttributes},
		{[]string{"OTEL_METRIC_EXPORT_INTERVAL"}, checkMilliseconds},
		{[]string{"OTEL_METRIC_EXPORT_TIMEOUT"}, checkMilliseconds},
		{[]string{"OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION"},
			checkCompression},
		{[]string{"OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"}, checkFile},
		{[]string{"OTEL_EXPORTER_OTLP_METRICS_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"},
			checkFile},
		{[]string{"OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY", "OTEL_EXPORTER_OTLP_CLIENT_KEY"}, checkFile},
	} {
		name, v := value(setting.names...)
		if name == "" {
			continue
		}
		if err := setting.check(v); err != nil {
			return fmt.Errorf("%s %w", name, err)
		}
	}
	return nil
}

// Both are lists of key=value, with values percent-encoded:
// https://opentelemetry.io/docs/specs/otel/protocol/exporter/ and
// https://opentelemetry.io/docs/specs/otel/resource/sdk/.
func checkHeaders(list string) error { return checkPairs(list, httpguts.ValidHeaderFieldName) }
func checkAttributes(list string) error {
	return checkPairs(list, func(key string) bool { return key != "" })
}

// checkPairs shows no part of the list: any may be a key to the collector.
func checkPairs(list string, valid func(key string) bool) error {
	for i, one := range strings.Split(list, ",") {
		if strings.TrimSpace(one) == "" {
			continue
		}
		key, v, found := strings.Cut(one, "=")
		if _, err := url.PathUnescape(v); err != nil || !found || !valid(strings.TrimSpace(key)) {
			return fmt.Errorf("has no key=value in entry %d: write for example x-key=VALUE, with %%2C "+
				"for a comma", i+1)
		}
	}
	return nil
}

func checkMilliseconds(v string) error {
	if n, err := strconv.ParseInt(v, 10, 32); err != nil || n <= 0 {
		return fmt.Errorf("%.20q is not a number of milliseconds above 0: write for example 10000", v)
	}
	return nil
}

func checkCompression(v string) error {
	if v != "gzip" && v != "none" {
		return fmt.Errorf("%.20q is not supported: use gzip or none", v)
	}
	return nil
}

func checkFile(path string) error {
	text, err := disk.Read(path, disk.MaxCredentials)
	if err != nil {
		return fmt.Errorf("names a file that can't be read: %w: check the path", errors.Unwrap(err))
	}
	if block, _ := pem.Decode(text); block == nil {
		return errors.New("names a file without PEM: write the path of one with -----BEGIN")
	}
	return nil
}

// hasOTLP says whether a list of exporters names this one: names are separated by
// commas, have no case, and empty ones are left out.
func hasOTLP(list string) bool {
	for name := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.TrimSpace(name), "otlp") {
			return true
		}
	}
	return false
}

// checkEndpoint refuses what is no URL with a scheme and a host: the exporter would
// take "collector:4318" for the scheme "collector", and send to localhost. What a
// URL has apart from them may be a key, so it is not shown.
func checkEndpoint(endpoint string) error {
	if endpoint == "" {
		return nil // the default: http://localhost:4318
	}
	u, err := url.Parse(endpoint)
	switch {
	case !strings.Contains(endpoint, "://"):
		return errors.New("has no scheme: write http:// or https:// in front, such as http://127.0.0.1:4318")
	case err != nil || u.Host == "" || u.Hostname() == "":
		return errors.New("is not a URL with a host: write one such as http://127.0.0.1:4318")
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("has the scheme %.20q: use http or https", u.Scheme)
	}
	return nil
}
