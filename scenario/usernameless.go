package scenario

import "mfaload/scenario/form"

// checkGroup looks at who a group's requests are for.
func checkGroup(d *form.Decoder, n *form.Node, g *Group) {
	if !g.Usernameless {
		checkFeed(d, n, g)
		return
	}
	for _, key := range []string{"ids", "file", "order", "exhausted", "perUser", "maxPerUser"} {
		if users := n.Get(key); users != nil {
			d.FailKey(users, d.Label(n)+" has both "+key+" and usernameless", "remove one of them")
		}
	}
	g.IDs, g.Order, g.Exhausted = []string{""}, Sequential, Wrap
	request := n.Get("request")
	if device := request.Get("selectedDevice"); device != nil {
		d.FailKey(device, d.Label(device)+" needs a user, and the group is usernameless", "remove one of them")
	}
	if request.Get("rp") == nil && (request == nil || !request.Bad) {
		d.FailKey(n.Get("usernameless"), d.Label(n.Get("usernameless"))+" needs request.rp", "add request: {rp: {id: example.com}}, the relying party's ID")
	}
}
