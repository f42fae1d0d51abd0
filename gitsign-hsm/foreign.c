#include "foreign.h"

#include "base/wire.h"
#include "cert_files.h"
#include "make.h"
#include "select.h"
#include "status.h"
#include "token/agent.h"
#include "token/agent_ssh.h"

static int raw(void *ctx, enum alg_hash h, struct bytes tbs, struct buf *sig, struct err *err)
{
	const struct cert *leaf = ctx;
	struct buf b = BUF_INIT, blob = BUF_INIT, reply = BUF_INIT;
	enum alg_hash want;
	struct bytes in, v;
	const char *alg;
	int r = 0;

	if (!ssh_key_alg(leaf->key, SSH_FLAG_SHA256, &alg, &want) || want != h ||
	    !ssh_key_blob(leaf->key, &blob))
		r = err_set(err, ERR_KEY, "ssh knows no such keys");
	buf_add_byte(&b, AGENT_SIGN);
	wire_put_string(&b, buf_bytes(&blob));
	wire_put_string(&b, tbs);
	wire_put_u32(&b, SSH_FLAG_SHA256);
	if (r == 0)
		r = agent_ssh_request(buf_bytes(&b), AGENT_SIGNATURE, &reply, err);
	in = buf_bytes(&reply);
	if (r == 0 && (!wire_string(&in, &v) || in.n != 0 ||
		       !ssh_signature_get(v, leaf->key, alg, sig)))
		r = err_set(err, ERR_TOKEN, "the ssh-agent gave no signature");
	buf_free(&b);
	buf_free(&blob);
	buf_free(&reply);
	return r;
}

static bool fits(const struct cert *c, const struct selector *want, int64_t now)
{
	struct candidate k = { .cert = (struct cert *)(uintptr_t)c };

	candidate_judge(&k, now);
	return k.why[0] == '\0' && candidate_matches(&k, want);
}

static int pick(const struct cert_list *certs, const char *key, int64_t now,
		const struct cert **ret, struct err *err)
{
	struct selector want = { .kind = SELECT_ANY };
	size_t n = 0;
	int r = selector_parse(key, &want, err);

	if (r == 0 && want.kind == SELECT_URI)
		r = err_set(err, ERR_KEY, "with hsm.agent = ssh a key is named by its "
					  "certificate's fingerprint or e-mail address");
	for (size_t i = 0; r == 0 && i < certs->n; i++) {
		const struct cert *c = certs->v[i], *later = NULL;

		if (!fits(c, &want, now))
			continue;
		if (n > 0)
			later = select_later(*ret, c);
		n += later == NULL;
		*ret = later != NULL ? later : c;
	}
	selector_free(&want);
	if (r == 0 && n != 1)
		r = err_set(err, ERR_KEY,
			    "%zu usable certificates of hsm.certificate fit: with hsm.agent = ssh "
			    "it has to be one (name it by its fingerprint)",
			    n);
	return r;
}

static int sign(const struct cert *leaf, const struct cert_list *pool, struct bytes payload,
		int64_t now, struct buf *pem, struct buf *status, struct err *err)
{
	const struct cert *found[MAKE_CHAIN_MAX];
	struct bytes chain[MAKE_CHAIN_MAX];
	struct cms_signer signer = { raw, (void *)(uintptr_t)leaf };
	size_t n = cert_chain_for(leaf, pool, found, MAKE_CHAIN_MAX);
	enum alg_hash h;
	int r;

	for (size_t i = 0; i < n; i++)
		chain[i] = bytes_of(found[i]->der, found[i]->der_n);
	r = make_signature(leaf, NULL, chain, n, payload, now, signer, pem, &h, err);
	if (r == 0)
		status_signed(status, leaf, h, now);
	return r;
}

int foreign_sign(const struct settings *s, const char *key, struct bytes payload, int64_t now,
		 struct buf *pem, struct buf *status, struct err *err)
{
	struct cert_list certs = { NULL, 0 }, chain = { NULL, 0 };
	const struct cert *leaf = NULL;
	int r = cert_files_load(s, "hsm.certificate", &certs, err);

	if (r == 0)
		r = cert_files_load(s, "hsm.chain", &chain, err);
	if (r == 0)
		r = pick(&certs, key != NULL && key[0] != '\0' ? key : s->key, now, &leaf, err);
	if (r == 0)
		r = sign(leaf, &chain, payload, now, pem, status, err);
	cert_list_free(&certs);
	cert_list_free(&chain);
	return r;
}
