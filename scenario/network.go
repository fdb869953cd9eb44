package scenario

import (
	"cmp"
	"encoding/base64"
	"net/url"

	"mfaload/internal/redact"
)

// Network says how connections to the target are made and what every request
// carries beside its body. The zero value is a direct connection.
type Network struct {
	// CustomDomain says that the host is the environment's own domain: paths
	// have no environment in them.
	CustomDomain bool
	// ClientCertificate is what the client proves itself with in TLS.
	ClientCertificate ClientCertificate
	// ServerName is the name that TLS asks for (SNI) and that the server's
	// certificate must have; empty for the host of AuthPath.
	ServerName string
	// Proxy is the URL of a proxy, http://… or socks5://…, with its user name
	// and password if it asks for them. Zero for none; the environment's
	// variables about proxies are never looked at.
	Proxy Secret
	// SourceAddresses are addresses of this machine to connect from, in turn.
	// Empty: the system's choice. All are of one IP version.
	SourceAddresses []string
	// Resolve are the addresses to connect to in turn instead of those that the
	// host's name has.
	Resolve []Endpoint
	// IPVersion restricts connections to a version of IP. Default [AnyIP].
	IPVersion IPVersion
	// Headers are further header fields of every request, in the file's order.
	Headers []Header
	// TransactionIDs, where set, is the beginning of the header
	// X-Ping-External-Transaction-ID, which ends in the request's number.
	TransactionIDs string
}

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
