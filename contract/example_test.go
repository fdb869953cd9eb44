package contract_test

import (
	"fmt"

	"mfaload/contract"
)

// A contract is a document. What a schema can't say about a response stands in
// x-rules: here that the response is about the parcel of the request.
func ExampleCompile() {
	c, err := contract.Compile("parcels.yaml", []byte(`
openapi: 3.1.0
x-rules:
  - rule: echo.number
    level: fail
    description: the number that was asked for
    source: https://parcels.example/docs
    at: /number
    equals: "{number}"
paths:
  /parcels:
    get:
      responses:
        200:
          content:
            application/json: {schema: {$ref: '#/components/schemas/Parcel'}}
components:
  schemas:
    Parcel: {properties: {number: {type: string}, weight: {type: number, maximum: 30}}}
`), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("facts:", c.FactNames())

	ex := &contract.Exchange{
		Facts:  []string{"P-1"}, // in the order of FactNames
		Status: 200,
		Body:   []byte(`{"number": "P-2", "weight": 31}`),
	}
	for _, v := range c.Check(ex, nil) {
		fmt.Printf("%s %s at %s: expected %s, got %s\n", v.Level, v.Rule, v.Pointer, v.Expected, v.Got)
	}
	// Output:
	// facts: [number]
	// fail echo.number at /number: expected "P-1", got string "P-2"
	// fail shape.maximum at /weight: expected maximum 30, got number 31
}
