package main_test

import (
	"fmt"
	"regexp"
	"strings"
)

// misplacedFiles are users, with people where they don't belong.
var misplacedFiles = map[string]string{
	"people.csv": "userID,expect,policy\n" + canaryEmail + ",x,y\n" + canaryPhone + ",x,y\n" + userID +
		"," + canaryToken + "@x," + canaryEmail + "\n" + canaryPhoneFit + ",,\n",
	"noname.csv": canaryEmail + "," + canaryPhone + "\n" + userID + ",x\n",
	"people.ndjson": `{"userID": "` + canaryEmail + `"}` + "\n" + `{"` + canaryEmail + `": 1}` + "\n" +
		`{"userID": ` + canaryPhone + "}\n" + canaryEmail + "\n",
	"rates.csv":  "second,rate\n" + canaryPhone + ",1\n" + canaryEmail + "," + canaryEmail + "\n",
	"secret.pem": "-----BEGIN PRIVATE KEY-----\n" + canarySecret + "\n-----END PRIVATE KEY-----\n",
}

// misplaced are scenarios with secrets and people where they don't belong.
func misplaced() map[string]string {
	token, load := canaryTarget+"  accessToken: ${TOKEN}\n", "load: {stages: [{rate: 1/s, duration: 1s}]}\n"
	all := map[string]string{
		"all": canaryTarget + "  accessToken: '${TOKEN} ${TOKEN}\x01'\n  proxy: 'http://jo:${SECRET}@:x'\n " +
			" timeout: ${SECRET}\n  headers: {X-Api-Key: \"${HEADER}\\n\", ${TOKEN}: x}\n  " +
			"clientCredentials: {clientSecret: {x: '${SECRET}'}, ${SECRET}: y}" +
			strings.ReplaceAll(canaryUsers, "type: SMS", "typ: '${PHONE}'"),
		"people": token + "users:\n  - {name: '" + canaryEmail + "', ids: [" + canaryEmail +
			", '${PHONE}', '" + canaryPhone + "'], " + canaryEmail + ": x, " +
			"request: {policy: {id: '" + canaryEmail + "'}, selectedDevice: {oneTime: {type: '" +
			canaryPhone + "', email: '" + canaryEmail + " x', phone: '" + canaryPhoneFit + " x'}}}}\n" +
			load,
		"csv":    token + "users: [{name: a, file: people.csv}]\n" + load,
		"header": token + "users: [{name: a, file: noname.csv}]\n" + load,
		"ndjson": token + "users: [{name: a, file: people.ndjson}]\n" + load,
		"rates": token + canaryUsers[:strings.Index(canaryUsers, "load:")] +
			"load: {stages: [{profile: rates.csv}]}\n",
		"anchor": canaryTarget + "  accessToken: *" + canaryToken + canaryUsers,
		"tag":    canaryTarget + "  accessToken: !" + canaryToken + " x" + canaryUsers,
		"escape": canaryTarget + "  accessToken: \"" + canaryToken + "\\q\"" + canaryUsers,
	}
	for i, line := range []string{
		"authPath: 'https://jo:${SECRET}@auth.example'", "authPath: 'https://jo:" + canarySecret +
			"@h ost/%zz'", "authPath: '${SECRET}'", "authPath: 'https://127.0.0.1/?token=${TOKEN}'",
		"envID: '${SECRET}'", "region: '${SECRET}'", "accessTokenFile: '${TOKEN}'", "accessTokenFile: " +
			"secret.pem", "authPath: https://127.0.0.1:1\n  caFile: '${SECRET}'", "authPath: " +
			"https://127.0.0.1:1\n  caFile: secret.pem",
		"authPath: https://127.0.0.1:1\n  clientCertificate: {cert: secret.pem, key: " +
			"'${SECRET}'}", "authPath: https://127.0.0.1:1\n  clientCertificate: {cert: secret.pem, key: " +
			"secret.pem}",
		"serverName: '${SECRET} x'", "proxy: '${SECRET}'", "proxy: 'ftp://" + canaryProxy +
			"@127.0.0.1:1'", "proxy: 'socks5://jo:" + canaryProxy + "@h ost:1/%zz'", "proxy: 'socks5://" +
			canaryProxy + "@127.0.0.1:1'",
		"sourceAddresses: ['${SECRET}']", "resolve: ['${SECRET}']", "headers: {'" + canaryHeader +
			" x': y}", "headers: {'X: " + canaryHeader +
			"': y}", "headers: {Authorization: 'Bearer ${TOKEN}'}",
		"transactionIDs: '${SECRET} x'", "clientCredentials: {clientID: '${SECRET}', clientSecret: " +
			"'${SECRET}', authMethod: '${SECRET}'}", "protocol: '${TOKEN}'",
	} {
		key, _, _ := strings.Cut(line, ":")
		rest := regexp.MustCompile(`(?m)^  `+key+`:.*\n`).ReplaceAllString(token, "")
		if strings.HasPrefix(key, "accessToken") || key == "clientCredentials" {
			rest = canaryTarget
		}
		all[fmt.Sprintf("%02d-%s", i, key)] = rest + "  " + line + canaryUsers
	}
	return all
}

// misplaced looks at what is said of scenarios with secrets and people in wrong
// places.
func (c *cage) misplaced() {
	for name, text := range misplacedFiles {
		c.plant(name, text)
	}
	for name, text := range misplaced() {
		c.plant(name+".yaml", text)
		c.run(whatever, "check", "-v", "--yes", "--rate", "1000/s", name+".yaml")
	}
}
