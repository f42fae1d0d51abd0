// browser.mjs URL [deny|far]: the person's browser. Follows redirections with a cookie jar, logs in
// as alice, consents (deny: follows "Cancel"), and ends where the pages end, at the program that
// waits on 127.0.0.1 without TLS; far: on another machine, where that address cannot be opened. Prints each address gone through, a line each, then the last status and
// body. As $BROWSER it takes the address as git's web--browse would give it. It trusts the file
// in NODE_EXTRA_CA_CERTS.
import { setTimeout as sleep } from 'node:timers/promises';

let [, , at, word] = process.argv;
const deny = word === 'deny';
const jar = new Map();

async function visit(form) {
	console.log(at);
	const options = { redirect: 'manual', headers: { cookie: [...jar].map(([k, v]) => `${k}=${v}`).join('; ') } };
	if (form) Object.assign(options, { method: 'POST', body: form });
	const answer = await fetch(at, options);
	const cookies = answer.headers.getSetCookie ? answer.headers.getSetCookie() : [answer.headers.get('set-cookie') ?? ''].join(',').split(/,(?=[^;]+?=)/);
	for (const c of cookies) {
		const [, name, value] = /^\s*([^=;]+)=([^;]*)/.exec(c) ?? [];
		if (name) jar.set(name, value);
	}
	return answer;
}

const formOn = (page) => {
	const action = /<form[^>]*action="([^"]+)"/.exec(page)?.[1];
	const prompt = /name="prompt" value="(\w+)"/.exec(page)?.[1];
	return action && prompt && { action, body: new URLSearchParams(prompt === 'login' ? { prompt, login: 'alice', password: 'any' } : { prompt }) };
};

let form;
for (let hops = 0; hops < 20; hops++) {
	if (word === 'far' && at.startsWith('http://')) {
		console.log(at);
		break;
	}
	const answer = await visit(form);
	form = undefined;
	const to = answer.headers.get('location');
	const page = await answer.text();
	const found = formOn(page);
	if (to) {
		at = new URL(to, at).href;
	} else if (found && deny) {
		at = new URL(/href="([^"]+\/abort)"/.exec(page)[1], at).href;
	} else if (found) {
		at = new URL(found.action, at).href;
		form = found.body;
	} else {
		console.log(answer.status);
		console.log(page);
		process.exitCode = answer.ok ? 0 : 1;
		break;
	}
	await sleep(0);
}
