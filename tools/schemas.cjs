// Holds documents against schemas with ajv, in its strict mode, and with
// cfworker's validator: see schemas.sh.
const fs = require("fs");
const modules = __dirname + "/.node/schemas/node_modules/";
const { Ajv2020 } = require(modules + "ajv/dist/2020");
const formats = require(modules + "ajv-formats").default;
const { Validator } = require(modules + "@cfworker/json-schema");

// strictTypes and strictRequired are matters of taste: they want types and
// properties repeated next to the $ref or allOf that has them.
function ajv(schema) {
  const checker = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false, allErrors: true, allowUnionTypes: true });
  formats(checker);
  const check = checker.compile(schema);
  return (document) => (check(document) ? [] : check.errors.map((e) => `${e.instancePath} ${e.message} (${e.schemaPath})`));
}

function cfworker(schema) {
  const checker = new Validator(schema, "2020-12", false);
  return (document) => {
    const found = checker.validate(document);
    return found.valid ? [] : found.errors.map((e) => `${e.instanceLocation} ${e.error}`);
  };
}

const read = (file) => JSON.parse(fs.readFileSync(file, "utf8"));
const args = process.argv.slice(2);
for (const [validator, prepare] of [["ajv", ajv], ["cfworker", cfworker]]) {
  for (let i = 0; i + 1 < args.length; i += 2) {
    let errors;
    try {
      errors = prepare(read(args[i]))(read(args[i + 1]));
    } catch (e) {
      errors = ["the schema or the document is not taken: " + e.message];
    }
    console.log(JSON.stringify({ validator, document: args[i + 1], errors }));
  }
}
