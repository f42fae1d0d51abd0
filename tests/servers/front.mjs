// front.mjs: what the test servers share: TLS on a free port of 127.0.0.1, counts of what was
// asked, faults put in front of the real answer, and a UNIX socket to steer all that by.
//
// A server is started as `node NAME.mjs --dir DIR ...` and prints one line of JSON when it
// listens. DIR holds server.pem, server.key and clients.pem (authorities of client certificates).
// Its control socket is DIR/NAME.ctl, which speaks HTTP:
//   POST /release                what kind=hold holds back is sent; waits for the first of it
//   GET  /count?of=REGEX        how many lines of the log match
//   GET  /log                   "METHOD PATH STATUS FAULT" for each request answered, in order
//   GET  /last?path=PATH        the last request there: headers and form, JSON
//   POST /fault?on=REGEX&...    the next requests whose "METHOD PATH" matches go wrong (see below)
//   POST /clear                 no faults, no log
//   POST /clock?skew=SECONDS    the server's clock is off by so much
// and what the server adds.
//
// Faults: kind=...
//   status  &status=500 [&header=K: V]... [&body=TEXT]: answered so, the server never asked
//   hang    never answered                    cut     closed without a byte, the server not asked
//   lost    the server does its work, then the connection is closed without a byte
//   torn    half of the real answer           slow    the real answer, a byte each &ms=100
//   hold    the real answer, when /release comes
//   drip    answer that never ends, a byte each &ms=
//   huge    &mb=8 of blanks before the end of the real answer
//   edit    &set=KEY=VALUE... &unset=KEY...: the real JSON answer, changed (VALUE: JSON, or text)
//   dup     &set=KEY=VALUE: the real JSON answer with one key twice, the other value last
//   text    &body=TEXT [&type=...]: the real status with this body
//   location &set=KEY=VALUE... &unset=KEY: the real redirection, its query changed
// and for each: &times=N (1; 0: until cleared), &after=N (so many go well first).
import * as fs from 'node:fs';
import * as http from 'node:http';
import * as https from 'node:https';
import * as path from 'node:path';
import { parseArgs } from 'node:util';

const realNow = Date.now;
let skew = 0;
Date.now = () => realNow() + skew * 1000;

/** Seconds since the epoch by the server's own clock. */
export const now = () => Math.floor(Date.now() / 1000);

/** Options of the command line: { name: {type: 'string', ...} } beside --dir. */
export function options(spec = {}) {
	return parseArgs({ options: { dir: { type: 'string' }, ...spec } }).values;
}

/** The body of a request, at most 1 MiB. */
export async function bodyOf(req) {
	let size = 0;
	const parts = [];
	for await (const part of req) {
		size += part.length;
		if (size > 1 << 20) throw new Error('body too long');
		parts.push(part);
	}
	return Buffer.concat(parts);
}

export function sendJson(res, status, value, headers = {}) {
	const text = JSON.stringify(value);
	res.writeHead(status, {
		'content-type': 'application/json; charset=utf-8',
		'content-length': Buffer.byteLength(text), ...headers,
	});
	res.end(text);
}

// --- faults --------------------------------------------------------------------
const faults = [];

function faultFor(what) {
	const i = faults.findIndex((f) => f.on.test(what));
	if (i < 0) return undefined;
	const f = faults[i];
	if (f.after > 0) {
		f.after--;
		return undefined;
	}
	if (f.times > 0 && --f.times === 0) faults.splice(i, 1);
	return f;
}

function addFault(q) {
	const kinds = ['status', 'hang', 'cut', 'lost', 'torn', 'slow', 'hold', 'drip', 'huge', 'edit',
		'dup', 'text', 'location'];
	if (!kinds.includes(q.get('kind'))) throw new Error(`no such fault: ${q.get('kind')}`);
	const times = Number(q.get('times') ?? 1);
	faults.push({
		kind: q.get('kind'), on: new RegExp(q.get('on') ?? ''), times: times === 0 ? -1 : times,
		after: Number(q.get('after') ?? 0), status: Number(q.get('status') ?? 500),
		headers: q.getAll('header').map((h) => h.split(/:\s*(.*)/s).slice(0, 2)),
		body: q.get('body'), type: q.get('type'), ms: Number(q.get('ms') ?? 100),
		mb: Number(q.get('mb') ?? 8), unset: q.getAll('unset'),
		set: q.getAll('set').map((s) => s.split(/=(.*)/s).slice(0, 2)),
	});
}

const valueOf = (text) => {
	try {
		return JSON.parse(text);
	} catch {
		return text;
	}
};

function edited(f, body) {
	const value = JSON.parse(body.toString());
	for (const key of f.unset) delete value[key];
	for (const [key, text] of f.set) value[key] = valueOf(text);
	return Buffer.from(JSON.stringify(value));
}

function doubled(f, body) {
	const more = f.set.map(([key, text]) => `${JSON.stringify(key)}:${JSON.stringify(valueOf(text))}`);
	return Buffer.from(body.toString().replace(/\}\s*$/, `,${more.join(',')}}`));
}

function moved(f, req, res) {
	const to = new URL(res.getHeader('location'), `https://${req.headers.host}/`);
	for (const key of f.unset) to.searchParams.delete(key);
	for (const [key, text] of f.set) to.searchParams.set(key, text);
	res.setHeader('location', to.href);
}

// A body sent byte by byte; without an end when `next` never says undefined.
function drip(send, end, next, ms) {
	const timer = setInterval(() => {
		const part = next();
		if (part === undefined) {
			clearInterval(timer);
			end();
		} else {
			send(part);
		}
	}, ms);
	return () => clearInterval(timer);
}

// Faults that never ask the server. True: this was one.
async function refuse(f, req, res) {
	const body = await bodyOf(req);
	if (/form-urlencoded/.test(req.headers['content-type'])) noteForm(req, Object.fromEntries(new URLSearchParams(body.toString())));
	for (const [key, value] of f.headers) res.setHeader(key, value);
	if (f.body !== null && !res.hasHeader('content-type')) res.setHeader('content-type', f.type ?? 'application/json');
	res.writeHead(f.status);
	res.end(f.body ?? '');
}

function answeredBy(f, req, res) {
	switch (f.kind) {
	case 'hang':
		return true;
	case 'cut':
		req.socket.destroy();
		return true;
	case 'drip':
		res.writeHead(200, { 'content-type': 'application/json' });
		res.on('close', drip((b) => res.write(b), () => {}, () => ' ', f.ms));
		return true;
	case 'status':
		refuse(f, req, res).catch(() => res.destroy());
		return true;
	default:
		return false;
	}
}

// Answers that wait for /release, and who has asked for it.
const held = [];
let released;

function release() {
	if (!released || held.length === 0) return;
	for (const answer of held.splice(0)) answer();
	released('ok\n');
	released = undefined;
}

// The real answer is held back until it is whole, then sent as the fault says.
function spoil(f, req, res) {
	const parts = [];
	const write = res.write.bind(res);
	const end = res.end.bind(res);
	const collect = (part, encoding) => {
		if (part && typeof part !== 'function') parts.push(Buffer.from(part, typeof encoding === 'string' ? encoding : undefined));
	};
	res.write = (part, encoding) => {
		collect(part, encoding);
		return true;
	};
	const writeHead = res.writeHead.bind(res);
	res.writeHead = (status, ...more) => {
		res.statusCode = status;
		for (const [key, value] of Object.entries(more[more.length - 1] ?? {})) res.setHeader(key, value);
		return res;
	};
	res.flushHeaders = () => {};
	res.end = (part, encoding) => {
		collect(part, encoding);
		const body = Buffer.concat(parts);
		res.removeHeader('content-length');
		const send = (b) => {
			res.setHeader('content-length', b.length);
			writeHead(res.statusCode);
			end(b);
		};
		switch (f.kind) {
		case 'lost':
			req.socket.destroy();
			break;
		case 'torn':
			res.setHeader('content-length', body.length);
			writeHead(res.statusCode);
			write(body.subarray(0, body.length / 2), () => req.socket.destroy());
			break;
		case 'slow': {
			let i = 0;
			res.setHeader('content-length', body.length);
			writeHead(res.statusCode);
			res.on('close', drip(write, end, () => (i < body.length ? body.subarray(i, ++i) : undefined), f.ms));
			break;
		}
		case 'hold':
			held.push(() => send(body));
			release();
			break;
		case 'huge':
			send(Buffer.concat([body.subarray(0, -1), Buffer.alloc(f.mb << 20, ' '), body.subarray(-1)]));
			break;
		case 'edit':
			send(edited(f, body));
			break;
		case 'dup':
			send(doubled(f, body));
			break;
		case 'location':
			moved(f, req, res);
			send(body);
			break;
		case 'text':
			if (f.type) res.setHeader('content-type', f.type);
			send(Buffer.from(f.body ?? ''));
			break;
		default:
			throw new Error(f.kind);
		}
		return res;
	};
}

// --- the log --------------------------------------------------------------------
const log = [];
const last = new Map();

function note(req, res, f) {
	const where = new URL(req.url, 'https://127.0.0.1/').pathname;
	const entry = { line: `${req.method} ${where} - ${f?.kind ?? '-'}` };
	log.push(entry);
	res.on('close', () => {
		entry.line = `${req.method} ${where} ${res.headersSent ? res.statusCode : '-'} ${f?.kind ?? '-'}`;
	});
	last.set(where, { method: req.method, url: req.url, headers: req.headers, form: null });
}

/** A handler notes the form it was sent, for /last. */
export function noteForm(req, form) {
	const seen = last.get(new URL(req.url, 'https://127.0.0.1/').pathname);
	if (seen) seen.form = form;
}

// --- control ----------------------------------------------------------------------
const builtin = {
	'/count': (q) => {
		const re = new RegExp(q.get('of') ?? '');
		return `${log.filter((entry) => re.test(entry.line)).length}\n`;
	},
	'/log': () => log.map((entry) => `${entry.line}\n`).join(''),
	'/last': (q) => last.get(q.get('path')) ?? {},
	'/fault': (q) => {
		addFault(q);
		return 'ok\n';
	},
	'/release': () => new Promise((done) => {
		released = done;
		release();
	}),
	'/clear': () => {
		faults.length = 0;
		log.length = 0;
		last.clear();
		return 'ok\n';
	},
	'/clock': (q) => {
		skew = Number(q.get('skew'));
		return 'ok\n';
	},
};

async function control(commands, req, res) {
	const url = new URL(req.url, 'http://x/');
	const command = commands[url.pathname] ?? builtin[url.pathname];
	if (!command) {
		res.writeHead(404).end(`no such command: ${url.pathname}\n`);
		return;
	}
	const body = await bodyOf(req);
	const q = new URLSearchParams(`${url.searchParams}&${body}`);
	const answer = await command(q);
	if (typeof answer === 'string') res.end(answer);
	else sendJson(res, 200, answer);
}

/**
 * Starts a server. `make(origin)` gives {handler(req, res), commands}; the handler may be async.
 * @param {string} name of the control socket and in messages
 * @param {{dir: string}} opt
 * @returns {Promise<void>}
 */
export async function serve(name, opt, make) {
	const file = (f) => fs.readFileSync(path.join(opt.dir, f));
	const server = https.createServer({
		key: file('server.key'), cert: file('server.pem'), ca: file('clients.pem'),
		requestCert: true, rejectUnauthorized: false,
	});
	await new Promise((done) => { server.listen(0, '127.0.0.1', 128, done); });
	const { port } = server.address();
	const { handler, commands = {} } = await make(`https://127.0.0.1:${port}`, port);
	server.on('request', (req, res) => {
		const f = faultFor(`${req.method} ${req.url}`);
		note(req, res, f);
		res.sendDate = false;
		res.setHeader('date', new Date(Date.now()).toUTCString());
		if (f && answeredBy(f, req, res)) return;
		if (f) spoil(f, req, res);
		Promise.resolve(handler(req, res)).catch((e) => {
			console.error(name, e);
			if (!res.headersSent) res.writeHead(500);
			res.end();
		});
	});
	const ctl = http.createServer((req, res) => {
		control(commands, req, res).catch((e) => {
			res.writeHead(400);
			res.end(`${e.message}\n`);
		});
	});
	await new Promise((done) => { ctl.listen(path.join(opt.dir, `${name}.ctl`), done); });
	// Who started the server holds its standard input: it ends with them.
	process.stdin.on('end', () => process.exit(0));
	process.stdin.resume();
	console.log(JSON.stringify({ name, port, pid: process.pid }));
}
