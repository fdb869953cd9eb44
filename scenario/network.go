package scenario

import (
	"cmp"
	"encoding/base64"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"mfaload/internal/redact"
	"mfaload/scenario/form"
)

// Network says how connections to the target are made and what every request
// carries in addition to its body. The zero value is a direct connection.
type Network struct {
	CustomDomain      bool
	ClientCertificate ClientCertificate
	// ServerName is empty for the host of AuthPath.
	ServerName string
	// Proxy is the URL of a proxy with its user name and password. Zero for none; the
	// environment's variables about proxies are never looked at.
	Proxy Secret
	// SourceAddresses are empty for the system's choice. All are of one IP version.
	SourceAddresses []string
	// Resolve replaces the addresses that the host's name has.
	Resolve   []Endpoint
	IPVersion IPVersion
	// Headers are in the file's order.
	Headers []Header
	// TransactionIDs is empty where requests carry none.
	TransactionIDs string
	// Trace says whether requests begin a trace.
	Trace TraceMode `json:",omitzero"`
	// ServiceTimeHeader is the response's header field that says how long the service took; empty
	// for none.
	ServiceTimeHeader string `json:",omitzero"`
}

// TraceMode is whether requests begin a W3C trace, with the header field traceparent.
type TraceMode string

const (
	// TraceOff sends none. The default.
	TraceOff TraceMode = "off"
	// TraceUnsampled names a trace that nobody needs to record.
	TraceUnsampled TraceMode = "unsampled"
	// TraceSlow names traces as TraceUnsampled does, and mfaload exports those of requests worth looking at.
	TraceSlow TraceMode = "slow"
	// TraceAll asks that each trace is recorded, and exports as TraceSlow does.
	TraceAll TraceMode = "all"
)

// Sent says whether requests have the header field.
func (t TraceMode) Sent() bool { return t == TraceUnsampled || t.Exported() }

// OnlyExported says whether traces serve nothing without an export.
func (t TraceMode) OnlyExported() bool { return t == TraceSlow }

// Exported says whether spans of requests worth looking at are exported, where OTLP is configured.
func (t TraceMode) Exported() bool { return t == TraceSlow || t == TraceAll }

// ClientCertificate names a certificate and its key, both PEM files. Either
// none or both are set.
type ClientCertificate struct{ Cert, Key string }

// Header is a header field of requests. Its value may be a secret.
type Header struct {
	Name  string
	Value Secret
}

// Endpoint is an IP address with a port; 0 is the port of AuthPath.
type Endpoint struct {
	Address string
	Port    int
}

// IPVersion is a version of the Internet Protocol.
type IPVersion string

const (
	// AnyIP is whatever the host's name and the machine have. The default.
	AnyIP IPVersion = "any"
	// IPv4 is version 4 only.
	IPv4 IPVersion = "ipv4"
	// IPv6 is version 6 only.
	IPv6 IPVersion = "ipv6"
)

// Secrets are the target's secrets that do not change in a run: the access token,
// the client secret, the values of headers and the proxy's password, and what they
// look like where they are sent.
func (t *Target) Secrets() redact.Secrets {
	all := []string{t.AccessToken.Reveal()}
	if c := t.ClientCredentials; c != nil {
		all = append(all, asSent(c.ClientID, c.ClientSecret.Reveal())...)
		all = append(all, asSent(url.QueryEscape(c.ClientID), url.QueryEscape(c.ClientSecret.Reveal()))...)
	}
	for _, h := range t.Headers {
		all = append(all, h.Value.Reveal())
	}
	for _, i := range t.Identities {
		all = append(all, i.AccessToken.Reveal())
	}
	if proxy, err := url.Parse(t.Proxy.Reveal()); err == nil && proxy.User != nil {
		password, _ := proxy.User.Password()
		all = append(all, asSent(proxy.User.Username(), password)...)
		all = append(all, proxy.User.String())
	}
	return redact.New(all...)
}

// asSent is a password, alone and as Basic authentication sends it with its user's
// name. A name without a password is one itself.
func asSent(user, password string) []string {
	if user+password == "" {
		return nil
	}
	return []string{cmp.Or(password, user), base64.StdEncoding.EncodeToString([]byte(user + ":" + password))}
}

var networkKeys = []form.Field{
	form.Key("customDomain", form.YesOrNo,
		"States that authPath is a custom domain: the environment's ID is not in the "+
			"paths then.").Default("false"),
	form.Key("clientCertificate", clientCertificateForm,
		"The certificate that TLS shows the server, for hosts that ask for one."),
	form.Key("serverName", form.Matching("a host name", "such as auth.pingone.eu", serverNamePattern, 253,
		"is not a host name"),
		"The name that TLS asks for and that the certificate must have. Default: the host of authPath."),
	form.Key("proxy", proxyText,
		"A proxy to go through: http://host:port or socks5://host:port, with user:password@ before the "+
			"host if it asks for them. Needs ownerAgreed: mfaload can't tell where a proxy leads."),
	form.Key("sourceAddresses",
		form.ListOf("a list of IP addresses", "such as [192.0.2.10, 192.0.2.11]", addressText),
		"Addresses of this machine that connections come from, in turn: limits per address and numbers of "+
			"ports count for each."),
	form.Key("resolve", form.OneOrMore(endpointText),
		"The address to connect to, or a list to take in turn, with a port if it is another: the host's "+
			"name is not looked up. TLS and the header Host keep the name."),
	form.Key("ipVersion", form.OneOf("a version of IP", AnyIP, IPv4, IPv6),
		"Connects over this version of IP only.").Default("any"),
	form.Set("headers",
		form.Dictionary("a mapping", "such as {X-Ping-External-Session-ID: rollout}", headerPattern,
			checkHeaderName, headerText), func(w *Network, v []form.Entry[Secret]) {
			for _, e := range v {
				w.Headers = append(w.Headers, Header{e.Name, e.Value})
			}
		}, "Further header fields of every request. Those that mfaload sets can't be replaced. Values are "+
			"never shown."),
	form.Key("transactionIDs", form.Matching("a text",
		"of letters, digits, '.', '_' and '-', such as friday-peak", namePattern, 64,
		"is not a text of letters, digits, '.', '_' and '-'"),
		"Sends X-Ping-External-Transaction-ID with every request: this text, a hyphen and the request's "+
			"number, as in friday-peak-17. The service's audit log has it."),
	form.Key("trace", form.OneOf("a way to trace", TraceOff, TraceUnsampled, TraceSlow, TraceAll),
		"Sends traceparent (W3C Trace Context) with every request, a trace of its own for each. The report "+
			"has the trace IDs of the slowest. unsampled names a trace that nobody has to record. slow also "+
			"exports spans of slow, violating and failed requests by OTLP. all does that, and asks every "+
			"service on the way to record each trace.").Default("off"),
	form.Key("serviceTimeHeader", form.Matching("the name of a header field",
		"such as Server-Timing or X-Envoy-Upstream-Service-Time", headerPattern, 256,
		"is not the name of a header field"),
		"The response's header field that says how long the service took: Server-Timing, with the metric "+
			"total or else its first duration, or one with milliseconds or a duration such as 12ms. The "+
			"report sets it against the time outside the service."),
}

var clientCertificateForm = form.Mapping[ClientCertificate](nil, []form.Field{
	form.Key("cert", pathText,
		"The file with the certificate and those between it and its authority (PEM). Relative to the "+
			"working folder.").Required(),
	form.Key("key", pathText, "The file with the certificate's key (PEM), not encrypted.").Required(),
})

var pathText = form.Text("the path of a file", "", `[\s\S]+`, func(text string) (string, *form.Flaw) {
	if text == "" {
		return "", &form.Flaw{Reason: "is empty"}
	}
	return text, nil
})

const serverNamePattern = `[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?` +
	`(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*`

// proxyText is a proxy's URL. It may hold a password, so it is never shown.
var proxyText = form.Text("the URL of a proxy",
	"such as http://proxy.example:3128 or socks5://127.0.0.1:1080",
	`(?:[Hh][Tt][Tt][Pp]|[Ss][Oo][Cc][Kk][Ss]5)://[^/?#\s]+/?`, parseProxy)

func parseProxy(text string) (Secret, *form.Flaw) {
	u, err := url.Parse(text)
	if err != nil {
		return Secret{}, form.NewFlaw("is not a URL",
			"write for example http://proxy.example:3128; in a user name and a password write @ as "+
				"%40, : as %3A and / as %2F")
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	switch {
	case u.Scheme != "http" && u.Scheme != "socks5":
		return Secret{}, &form.Flaw{Reason: "starts with neither http:// nor socks5://"}
	case u.Path != "" && u.Path != "/" || strings.ContainsAny(text, "?#"):
		return Secret{}, &form.Flaw{Reason: "has more than a host and a port"}
	case !isHost(strings.ToLower(u.Hostname())):
		return Secret{}, &form.Flaw{Reason: "has no valid host"}
	case err != nil || port == 0:
		return Secret{}, &form.Flaw{Reason: "has no valid port"}
	}
	return NewSecret(text), nil
}

var addressText = form.Text("an IP address", "such as 192.0.2.10", "[0-9A-Fa-f:.]+",
	func(text string) (string, *form.Flaw) {
		address, err := netip.ParseAddr(text)
		if err != nil || address.Zone() != "" {
			return "", &form.Flaw{Reason: "is not an IP address"}
		}
		return address.Unmap().String(), nil
	})

var endpointText = form.Text("an IP address", "such as 192.0.2.10, 192.0.2.10:8443 or '[2001:db8::1]:8443'",
	`[0-9A-Fa-f:.\[\]]+`, parseEndpoint)

func parseEndpoint(text string) (Endpoint, *form.Flaw) {
	if address, err := netip.ParseAddr(text); err == nil && address.Zone() == "" {
		return Endpoint{Address: address.Unmap().String()}, nil
	}
	e, err := netip.ParseAddrPort(text)
	if err != nil || e.Addr().Zone() != "" || e.Port() == 0 {
		return Endpoint{}, &form.Flaw{Reason: "is not an IP address, with or without a port"}
	}
	return Endpoint{e.Addr().Unmap().String(), int(e.Port())}, nil
}

const headerPattern = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"

var headerName = regexp.MustCompile(headerPattern)

// ownHeaders are the header fields that mfaload sets or that belong to the
// connection, in lower case.
var ownHeaders = map[string]bool{
	"host": true, "content-type": true, "content-length": true, "transfer-encoding": true, "accept": true,
	"accept-encoding": true,
	"authorization":   true, "user-agent": true, "connection": true, "keep-alive": true,
	"proxy-connection":    true,
	"proxy-authorization": true, "te": true, "trailer": true, "upgrade": true, "expect": true,
	"http2-settings":    true,
	transactionIDHeader: true, "traceparent": true,
}

const transactionIDHeader = "x-ping-external-transaction-id"

func checkHeaderName(name string) *form.Flaw {
	switch lower := strings.ToLower(name); {
	case !headerName.MatchString(name):
		return form.NewFlaw("is not the name of a header field", "write a name such as X-Forwarded-For")
	case lower == transactionIDHeader:
		return form.NewFlaw("is a header field that mfaload sets",
			"write target.transactionIDs: friday-peak instead")
	case lower == "traceparent":
		return form.NewFlaw("is a header field that mfaload sets", "write target.trace: unsampled instead")
	case ownHeaders[lower]:
		return form.NewFlaw("is a header field that mfaload sets", "remove it")
	}
	return nil
}

var headerText = form.Text("text", "of printable ASCII characters", "",
	func(text string) (Secret, *form.Flaw) {
		switch {
		case strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }):
			return Secret{}, &form.Flaw{Reason: "has a character that is not printable ASCII"}
		case text == "" || strings.TrimSpace(text) != text:
			return Secret{}, form.NewFlaw("is empty, or begins or ends with a space", "write text")
		}
		return NewSecret(text), nil
	})

func checkNetwork(d *form.Decoder, n *form.Node, t *Target) {
	checkHeaders(d, n, t)
	checkVersions(d, n, t)
	if simulator := n.Get("simulator"); simulator != nil {
		for _, name := range []string{"clientCertificate", "serverName", "proxy", "resolve"} {
			if e := n.Get(name); e != nil {
				d.FailKey(e, d.Label(e)+" has no effect with simulator, which is within mfaload", "remove it")
			}
		}
		if e := n.Get("ipVersion"); e != nil && t.IPVersion == IPv6 {
			d.Fail(e, d.Label(e)+": the simulator is within mfaload, at an IPv4 address", "remove it")
		}
		return
	}
	if resolve := n.Get("resolve"); resolve != nil && n.Get("proxy") != nil {
		d.FailKey(resolve, d.Label(resolve)+" has no effect with proxy, which looks up the host's name "+
			"itself",
			"remove one of them")
	}
	if strings.HasPrefix(t.AuthPath, "http://") {
		for _, name := range []string{"clientCertificate", "serverName"} {
			if e := n.Get(name); e != nil {
				d.FailKey(e, d.Label(e)+" has no effect without TLS", "remove it, or write https:// in "+
					"authPath")
			}
		}
	}
	if custom := n.Get("customDomain"); t.CustomDomain && n.Sound("authPath") &&
		pingOneHost.MatchString(t.AuthPath) {
		d.Fail(custom, d.Label(custom)+": "+n.Get("authPath").Shown()+
			" is not a custom domain: its paths have the environment in them",
			"remove customDomain, or write your own domain in authPath")
	}
}

var pingOneHost = regexp.MustCompile(`^https?://auth\.pingone\.[a-z.]+(:[0-9]+)?$`)

// checkHeaders finds names that are the same but for their case, and headers
// that the service would not take.
func checkHeaders(d *form.Decoder, n *form.Node, t *Target) {
	headers := n.Get("headers")
	if headers == nil {
		return
	}
	seen := map[string]bool{}
	size := len(t.AccessToken.Reveal())
	for i, h := range t.Headers {
		name := strings.ToLower(h.Name)
		if seen[name] {
			e := headers.Entries[i]
			d.FailKey(e, d.Label(e)+" is a duplicate: header names ignore case",
				"remove one of them")
		}
		seen[name] = true
		size += len(h.Name) + len(h.Value.Reveal()) + len(": \r\n")
	}
	if size > maxToken {
		d.Fail(headers,
			d.Label(headers)+" and the token are longer than the headers that the service takes, 6 KB",
			"write fewer or shorter ones")
	}
}

func checkVersions(d *form.Decoder, n *form.Node, t *Target) {
	version, of := t.IPVersion, "ipVersion"
	if version == AnyIP {
		version = ""
	}
	look := func(e *form.Node, text string) {
		address, err := netip.ParseAddr(text)
		its := IPv4
		if address.Unmap().Is6() {
			its = IPv6
		}
		switch {
		case err != nil || e == nil || e.Bad:
		case version == "":
			version, of = its, d.Label(e)
		case version != its:
			d.Fail(e, d.Label(e)+": "+e.Shown()+" is not of the IP version that "+of+" has",
				"write addresses of one version")
		}
	}
	if u, err := url.Parse(t.AuthPath); err == nil && len(t.Resolve) == 0 && t.Proxy.IsZero() {
		look(n.Get("authPath"), u.Hostname())
	}
	for i, e := range t.Resolve {
		look(n.Get("resolve").Item(i), e.Address)
	}
	for i, address := range t.SourceAddresses {
		look(n.Get("sourceAddresses").Item(i), address)
	}
}

// isThisMachine says whether requests can't but end on this machine: neither
// the host nor an address for it is another, and no proxy passes them on.
func isThisMachine(t *Target, host string) bool {
	for _, e := range t.Resolve {
		if !isLoopback(e.Address) {
			return false
		}
	}
	return isLoopback(host) && t.Proxy.IsZero()
}

// isUnencrypted says whether a token could be read on its way over http://.
func isUnencrypted(t *Target, host string) bool {
	if !t.Proxy.IsZero() {
		proxy, err := url.Parse(t.Proxy.Reveal())
		return err != nil || !isLoopback(strings.ToLower(proxy.Hostname())) || !isLoopback(host)
	}
	return !isThisMachine(t, host)
}
