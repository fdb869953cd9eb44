package contract

import "fmt"

// Accept says what the accept path alone makes of a response: that it is right, or
// the facts that are wrong, "" where it can't decide.
func (c *Contract) Accept(ex *Exchange) (isRight bool, facts string) {
	r := c.checkers.Get().(*checker)
	defer r.release()
	a := c.acceptPath(ex.Status)
	r.ex, r.response, r.status, r.plan = ex, a.response, ex.Status, a
	if a.root == nil {
		return false, ""
	}
	switch a.accept(r, &r.scan) {
	case right:
		return true, ""
	case wrong:
		return false, fmt.Sprint(explanationKey{r.scan.wrong, r.scan.marks, r.status})
	}
	return false, ""
}
