package form_test

import (
	"fmt"

	"mfaload/scenario/form"
)

// A table of keys reads a file, fills in defaults, and says where it is wrong.
func ExampleMapping() {
	type server struct {
		Host string
		Port int
	}
	servers := form.Mapping[server](nil, []form.Field{
		form.Key("host", form.AnyText, "Its name.").Required(),
		form.Key("port", form.Whole(1, 65535), "Its port.").Default("443"),
	})
	no := func(*form.Node) bool { return false }
	policy := &form.Policy{IsSecret: no, IsLiteral: no, IsPersonal: no, IsHidden: no, IsCut: no}
	for _, text := range []string{"host: auth.example\n", "host: auth.example\nprot: 80\n"} {
		d := form.NewDecoder("servers.yaml", func(string) (string, bool) { return "", false }, policy)
		s := servers.Read(d, d.Load([]byte(text)))
		fmt.Println(s.Host, s.Port)
		fmt.Println(d.Problems())
	}
	// Output:
	// auth.example 443
	//
	// auth.example 443
	// servers.yaml:2:1: unknown key "prot"
	//     did you mean "port"?
}
