package contract

import (
	"mime"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

// response is what the document says about answers with some HTTP statuses.
type response struct {
	mediaTypes []string
	schema     *schema // nil: nothing is said about the body
	validator  *jsonschema.Schema
	root       *schemaTree
	// recognize are the members by which the service's own bodies are known;
	// nil: every body must be one. Other bodies break the rule otherwise.
	recognize []string
	otherwise *rule

	lastMedia atomic.Pointer[string] // the last Content-Type that was right
}

// responses are a document's responses by the statuses they apply to.
type responses struct {
	exact    map[int]*response
	ranges   map[int]*response // by the first digit
	fallback *response
}

// of returns the response for a status, or nil.
func (r *responses) of(status int) *response {
	if found := r.exact[status]; found != nil {
		return found
	}
	if found := r.ranges[status/100]; found != nil {
		return found
	}
	return r.fallback
}

// within returns the responses that apply to at least one of the statuses.
func (r *responses) within(s statuses) (list []*response) {
	for status := s.from; status <= s.to; status++ {
		if found := r.of(status); found != nil && !slices.Contains(list, found) {
			list = append(list, found)
		}
	}
	return list
}

func (k *compiler) responses(n *yaml.Node) {
	all := &k.contract.responses
	all.exact, all.ranges = map[int]*response{}, map[int]*response{}
	if len(keys(n)) == 0 {
		k.fail(n, "responses must be a mapping from HTTP statuses: write one")
	}
	for key, value := range entries(n) {
		resp := k.response(value)
		within, ok := parseStatuses(key.Value)
		switch {
		case key.Value == "default":
			all.fallback = resp
		case !ok:
			k.fail(key, "%q is no HTTP status: write 201, 4XX or default", clip(key.Value))
		case within.from == within.to:
			all.exact[within.from] = resp
		default:
			all.ranges[within.from/100] = resp
		}
	}
}

const responsePrefix = "#/components/responses/"

func (k *compiler) response(n *yaml.Node) *response {
	if ref := get(n, "$ref"); ref != nil {
		name, local := strings.CutPrefix(k.text(ref, "$ref"), responsePrefix)
		all := get(get(k.root, "components"), "responses")
		n = get(all, name)
		if !local || n == nil {
			k.fail(ref, "there is no such response: write %sNAME (%s)", responsePrefix, suggestion(name, keys(all)))
			return &response{}
		}
	}
	resp := &response{}
	k.content(resp, get(n, "content"))
	if r := get(n, "x-recognized"); r != nil {
		k.recognized(resp, r)
	}
	return resp
}

func (k *compiler) content(resp *response, content *yaml.Node) {
	reference := ""
	for key, value := range entries(content) {
		name, _, err := mime.ParseMediaType(key.Value)
		if err != nil || !strings.Contains(name, "/") {
			k.fail(key, "%q is no media type: write one such as application/json", clip(key.Value))
		}
		resp.mediaTypes = append(resp.mediaTypes, name)
		ref := get(get(value, "schema"), "$ref")
		if ref == nil {
			k.fail(value, "a media type needs {schema: {$ref: %sNAME}}: add it", schemaPrefix)
			continue
		}
		if reference != "" && ref.Value != reference {
			k.fail(ref, "the media types of a response must share one schema: refer to %s here too", clip(reference))
		}
		reference = ref.Value
		resp.schema = k.reference(ref)
	}
}

// places follows the schemas of all responses. It waits until the document is
// known to be without problems, for only then the schemas have an end.
func (k *compiler) places() {
	all := &k.contract.responses
	for status := 100; status <= 599; status++ {
		if resp := all.of(status); resp != nil && resp.schema != nil && resp.root == nil {
			resp.root = k.mergeInto(nil, resp.schema, true)
		}
	}
}

func (k *compiler) recognized(resp *response, n *yaml.Node) {
	for key, value := range entries(n) {
		switch key.Value {
		case "members":
			resp.recognize = k.texts(value, "members")
		case "else":
			if resp.otherwise = k.namedRule(value); resp.otherwise != nil {
				k.carried[resp.otherwise] = true
			}
		default:
			k.fail(key, "unknown word %q in x-recognized: %s", clip(key.Value), suggestion(key.Value, []string{"members", "else"}))
		}
	}
	if resp.recognize == nil {
		k.fail(n, "x-recognized needs members: write {members: [code]}")
	}
}
