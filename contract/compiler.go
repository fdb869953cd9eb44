package contract

import (
	"mime"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"gopkg.in/yaml.v3"
)

type compiler struct {
	*sourceText
	contract *Contract
	schemas  map[string]*schema // by pointer; nil while one is being compiled
	byName   map[string]*rule
	nodes    map[*rule]*yaml.Node // of x-rules
	carried  map[*rule]bool       // named by a schema or a response
	slots    map[string]int

	otherNames map[string]bool // of x-request-rules and x-flow-rules
}

func newCompiler(d *sourceText) *compiler {
	return &compiler{
		sourceText: d,
		contract:   &Contract{maxDepth: maxDepthOfText, names: map[string]bool{}},
		schemas:    map[string]*schema{},
		byName:     map[string]*rule{},
		nodes:      map[*rule]*yaml.Node{},
		carried:    map[*rule]bool{},
		slots:      map[string]int{},

		otherNames: map[string]bool{},
	}
}

func (k *compiler) compile() (*Contract, error) {
	if v := get(k.root, "openapi"); v == nil || !strings.HasPrefix(v.Value, "3.1") {
		k.fail(k.root, "the document must begin with openapi: 3.1.0: only OpenAPI 3.1 is supported")
		return nil, k.err()
	}
	operation := k.operation()
	list := get(k.root, "x-rules")
	k.listRules(list)
	k.requestRules(get(k.root, "x-request-rules"))
	if operation != nil {
		if n := k.member(operation, "responses"); n != nil {
			k.responses(n)
		}
	}
	if err := k.err(); err != nil {
		return nil, err // rules refer to the responses
	}
	k.places()
	k.readRules()
	k.flowRules(get(k.root, "x-flow-rules"))
	if err := k.err(); err != nil {
		return nil, err
	}
	return k.contract, nil
}

var methods = []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}

func (k *compiler) operation() (found *yaml.Node) {
	paths := k.member(k.root, "paths")
	if paths == nil {
		return nil
	}
	count := 0
	for _, item := range entries(paths) {
		for _, method := range methods {
			if n := get(item, method); n != nil {
				found = n
				count++
			}
		}
	}
	if count != 1 {
		k.fail(paths, "a contract describes one operation, this document has %d: leave one", count)
		return nil
	}
	return found
}

func encodeFragment(step string) string {
	return url.PathEscape(escapePointer.Replace(step))
}

// response is what the document says about responses with some HTTP statuses.
type response struct {
	mediaTypes []string
	schema     *schema // nil: nothing is said about the body
	root       *schemaTree
	// recognize are the members by which the service's own bodies are known;
	// nil: every body must be one. Other bodies break the rule otherwise.
	recognize []string
	otherwise *rule

	lastMedia atomic.Pointer[string] // the last Content-Type that was right
}

type responses struct {
	exact    map[int]*response
	ranges   map[int]*response // by the first digit
	fallback *response
}

func (r *responses) of(status int) *response {
	if found := r.exact[status]; found != nil {
		return found
	}
	if found := r.ranges[status/100]; found != nil {
		return found
	}
	return r.fallback
}

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
			k.fail(key, "%q is not an HTTP status: write 201, 4XX or default", clip(key.Value))
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
			k.fail(ref, "there is no such response: write %sNAME (%s)", responsePrefix,
				suggestion(name, keys(all)))
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
			k.fail(key, "%q is not a media type: write one such as application/json", clip(key.Value))
		}
		resp.mediaTypes = append(resp.mediaTypes, name)
		ref := get(get(value, "schema"), "$ref")
		if ref == nil {
			k.fail(value, "a media type needs {schema: {$ref: %sNAME}}: add it", schemaPrefix)
			continue
		}
		if reference != "" && ref.Value != reference {
			k.fail(ref, "the media types of a response must share one schema: refer to %s here too",
				clip(reference))
		}
		reference = ref.Value
		resp.schema = k.reference(ref)
	}
}

// places follows the schemas of all responses. It waits until the document is
// known to be without problems, for only then the schemas have an end.
func (k *compiler) places() {
	all := &k.contract.responses
	for status := range len(k.contract.acceptPaths) {
		if resp := all.of(status); resp != nil && resp.schema != nil && resp.root == nil {
			resp.root = resp.root.with(resp.schema, k.noteKeywords)
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
			k.fail(key, "unknown word %q in x-recognized: %s", clip(key.Value),
				suggestion(key.Value, []string{"members", "else"}))
		}
	}
	if resp.recognize == nil {
		k.fail(n, "x-recognized needs members: write {members: [code]}")
	}
}

type statuses struct{ from, to int }

func (s statuses) has(status int) bool { return s.from <= status && status <= s.to }

var statusForm = regexp.MustCompile(`^[1-5](XX|[0-9][0-9])$`)

// parseStatuses reads "201" or "4XX".
func parseStatuses(s string) (statuses, bool) {
	if !statusForm.MatchString(s) {
		return statuses{}, false
	}
	if s[1:] == "XX" {
		from := int(s[0]-'0') * 100
		return statuses{from, from + 99}, true
	}
	n, err := strconv.Atoi(s)
	return statuses{n, n}, err == nil
}
