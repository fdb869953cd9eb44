package scenario

import (
	"errors"
	"slices"
	"strings"

	"mfaload/scenario/form"
)

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

// authPathOf is the authPath of a region.
func authPathOf(region string) string { return "https://auth.pingone." + region }

var clientCredentialsForm = form.Mapping(nil, []form.Field[ClientCredentials]{
	form.Key("clientID", clientIDText, func(c *ClientCredentials, v string) { c.ClientID = v },
		"The worker application's client ID.").Required(),
	form.Key("clientSecret", clientSecretText, func(c *ClientCredentials, v Secret) { c.ClientSecret = v },
		"Its client secret, best from a variable.").Required(),
	form.Key("authMethod", form.OneOf("an authentication method", Basic, Post), func(c *ClientCredentials, v AuthMethod) { c.AuthMethod = v },
		"How the application authenticates to the token endpoint, as it is set up there: basic or post.").Default("basic"),
})

var clientIDText = form.Matching("a client ID", "such as ${PINGONE_CLIENT_ID}", `[!-~]+`, 255, "has a space or a character that is not printable ASCII")

var clientSecretText = func() form.Form[Secret] {
	f := form.Text("a client secret", "such as ${PINGONE_CLIENT_SECRET}", "", func(text string) (Secret, *form.Flaw) {
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

// tokenKeys are the ways to a token.
var tokenKeys = []string{"accessToken", "accessTokenFile", "clientCredentials"}

// checkToken looks at where the token comes from.
func checkToken(d *form.Decoder, n *form.Node) {
	var written []*form.Node
	for _, key := range tokenKeys {
		if e := n.Get(key); e != nil {
			written = append(written, e)
		}
	}
	if len(written) > 1 {
		d.FailKey(written[1], "both "+written[0].Key+" and "+written[1].Key+" are in target", "keep one of them")
	}
	if len(written) == 0 && n.Lacks("simulator") && (n.Get("authPath") != nil || n.Get("region") != nil) && !slices.ContainsFunc(tokenKeys, func(key string) bool { return !n.Lacks(key) }) {
		d.Fail(n, "accessToken is missing in target", "add accessToken: "+tokenText.Want()+", accessTokenFile, or clientCredentials of a worker application")
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

// checkRegion looks for what contradicts a region.
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
