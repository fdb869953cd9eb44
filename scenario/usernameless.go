package scenario

// checkGroup looks at who a group's requests are for.
func checkGroup(d *decoder, n *node, g *Group) {
	if !g.Usernameless {
		checkFeed(d, n, g)
		return
	}
	for _, key := range []string{"ids", "file", "order", "exhausted", "perUser", "maxPerUser"} {
		if users := n.get(key); users != nil {
			d.failKey(users, d.label(n)+" has both "+key+" and usernameless", "remove one of them")
		}
	}
	g.IDs, g.Order, g.Exhausted = []string{""}, Sequential, Wrap
	request := n.get("request")
	if device := request.get("selectedDevice"); device != nil {
		d.failKey(device, d.label(device)+" needs a user, and the group is usernameless", "remove one of them")
	}
	if request.get("rp") == nil && (request == nil || !request.bad) {
		d.failKey(n.get("usernameless"), d.label(n.get("usernameless"))+" needs request.rp", "add request: {rp: {id: example.com}}, the relying party's ID")
	}
}
