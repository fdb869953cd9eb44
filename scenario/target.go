package scenario

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"mfaload/scenario/form"
)

const exampleAuthPath = "https://auth.pingone.eu"

var authPathText = form.Text("the scheme and host", "such as "+exampleAuthPath,
	`[Hh][Tt][Tt][Pp][Ss]?://[^/?#@\s]+/?`, parseAuthPath)

var hostName = regexp.MustCompile(
	`^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?$`)

// parseAuthPath checks a URL of just a scheme and a host, and returns it in
// lower case without a slash at the end.
func parseAuthPath(text string) (string, *form.Flaw) {
	u, err := url.Parse(text)
	if err != nil {
		return "", &form.Flaw{Reason: "is not a URL"}
	}
	scheme, host, port := strings.ToLower(u.Scheme), strings.ToLower(u.Hostname()), u.Port()
	remedy := "write only the scheme and host, such as " + exampleAuthPath
	number, err := strconv.ParseUint(port, 10, 16)
	switch {
	case scheme != "https" && scheme != "http":
		return "", &form.Flaw{Reason: "does not start with https://"}
	case u.User != nil:
		return "", form.NewFlaw("has a user name", remedy)
	case strings.ContainsAny(text, "?#"):
		return "", form.NewFlaw("has a query or a fragment", remedy)
	case u.Path != "" && u.Path != "/":
		return "", form.NewFlaw("has a path", remedy+": the paths are added")
	case !isHost(host):
		return "", &form.Flaw{Reason: "has no valid host"}
	case port != "" && (err != nil || number == 0) || strings.HasSuffix(u.Host, ":"):
		return "", &form.Flaw{Reason: "has no valid port"}
	}
	return scheme + "://" + strings.ToLower(u.Host), nil
}

func isHost(host string) bool {
	if strings.Contains(host, ":") {
		address, err := netip.ParseAddr(host)
		return err == nil && address.Zone() == ""
	}
	return len(host) <= 253 && hostName.MatchString(host)
}

// isLoopback says whether a host is this machine whatever a resolver says.
func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.Unmap().IsLoopback()
}

// maxToken is what the service takes for all headers of a request.
const maxToken = 6 << 10

var bearerFlaw = form.NewFlaw(`starts with "Bearer "`, "remove the prefix: mfaload adds it")

var tokenText = func() form.Form[Secret] {
	f := form.Text("an access token", "such as ${PINGONE_ACCESS_TOKEN}", "", parseToken)
	f.Schema["pattern"] = form.OrVariable(`[A-Za-z0-9._~+/-]+=*`)
	return f
}()

func parseToken(text string) (Secret, *form.Flaw) {
	switch {
	case text == "":
		return Secret{}, &form.Flaw{Reason: "is empty"}
	case len(text) >= 7 && strings.EqualFold(text[:7], "bearer "):
		return Secret{}, bearerFlaw
	case strings.ContainsFunc(text, func(r rune) bool { return r < '!' || r > '~' }):
		return Secret{}, &form.Flaw{Reason: "has a space or a character that is not printable ASCII"}
	case isQuote(text[0]):
		return Secret{}, form.NewFlaw("begins with a quote", "remove the quotes: they are not part of a "+
			"token")
	case len(text) > maxToken:
		return Secret{}, &form.Flaw{Reason: "is longer than the headers that the service takes, 6 KB"}
	}
	if at := notBearer(text); at >= 0 {
		return Secret{},
			form.NewFlaw(fmt.Sprintf("has a character that no bearer token has (RFC 6750), at place %d of %d",
				at+1, len(text)), "write letters, digits and -._~+/ only, and = only at its end")
	}
	return NewSecret(text), nil
}

func isQuote(b byte) bool { return b == '"' || b == '\'' || b == '`' }

// notBearer is the place of the first character that a bearer token can't have
// (b64token of RFC 6750, section 2.1); -1 for none.
func notBearer(text string) int {
	end := len(strings.TrimRight(text, "="))
	for i := range end {
		switch b := text[i]; {
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b >= '0' && b <= '9',
			strings.IndexByte("-._~+/", b) >= 0:
		default:
			return i
		}
	}
	if end == 0 {
		return 0
	}
	return -1
}

func checkTarget(d *form.Decoder, n *form.Node, t *Target) {
	simulator, authPath := n.Get("simulator"), cmp.Or(n.Get("authPath"), n.Get("region"))
	checkNetwork(d, n, t)
	checkLimitValues(d, n, t)
	checkToken(d, n)
	checkRegion(d, n)
	switch {
	case n.Get("region") != nil && simulator != nil: // said by checkRegion
	case simulator != nil && authPath != nil:
		d.FailKey(simulator, "both authPath and simulator are in target", "remove one of them")
	case simulator != nil:
		t.EnvID = cmp.Or(t.EnvID, simulatedEnvID)
	case authPath != nil:
		d.Missing(n, "envID", idText.Want())
		checkHost(d, n, t)
	case n.Lacks("authPath") && n.Lacks("simulator"):
		d.Fail(n, "neither authPath nor simulator is in target",
			"add authPath: "+exampleAuthPath+", or simulator: {} for the embedded simulator")
	}
}

func checkHost(d *form.Decoder, n *form.Node, t *Target) {
	u, err := url.Parse(t.AuthPath)
	authPath := cmp.Or(n.Get("authPath"), n.Get("region"))
	if err != nil || authPath.Bad || isThisMachine(t, u.Hostname()) {
		return
	}
	if u.Scheme == "http" && isUnencrypted(t, u.Hostname()) {
		d.Fail(authPath, d.Label(authPath)+": "+authPath.Shown()+" would send the token unencrypted",
			"write https://")
	}
	if agreed := n.Get("ownerAgreed"); !t.OwnerAgreed && (agreed == nil || !agreed.Bad) {
		d.Fail(authPath, d.Label(authPath)+": "+authPath.Shown()+notThisMachine(t, u.Hostname())+
			", and its owner's consent is not confirmed",
			"ask first: PingOne wants a support case opened before a load test, and real e-mails, SMS, "+
				"calls and pushes may go out; then write ownerAgreed: true")
	}
}

// IsRemote says whether requests may leave this machine, whatever a resolver
// says: the target is neither the embedded simulator nor a loopback host.
func (t *Target) IsRemote() bool {
	if t.Simulator != nil {
		return false
	}
	u, err := url.Parse(t.AuthPath)
	return err != nil || !isThisMachine(t, u.Hostname())
}

func notThisMachine(t *Target, host string) string {
	switch {
	case !isLoopback(host):
		return " is not this machine"
	case !t.Proxy.IsZero():
		return " is behind a proxy, which may lead to any machine"
	}
	return " is resolved to an address that is not this machine"
}

// ClientCredentials are those of a worker application, with which it gets
// access tokens from the environment's token endpoint (OAuth 2.0, RFC 6749,
// section 4.4).
type ClientCredentials struct {
	ClientID     string
	ClientSecret Secret
	AuthMethod   AuthMethod
}

// AuthMethod is how an application proves itself to the token endpoint. It
// must be the one that is set up for the application.
type AuthMethod string

const (
	// Basic sends the credentials by HTTP Basic. The default.
	Basic AuthMethod = "basic"
	// Post sends them in the form.
	Post AuthMethod = "post"
)

// regions are PingOne's, by the end of their hosts' names.
var regions = []string{"eu", "com", "ca", "com.au", "sg", "asia"}

func authPathOf(region string) string { return "https://auth.pingone." + region }

var clientCredentialsForm = form.Mapping[ClientCredentials](nil, []form.Field{
	form.Key("clientID", clientIDText, "The worker application's client ID.").Required(),
	form.Key("clientSecret", clientSecretText, "Its client secret, best from a variable.").Required(),
	form.Key("authMethod", form.OneOf("an authentication method", Basic, Post),
		"How the application authenticates to the token endpoint, as it is set up there: "+
			"basic or post.").Default("basic"),
})

var clientIDText = form.Matching("a client ID", "such as ${PINGONE_CLIENT_ID}", `[!-~]+`, 255,
	"has a space or a character that is not printable ASCII")

var clientSecretText = func() form.Form[Secret] {
	f := form.Text("a client secret", "such as ${PINGONE_CLIENT_SECRET}", "",
		func(text string) (Secret, *form.Flaw) {
			switch {
			case text == "":
				return Secret{}, &form.Flaw{Reason: "is empty"}
			case strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }):
				return Secret{}, &form.Flaw{Reason: "has a character that is not printable ASCII"}
			}
			return NewSecret(text), nil
		})
	f.Schema["pattern"] = form.OrVariable(`[ -~]+`)
	return f
}()

var tokenKeys = []string{"accessToken", "accessTokenFile", "clientCredentials"}

func checkToken(d *form.Decoder, n *form.Node) {
	var written []*form.Node
	for _, key := range tokenKeys {
		if e := n.Get(key); e != nil {
			written = append(written, e)
		}
	}
	if len(written) > 1 {
		d.FailKey(written[1], "both "+written[0].Key+" and "+written[1].Key+" are in target",
			"keep one of them")
	}
	if len(written) == 0 && n.Lacks("simulator") && (n.Get("authPath") != nil || n.Get("region") != nil) &&
		!slices.ContainsFunc(tokenKeys, func(key string) bool { return !n.Lacks(key) }) {
		d.Fail(n, "accessToken is missing in target", "add accessToken: "+tokenText.Want()+
			", accessTokenFile, or clientCredentials of a worker application")
	}
}

// ParseToken checks that a text can be an access token. Its error is a clause
// about the text.
func ParseToken(text string) error {
	if _, f := parseToken(text); f != nil {
		return errors.New(strings.TrimRight(f.Reason+": "+f.Remedy, ": "))
	}
	return nil
}

func checkRegion(d *form.Decoder, n *form.Node) {
	region := n.Get("region")
	if region == nil {
		return
	}
	for _, key := range []string{"authPath", "simulator", "customDomain"} {
		if e := n.Get(key); e != nil {
			d.FailKey(region, "both "+key+" and region are in target", "keep one of them")
			return
		}
	}
}
