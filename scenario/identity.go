package scenario

import "mfaload/scenario/form"

// Identity is a token that is not good for what 'mfaload check --generate' tries with it.
type Identity struct {
	// Name is unique.
	Name string
	// Kind says what is wrong with the token for the scenario's users.
	Kind IdentityKind
	// AccessToken is never empty.
	AccessToken Secret
	// Users are those for whom a token of the kind [Population] is good.
	Users []string
}

// IdentityKind says what a token lacks.
type IdentityKind string

const (
	// Expired is a token whose time is over.
	Expired IdentityKind = "expired"
	// Foreign is a token of another environment.
	Foreign IdentityKind = "foreign"
	// Weak is a token of an application without the permission.
	Weak IdentityKind = "weak"
	// Population is a token that is good for users of another population only.
	Population IdentityKind = "population"
)

// checkForm are the settings of mfaload check.
var checkForm = form.Mapping[checkSettings](nil, []form.Field{
	form.Key("identities", form.ListOf("a list of identities",
		"such as [{name: other, kind: foreign, accessToken: ${OTHER_TOKEN}}]", identityForm),
		"Tokens that must not be good for the scenario's users: 'mfaload check --generate' tries them."),
})

type checkSettings struct{ Identities []Identity }

var identityForm = form.Mapping(checkIdentity, []form.Field{
	form.Key("name", nameText, "Names the identity in messages.").Required(),
	form.Key("kind", form.OneOf("a kind", Expired, Foreign, Weak, Population),
		"Why the token is not good: its time is over (expired), it is of another environment (foreign), its "+
			"application lacks the permission (weak), or it is for users of another population "+
			"(population).").Required(),
	form.Key("accessToken", tokenText, "The token, best from a variable.").Required(),
	form.Key("users", form.ListOf("a list of user IDs", "such as ["+exampleID+"]", idText),
		"With kind: population, the users for whom the token is good: the simulator needs to know."),
})

func checkIdentity(d *form.Decoder, n *form.Node, i *Identity) {
	if users := n.Get("users"); users != nil && i.Kind != Population {
		d.FailKey(users, d.Label(users)+" is for identities with kind: population",
			"remove it, or change the kind")
	}
}

// checkIdentities refuses duplicate names.
func checkIdentities(d *form.Decoder, n *form.Node, all []Identity) {
	known := map[string]bool{}
	for i, identity := range all {
		name := n.Get("check").Get("identities").Entries[i].Get("name")
		if known[identity.Name] && name != nil {
			d.Fail(name, d.Label(name)+": "+name.Shown()+" is the name of another identity too",
				"choose another name")
		}
		known[identity.Name] = true
	}
}
