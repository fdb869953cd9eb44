// Package contract compiles a contract document into a checker of responses. It
// knows no service: every rule, member and value comes from the document.
//
// # Documents
//
// A document is OpenAPI 3.1 in YAML and describes exactly one operation. Which of
// its responses applies is found by the HTTP status that was received: the exact
// code, else the range (4XX), else default. All media types of a response share
// one schema, a $ref to components/schemas. Schemas are JSON Schema 2020-12. The
// tables of keyword.go have the keywords that are understood; any other is an error
// of [Compile], because a keyword that is ignored is a check that can't fail.
//
// A schema object may name the rule that its keywords stand for with x-rule;
// type and required keep their own. Without it a keyword belongs to the rule
// shape.KEYWORD. Where anyOf or oneOf fails, the rule is reported once at that
// place, without the reasons of the branches.
//
// A response may say by x-recognized how the service's own bodies are known:
//
//	x-recognized: {members: [code, message], else: error.body}
//
// A body that is no JSON object with at least one of these members is not the
// service's. It breaks the rule that else names, where there is one, and is not
// looked at further.
//
// # Rules
//
// What a schema can't say stands in the list x-rules. A rule has these members:
//
//	rule, level, description, source   its name, its level (fail, note, off), its meaning, where it is said
//	example                            a response that breaks it
//	on: [201, 4XX]                     the HTTP statuses it holds for; without it all
//	at: /a/*/b                         its place, or a list of places; * is any item or member, *.x any
//	                                   member whose name ends in .x
//	header: NAME                       its place where that is a header field
//	when: {/status: [A, B]}            only where that string is one of these
//	asked: FACT                        only where the request has this
//	required: true                     the place is there and not null
//	instead: POINTER                   with required: what may be there in its place
//
// and one word that says what holds for each value at its place:
//
//	equals: TEMPLATE          the string is that text
//	urlPath: TEMPLATE         it is an absolute URL with that path
//	urlOrigin: TEMPLATE       scheme, host and port of the URL are these
//	in: POINTER               it is one of the strings at these places, if there are any; or a list
//	lte: POINTER              it is a UTC time not after the one there
//	known: LIST or TABLE      it is one of these strings
//	members: LIST or TABLE    the object has these members
//	pattern: REGEXP           it matches
//	unique: true              no two places hold the same string
//	masked: [TEMPLATE, …]     it is a masked e-mail address or phone number and doesn't show these
//	holdsJSON: true           the string is a JSON text
//	holdsMember: {PTR: FACT}  the string that is at PTR in its JSON, where there is one, is that text
//	notNull: true             it is not null
//	newInRun: true            no other response of the run has the same string there
//	newBody: true             (whole response) no other response of the run has the same body
//	notAnothers: TEMPLATE     the string is that text, or at least not that of another request in flight
//	inExchange: true          the UTC time lies between send and receipt, by the clock of the Date header
//	unasked: true             (header) there is no such field
//	once: true                (header) there is at most one such field
//	mediaType: true           (header) it is one of the response's media types, in UTF-8
//	secondsOrDate: true       (header) it is a number of seconds or an HTTP date
//	reference: TEMPLATE       (header) it is a reference to that URL, by the URL above it
//	nowhere: "{FACT}"         (whole response) the fact is in no header field and not in the body
//	hasResponse: true         (whole response) the document has a response for the status
//	namedOnly: true           (whole body) every member is one that a schema names
//	text: WORD                (whole body) one of whole, noBOM, json, utf8, single, uniqueNames, object
//	depth: N                  (whole body) at most N levels of nesting
//	keyword: WORD             the rule for that schema keyword, in place of shape.WORD
//	by: schema                an x-rule in a schema says it
//	by: response              an x-recognized in a response says it
//	by: transport             the transport finds it: [Exchange].Framing
//	by: caller                the caller of this package evaluates it
//
// A table has a row for each value of per: the string at a pointer, or the HTTP
// status (per: http). Where there is no row, the rule is not evaluated.
//
// Where texts are compared, the IDs in them (36 characters, 8-4-4-4-12
// hexadecimal) compare without regard to case.
//
// A template is a text with {fact} for a value of the request, {fact?} for one
// that may be empty, and {/a/b} for a string of the response. A rule is not
// evaluated where one of its facts or strings is not there.
//
// # No cascades
//
// One fault breaks one rule. A rule is not evaluated at a place that breaks
// another rule of level fail already, nor where a value that it compares with
// does. For this the schema comes before the rules, rules of level fail before
// those of level note, and else the document's order counts. A body whose text
// breaks a rule is not looked into.
package contract
