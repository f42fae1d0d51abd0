// github.mjs: what GitHub documents of GitHub Apps, at GitHub Enterprise Server's address
// (https://HOST/api/v3/...) and at the root as on api.github.com; and git over https for the tokens
// it gives, by Basic only, as GitHub does.
//
//   node github.mjs --dir DIR --app-id 42 --client-id Iv23abc --key PUBLIC.pem --root REPOSITORIES
//        --installation 'ID OWNER REPO[,REPO...] PERMISSION=LEVEL,...' [--installation ...] [--ttl 3600]
//
// Commands: /issued (every token made, a line each), /revoke?token=T, /suspend?id=N.
import * as crypto from 'node:crypto';
import * as fs from 'node:fs';
import { bodyOf, noteForm, now, options, sendJson, serve } from './front.mjs';
import { backend, credentialOf, writes } from './smart.mjs';

const opt = options({
	'app-id': { type: 'string', default: '42' }, 'client-id': { type: 'string', default: 'Iv23liTESTTESTTEST01' },
	key: { type: 'string' }, root: { type: 'string', default: '/nonexistent' },
	installation: { type: 'string', multiple: true, default: [] }, ttl: { type: 'string', default: '3600' },
});
const key = crypto.createPublicKey(fs.readFileSync(opt.key));

const installations = opt.installation.map((text) => {
	const [id, owner, repos, permissions] = text.split(' ');
	return {
		id: Number(id), owner, repos: repos.split(','), suspended: false,
		permissions: Object.fromEntries(permissions.split(',').map((p) => p.split('='))),
	};
});
const tokens = new Map();
const issued = [];

class Refusal extends Error {
	constructor(status, message) {
		super(message);
		this.status = status;
	}
}
const notFound = () => new Refusal(404, 'Not Found');

// --- the App's JSON web token ------------------------------------------------------------
function json(part) {
	try {
		return JSON.parse(Buffer.from(part, 'base64url').toString());
	} catch {
		throw new Refusal(401, 'A JSON web token could not be decoded');
	}
}

function judgeTimes({ iat, exp }) {
	if (!Number.isInteger(iat) || iat > now()) {
		throw new Refusal(401, "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued");
	}
	if (!Number.isInteger(exp) || exp <= now()) {
		throw new Refusal(401, "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires");
	}
	if (exp > now() + 600) throw new Refusal(401, "'Expiration time' claim ('exp') is too far in the future");
}

function judgeApp(req) {
	const [, jwt] = /^bearer +(\S+)$/i.exec(req.headers.authorization ?? '') ?? [];
	const parts = jwt?.split('.') ?? [];
	if (parts.length !== 3) throw new Refusal(401, 'A JSON web token could not be decoded');
	const header = json(parts[0]);
	const payload = json(parts[1]);
	const signature = Buffer.from(parts[2], 'base64url');
	if (header.alg !== 'RS256' || !crypto.verify('sha256', Buffer.from(`${parts[0]}.${parts[1]}`), key, signature)) {
		throw new Refusal(401, 'A JSON web token could not be decoded');
	}
	judgeTimes(payload);
	if (String(payload.iss) !== opt['app-id'] && payload.iss !== opt['client-id']) {
		throw new Refusal(401, 'Integration not found');
	}
}

// --- installations -------------------------------------------------------------------------
const same = (a, b) => a.toLowerCase() === b.toLowerCase();
const described = (i) => ({
	id: i.id, account: { login: i.owner, type: 'Organization' }, app_id: Number(opt['app-id']), client_id: opt['client-id'],
	app_slug: 'test-app', target_type: 'Organization', repository_selection: 'selected', permissions: i.permissions,
	suspended_at: i.suspended ? new Date(Date.now()).toISOString() : null,
});

const LEVELS = ['read', 'write', 'admin'];

function narrowed(wanted, granted) {
	if (wanted === undefined) return granted;
	for (const [name, level] of Object.entries(wanted)) {
		if (LEVELS.indexOf(level) < 0 || LEVELS.indexOf(level) > LEVELS.indexOf(granted[name] ?? 'none')) {
			throw new Refusal(422, 'The permissions requested are not granted to this installation.');
		}
	}
	return wanted;
}

function chosen(wanted, installation) {
	if (wanted === undefined) return installation.repos;
	if (!Array.isArray(wanted) || wanted.length === 0 || wanted.some((r) => !installation.repos.some((have) => same(have, r)))) {
		throw new Refusal(422, 'There is at least one repository that does not exist or is not accessible to the parent installation.');
	}
	return wanted;
}

async function accessToken(id, req, res) {
	const installation = installations.find((i) => i.id === Number(id));
	if (!installation) throw notFound();
	const text = (await bodyOf(req)).toString();
	let wanted = {};
	try {
		if (text !== '') wanted = JSON.parse(text);
	} catch {
		throw new Refusal(400, 'Problems parsing JSON');
	}
	noteForm(req, wanted);
	if (installation.suspended) throw new Refusal(403, 'This installation has been suspended');
	const permissions = { metadata: 'read', ...narrowed(wanted.permissions, installation.permissions) };
	const repos = chosen(wanted.repositories, installation);
	const token = `ghs_${crypto.randomBytes(27).toString('base64url').replace(/[-_]/g, 'x')}`;
	const exp = now() + Number(opt.ttl);
	tokens.set(token, { exp, owner: installation.owner, repos, permissions });
	issued.push(token);
	sendJson(res, 201, {
		token, expires_at: new Date(exp * 1000).toISOString().replace(/\.\d+Z$/, 'Z'), permissions,
		repository_selection: 'selected',
		...(wanted.repositories ? { repositories: repos.map((name) => ({ name, full_name: `${installation.owner}/${name}` })) } : {}),
	});
}

function revokeSelf(req, res) {
	const { scheme, token } = credentialOf(req);
	if (!['bearer', 'token'].includes(scheme) || !alive(token)) throw new Refusal(401, 'Bad credentials');
	tokens.delete(token);
	res.writeHead(204).end();
}

const alive = (token) => {
	const t = tokens.get(token);
	return t && t.exp > now() ? t : undefined;
};

const routes = [
	['GET', /^\/app$/, (m, req, res) => sendJson(res, 200, { id: Number(opt['app-id']), client_id: opt['client-id'], slug: 'test-app' })],
	['GET', /^\/app\/installations$/, (m, req, res, url) => {
		const size = Number(url.searchParams.get('per_page') ?? 30);
		const first = size * (Number(url.searchParams.get('page') ?? 1) - 1);
		sendJson(res, 200, installations.slice(first, first + size).map(described));
	}],
	['GET', /^\/(?:repos|orgs|users)\/([^/]+)(?:\/([^/]+))?\/installation$/, ([, owner, repo], req, res) => {
		const found = installations.find((i) => same(i.owner, owner) && (repo === undefined || i.repos.some((r) => same(r, repo))));
		if (!found) throw notFound();
		sendJson(res, 200, described(found));
	}],
	['POST', /^\/app\/installations\/(\d+)\/access_tokens$/, ([, id], req, res) => accessToken(id, req, res)],
];

async function api(req, res, url, where) {
	// "All API requests must include a valid User-Agent header."
	if (!req.headers['user-agent']) throw new Refusal(403, 'Request forbidden by administrative rules. Please make sure your request has a User-Agent header');
	if (req.method === 'DELETE' && where === '/installation/token') return revokeSelf(req, res);
	const [method, re, action] = routes.find(([m, r]) => m === req.method && r.test(where)) ?? [];
	if (!method) throw notFound();
	judgeApp(req);
	return action(re.exec(where), req, res, url);
}

// --- git -------------------------------------------------------------------------------------
const isGit = (url) => /\/(info\/refs|git-upload-pack|git-receive-pack)$/.test(url.pathname);

function git(req, res, url) {
	const { scheme, token } = credentialOf(req);
	const t = scheme === 'basic' ? alive(token) : undefined;
	if (!t) {
		res.setHeader('WWW-Authenticate', 'Basic realm="GitHub"');
		throw new Refusal(401, 'Repository not found.');
	}
	const [, owner, repo] = /^\/([^/]+)\/([^/]+?)(?:\.git)?\/(?:info|git-)/.exec(url.pathname) ?? [];
	if (!owner || !same(owner, t.owner) || !t.repos.some((r) => same(r, repo))) throw notFound();
	const level = LEVELS.indexOf(t.permissions.contents ?? 'none');
	if (level < (writes(url) ? 1 : 0)) throw new Refusal(403, 'Write access to repository not granted.');
	return backend(opt.root, 'x-access-token', req, res, url);
}

await serve('github', opt, async () => ({
	handler: async (req, res) => {
		const url = new URL(req.url, 'https://127.0.0.1/');
		try {
			await (isGit(url) ? git(req, res, url) : api(req, res, url, url.pathname.replace(/^\/api\/v3(?=\/)/, '')));
		} catch (e) {
			if (!(e instanceof Refusal)) throw e;
			sendJson(res, e.status, { message: e.message, documentation_url: 'https://docs.github.com/rest', status: String(e.status) });
		}
	},
	commands: {
		'/issued': () => issued.map((t) => `${t}\n`).join(''),
		'/revoke': (q) => `${tokens.delete(q.get('token'))}\n`,
		'/suspend': (q) => {
			installations.find((i) => i.id === Number(q.get('id'))).suspended = true;
			return 'ok\n';
		},
	},
}));
