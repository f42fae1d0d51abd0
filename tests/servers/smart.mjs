// smart.mjs: git's smart HTTP protocol by git-http-backend as a CGI program, and the credentials
// that a git client sends.
import { spawn } from 'node:child_process';

/** {scheme, user, token} of an Authorization header; scheme '' when there is none. */
export function credentialOf(req) {
	const [, scheme = '', value = ''] = /^(\S+) +(\S+)$/.exec(req.headers.authorization ?? '') ?? [];
	if (scheme.toLowerCase() !== 'basic') return { scheme: scheme.toLowerCase(), user: '', token: value };
	const [user, token = ''] = Buffer.from(value, 'base64').toString().split(/:(.*)/s);
	return { scheme: 'basic', user, token };
}

/** Does the request write to the repository? */
export const writes = (url) => url.pathname.endsWith('/git-receive-pack') || url.searchParams.get('service') === 'git-receive-pack';

function cgiHead(res, head) {
	for (const line of head.toString('latin1').split(/\r?\n/)) {
		const [key, value] = line.split(/:\s*(.*)/s);
		if (key === 'Status') res.statusCode = parseInt(value, 10);
		else if (key !== '') res.setHeader(key, value);
	}
}

/** Answers by git-http-backend over the repositories below `root`. */
export function backend(root, user, req, res, url) {
	const env = {
		PATH: process.env.PATH, HOME: process.env.HOME ?? '/', LC_ALL: 'C', GIT_CONFIG_NOSYSTEM: '1',
		GIT_CONFIG_GLOBAL: '/dev/null', GIT_PROJECT_ROOT: root, GIT_HTTP_EXPORT_ALL: '1',
		REQUEST_METHOD: req.method, PATH_INFO: decodeURIComponent(url.pathname),
		QUERY_STRING: url.search.slice(1), CONTENT_TYPE: req.headers['content-type'] ?? '',
		REMOTE_USER: user, REMOTE_ADDR: '127.0.0.1',
	};
	for (const [name, header] of [['HTTP_CONTENT_ENCODING', 'content-encoding'], ['GIT_PROTOCOL', 'git-protocol'], ['CONTENT_LENGTH', 'content-length']]) {
		if (req.headers[header]) env[name] = req.headers[header];
	}
	const cgi = spawn('git', ['http-backend'], { env, stdio: ['pipe', 'pipe', 'inherit'] });
	cgi.stdin.on('error', () => {});
	req.pipe(cgi.stdin);
	let head = Buffer.alloc(0);
	let inHead = true;
	cgi.stdout.on('data', (part) => {
		if (!inHead) {
			res.write(part);
			return;
		}
		head = Buffer.concat([head, part]);
		const end = head.indexOf('\r\n\r\n');
		if (end < 0) return;
		inHead = false;
		cgiHead(res, head.subarray(0, end));
		res.write(head.subarray(end + 4));
	});
	return new Promise((done) => {
		cgi.on('close', () => {
			if (inHead) res.statusCode = 500;
			res.end();
			done();
		});
	});
}
