package contract

// ShapeFacts returns what an answer had, as texts that can be counted: its
// headers ("header Content-Type"), its members with their types ("/user/id is
// string") and its codes ("/status = OTP_REQUIRED"). None is there twice. Like a
// [ResponseProfile], they hold no personal data, and no secret that hide takes out.
func ShapeFacts(ex *Exchange, hide func(string) string) []string {
	p := NewProfile()
	p.Learn(ex, hide)
	var facts []string
	for _, a := range p.Answers {
		for _, name := range a.Headers {
			facts = append(facts, "header "+name)
		}
		for pointer, m := range a.Members {
			place := pointer
			if place == "" {
				place = "/"
			}
			for _, t := range m.Types {
				facts = append(facts, place+" is "+t)
			}
			for _, v := range m.Values {
				facts = append(facts, place+" = "+v)
			}
		}
	}
	return facts
}
