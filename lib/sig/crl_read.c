/* RFC 5280 5.1-5.3, field by field: what is not understood makes the list unusable. */
#include <openssl/objects.h>
#include <stdlib.h>

#include "base/der.h"
#include "base/mem.h"
#include "sig/crl_internal.h"

#define EXTENSIONS_MAX 32
#define SERIAL_MAX 64 /* RFC 5280 4.1.2.2 allows 20 */

/* The last arc of id-ce, 2.5.29. */
enum {
	CE_ISSUER_ALT_NAME = 18,
	CE_CRL_NUMBER = 20,
	CE_REASON = 21,
	CE_HOLD_INSTRUCTION = 23,
	CE_INVALIDITY_DATE = 24,
	CE_DELTA_INDICATOR = 27,
	CE_DISTRIBUTION_POINT = 28,
	CE_CERTIFICATE_ISSUER = 29,
	CE_AUTHORITY_KEY = 35,
	CE_FRESHEST = 46
};

static int malformed(struct err *err, const char *what)
{
	return err_set(err, ERR_INPUT, "the CRL is malformed: %s", what);
}

/* --- extensions ------------------------------------------------------------------ */

struct extension {
	struct bytes oid, oid_whole, value;
	bool critical;
};

static bool next_extension(struct bytes *in, struct extension *e)
{
	struct der_item seq, oid, critical, value;
	bool found;

	if (!der_take(in, DER_SEQUENCE, &seq) || !der_take(&seq.value, DER_OID, &oid) ||
	    !der_take_optional(&seq.value, DER_BOOLEAN, &critical, &found) ||
	    (found && critical.value.n != 1) || !der_take(&seq.value, DER_OCTET_STRING, &value) ||
	    seq.value.n > 0)
		return false;
	e->oid = oid.value;
	e->oid_whole = oid.whole;
	e->value = value.value;
	e->critical = found && critical.value.p[0] != 0;
	return true;
}

/* The last arc of an extension under id-ce; -1: another one. */
static int arc_of(const struct extension *e)
{
	return e->oid.n == 3 && e->oid.p[0] == 0x55 && e->oid.p[1] == 0x1d ? e->oid.p[2] : -1;
}

static int unknown_extension(const struct extension *e, const char *where, struct err *err)
{
	const unsigned char *p = e->oid_whole.p;
	ASN1_OBJECT *o;
	char text[80] = "?";

	if (!e->critical)
		return 0;
	o = d2i_ASN1_OBJECT(NULL, &p, (long)e->oid_whole.n);
	if (o)
		OBJ_obj2txt(text, sizeof(text), o, 1);
	ASN1_OBJECT_free(o);
	return err_set(err, ERR_INPUT,
		       "the CRL has a critical extension%s that is not known here "
		       "(%s)",
		       where, text);
}

/* Calls `each` for every extension of a SEQUENCE OF; none may stand twice. */
static int read_extensions(struct bytes in, struct crl *c, struct crl_slot *slot,
			   int (*each)(struct crl *, struct crl_slot *, const struct extension *,
				       struct err *),
			   struct err *err)
{
	struct bytes seen[EXTENSIONS_MAX];
	struct extension e;
	size_t n = 0, i;
	int rc;

	while (in.n > 0) {
		if (!next_extension(&in, &e) || n == EXTENSIONS_MAX)
			return malformed(err, "an extension");
		for (i = 0; i < n; i++)
			if (bytes_eq(seen[i], e.oid))
				return malformed(err, "it repeats an extension");
		seen[n++] = e.oid;
		rc = each(c, slot, &e, err);
		if (rc)
			return rc;
	}
	return n > 0 ? 0 : malformed(err, "an empty list of extensions");
}

/* --- entries --------------------------------------------------------------------- */

/* A time that is not later than what stands there. */
static void earlier(struct crl_slot *slot, int64_t t)
{
	if (t < slot->since)
		slot->since = t;
}

static int read_reason(struct crl_slot *slot, struct bytes v, struct err *err)
{
	struct der_item item;

	if (!der_take(&v, DER_ENUMERATED, &item) || v.n > 0 || item.value.n != 1 ||
	    item.value.p[0] > 10 || item.value.p[0] == 7)
		return malformed(err, "a reason code");
	if (item.value.p[0] == 8)
		return err_set(err, ERR_INPUT,
			       "the CRL has an entry with the reason removeFromCRL, "
			       "which stands in delta CRLs only");
	slot->reason = item.value.p[0];
	return 0;
}

static int entry_extension(struct crl *c, struct crl_slot *slot, const struct extension *e,
			   struct err *err)
{
	struct bytes v = e->value;
	struct der_item item;
	int64_t t;

	(void)c;
	switch (arc_of(e)) {
	case CE_REASON:
		return read_reason(slot, v, err);
	case CE_INVALIDITY_DATE:
		if (!der_take(&v, DER_GENERALIZED_TIME, &item) || v.n > 0 || !der_time(item, &t))
			return malformed(err, "an invalidity date");
		earlier(slot, t);
		return 0;
	case CE_CERTIFICATE_ISSUER:
		return err_set(err, ERR_INPUT,
			       "the CRL is an indirect one: it has an entry for "
			       "another issuer (certificateIssuer)");
	case CE_HOLD_INSTRUCTION:
		return 0;
	default:
		return unknown_extension(e, " of an entry", err);
	}
}

/* DER asks for the shortest form: with another one a serial would not be found. */
static bool serial_ok(struct bytes v)
{
	return v.n > 0 && v.n <= SERIAL_MAX &&
	       (v.n == 1 ||
		!((v.p[0] == 0 && v.p[1] < 0x80) || (v.p[0] == 0xff && v.p[1] >= 0x80)));
}

static int read_entry(struct crl *c, struct bytes in, struct err *err)
{
	struct crl_slot *slot = &c->entries[c->entries_n];
	struct der_item serial, date, extensions;

	if (!der_take(&in, DER_INTEGER, &serial) || !serial_ok(serial.value))
		return malformed(err, "a serial number");
	*slot = (struct crl_slot){
		.serial = (uint32_t)(serial.value.p - c->der),
		.serial_n = (uint8_t)serial.value.n,
		.reason = CRL_UNSPECIFIED,
	};
	if (!der_next(&in, &date) || !der_time(date, &slot->since))
		return malformed(err, "a revocation date");
	c->entries_n++;
	if (in.n == 0)
		return 0;
	if (!der_take(&in, DER_SEQUENCE, &extensions) || in.n > 0)
		return malformed(err, "an entry");
	return read_extensions(extensions.value, c, slot, entry_extension, err);
}

static int read_entries(struct crl *c, struct bytes in, struct err *err)
{
	size_t cap = 0;
	int rc = 0;

	while (in.n > 0 && rc == 0) {
		struct der_item entry;

		if (c->entries_n == CRL_MAX_ENTRIES)
			return err_set(err, ERR_INPUT, "the CRL has more than %d entries",
				       CRL_MAX_ENTRIES);
		if (!der_take(&in, DER_SEQUENCE, &entry))
			return malformed(err, "the list of entries");
		if (c->entries_n == cap) {
			cap = cap ? cap * 2 : 64;
			c->entries = xreallocarray(c->entries, cap, sizeof(*c->entries));
		}
		rc = read_entry(c, entry.value, err);
	}
	return rc;
}

/* --- extensions of the whole ----------------------------------------------------- */

static int read_key_id(struct crl *c, struct bytes v, struct err *err)
{
	struct der_item seq, id;
	bool found;

	if (!der_take(&v, DER_SEQUENCE, &seq) || v.n > 0 ||
	    !der_take_optional(&seq.value, DER_CONTEXT(0), &id, &found))
		return malformed(err, "its authorityKeyIdentifier");
	if (found)
		c->key_id = id.value;
	return 0;
}

/* indirectCRL [4] decides how it is called; all kinds leave certificates out. */
static int refuse_part(struct bytes v, struct err *err)
{
	struct der_item seq, item;

	if (der_take(&v, DER_SEQUENCE, &seq))
		while (der_next(&seq.value, &item))
			if (item.tag == DER_CONTEXT(4))
				return err_set(err, ERR_INPUT,
					       "the CRL is an indirect one "
					       "(issuingDistributionPoint)");
	return err_set(err, ERR_INPUT,
		       "the CRL is for a part of the certificates only "
		       "(issuingDistributionPoint)");
}

static int list_extension(struct crl *c, struct crl_slot *slot, const struct extension *e,
			  struct err *err)
{
	struct bytes v = e->value;
	struct der_item item;

	(void)slot;
	switch (arc_of(e)) {
	case CE_AUTHORITY_KEY:
		return read_key_id(c, v, err);
	case CE_CRL_NUMBER:
		return der_take(&v, DER_INTEGER, &item) && v.n == 0 && serial_ok(item.value)
			       ? 0
			       : malformed(err, "its cRLNumber");
	case CE_DELTA_INDICATOR:
		return err_set(err, ERR_INPUT, "the CRL is a delta CRL, which lists changes only");
	case CE_DISTRIBUTION_POINT:
		return refuse_part(v, err);
	case CE_FRESHEST: /* where deltas are: a complete list is complete without */
	case CE_ISSUER_ALT_NAME:
		return 0;
	default:
		return unknown_extension(e, "", err);
	}
}

/* --- the whole ------------------------------------------------------------------- */

/* AlgorithmIdentifier: parameters absent or NULL. */
static int read_algorithm(struct crl *c, struct bytes v, struct err *err)
{
	struct der_item oid, null;
	bool found;

	if (!der_take(&v, DER_OID, &oid))
		return malformed(err, "its signature algorithm");
	if (!alg_signature_by_oid(oid.value, &c->family, &c->hash) ||
	    !der_take_optional(&v, DER_NULL, &null, &found) || v.n > 0 ||
	    (c->family != KEY_ED25519 && c->hash == HASH_NONE))
		return err_set(err, ERR_INPUT,
			       "the CRL is signed with an algorithm that is not "
			       "accepted (SHA-256, SHA-384, SHA-512 with RSA or "
			       "ECDSA; Ed25519)");
	return 0;
}

static int read_issuer(struct crl *c, struct bytes name, struct err *err)
{
	const unsigned char *p = name.p;
	char text[256];

	c->issuer = d2i_X509_NAME(NULL, &p, (long)name.n);
	if (!c->issuer || p != name.p + name.n || X509_NAME_entry_count(c->issuer) == 0)
		return malformed(err, "its issuer");
	/* oneline escapes all that is not printable ASCII */
	X509_NAME_oneline(c->issuer, text, sizeof(text));
	c->issuer_text = xstrdup(text);
	return 0;
}

static int read_dates(struct crl *c, struct bytes *in, struct err *err)
{
	struct der_item item;
	uint8_t tag;

	if (!der_next(in, &item) || !der_time(item, &c->this_update))
		return malformed(err, "its thisUpdate");
	if (!der_peek(*in, &tag) || (tag != DER_UTC_TIME && tag != DER_GENERALIZED_TIME))
		return err_set(err, ERR_INPUT,
			       "the CRL has no nextUpdate: nobody could tell when it "
			       "is out of date");
	if (!der_next(in, &item) || !der_time(item, &c->next_update) ||
	    c->next_update < c->this_update)
		return malformed(err, "its nextUpdate");
	return 0;
}

static int read_tail(struct crl *c, struct bytes in, bool v2, struct err *err)
{
	struct der_item item, extensions;
	bool found;
	int rc = 0;

	if (!der_take_optional(&in, DER_SEQUENCE, &item, &found))
		return malformed(err, "its entries");
	if (found)
		rc = read_entries(c, item.value, err);
	if (rc || in.n == 0)
		return rc;
	if (!v2 || !der_take(&in, DER_CONTEXT_CONSTRUCTED(0), &item) || in.n > 0 ||
	    !der_take(&item.value, DER_SEQUENCE, &extensions) || item.value.n > 0)
		return malformed(err, "its extensions");
	return read_extensions(extensions.value, c, NULL, list_extension, err);
}

/* `outer` is the signatureAlgorithm beside the signed part. */
static int read_tbs(struct crl *c, struct bytes in, struct bytes outer, struct err *err)
{
	struct der_item version, algorithm, issuer;
	bool v2;
	int n, rc;

	if (!der_take_optional(&in, DER_INTEGER, &version, &v2) ||
	    (v2 && (!der_small_int(version, &n) || n != 1)))
		return malformed(err, "its version");
	if (!der_take(&in, DER_SEQUENCE, &algorithm) || !bytes_eq(algorithm.whole, outer))
		return malformed(err, "its signature algorithm");
	if (!der_take(&in, DER_SEQUENCE, &issuer))
		return malformed(err, "its issuer");
	if ((rc = read_algorithm(c, algorithm.value, err)) ||
	    (rc = read_issuer(c, issuer.whole, err)) || (rc = read_dates(c, &in, err)))
		return rc;
	return read_tail(c, in, v2, err);
}

int crl_read(struct crl *c, struct err *err)
{
	struct bytes in = bytes_of(c->der, c->der_n);
	struct der_item list, tbs, algorithm, signature;

	if (!der_take(&in, DER_SEQUENCE, &list) || in.n > 0 ||
	    !der_take(&list.value, DER_SEQUENCE, &tbs) ||
	    !der_take(&list.value, DER_SEQUENCE, &algorithm) ||
	    !der_take(&list.value, DER_BIT_STRING, &signature) || list.value.n > 0 ||
	    signature.value.n < 2 || signature.value.p[0] != 0)
		return err_set(err, ERR_INPUT, "it is not a CRL in DER");
	c->tbs = tbs.whole;
	c->signature = bytes_skip(signature.value, 1);
	return read_tbs(c, tbs.value, algorithm.whole, err);
}
