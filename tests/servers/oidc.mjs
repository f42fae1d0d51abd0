// oidc.mjs: an OAuth 2.0 authorization server and OpenID provider (oidc-provider, certified), on
// https://127.0.0.1:PORT, with front.mjs's counts and faults.
//
//   node oidc.mjs --dir DIR --client 'WORDS' [--client ...] [--option ...]
//
// A client is words: id=NAME grants=G,... and as needed auth=none|private_key_jwt|tls_client_auth|
// self_signed_tls_client_auth, key=FILE.pem (public key), cert=FILE.pem (self signed), alg=ES256,
// dn=SUBJECT, bound (certificate-bound tokens), redirect=URI. Grants: client_credentials,
// device_code, authorization_code, token_exchange, refresh_token.
//
// Commands of the control socket beside front.mjs's:
//   /issued?what=access_token|refresh_token   every one made so far, a line each
//   /check?token=T          what a resource server learns of it: {active, ...}
//   /revoke?token=T         dead from now on, as if its owner had revoked it
//   /tolerate?seconds=N     a refresh token that was used up is taken again for so long (0: not)
//   /device?user_code=C     the person says yes (&deny=1: no; &grant=same: by the grant of the yes
//                           before, if it lives); without a code: the last asked for
//   /workload?sub=S&aud=A&ttl=N[&iss=I]   an identity token as a build server gives it to a job
import * as crypto from 'node:crypto';
import * as fs from 'node:fs';
import { errors, Provider } from '../../build/npm/node_modules/oidc-provider/lib/index.js';
import * as jose from '../../build/npm/node_modules/jose/dist/node/esm/index.js';
import { bodyOf, noteForm, now, options, sendJson, serve } from './front.mjs';

const GRANT = 'urn:ietf:params:oauth:grant-type:';
const TOKEN = 'urn:ietf:params:oauth:token-type:';
const SCOPES = ['openid', 'offline_access', 'read_repository', 'write_repository'];

const opt = options({
	client: { type: 'string', multiple: true, default: [] },
	ttl: { type: 'string', default: '300' }, // of access tokens, seconds
	'refresh-ttl': { type: 'string', default: '3600' },
	'no-rotate': { type: 'boolean', default: false },
	resource: { type: 'string', multiple: true, default: [] }, // known ones; none: any
	audience: { type: 'string', default: 'any' }, // of assertions: any, strict (RFC 10070), endpoint
	'require-resource': { type: 'boolean', default: false },
	'workload-secret': { type: 'string', default: '' },
});

// --- clients -----------------------------------------------------------------------
const grantName = (g) => (['device_code', 'token_exchange'].includes(g) ? GRANT + g.replace('_', g === 'token_exchange' ? '-' : '_') : g);

function keyOf(words) {
	const jwk = crypto.createPublicKey(fs.readFileSync(words.key ?? words.cert)).export({ format: 'jwk' });
	jwk.use = 'sig';
	if (words.alg) jwk.alg = words.alg;
	if (words.cert) jwk.x5c = [new crypto.X509Certificate(fs.readFileSync(words.cert)).raw.toString('base64')];
	return jwk;
}

function clientOf(text) {
	const words = Object.fromEntries(text.trim().split(/\s+/).map((w) => (w.includes('=') ? w.split(/=(.*)/s).slice(0, 2) : [w, true])));
	const grants = words.grants.split(',');
	const code = grants.includes('authorization_code');
	const client = {
		client_id: words.id, grant_types: grants.map(grantName), application_type: 'native',
		token_endpoint_auth_method: words.auth ?? 'none',
		response_types: code ? ['code'] : [],
		redirect_uris: code ? [words.redirect ?? 'http://127.0.0.1/callback'] : [],
	};
	if (words.alg) client.token_endpoint_auth_signing_alg = words.alg;
	if (words.dn) client.tls_client_auth_subject_dn = words.dn;
	if (words.bound) client.tls_client_certificate_bound_access_tokens = true;
	if (words.key || words.cert) client.jwks = { keys: [keyOf(words)] };
	return client;
}

// --- what a client's assertion must be beside RFC 7523, which the provider sees to ------
function judgeAssertion(issuer, payload, header) {
	const refuse = (why) => {
		throw new errors.InvalidClientAuth(why);
	};
	if (opt.audience === 'strict') {
		if (payload.aud !== issuer) refuse('aud must be the issuer, alone');
		if (header.typ !== 'client-authentication+jwt') refuse('typ must be client-authentication+jwt');
	}
	if (opt.audience === 'endpoint' && payload.aud !== `${issuer}/token`) refuse('aud must be the token endpoint');
	if (payload.exp > now() + 300) refuse('exp is too far away');
	if (!Number.isInteger(payload.iat) || payload.iat > now() + 5) refuse('iat');
	if (payload.sub !== payload.iss) refuse('sub must be iss');
	if (!/^[\x21-\x7e]{16,}$/.test(payload.jti)) refuse('jti is too short');
}

// --- the provider ------------------------------------------------------------------
const ttl = Number(opt.ttl);
const peer = (ctx) => {
	const c = ctx.req.socket.getPeerX509Certificate();
	return c && Object.keys(c).length === 0 && !c.raw ? undefined : c;
};

function resourceServer(ctx, resource) {
	if (opt.resource.length > 0 && !opt.resource.includes(resource)) throw new errors.InvalidTarget();
	return {
		scope: SCOPES.join(' '), audience: resource, accessTokenTTL: ttl, accessTokenFormat: 'jwt',
		jwt: { sign: { alg: 'ES256' } },
	};
}

const ecKey = (kid) => ({
	...crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }),
	alg: 'ES256', use: 'sig', kid,
});

const configuration = (issuer, key) => ({
	clients: opt.client.map(clientOf),
	jwks: { keys: [key] },
	clientAuthMethods: ['none', 'private_key_jwt', 'tls_client_auth', 'self_signed_tls_client_auth'],
	clientDefaults: { id_token_signed_response_alg: 'ES256' },
	enabledJWA: {
		idTokenSigningAlgValues: ['ES256'], userinfoSigningAlgValues: ['ES256'],
		clientAuthSigningAlgValues: ['ES256', 'ES384', 'ES512', 'PS256', 'RS256', 'EdDSA'],
	},
	assertJwtClientAuthClaimsAndHeader: async (ctx, payload, header) => judgeAssertion(issuer, payload, header),
	scopes: SCOPES,
	findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
	issueRefreshToken: async (ctx, client, code) => client.grantTypeAllowed('refresh_token') && code.scopes.has('offline_access'),
	rotateRefreshToken: !opt['no-rotate'],
	cookies: { keys: [crypto.randomUUID()] },
	pkce: { required: () => true, methods: ['S256'] },
	ttl: {
		AccessToken: ttl, ClientCredentials: ttl, RefreshToken: Number(opt['refresh-ttl']), DeviceCode: 300,
		AuthorizationCode: 60, Grant: 7200, Interaction: 300, Session: 600, IdToken: 300,
	},
	features: {
		devInteractions: { enabled: true },
		clientCredentials: { enabled: true },
		deviceFlow: { enabled: true, charset: 'base-20', mask: '****-****' },
		introspection: { enabled: true, allowedPolicy: async () => true },
		revocation: { enabled: true },
		mTLS: {
			enabled: true, certificateBoundAccessTokens: true, tlsClientAuth: true,
			selfSignedTlsClientAuth: true, getCertificate: peer,
			certificateAuthorized: (ctx) => ctx.req.socket.authorized,
			certificateSubjectMatches: (ctx, property, expected) => property === 'tls_client_auth_subject_dn' &&
				peer(ctx).subject.split('\n').reverse().join(',') === expected,
		},
		resourceIndicators: {
			enabled: true, getResourceServerInfo: async (ctx, resource) => resourceServer(ctx, resource),
			defaultResource: async () => {
				if (opt['require-resource']) throw new errors.InvalidTarget();
			},
			useGrantedResource: async () => true,
		},
	},
});

// --- token exchange (RFC 8693) of a build server's identity token ------------------------
async function exchange(provider, issuer, workload, ctx) {
	const p = ctx.oidc.params;
	if (![`${TOKEN}jwt`, `${TOKEN}id_token`].includes(p.subject_token_type)) throw new errors.InvalidRequest('subject_token_type');
	let subject;
	try {
		subject = await jose.jwtVerify(p.subject_token, await jose.importJWK(workload, 'ES256'), {
			issuer: 'https://build.example', audience: issuer, algorithms: ['ES256'],
			currentDate: new Date(Date.now()), requiredClaims: ['exp', 'sub'],
		});
	} catch (e) {
		throw new errors.InvalidGrant(`subject_token: ${e.message}`);
	}
	const token = new provider.ClientCredentials({ client: ctx.oidc.client, scope: p.scope });
	token.extra = { sub: subject.payload.sub };
	const resource = [p.resource ?? p.audience ?? []].flat()[0];
	if (resource) token.resourceServer = new provider.ResourceServer(resource, resourceServer(ctx, resource));
	ctx.oidc.entity('ClientCredentials', token);
	ctx.body = {
		access_token: await token.save(), issued_token_type: `${TOKEN}access_token`, token_type: 'Bearer',
		expires_in: token.expiration, scope: p.scope,
	};
}

// --- control ------------------------------------------------------------------------
const issued = { access_token: [], refresh_token: [] };
let lastUserCode = '';
let lastGrant = '';

async function approve(provider, q) {
	const asked = q.get('user_code') ?? lastUserCode;
	const code = await provider.DeviceCode.findByUserCode(asked.toUpperCase().replace(/\W/g, ''), { ignoreExpiration: true });
	if (!code) throw new Error('no such user_code');
	if (q.get('deny')) {
		Object.assign(code, { error: 'access_denied', errorDescription: 'the person said no' });
		await code.save();
		return 'denied\n';
	}
	const before = q.get('grant') === 'same' && lastGrant ? await provider.Grant.find(lastGrant) : undefined;
	const grant = before ?? new provider.Grant({ accountId: 'alice', clientId: code.clientId });
	grant.addOIDCScope(code.params.scope ?? 'openid');
	for (const r of [code.params.resource ?? []].flat()) grant.addResourceScope(r, code.params.scope);
	lastGrant = await grant.save();
	Object.assign(code, {
		accountId: 'alice', grantId: lastGrant, scope: code.params.scope ?? 'openid',
		authTime: now(), resource: code.params.resource,
	});
	await code.save();
	return 'approved\n';
}

// RFC 9700 4.14.2 has the old refresh token die when it is used; many issuers let it live on for
// a little, for clients that lost the answer.
let tolerated = 0;

function useLater(provider) {
	const use = provider.RefreshToken.prototype.consume;
	provider.RefreshToken.prototype.consume = async function consume() {
		if (tolerated === 0) await use.call(this);
		else setTimeout(() => use.call(this).catch(() => {}), tolerated * 1000).unref();
	};
}

const dead = new Set();

async function check(provider, issuer, key, token) {
	if (dead.has(token)) return { active: false };
	if (token.split('.').length === 3) {
		const { kty, crv, x, y } = key;
		try {
			const { payload } = await jose.jwtVerify(token, await jose.importJWK({ kty, crv, x, y }, 'ES256'), { issuer, currentDate: new Date(Date.now()) });
			return { active: true, ...payload };
		} catch {
			return { active: false };
		}
	}
	const found = await provider.AccessToken.find(token) ?? await provider.ClientCredentials.find(token);
	if (!found?.isValid) return { active: false };
	return {
		active: true, client_id: found.clientId, scope: found.scope, exp: found.exp, sub: found.accountId ?? found.clientId,
		...(found['x5t#S256'] ? { cnf: { 'x5t#S256': found['x5t#S256'] } } : {}),
	};
}

async function workloadToken(workload, issuer, q) {
	const lives = Number(q.get('ttl') ?? 300);
	return new jose.SignJWT({ sub: q.get('sub') ?? 'project:demo:ref:main' })
		.setProtectedHeader({ alg: 'ES256', kid: workload.kid })
		.setIssuer(q.get('iss') ?? 'https://build.example').setAudience(q.get('aud') ?? q.get('audience') ?? issuer)
		.setIssuedAt(now() - 5).setExpirationTime(now() + lives).sign(await jose.importJWK(workload, 'ES256'));
}

// A build server of GitHub's kind: the job asks for its identity token by URL, with a secret.
async function workloadUrl(workload, issuer, req, res) {
	if (opt['workload-secret'] === '' || req.headers.authorization?.toLowerCase() !== `bearer ${opt['workload-secret'].toLowerCase()}`) {
		sendJson(res, 401, { message: 'no' });
		return;
	}
	sendJson(res, 200, { value: await workloadToken(workload, issuer, new URL(req.url, issuer).searchParams) });
}

// --- the front of it -----------------------------------------------------------------
// Some servers (Auth0's kind) take `audience` where RFC 8707 says `resource`.
async function formOf(req) {
	const form = new URLSearchParams((await bodyOf(req)).toString());
	noteForm(req, Object.fromEntries(form));
	if (form.get('grant_type') === 'client_credentials' && form.has('audience') && !form.has('resource')) {
		form.set('resource', form.get('audience'));
	}
	req.body = form.toString();
}

await serve('oidc', opt, async (issuer) => {
	const key = ecKey('as1');
	const workload = ecKey('build1');
	const provider = new Provider(issuer, configuration(issuer, key));
	provider.registerGrantType(`${GRANT}token-exchange`, (ctx) => exchange(provider, issuer, workload, ctx), ['audience', 'resource',
		'scope', 'requested_token_type', 'subject_token', 'subject_token_type', 'actor_token', 'actor_token_type'], ['audience', 'resource']);
	useLater(provider);
	provider.on('grant.success', (ctx) => {
		for (const what of Object.keys(issued)) if (ctx.body[what]) issued[what].push(ctx.body[what]);
	});
	provider.on('device_authorization.success', (ctx, body) => { lastUserCode = body.user_code; });
	for (const ev of ['server_error', 'grant.error', 'authorization.error', 'device_authorization.error', 'revocation.error']) {
		provider.on(ev, (ctx, e) => console.error(ev, e.error ?? e, e.error_description ?? '', e.error_detail ?? ''));
	}
	const callback = provider.callback();
	return {
		handler: async (req, res) => {
			if (req.url.startsWith('/workload')) return workloadUrl(workload, issuer, req, res);
			if (req.method === 'POST' && req.headers['content-type'] === 'application/x-www-form-urlencoded') await formOf(req);
			return callback(req, res);
		},
		commands: {
			'/issued': (q) => issued[q.get('what')].map((t) => `${t}\n`).join(''),
			'/check': (q) => check(provider, issuer, key, q.get('token')),
			'/revoke': (q) => {
				dead.add(q.get('token'));
				return 'ok\n';
			},
			'/tolerate': (q) => {
				tolerated = Number(q.get('seconds'));
				return 'ok\n';
			},
			'/device': (q) => approve(provider, q),
			'/workload': async (q) => `${await workloadToken(workload, issuer, q)}\n`,
		},
	};
});
