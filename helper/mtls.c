#include "helper/mtls.h"

#include <libp11.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/text.h"
#include "helper/key.h"
#include "sig/cert.h"

#define PEM_MAX 262144
#define CHAIN_MAX 8
#define GRACE_S 5 /* after the request's own deadline */

struct mtls {
	PKCS11_CTX *ctx;
	PKCS11_SLOT *slots;
	unsigned slots_n;
	EVP_PKEY *key;
	struct cert_list chain; /* the leaf first */
	/* what the key was found by, once lib/token is closed */
	char *module, *token, *serial;
	uint8_t *id;
	size_t id_n;
	struct secret pin;
	bool pin_needed, loaded;
};

/* --- a hung library --------------------------------------------------------------- */

static int last_words_fd = -1;

static void too_late(int sig)
{
	static const char text[] =
		"git-credential-hsm: the PKCS#11 module does not come back: is the token there?\n";

	(void)sig;
	if (last_words_fd >= 0 && write(last_words_fd, text, sizeof(text) - 1) < 0)
		_exit(ERR_TOKEN);
	_exit(ERR_TOKEN);
}

/* libp11's calls have no deadline of their own, and a thread in a module cannot be ended. */
static void arm(int64_t deadline_ms)
{
	struct sigaction sa = { .sa_handler = too_late };
	int64_t left = (deadline_ms - os_monotonic_ms()) / 1000 + GRACE_S;

	if (last_words_fd < 0)
		last_words_fd = dup(2);
	(void)sigaction(SIGALRM, &sa, NULL);
	alarm(left < 1 ? 1 : (unsigned)left);
}

/* --- by lib/token ------------------------------------------------------------------ */

/* hsmCertificate may hold intermediates behind the leaf. */
static int read_chain(struct mtls *m, const struct cred_profile *p, const struct key_facts *f,
		      struct err *err)
{
	struct buf pem = BUF_INIT;
	struct cert *leaf = NULL;
	int r;

	if (f->cert.n == 0)
		return err_set(err, ERR_KEY,
			       "tls_client_auth wants a certificate: store it beside the key, or "
			       "name its file as hsmCertificate");
	if (p->certificate == NULL) {
		r = cert_parse(f->cert, &leaf, err);
		if (r == 0)
			cert_list_add(&m->chain, leaf);
		return r;
	}
	r = os_file_read(p->certificate, OS_FILE_ANY, PEM_MAX, &pem, err);
	if (r == 0)
		r = cert_list_from_pem(buf_bytes(&pem), CHAIN_MAX, &m->chain, err);
	buf_free(&pem);
	return r;
}

/* The server would not say why it takes none. */
static int not_expired(const struct cert *leaf, struct err *err)
{
	struct buf until = BUF_INIT;
	int r = 0;

	if (leaf->not_after < os_now()) {
		text_time(&until, leaf->not_after);
		r = err_set(err, ERR_KEY,
			    "the certificate of hsmKey has expired on %s, by this clock: have it "
			    "renewed",
			    buf_str(&until));
	}
	buf_free(&until);
	return r;
}

static int resolve(struct mtls *m, const struct cred_profile *p, bool interactive, struct err *err)
{
	struct key *k = NULL;
	const struct key_facts *f;
	int r = key_open(p, interactive, &k, err);

	if (r != 0)
		return r;
	f = key_facts(k);
	if (f->alg.kind == KEY_ED25519)
		r = err_set(
			err, ERR_KEY,
			"Ed25519 keys in a token cannot be used for TLS: use RSA, P-256 or P-384");
	if (r == 0)
		r = read_chain(m, p, f, err);
	if (r == 0)
		r = not_expired(m->chain.v[0], err);
	if (r == 0)
		r = key_pin(k, &m->pin, &m->pin_needed, err);
	m->module = xstrdup(key_module(k));
	m->token = xstrdup(f->token);
	m->serial = xstrdup(f->serial);
	m->id = xmalloc(f->id.n + 1);
	m->id_n = f->id.n;
	if (f->id.n > 0)
		memcpy(m->id, f->id.p, f->id.n);
	key_close(k);
	return r;
}

/* --- by libp11 ------------------------------------------------------------------------ */

static int p11_failed(const char *what, struct err *err)
{
	const char *why = ERR_reason_error_string(ERR_peek_last_error());

	return err_set(err, ERR_TOKEN, "%s: %s", what, why != NULL ? why : "no reason given");
}

static PKCS11_SLOT *find_slot(struct mtls *m)
{
	for (unsigned i = 0; i < m->slots_n; i++) {
		const PKCS11_TOKEN *t = m->slots[i].token;

		if (t != NULL && t->label != NULL && strcmp(t->label, m->token) == 0 &&
		    (t->serialnr == NULL || strcmp(t->serialnr, m->serial) == 0))
			return &m->slots[i];
	}
	return NULL;
}

static int find_key(struct mtls *m, PKCS11_SLOT *slot, struct err *err)
{
	PKCS11_KEY *keys = NULL;
	unsigned n = 0;

	if (PKCS11_enumerate_keys(slot->token, &keys, &n) != 0)
		return err_set(err, ERR_TOKEN,
			       "libp11 cannot read the private keys of token \"%s\": one Ed25519 "
			       "key hides them all from it. Keep that key on another token",
			       m->token);
	for (unsigned i = 0; i < n && m->key == NULL; i++)
		if (keys[i].id_len == m->id_n && memcmp(keys[i].id, m->id, m->id_n) == 0)
			m->key = PKCS11_get_private_key(&keys[i]);
	if (m->key == NULL)
		return err_set(err, ERR_KEY, "token \"%s\" has no private key beside it", m->token);
	return X509_check_private_key(m->chain.v[0]->x509, m->key) == 1
		       ? 0
		       : err_set(err, ERR_KEY, "the certificate does not belong to the key");
}

static int load(struct mtls *m, struct err *err)
{
	PKCS11_SLOT *slot;

	m->ctx = PKCS11_CTX_new();
	if (m->ctx == NULL || PKCS11_CTX_load(m->ctx, m->module) != 0)
		return p11_failed(m->module, err);
	m->loaded = true;
	ERR_clear_error(); /* what modules leave there is not ours */
	if (PKCS11_enumerate_slots(m->ctx, &m->slots, &m->slots_n) != 0)
		return p11_failed("the token's slots", err);
	slot = find_slot(m);
	if (slot == NULL)
		return err_set(err, ERR_TOKEN, "token \"%s\" has gone", m->token);
	if (PKCS11_open_session(slot, 0) != 0)
		return p11_failed("a session with the token", err);
	if (m->pin_needed && PKCS11_login(slot, 0, m->pin.p) != 0)
		return err_set(err, ERR_PIN, "token \"%s\" does not take the PIN", m->token);
	return find_key(m, slot, err);
}

int mtls_new(const struct cred_profile *p, bool interactive, int64_t deadline_ms, struct mtls **ret,
	     struct err *err)
{
	struct mtls *m = xcalloc(1, sizeof(*m));
	struct os_stdio io;
	int64_t before = os_monotonic_ms();
	int r = resolve(m, p, interactive, err);

	deadline_ms += os_monotonic_ms() - before; /* typing a PIN */
	if (r == 0)
		r = os_stdio_hide(&io, err);
	if (r == 0) {
		last_words_fd = io.err;
		arm(deadline_ms);
		r = load(m, err);
		os_stdio_restore(&io);
		last_words_fd = -1;
		arm(deadline_ms);
	}
	secret_free(&m->pin);
	if (r != 0) {
		mtls_free(m);
		return r;
	}
	*ret = m;
	return 0;
}

void mtls_free(struct mtls *m)
{
	if (m == NULL)
		return;
	EVP_PKEY_free(m->key);
	if (m->slots != NULL)
		PKCS11_release_all_slots(m->ctx, m->slots, m->slots_n);
	if (m->loaded)
		PKCS11_CTX_unload(m->ctx);
	if (m->ctx != NULL)
		PKCS11_CTX_free(m->ctx);
	alarm(0);
	secret_free(&m->pin);
	cert_list_free(&m->chain);
	free(m->module);
	free(m->token);
	free(m->serial);
	free(m->id);
	free(m);
}

int mtls_use(void *ctx, void *ssl_ctx)
{
	struct mtls *m = ctx;

	if (SSL_CTX_use_certificate(ssl_ctx, m->chain.v[0]->x509) != 1 ||
	    SSL_CTX_use_PrivateKey(ssl_ctx, m->key) != 1)
		return -1;
	for (size_t i = 1; i < m->chain.n; i++)
		if (SSL_CTX_add1_chain_cert(ssl_ctx, m->chain.v[i]->x509) != 1)
			return -1;
	return 0;
}
