package scenario

import (
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strings"

	"mfaload/scenario/form"
)

// Secret is a text that no log, report or error may show. Every way of
// printing it gives "***"; only Reveal gives the text.
type Secret struct {
	// A pointer, for package fmt prints what it finds in unexported fields
	// without asking their methods.
	text *string
}

// NewSecret hides text.
func NewSecret(text string) Secret { return Secret{&text} }

// Reveal returns the hidden text, for the one place that sends it.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero says whether there is no text.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

func (s Secret) String() string               { return "***" }
func (s Secret) MarshalText() ([]byte, error) { return []byte("***"), nil }
func (s Secret) LogValue() slog.Value         { return slog.StringValue("***") }

// Format covers every verb of package fmt, %x and %#v among them.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "***") }

// policy says what of a scenario is secret or personal.
var policy = &form.Policy{
	IsSecret: isSecret, IsLiteral: isLiteral, IsHidden: isHidden,
	IsPersonal: func(n *form.Node) bool {
		return n.Key == "phone" || n.Parent != nil &&
			n.Parent.Key == "ids"
	},
	IsCut: func(n *form.Node) bool { return n.Key == "ids" },
	Split: "split the users over several scenarios",
	Empty: "write a scenario: 'mfaload schema' describes the keys",
}

// secretKeys are the keys below which nothing is ever shown.
var secretKeys = map[string]bool{"proxy": true, "accessToken": true, "clientSecret": true,
	"clientCredentials": true}

func isSecret(n *form.Node) bool {
	return secretKeys[n.Key] || n.Parent != nil && n.Parent.Key == "headers" ||
		n.Key == "authPath" && strings.ContainsAny(n.Text, "@?#") // where URLs hold passwords
}

// openKeys are keys below secret ones whose values are no secrets.
var openKeys = map[string]bool{"clientID": true, "authMethod": true}

// nothingWritten is a text that variables without defaults make up, and
// proxyLogin what a proxy's URL has before its host where it comes from them.
var (
	nothingWritten = regexp.MustCompile(`^(\$\{[A-Za-z_][A-Za-z0-9_]*(:-)?\})*$`)
	proxyLogin     = regexp.MustCompile(
		`^[a-z0-9]+://\$\{[A-Za-z_][A-Za-z0-9_]*\}(:\$\{[A-Za-z_][A-Za-z0-9_]*\})?@[^@]*$`)
)

// isLiteral says whether a secret is written out.
func isLiteral(n *form.Node) bool {
	return !openKeys[n.Key] && !nothingWritten.MatchString(n.Text) &&
		(n.Key != "proxy" || strings.Contains(n.Text, "@") && !proxyLogin.MatchString(n.Text))
}

// shownMembers are the members of a request whose values name no person. All
// other values of a request are hidden in the scenario's text.
var shownMembers = []string{"id", "type", "testMode", "name", "variant", "locale"}

// freeMembers are those members of a request below which anything may stand.
var freeMembers = []string{"undocumented", "clientContext", "variables"}

// isHidden says that a value is a secret, or one of a request that may be
// personal.
func isHidden(n *form.Node) bool {
	if n.Key == "authMethod" {
		return false // one of two words
	}
	free := !slices.Contains(shownMembers, n.Key)
	for p := n; p != nil; p = p.Parent {
		free = free || slices.Contains(freeMembers, p.Key)
		if p.IsSecret() || free && p.Key == "request" {
			return true
		}
	}
	return false
}
