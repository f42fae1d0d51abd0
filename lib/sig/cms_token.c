/*
 * A timestamp token (RFC 3161 2.4.2) in a signature: is it one, and over this
 * signature value? Whom it is by is not asked here; but what is no token would be room
 * for bytes that nobody signed.
 */
#include "base/der.h"
#include "sig/cms.h"
#include "sig/cms_oid.h"

/* ContentInfo with SignedData down to the octets of its content, which is TSTInfo. */
static bool take_info(struct bytes token, struct bytes *ret)
{
	struct der_item ci, type, wrap, data, version, digests, encap, content, octets, rest;
	bool has_certs, has_crls;

	if (!der_take(&token, DER_SEQUENCE, &ci) || token.n != 0 ||
	    !der_take(&ci.value, DER_OID, &type) || !bytes_eq(type.value, OID_SIGNED_DATA) ||
	    !der_take(&ci.value, DER_CONTEXT_CONSTRUCTED(0), &wrap) || ci.value.n != 0 ||
	    !der_take(&wrap.value, DER_SEQUENCE, &data) || wrap.value.n != 0)
		return false;
	if (!der_take(&data.value, DER_INTEGER, &version) ||
	    !der_take(&data.value, DER_SET, &digests) ||
	    !der_take(&data.value, DER_SEQUENCE, &encap) ||
	    !der_take_optional(&data.value, DER_CONTEXT_CONSTRUCTED(0), &rest, &has_certs) ||
	    !der_take_optional(&data.value, DER_CONTEXT_CONSTRUCTED(1), &rest, &has_crls) ||
	    !der_take(&data.value, DER_SET, &rest) || data.value.n != 0 || rest.value.n == 0)
		return false;
	if (!der_take(&encap.value, DER_OID, &type) || !bytes_eq(type.value, OID_TST_INFO) ||
	    !der_take(&encap.value, DER_CONTEXT_CONSTRUCTED(0), &content) || encap.value.n != 0 ||
	    !der_take(&content.value, DER_OCTET_STRING, &octets) || content.value.n != 0)
		return false;
	*ret = octets.value;
	return true;
}

/* TSTInfo's messageImprint: AlgorithmIdentifier (parameters absent or NULL), octets. */
static bool take_imprint(struct bytes info, enum alg_hash *h, struct bytes *ret)
{
	struct der_item tst, version, policy, imprint, alg, oid, null, octets;
	bool has_null;
	int v;

	if (!der_take(&info, DER_SEQUENCE, &tst) || info.n != 0 ||
	    !der_take(&tst.value, DER_INTEGER, &version) || !der_small_int(version, &v) || v != 1 ||
	    !der_take(&tst.value, DER_OID, &policy) ||
	    !der_take(&tst.value, DER_SEQUENCE, &imprint))
		return false;
	if (!der_take(&imprint.value, DER_SEQUENCE, &alg) ||
	    !der_take(&imprint.value, DER_OCTET_STRING, &octets) || imprint.value.n != 0 ||
	    !der_take(&alg.value, DER_OID, &oid) ||
	    !der_take_optional(&alg.value, DER_NULL, &null, &has_null) || alg.value.n != 0)
		return false;
	*h = alg_hash_by_oid(oid.value);
	*ret = octets.value;
	return *h >= HASH_SHA256 && *h <= HASH_SHA512;
}

bool cms_token_covers(struct bytes token, struct bytes signature)
{
	uint8_t md[HASH_MAX_SIZE];
	struct bytes info, imprint;
	enum alg_hash h;

	return take_info(token, &info) && take_imprint(info, &h, &imprint) &&
	       alg_digest(h, &signature, 1, md) &&
	       bytes_eq(imprint, bytes_of(md, alg_hash_size(h)));
}
