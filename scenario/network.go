package scenario

import (
	"cmp"
	"encoding/base64"
	"net/url"
	"strings"
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

// shortestHidden is the length from which a header's value is taken out of
// texts: to hide each "1" or "true" would spoil them, and hide nothing.
const shortestHidden = 6

// Hide takes the target's secrets that do not change in a run out of a text:
// the access token, the client secret, the values of headers and the proxy's
// password, and what they look like where they are sent.
func (t *Target) Hide(text string) string {
	if token := t.AccessToken.Reveal(); token != "" {
		text = HideIn(text, token)
	}
	if c := t.ClientCredentials; c != nil {
		text = hidePair(text, c.ClientID, c.ClientSecret.Reveal())
		text = hidePair(text, url.QueryEscape(c.ClientID), url.QueryEscape(c.ClientSecret.Reveal()))
	}
	for _, h := range t.Headers {
		if value := h.Value.Reveal(); len(value) >= shortestHidden {
			text = HideIn(text, value)
		}
	}
	if proxy, err := url.Parse(t.Proxy.Reveal()); err == nil && proxy.User != nil {
		password, _ := proxy.User.Password()
		text = hidePair(text, proxy.User.Username(), password)
		text = strings.ReplaceAll(text, proxy.User.String()+"@", "***@")
	}
	return text
}

// hidePair hides a password, alone and as Basic authentication sends it with its
// user's name. A name without a password is one itself.
func hidePair(text, user, password string) string {
	if user+password == "" {
		return text
	}
	text = strings.ReplaceAll(text, base64.StdEncoding.EncodeToString([]byte(user+":"+password)), "***")
	if secret := cmp.Or(password, user); len(secret) >= shortestHidden {
		text = HideIn(text, secret)
	}
	return text
}

// HideIn takes a secret out of a text, in upper and lower case: the names of
// header fields, where it may be given back, have none.
func HideIn(text, secret string) string {
	low, secret := lower(text), lower(secret)
	var b strings.Builder
	for secret != "" {
		i := strings.Index(low, secret)
		if i < 0 {
			break
		}
		b.WriteString(text[:i] + "***")
		text, low = text[i+len(secret):], low[i+len(secret):]
	}
	b.WriteString(text)
	return b.String()
}

// lower is a text with its ASCII letters in lower case, as long as it was.
func lower(text string) string {
	b := []byte(text)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
