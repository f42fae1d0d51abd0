/* CMS messages that are refused, each beside its like that is accepted. */
#include "tests/unit/cms_judge.h"

/* --- what is changed ------------------------------------------------------------------- */

static void two_types(struct forge *f, struct buf *b)
{
	(void)f;
	forge_type_attr(b, OID_DATA);
}

static void other_type(struct forge *f, struct buf *b)
{
	f->flags |= FORGE_NO_TYPE;
	forge_type_attr(b, OID_SIGNED_DATA);
}

static void two_digests(struct forge *f, struct buf *b)
{
	(void)f;
	forge_octets_attr(b, OID_MESSAGE_DIGEST, BYTES_LIT("01234567890123456789012345678901"));
}

static void short_digest(struct forge *f, struct buf *b)
{
	uint8_t md[32];

	ck_assert(alg_digest(HASH_SHA256, &f->payload, 1, md));
	f->flags |= FORGE_NO_DIGEST;
	forge_octets_attr(b, OID_MESSAGE_DIGEST, bytes_of(md, 31));
}

static void empty_digest(struct forge *f, struct buf *b)
{
	f->flags |= FORGE_NO_DIGEST;
	forge_octets_attr(b, OID_MESSAGE_DIGEST, BYTES_NONE);
}

static void two_times(struct forge *f, struct buf *b)
{
	forge_time_attr(b, f->time + 1);
}

static void time_value(struct forge *f, struct buf *b, unsigned tag, const char *text)
{
	struct buf v = BUF_INIT;

	f->flags |= FORGE_NO_TIME;
	der_put(&v, tag, bytes_str(text));
	forge_attr(b, OID_SIGNING_TIME, buf_bytes(&v));
	buf_free(&v);
}

static void time_local(struct forge *f, struct buf *b)
{
	time_value(f, b, DER_UTC_TIME, "270115080000+0100");
}

static void time_general(struct forge *f, struct buf *b)
{
	time_value(f, b, DER_GENERALIZED_TIME, "20550115080000Z");
}

static void time_month(struct forge *f, struct buf *b)
{
	time_value(f, b, DER_UTC_TIME, "271315080000Z");
}

static void time_as_text(struct forge *f, struct buf *b)
{
	time_value(f, b, DER_UTF8_STRING, "270115080000Z");
}

static void unknown_attr(struct forge *f, struct buf *b)
{
	(void)f;
	forge_octets_attr(b, BYTES_LIT("\x2a\x03\x04"), BYTES_LIT("x"));
}

static void two_values(struct forge *f, struct buf *b)
{
	f->flags |= FORGE_NO_TYPE;
	forge_attr(b, OID_CONTENT_TYPE,
		   BYTES_LIT("\x06\x01\x2a\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"));
}

static void no_value(struct forge *f, struct buf *b)
{
	f->flags |= FORGE_NO_TIME;
	forge_attr(b, OID_SIGNING_TIME, BYTES_NONE);
}

static void ess_v1(struct forge *f, struct buf *b)
{
	f->flags |= FORGE_NO_ESS;
	forge_ess_attr(b, HASH_SHA1, f->leaf, BYTES_NONE);
}

static void ess_v1_other(struct forge *f, struct buf *b)
{
	f->flags |= FORGE_NO_ESS;
	forge_ess_attr(b, HASH_SHA1, buf_bytes(&other.der), BYTES_NONE);
}

static void ess_both(struct forge *f, struct buf *b)
{
	forge_ess_attr(b, HASH_SHA1, f->leaf, BYTES_NONE);
}

static void ess_both_v1_other(struct forge *f, struct buf *b)
{
	(void)f;
	forge_ess_attr(b, HASH_SHA1, buf_bytes(&other.der), BYTES_NONE);
}

static void ess_sha512(struct forge *f, struct buf *b)
{
	f->flags |= FORGE_NO_ESS;
	forge_ess_attr(b, HASH_SHA512, f->leaf, BYTES_NONE);
}

/* `name`: the tag of the one GeneralName. */
static void ess_serial_of(struct forge *f, struct buf *b, struct bytes cert, unsigned name)
{
	struct buf sid = BUF_INIT, is = BUF_INIT;
	struct der_item seq, issuer;
	struct bytes in;
	size_t m, names;

	forge_sid(&sid, cert);
	in = buf_bytes(&sid);
	ck_assert(der_next(&in, &seq) && der_next(&seq.value, &issuer));
	m = der_open(&is, DER_SEQUENCE);
	names = der_open(&is, DER_SEQUENCE);
	der_put(&is, name, issuer.whole);
	der_close(&is, names);
	buf_add_bytes(&is, seq.value);
	der_close(&is, m);
	f->flags |= FORGE_NO_ESS;
	forge_ess_attr(b, HASH_SHA256, f->leaf, buf_bytes(&is));
	buf_free(&sid);
	buf_free(&is);
}

static void ess_serial(struct forge *f, struct buf *b)
{
	ess_serial_of(f, b, f->leaf, DER_CONTEXT_CONSTRUCTED(4));
}

static void ess_serial_other(struct forge *f, struct buf *b)
{
	ess_serial_of(f, b, buf_bytes(&other.der), DER_CONTEXT_CONSTRUCTED(4));
}

static void ess_serial_name(struct forge *f, struct buf *b)
{
	ess_serial_of(f, b, f->leaf, DER_CONTEXT(6));
}

static void ess_policies(struct forge *f, struct buf *b)
{
	f->flags |= FORGE_NO_ESS;
	forge_ess_attr(b, HASH_SHA256, f->leaf, BYTES_LIT("\x0c\x01x"));
}

static void protection(struct forge *f, struct buf *b)
{
	(void)f;
	forge_protection_attr(b, alg_hash_oid(HASH_SHA256), alg_signature_oid(KEY_P256, HASH_SHA256));
}

static void protection_digest(struct forge *f, struct buf *b)
{
	(void)f;
	forge_protection_attr(b, alg_hash_oid(HASH_SHA384), alg_signature_oid(KEY_P256, HASH_SHA256));
}

static void protection_signature(struct forge *f, struct buf *b)
{
	(void)f;
	forge_protection_attr(b, alg_hash_oid(HASH_SHA256), alg_signature_oid(KEY_RSA, HASH_SHA256));
}

static void protection_null(struct forge *f, struct buf *b)
{
	(void)f;
	forge_protection_with(b, alg_hash_oid(HASH_SHA256), alg_signature_oid(KEY_P256, HASH_SHA256),
			      BYTES_LIT("\x05\x00"));
}

static void protection_full_null(struct forge *f, struct buf *b)
{
	(void)f;
	forge_protection_with(b, alg_hash_oid(HASH_SHA256), alg_signature_oid(KEY_P256, HASH_SHA256),
			      BYTES_LIT("\x05\x02xy"));
}

#define AES128 "\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x02"

static void caps(struct forge *f, struct buf *b)
{
	(void)f;
	forge_attr(b, OID_SMIME_CAPABILITIES, BYTES_LIT("\x30\x0d" AES128));
}

static void caps_rc2(struct forge *f, struct buf *b)
{
	(void)f;
	forge_attr(b, OID_SMIME_CAPABILITIES,
		   BYTES_LIT("\x30\x10\x30\x0e\x06\x08\x2a\x86\x48\x86\xf7\x0d\x03\x02\x02\x02\x00\x80"));
}

static void caps_unknown(struct forge *f, struct buf *b)
{
	(void)f;
	forge_attr(b, OID_SMIME_CAPABILITIES, BYTES_LIT("\x30\x06\x30\x04\x06\x02\x2a\x03"));
}

static void caps_params(struct forge *f, struct buf *b)
{
	(void)f;
	forge_attr(b, OID_SMIME_CAPABILITIES,
		   BYTES_LIT("\x30\x10\x30\x0e\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x02\x04\x01x"));
}

static void stamp(struct forge *f, struct buf *b)
{
	(void)b;
	f->unsigned_attrs = BYTES_LIT("\x30\x11\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x0e"
				      "\x31\x02\x30\x00");
}

#define ENTRY "\x30\x11\x06\x0a\x2b\x06\x01\x04\x01\x83\xbf\x30\x03\x01\x31\x03\x04\x01x"

static void entry(struct forge *f, struct buf *b)
{
	(void)b;
	f->unsigned_attrs = BYTES_LIT(ENTRY);
}

static void entries(struct forge *f, struct buf *b)
{
	(void)b;
	f->unsigned_attrs = BYTES_LIT(ENTRY ENTRY);
}

static void unknown_unsigned(struct forge *f, struct buf *b)
{
	(void)b;
	f->unsigned_attrs = BYTES_LIT("\x30\x09\x06\x02\x2a\x03\x31\x03\x04\x01x");
}

static void counter_signature(struct forge *f, struct buf *b)
{
	(void)b;
	f->unsigned_attrs =
		BYTES_LIT("\x30\x0f\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x06\x31\x02\x30\x00");
}

static void bag_16(struct forge *f, struct buf *b)
{
	(void)b;
	for (f->bag_n = 0; f->bag_n < CMS_MAX_CERTS - 1; f->bag_n++)
		f->bag[f->bag_n] = buf_bytes(&other.der);
}

static void bag_17(struct forge *f, struct buf *b)
{
	bag_16(f, b);
	f->bag[f->bag_n++] = buf_bytes(&other.der);
}

static void bag_attribute_cert(struct forge *f, struct buf *b)
{
	(void)b;
	f->bag[f->bag_n++] = BYTES_LIT("\xa2\x02\x30\x00");
}

static void bag_other_kind(struct forge *f, struct buf *b)
{
	(void)b;
	f->bag[f->bag_n++] = BYTES_LIT("\xa3\x04\x06\x02\x2a\x03");
}

static void bag_octets(struct forge *f, struct buf *b)
{
	(void)b;
	f->bag[f->bag_n++] = BYTES_LIT("\x04\x01x");
}

static void ecdsa_as(struct buf *sig, struct bytes r, struct bytes s)
{
	size_t m;

	buf_clear(sig);
	m = der_open(sig, DER_SEQUENCE);
	der_put(sig, DER_INTEGER, r);
	der_put(sig, DER_INTEGER, s);
	der_close(sig, m);
}

static void bend_zero_s(struct buf *sig)
{
	ecdsa_as(sig, BYTES_LIT("\x01"), BYTES_LIT("\x00"));
}

static void bend_zero_r(struct buf *sig)
{
	ecdsa_as(sig, BYTES_LIT("\x00"), BYTES_LIT("\x01"));
}

static void bend_negative(struct buf *sig)
{
	ecdsa_as(sig, BYTES_LIT("\xff"), BYTES_LIT("\x01"));
}

/* r with a zero byte in front of it that DER does not have */
static void bend_padded(struct buf *sig)
{
	struct buf old = BUF_INIT, padded = BUF_INIT;
	struct der_item seq, r, s;
	struct bytes in;

	buf_add_bytes(&old, buf_bytes(sig));
	in = buf_bytes(&old);
	ck_assert(der_next(&in, &seq) && der_next(&seq.value, &r) && der_next(&seq.value, &s));
	buf_add_byte(&padded, 0);
	buf_add_bytes(&padded, r.value);
	ecdsa_as(sig, buf_bytes(&padded), s.value);
	buf_free(&old);
	buf_free(&padded);
}

static void bend_long_length(struct buf *sig)
{
	struct buf old = *sig;

	*sig = (struct buf)BUF_INIT;
	buf_add(sig, "\x30\x81", 2);
	buf_add(sig, old.p + 1, old.n - 1);
	buf_free(&old);
}

static void bend_trailing(struct buf *sig)
{
	buf_add_byte(sig, 0);
}

static void bend_trailing_inside(struct buf *sig)
{
	buf_add(sig, "\x05\x00", 2);
	sig->p[1] = (uint8_t)(sig->p[1] + 2);
}

static void bend_leading(struct buf *sig)
{
	struct buf old = *sig;

	*sig = (struct buf)BUF_INIT;
	buf_add_byte(sig, 0);
	buf_add_bytes(sig, buf_bytes(&old));
	buf_free(&old);
}

static void bend_short(struct buf *sig)
{
	sig->n--;
}

static void bend_flip(struct buf *sig)
{
	sig->p[sig->n - 1] ^= 1;
}

static void bend_empty(struct buf *sig)
{
	buf_clear(sig);
}

static void bend_huge(struct buf *sig)
{
	while (sig->n <= SIG_MAX_SIZE)
		buf_add_byte(sig, 0);
}

#define IN ERR_INPUT

/* --- the table -------------------------------------------------------------------------- */

static const struct message {
	const char *name;
	const struct pki_cert *leaf;
	unsigned flags;
	void (*change)(struct forge *f, struct buf *attrs);
	void (*bend)(struct buf *sig);
	int code; /* 0: good */
	const char *word;
} messages[] = {
	{ "as it should be, P-256", EC, 0, NULL, NULL, 0, NULL },
	{ "as it should be, RSA", RSA_, 0, NULL, NULL, 0, NULL },
	{ "as it should be, Ed25519", ED, 0, NULL, NULL, 0, NULL },
	{ "NULL parameters", EC, FORGE_NULLS, NULL, NULL, 0, NULL },
	{ "which hold something", EC, FORGE_FULL_NULLS, NULL, NULL, IN, "digest algorithm" },
	{ "no certificates", EC, FORGE_NO_BAG, NULL, NULL, 0, NULL },
	{ "attached content", EC, FORGE_CONTENT, NULL, NULL, IN, "detached" },
	{ "version 3", EC, FORGE_VERSION, NULL, NULL, IN, "version 1" },
	{ "no SignerInfo", EC, FORGE_NO_SIGNER, NULL, NULL, IN, "no SignerInfo" },
	{ "two SignerInfos", EC, FORGE_TWO_SIGNERS, NULL, NULL, IN, "more than one" },
	{ "subject key identifier", EC, FORGE_SKI, NULL, NULL, IN, "issuer and serial" },
	{ "CRLs", EC, FORGE_CRL, NULL, NULL, IN, "CRLs" },
	{ "a byte behind it", EC, FORGE_TRAILING, NULL, NULL, IN, "stands behind it" },
	{ "a byte behind it, BER", EC, FORGE_TRAILING | FORGE_BER, NULL, NULL, IN, "BER" },
	{ "BER", EC, FORGE_BER, NULL, NULL, 0, NULL },
	{ "BER, RSA", RSA_, FORGE_BER, NULL, NULL, 0, NULL },
	{ "BER in pieces", EC, FORGE_PIECES, NULL, NULL, 0, NULL },
	{ "BER with content", EC, FORGE_BER | FORGE_CONTENT, NULL, NULL, IN, "detached" },
	{ "BER, two signers", EC, FORGE_BER | FORGE_TWO_SIGNERS, NULL, NULL, IN, "more than one" },

	{ "no signed attributes", EC, FORGE_NO_ATTRS, NULL, NULL, IN, "no signed attributes" },
	{ "unsorted", EC, FORGE_UNSORTED, NULL, NULL, IN, "order" },
	{ "unsorted BER", EC, FORGE_UNSORTED | FORGE_BER, NULL, NULL, IN, "order" },
	{ "no contentType", EC, FORGE_NO_TYPE, NULL, NULL, IN, "contentType" },
	{ "two contentTypes", EC, 0, two_types, NULL, IN, "order" },
	{ "another contentType", EC, 0, other_type, NULL, IN, "the value" },
	{ "no messageDigest", EC, FORGE_NO_DIGEST, NULL, NULL, IN, "messageDigest" },
	{ "two messageDigests", EC, 0, two_digests, NULL, IN, "twice" },
	{ "another messageDigest", EC, FORGE_WRONG_DIGEST, NULL, NULL, ERR_BAD, "other content" },
	{ "messageDigest cut", EC, 0, short_digest, NULL, ERR_BAD, "other content" },
	{ "messageDigest empty", EC, 0, empty_digest, NULL, ERR_BAD, "other content" },
	{ "no signingTime", EC, FORGE_NO_TIME, NULL, NULL, 0, NULL },
	{ "two signingTimes", EC, 0, two_times, NULL, IN, "twice" },
	{ "GeneralizedTime", EC, 0, time_general, NULL, 0, NULL },
	{ "local time", EC, 0, time_local, NULL, IN, "the value" },
	{ "month 13", EC, 0, time_month, NULL, IN, "the value" },
	{ "time as text", EC, 0, time_as_text, NULL, IN, "the value" },
	{ "unknown attribute", EC, 0, unknown_attr, NULL, IN, "kind that is not allowed" },
	{ "two values", EC, 0, two_values, NULL, IN, "one value" },
	{ "no value", EC, 0, no_value, NULL, IN, "one value" },

	{ "no ESS", EC, FORGE_NO_ESS, NULL, NULL, 0, NULL },
	{ "ESS v1", EC, 0, ess_v1, NULL, 0, NULL },
	{ "ESS v1 of another", EC, 0, ess_v1_other, NULL, ERR_BAD, "another certificate" },
	{ "ESS v1 and v2", EC, 0, ess_both, NULL, 0, NULL },
	{ "ESS v1 of another and v2", EC, 0, ess_both_v1_other, NULL, ERR_BAD,
	  "another certificate" },
	{ "ESS by SHA-512", EC, 0, ess_sha512, NULL, 0, NULL },
	{ "ESS with issuerSerial", EC, 0, ess_serial, NULL, 0, NULL },
	{ "ESS, serial of another", EC, 0, ess_serial_other, NULL, IN, "the value" },
	{ "ESS, issuer as URI", EC, 0, ess_serial_name, NULL, IN, "the value" },
	{ "ESS with something behind", EC, 0, ess_policies, NULL, IN, "the value" },
	{ "CMSAlgorithmProtection", EC, 0, protection, NULL, 0, NULL },
	{ "it has NULL parameters", EC, 0, protection_null, NULL, 0, NULL },
	{ "which hold something", EC, 0, protection_full_null, NULL, IN, "signed attribute" },
	{ "it names another digest", EC, 0, protection_digest, NULL, IN, "Protection" },
	{ "it names another signature", EC, 0, protection_signature, NULL, IN, "Protection" },
	{ "SMIMECapabilities", EC, 0, caps, NULL, 0, NULL },
	{ "SMIMECapabilities, RC2", EC, 0, caps_rc2, NULL, 0, NULL },
	{ "an unknown capability", EC, 0, caps_unknown, NULL, IN, "the value" },
	{ "parameters in a capability", EC, 0, caps_params, NULL, IN, "the value" },

	{ "timeStampToken", EC, FORGE_TOKEN, NULL, NULL, 0, NULL },
	{ "timeStampToken of another signature", EC, FORGE_TOKEN_OTHER, NULL, NULL, IN, "timestamp" },
	{ "timeStampToken that is none", EC, 0, stamp, NULL, IN, "timestamp" },
	{ "two timeStampTokens", EC, FORGE_TOKENS, NULL, NULL, IN, "or twice" },
	{ "gitsign's entry", EC, 0, entry, NULL, 0, NULL },
	{ "gitsign's entry twice", EC, 0, entries, NULL, IN, "or twice" },
	{ "unknown unsigned attribute", EC, 0, unknown_unsigned, NULL, IN, "not allowed" },
	{ "counterSignature", EC, 0, counter_signature, NULL, IN, "not allowed" },

	{ "16 certificates", EC, 0, bag_16, NULL, 0, NULL },
	{ "17 certificates", EC, 0, bag_17, NULL, IN, "more than 16" },
	{ "attribute certificate", EC, 0, bag_attribute_cert, NULL, IN, "bag" },
	{ "other kind of certificate", EC, 0, bag_other_kind, NULL, IN, "bag" },
	{ "octets in the bag", EC, 0, bag_octets, NULL, IN, "bag" },

	{ "RSASSA-PSS", RSA_, FORGE_PSS, NULL, NULL, IN, "signature algorithm" },
	{ "r is zero", EC, 0, NULL, bend_zero_r, ERR_BAD, "does not verify" },
	{ "s is zero", EC, 0, NULL, bend_zero_s, ERR_BAD, "does not verify" },
	{ "r is negative", EC, 0, NULL, bend_negative, ERR_BAD, "does not verify" },
	{ "r is padded", EC, 0, NULL, bend_padded, ERR_BAD, "does not verify" },
	{ "length is not minimal", EC, 0, NULL, bend_long_length, ERR_BAD, "does not verify" },
	{ "a byte behind s", EC, 0, NULL, bend_trailing, ERR_BAD, "does not verify" },
	{ "an item behind s", EC, 0, NULL, bend_trailing_inside, ERR_BAD, "does not verify" },
	{ "ECDSA is cut", EC, 0, NULL, bend_short, ERR_BAD, "does not verify" },
	{ "ECDSA is wrong", EC, 0, NULL, bend_flip, ERR_BAD, "does not verify" },
	{ "RSA is cut", RSA_, 0, NULL, bend_short, ERR_BAD, "does not verify" },
	{ "RSA is longer", RSA_, 0, NULL, bend_trailing, ERR_BAD, "does not verify" },
	{ "RSA has a zero in front", RSA_, 0, NULL, bend_leading, ERR_BAD, "does not verify" },
	{ "RSA is wrong", RSA_, 0, NULL, bend_flip, ERR_BAD, "does not verify" },
	{ "Ed25519 is cut", ED, 0, NULL, bend_short, ERR_BAD, "does not verify" },
	{ "Ed25519 is longer", ED, 0, NULL, bend_trailing, ERR_BAD, "does not verify" },
	{ "Ed25519 is wrong", ED, 0, NULL, bend_flip, ERR_BAD, "does not verify" },
	{ "no signature", EC, 0, NULL, bend_empty, IN, "signature value" },
	{ "1025 bytes of it", RSA_, 0, NULL, bend_huge, IN, "signature value" },
};

static void judge(const struct message *m, const struct forge *f)
{
	struct buf der = BUF_INIT;

	forge(&der, f);
	if (m->code == 0)
		good(buf_bytes(&der), m->leaf);
	else
		refused(buf_bytes(&der), m->leaf, m->code, m->word);
	buf_free(&der);
}

START_TEST(table)
{
	const struct message *m = &messages[_i];
	struct forge f = forge_of(m->leaf, PAYLOAD);
	struct buf attrs = BUF_INIT;

	f.flags = m->flags;
	f.bend = m->bend;
	if (m->change)
		m->change(&f, &attrs);
	f.attrs = buf_bytes(&attrs);
	judge(m, &f);
	buf_free(&attrs);
}
END_TEST

/* --- algorithms: SignerInfo, digestAlgorithms and signatureAlgorithm ----------------- */

static const struct {
	const struct pki_cert *leaf;
	enum alg_hash hash, listed, named; /* the last by signatureAlgorithm */
	enum alg_kind family;
	int code;
	const char *word;
} algorithms[] = {
	{ EC, HASH_SHA256, HASH_SHA256, HASH_SHA256, KEY_P256, 0, NULL },
	{ EC, HASH_SHA384, HASH_SHA384, HASH_SHA384, KEY_P256, 0, NULL },
	{ EC, HASH_SHA512, HASH_SHA512, HASH_SHA512, KEY_P256, 0, NULL },
	{ RSA_, HASH_SHA384, HASH_SHA384, HASH_SHA384, KEY_RSA, 0, NULL },
	{ RSA_, HASH_SHA512, HASH_SHA512, HASH_NONE, KEY_RSA, 0, NULL }, /* rsaEncryption */
	{ ED, HASH_SHA512, HASH_SHA512, HASH_SHA512, KEY_ED25519, 0, NULL },
	{ ED, HASH_SHA256, HASH_SHA256, HASH_SHA512, KEY_ED25519, IN, "RFC 8419" },
	{ EC, HASH_SHA1, HASH_SHA1, HASH_SHA256, KEY_P256, IN, "digest algorithm" },
	{ RSA_, HASH_SHA1, HASH_SHA1, HASH_NONE, KEY_RSA, IN, "digest algorithm" },
	{ EC, HASH_SHA256, HASH_SHA1, HASH_SHA256, KEY_P256, IN, "digest algorithm" },
	{ EC, HASH_SHA256, HASH_SHA384, HASH_SHA256, KEY_P256, IN, "do not agree" },
	{ EC, HASH_SHA512, HASH_SHA256, HASH_SHA512, KEY_P256, IN, "do not agree" },
	{ EC, HASH_SHA256, HASH_SHA256, HASH_SHA384, KEY_P256, IN, "another digest" },
	{ RSA_, HASH_SHA256, HASH_SHA256, HASH_SHA512, KEY_RSA, IN, "another digest" },
	{ EC, HASH_SHA256, HASH_SHA256, HASH_SHA256, KEY_RSA, ERR_BAD, "does not verify" },
	{ RSA_, HASH_SHA256, HASH_SHA256, HASH_SHA256, KEY_P256, ERR_BAD, "does not verify" },
	{ ED, HASH_SHA512, HASH_SHA512, HASH_SHA512, KEY_P256, ERR_BAD, "does not verify" },
	{ RSA_, HASH_SHA512, HASH_SHA512, HASH_SHA512, KEY_ED25519, ERR_BAD, "does not verify" },
};

START_TEST(algorithm)
{
	struct forge f = forge_of(algorithms[_i].leaf, PAYLOAD);
	struct buf der = BUF_INIT;

	f.hash = algorithms[_i].hash;
	f.listed = algorithms[_i].listed;
	f.sig_oid = alg_signature_oid(algorithms[_i].family, algorithms[_i].named);
	ck_assert_uint_gt(f.sig_oid.n, 0);
	forge(&der, &f);
	if (algorithms[_i].code == 0)
		good(buf_bytes(&der), algorithms[_i].leaf);
	else
		refused(buf_bytes(&der), algorithms[_i].leaf, algorithms[_i].code,
			algorithms[_i].word);
	buf_free(&der);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("sig/cms table");
	TCase *tc = tcase_create("table");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, table, 0, N(messages));
	tcase_add_loop_test(tc, algorithm, 0, N(algorithms));
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
