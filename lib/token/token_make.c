/* Making keys: a strict template, and the result read back. */
#include <stdlib.h>
#include <string.h>

#include "token/token_admin.h"
#include "token/token_internal.h"

#define ATTRIBUTES_MAX 20

struct template
{
	CK_ATTRIBUTE a[ATTRIBUTES_MAX];
	CK_ULONG n;
};

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static CK_MECHANISM_TYPE rsa_allowed[] = {
	CKM_RSA_PKCS,
	CKM_RSA_PKCS_PSS,
	CKM_SHA256_RSA_PKCS,
	CKM_SHA384_RSA_PKCS,
	CKM_SHA512_RSA_PKCS,
	CKM_SHA256_RSA_PKCS_PSS,
	CKM_SHA384_RSA_PKCS_PSS,
	CKM_SHA512_RSA_PKCS_PSS,
};
static CK_MECHANISM_TYPE ec_allowed[] = { CKM_ECDSA, CKM_ECDSA_SHA256, CKM_ECDSA_SHA384,
					  CKM_ECDSA_SHA512 };
static CK_MECHANISM_TYPE ed_allowed[] = { CKM_EDDSA };

static void put(struct template *t, CK_ATTRIBUTE_TYPE type, void *value, size_t n)
{
	t->a[t->n++] = (CK_ATTRIBUTE){ type, value, n };
}

static void flag(struct template *t, CK_ATTRIBUTE_TYPE type, bool value)
{
	put(t, type, value ? &yes : &no, sizeof(yes));
}

/* What both halves have; the copies live as long as the templates are used. */
struct common {
	CK_KEY_TYPE type;
	char *label;
	uint8_t *id;
	size_t id_n;
	uint8_t params[16]; /* of a curve */
	CK_ULONG bits;	    /* of an RSA modulus */
};

static void put_common(struct template *t, struct common *c)
{
	put(t, CKA_KEY_TYPE, &c->type, sizeof(c->type));
	flag(t, CKA_TOKEN, true);
	put(t, CKA_LABEL, c->label, strlen(c->label));
	put(t, CKA_ID, c->id, c->id_n);
}

static void private_template(struct template *t, struct common *c,
			     const struct token_key_spec *spec)
{
	put_common(t, c);
	flag(t, CKA_PRIVATE, true);
	flag(t, CKA_SENSITIVE, true);
	flag(t, CKA_EXTRACTABLE, false);
	flag(t, CKA_SIGN, true);
	flag(t, CKA_DECRYPT, false);
	flag(t, CKA_UNWRAP, false);
	flag(t, CKA_SIGN_RECOVER, false);
	flag(t, CKA_DERIVE, false);
	if (spec->each_time)
		flag(t, CKA_ALWAYS_AUTHENTICATE, true);
}

static void put_allowed(struct template *t, enum alg_kind kind)
{
	if (kind == KEY_RSA)
		put(t, CKA_ALLOWED_MECHANISMS, rsa_allowed, sizeof(rsa_allowed));
	else if (kind == KEY_ED25519)
		put(t, CKA_ALLOWED_MECHANISMS, ed_allowed, sizeof(ed_allowed));
	else
		put(t, CKA_ALLOWED_MECHANISMS, ec_allowed, sizeof(ec_allowed));
}

/* A template that a token does not like as a whole: the part that many do not know goes. */
static bool template_refused(CK_RV rv)
{
	return rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_VALUE_INVALID ||
	       rv == CKR_TEMPLATE_INCONSISTENT || rv == CKR_ATTRIBUTE_READ_ONLY ||
	       rv == CKR_GENERAL_ERROR; /* NSS and tpm2-pkcs11 say no more */
}

static CK_MECHANISM_TYPE generator(enum alg_kind kind)
{
	return kind == KEY_RSA       ? CKM_RSA_PKCS_KEY_PAIR_GEN
	       : kind == KEY_ED25519 ? CKM_EC_EDWARDS_KEY_PAIR_GEN
				     : CKM_EC_KEY_PAIR_GEN;
}

struct pair {
	CK_OBJECT_HANDLE public, private;
};

/* What is asked of the public half's uses comes last: some tokens do not take it. */
static CK_ULONG public_template(struct template *t, struct common *c,
				const struct token_key_spec *spec)
{
	static uint8_t exponent[] = { 1, 0, 1 };
	struct bytes curve = token_curve_params(spec->kind);
	CK_ULONG needed;

	put_common(t, c);
	flag(t, CKA_PRIVATE, false);
	if (spec->kind == KEY_RSA) {
		c->bits = (CK_ULONG)spec->bits;
		put(t, CKA_MODULUS_BITS, &c->bits, sizeof(c->bits));
		put(t, CKA_PUBLIC_EXPONENT, exponent, sizeof(exponent));
	} else {
		memcpy(c->params, curve.p, curve.n);
		put(t, CKA_EC_PARAMS, c->params, curve.n);
	}
	needed = t->n;
	flag(t, CKA_VERIFY, true);
	flag(t, CKA_ENCRYPT, false);
	flag(t, CKA_WRAP, false);
	return needed;
}

static int generate(struct token *t, const struct token_key_spec *spec, struct common *c,
		    struct pair *ret, struct err *err)
{
	CK_MECHANISM mechanism = { generator(spec->kind), NULL, 0 };
	struct template pub = { .n = 0 }, priv = { .n = 0 };
	CK_ULONG needed = public_template(&pub, c, spec), strict;
	CK_RV rv = CKR_TEMPLATE_INCONSISTENT;

	private_template(&priv, c, spec);
	strict = priv.n;
	put_allowed(&priv, spec->kind);
	/* All of it; without the mechanisms, which NSS does not know; with nothing about the
	 * public half's uses, which tpm2-pkcs11 1.9 mixes up with the private one's. */
	const CK_ULONG tries[3][2] = { { pub.n, priv.n }, { pub.n, strict }, { needed, strict } };

	for (size_t i = 0; i < 3 && template_refused(rv); i++)
		rv = TOKEN_CALL(t, C_GenerateKeyPair, t->session, &mechanism, pub.a, tries[i][0],
				priv.a, tries[i][1], &ret->public, &ret->private);
	if (rv == CKR_MECHANISM_INVALID)
		return err_set(err, ERR_KEY,
			       "this token makes no such keys (key kinds: "
			       "gitsign-hsm token list)");
	if (template_refused(rv) || rv == CKR_ARGUMENTS_BAD)
		return err_set(err, ERR_TOKEN,
			       "%s: makes no such key when it is told what the key may do (%s): make "
			       "it with the token's own tool, and look at it with `key check'",
			       t->module, ckr_name(rv));
	return rv == CKR_OK ? 0 : ckr_error(err, t, "C_GenerateKeyPair", rv);
}

static enum token_fact fact(struct token *t, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type)
{
	struct buf v = BUF_INIT;
	enum token_fact f = FACT_UNKNOWN;

	if (token_attribute(t, o, type, 8, &v) && v.n == sizeof(CK_BBOOL))
		f = v.p[0] != 0 ? FACT_YES : FACT_NO;
	buf_free(&v);
	return f;
}

static void read_facts(struct token *t, CK_OBJECT_HANDLE o, struct token_key_facts *f)
{
	f->sensitive = fact(t, o, CKA_SENSITIVE);
	f->extractable = fact(t, o, CKA_EXTRACTABLE);
	f->always_sensitive = fact(t, o, CKA_ALWAYS_SENSITIVE);
	f->never_extractable = fact(t, o, CKA_NEVER_EXTRACTABLE);
	f->local = fact(t, o, CKA_LOCAL);
	f->sign = fact(t, o, CKA_SIGN);
	f->decrypt = fact(t, o, CKA_DECRYPT);
	f->unwrap = fact(t, o, CKA_UNWRAP);
	f->derive = fact(t, o, CKA_DERIVE);
	f->sign_recover = fact(t, o, CKA_SIGN_RECOVER);
	f->always_authenticate = fact(t, o, CKA_ALWAYS_AUTHENTICATE);
	f->modifiable = fact(t, o, CKA_MODIFIABLE);
}

/* What a signing key must not be, in the words of the standard; NULL: all is well. */
static const char *unlike(const struct token_key_facts *f, bool each_time)
{
	const struct {
		bool bad;
		const char *what;
	} rules[] = {
		{ f->sensitive != FACT_YES, "CKA_SENSITIVE is not true" },
		{ f->extractable != FACT_NO, "CKA_EXTRACTABLE is not false" },
		{ f->sign != FACT_YES, "CKA_SIGN is not true" },
		{ f->decrypt == FACT_YES, "CKA_DECRYPT is true" },
		{ f->unwrap == FACT_YES, "CKA_UNWRAP is true" },
		{ f->derive == FACT_YES, "CKA_DERIVE is true" },
		{ f->sign_recover == FACT_YES, "CKA_SIGN_RECOVER is true" },
		{ each_time && f->always_authenticate != FACT_YES,
		  "CKA_ALWAYS_AUTHENTICATE is not true" },
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].bad)
			return rules[i].what;
	return NULL;
}

static void destroy(struct token *t, const struct pair *p)
{
	if (t->fn->C_DestroyObject == NULL)
		return;
	(void)TOKEN_CALL(t, C_DestroyObject, t->session, p->private);
	(void)TOKEN_CALL(t, C_DestroyObject, t->session, p->public);
}

static int read_back(struct token *t, const struct token_key_spec *spec, const struct pair *p,
		     EVP_PKEY **pub, struct err *err)
{
	struct token_key_facts f;
	struct alg_key alg = { KEY_OTHER, 0 };
	const char *wrong;
	EVP_PKEY *key;

	read_facts(t, p->private, &f);
	wrong = unlike(&f, spec->each_time);
	key = wrong == NULL ? token_read_public(t, p->public) : NULL;
	if (key != NULL)
		alg = alg_of_key(key);
	if (wrong == NULL && key == NULL)
		wrong = "its public key cannot be read";
	else if (wrong == NULL &&
		 (alg.kind != spec->kind || (alg.kind == KEY_RSA && alg.bits != spec->bits)))
		wrong = "its kind or size is another";
	if (wrong == NULL) {
		*pub = key;
		return 0;
	}
	EVP_PKEY_free(key);
	destroy(t, p);
	return err_set(err, ERR_TOKEN,
		       "the token did not make the key that it was asked for (%s); the key was "
		       "destroyed again. Use another token, or its own tool and `key check'",
		       wrong);
}

static int id_unused(struct token *t, struct bytes id, struct err *err)
{
	_cleanup_free_ uint8_t *copy = NULL;
	CK_ATTRIBUTE like = { CKA_ID, NULL, id.n };
	CK_OBJECT_HANDLE found[8];
	size_t n = 0;
	int r;

	like.pValue = copy = xmalloc(id.n);
	memcpy(copy, id.p, id.n);
	r = token_find(t, &like, 1, found, 8, &n, err);
	if (r == 0 && n > 0)
		r = err_set(err, ERR_KEY,
			    "this id is used on the token already: choose another "
			    "(--id)");
	return r;
}

static int can_write(const struct token *t, struct err *err)
{
	if (t->fn->C_GenerateKeyPair != NULL && t->fn->C_CreateObject != NULL && t->writable)
		return 0;
	return err_set(err, ERR_TOKEN, "%s: this module makes no keys and stores no certificates",
		       t->module);
}

int token_generate(struct token *t, size_t slot_index, const struct token_key_spec *spec,
		   EVP_PKEY **pub, struct err *err)
{
	struct common c = { .type = CKK_RSA };
	struct pair p = { 0, 0 };
	int r = can_write(t, err);

	if (r != 0 || (r = token_session(t, slot_index, err)) != 0 ||
	    (r = id_unused(t, spec->id, err)) != 0)
		return r;
	if (spec->kind != KEY_RSA)
		c.type = spec->kind == KEY_ED25519 ? CKK_EC_EDWARDS : CKK_EC;
	c.label = xstrdup(spec->label);
	c.id_n = spec->id.n;
	c.id = xmalloc(c.id_n);
	memcpy(c.id, spec->id.p, c.id_n);
	r = generate(t, spec, &c, &p, err);
	if (r == 0)
		r = read_back(t, spec, &p, pub, err);
	free(c.label);
	free(c.id);
	return r;
}

int token_key_facts(struct token *t, size_t slot_index, struct bytes id,
		    struct token_key_facts *ret, struct err *err)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	_cleanup_free_ uint8_t *copy = NULL;
	CK_ATTRIBUTE like[2] = { { CKA_CLASS, &class, sizeof(class) }, { CKA_ID, NULL, id.n } };
	CK_OBJECT_HANDLE found[4];
	size_t n = 0;
	int r = token_session(t, slot_index, err);

	if (r != 0)
		return r;
	like[1].pValue = copy = xmalloc(id.n + 1);
	if (id.n > 0)
		memcpy(copy, id.p, id.n);
	r = token_find(t, like, 2, found, 4, &n, err);
	if (r == 0 && n != 1)
		r = err_set(err, ERR_KEY, "token \"%s\" has %s private key with this id",
			    t->slots[slot_index].label, n == 0 ? "no" : "more than one");
	if (r == 0)
		read_facts(t, found[0], ret);
	return r;
}

/* --- what a slot can do ------------------------------------------------------ */

bool token_has_mechanism(struct token *t, size_t slot_index, CK_MECHANISM_TYPE type,
			 CK_FLAGS flags)
{
	CK_MECHANISM_INFO info;

	memset(&info, 0, sizeof(info));
	return slot_index < t->slots_n && t->fn->C_GetMechanismInfo != NULL &&
	       TOKEN_CALL(t, C_GetMechanismInfo, t->slots[slot_index].slot, type, &info) ==
		       CKR_OK &&
	       (info.flags & flags) == flags;
}

bool token_can_sign(struct token *t, size_t slot_index, enum alg_kind kind)
{
	return token_has_mechanism(t, slot_index,
			     kind == KEY_RSA       ? CKM_RSA_PKCS
			     : kind == KEY_ED25519 ? CKM_EDDSA
						   : CKM_ECDSA,
			     CKF_SIGN);
}

bool token_can_generate(struct token *t, size_t slot_index, enum alg_kind kind)
{
	return token_has_mechanism(t, slot_index, generator(kind), CKF_GENERATE_KEY_PAIR);
}
