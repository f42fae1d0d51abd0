#include "make.h"

#include "base/pem.h"

static int check_own(const struct cert *leaf, struct cms_key *key, struct bytes der,
		     struct bytes payload, struct err *err)
{
	struct cms_key *made = NULL;
	struct cms cms;
	int r = cms_parse(der, &cms, err);

	if (r == 0) {
		if (key == NULL)
			r = cms_key_new(leaf->key, &made, err);
		if (r == 0)
			r = cms_check(&cms, &payload, 1, bytes_of(leaf->der, leaf->der_n),
				      key != NULL ? key : made, err);
		cms_key_free(made);
		cms_free(&cms);
	}
	if (r != 0) {
		err_prefix(err, "the token's signature does not verify (does the certificate "
				"belong to the key?); nothing was signed");
		return err != NULL ? (err->code = ERR_TOKEN) : ERR_TOKEN;
	}
	return 0;
}

int make_signature(const struct cert *leaf, struct cms_key *key, const struct bytes *chain,
		   size_t chain_n, struct bytes payload, int64_t now, struct cms_signer signer,
		   struct buf *pem, enum alg_hash *hash, struct err *err)
{
	struct cms_input in = {
		.payload = { payload },
		.leaf = bytes_of(leaf->der, leaf->der_n),
		.key = leaf->alg,
		.chain = chain,
		.chain_n = chain_n,
		.signing_time = now,
		.signer = signer,
	};
	struct buf der = BUF_INIT;
	int r = cms_sign(&in, &der, err);

	if (r == 0)
		r = check_own(leaf, key, buf_bytes(&der), payload, err);
	if (r == 0) {
		pem_write(pem, PEM_SIGNED_MESSAGE, buf_bytes(&der));
		*hash = alg_hash_for(leaf->alg);
	}
	buf_free(&der);
	return r;
}
