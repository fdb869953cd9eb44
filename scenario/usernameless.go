package scenario

// checkGroup looks at who a group's requests are for.
func checkGroup(d *decoder, n *node, g *Group) {
	if !g.Usernameless {
		d.missing(n, "ids", "a list of user IDs such as ["+exampleID+"]")
		return
	}
	if ids := n.get("ids"); ids != nil {
		d.failKey(ids, d.label(n)+" has both ids and usernameless", "remove one of them")
	}
	g.IDs = []string{""}
	request := n.get("request")
	if device := request.get("selectedDevice"); device != nil {
		d.failKey(device, d.label(device)+" needs a user, and the group is usernameless", "remove one of them")
	}
	if request.get("rp") == nil && (request == nil || !request.bad) {
		d.failKey(n.get("usernameless"), d.label(n.get("usernameless"))+" needs request.rp", "add request: {rp: {id: example.com}}, the relying party's ID")
	}
}
