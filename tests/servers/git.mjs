// git.mjs: git over https for whoever brings the right token.
//
//   node git.mjs --dir DIR --root REPOSITORIES --check oidc.ctl [--schemes basic,bearer]
//        [--scope read_repository] [--aud RESOURCE] [--realm NAME]
//
// A token is right when the authorization server whose control socket is DIR/CHECK says so, its
// scope has --scope (to push: write_repository), its audience is --aud, and, if it is bound to a
// certificate (RFC 8705), the client has shown that one. Command: /clear as all; /log shows all.
import * as crypto from 'node:crypto';
import * as http from 'node:http';
import * as path from 'node:path';
import { options, serve } from './front.mjs';
import { backend, credentialOf, writes } from './smart.mjs';

const opt = options({
	root: { type: 'string' }, check: { type: 'string', default: 'oidc.ctl' },
	schemes: { type: 'string', default: 'basic,bearer' }, scope: { type: 'string', default: '' },
	aud: { type: 'string', default: '' }, realm: { type: 'string', default: 'git' },
	name: { type: 'string', default: 'git' },
});
const schemes = opt.schemes.split(',');

function introspect(token) {
	return new Promise((done, failed) => {
		http.get({ socketPath: path.join(opt.dir, opt.check), path: `/check?token=${encodeURIComponent(token)}` }, async (m) => {
			let text = '';
			for await (const part of m) text += part;
			done(JSON.parse(text));
		}).on('error', failed);
	});
}

const shown = (req) => {
	const c = req.socket.getPeerX509Certificate();
	return c?.raw ? crypto.createHash('sha256').update(c.raw).digest('base64url') : '';
};

// '' when the request may go on, otherwise why not.
async function judge(req, url) {
	const { scheme, token } = credentialOf(req);
	if (token === '' || !schemes.includes(scheme)) return 'no token';
	const t = await introspect(token);
	if (!t.active) return 'the token is unknown or too old';
	if (opt.aud !== '' && ![t.aud].flat().includes(opt.aud)) return 'the token is for somebody else';
	const scope = writes(url) ? 'write_repository' : opt.scope;
	if (scope !== '' && !(t.scope ?? '').split(' ').includes(scope)) return 'the scope does not do';
	const bound = t.cnf?.['x5t#S256'];
	if (bound && bound !== shown(req)) return 'the token is bound to another certificate';
	return '';
}

await serve(opt.name, opt, async () => ({
	handler: async (req, res) => {
		const url = new URL(req.url, 'https://127.0.0.1/');
		const why = await judge(req, url);
		if (why === '') return backend(opt.root, 'holder', req, res, url);
		const names = { basic: 'Basic', bearer: 'Bearer' };
		res.setHeader('WWW-Authenticate', schemes.map((s) => `${names[s]} realm="${opt.realm}"`));
		res.writeHead(401, { 'content-type': 'text/plain' });
		res.end(`${why}\n`);
		return undefined;
	},
}));
