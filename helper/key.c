#include "helper/key.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"
#include "base/text.h"
#include "gitsign-hsm/settings.h"
#include "helper/key_internal.h"

#define PIN_PROMPT_MS (5 * 60 * 1000)

/* --- the module is silent while it is called ------------------------------------- */

static int hidden(struct key *k, int (*fn)(struct key *k, void *ctx, struct err *err), void *ctx,
		  struct err *err)
{
	struct os_stdio io;
	int r = os_stdio_hide(&io, err);

	if (r != 0)
		return r;
	r = fn(k, ctx, err);
	os_stdio_restore(&io);
	return r;
}

static int open_module(struct key *k, void *ctx, struct err *err)
{
	struct token_config cfg = {
		.module = k->settings.module,
		.module_args = k->settings.module_args,
		.timeout_ms = k->settings.timeout_ms,
		.deadline_fd = k->deadline_fd,
		.deadline_prefix = "git-credential-hsm: ",
	};
	int r = token_open(&cfg, &k->token, err);

	return r == 0 ? key_find(k, ctx, err) : r;
}

int key_open(const struct cred_profile *p, bool interactive, struct key **ret, struct err *err)
{
	struct key *k = xcalloc(1, sizeof(*k));
	int r;

	k->interactive = interactive;
	k->deadline_fd = fcntl(2, F_DUPFD_CLOEXEC, 3);
	r = settings_load(&k->settings, err);
	if (r == 0)
		r = hidden(k, open_module, (void *)(uintptr_t)p, err);
	if (r != 0) {
		key_close(k);
		return r;
	}
	*ret = k;
	return 0;
}

static int close_module(struct key *k, void *ctx, struct err *err)
{
	(void)ctx;
	(void)err;
	token_close(k->token);
	return 0;
}

void key_close(struct key *k)
{
	if (k == NULL)
		return;
	if (k->token != NULL)
		(void)hidden(k, close_module, NULL, NULL);
	key_found_free(k);
	settings_free(&k->settings);
	if (k->deadline_fd >= 0)
		close(k->deadline_fd);
	free(k);
}

const struct key_facts *key_facts(const struct key *k)
{
	return &k->facts;
}

const char *key_module(const struct key *k)
{
	return k->settings.module;
}

/* --- PIN and signature ------------------------------------------------------------- */

static int get_pin(void *ctx, const struct token_slot *slot, struct secret *pin, struct err *err)
{
	const struct key *k = ctx;
	char prompt[128];

	if (k->settings.pin_source.kind == PIN_PROMPT && !k->interactive)
		return err_set(err, ERR_USAGE,
			       "token \"%s\" wants its PIN, and nobody may be asked "
			       "(credential.interactive, GIT_TERMINAL_PROMPT): set hsm.pinSource",
			       slot->label);
	snprintf(prompt, sizeof(prompt), "PIN for token \"%s\"%s: ", slot->label,
		 slot->pin_final_try   ? " (LAST TRY before it locks)"
		 : slot->pin_count_low ? " (a wrong PIN was entered before)"
				       : "");
	return pin_get(&k->settings.pin_source, prompt, PIN_PROMPT_MS, pin, err);
}

static int login(struct key *k, void *ctx, struct err *err)
{
	(void)ctx;
	return token_login(k->token, k->slot, get_pin, k, k->settings.pin_source.kind != PIN_PROMPT,
			   err);
}

int key_login(struct key *k, struct err *err)
{
	return hidden(k, login, NULL, err);
}

struct job {
	const struct jws_alg *alg;
	struct bytes tbs;
	struct buf *sig;
};

static int sign(struct key *k, void *ctx, struct err *err)
{
	const struct job *j = ctx;
	int r = login(k, NULL, err);

	if (r != 0)
		return r;
	if (j->alg->pss)
		return token_sign_pss(k->token, k->slot, k->facts.id, k->facts.public, j->alg->hash,
				      j->tbs, j->sig, err);
	return token_sign(k->token, k->slot, k->facts.id, k->facts.public, j->alg->hash, j->tbs,
			  j->sig, err);
}

/* A token's answer is not believed: what does not verify would only be refused later. */
static bool verifies(const struct key *k, const struct job *j)
{
	EVP_MD_CTX *m = EVP_MD_CTX_new();
	EVP_PKEY_CTX *c = NULL;
	const EVP_MD *md = j->alg->kind == KEY_ED25519 ? NULL : alg_hash_md(j->alg->hash);
	bool ok = m != NULL && EVP_DigestVerifyInit(m, &c, md, NULL, k->facts.public) == 1;

	if (ok && j->alg->pss)
		ok = EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PSS_PADDING) == 1 &&
		     EVP_PKEY_CTX_set_rsa_pss_saltlen(c, RSA_PSS_SALTLEN_DIGEST) == 1;
	ok = ok && EVP_DigestVerify(m, j->sig->p, j->sig->n, j->tbs.p, j->tbs.n) == 1;
	EVP_MD_CTX_free(m);
	return ok;
}

int key_sign(void *ctx, const struct jws_alg *alg, struct bytes tbs, struct buf *sig,
	     struct err *err)
{
	struct job j = { alg, tbs, sig };
	int r = hidden(ctx, sign, &j, err);

	if (r == 0 && !verifies(ctx, &j))
		return err_set(err, ERR_TOKEN,
			       "the token's signature does not verify with its own public key");
	return r;
}

int key_pin(struct key *k, struct secret *pin, bool *needed, struct err *err)
{
	const struct token_slot *slots;
	size_t n;

	slots = token_slots(k->token, &n);
	*needed = slots[k->slot].login_required && !slots[k->slot].protected_path;
	if (slots[k->slot].pin_locked)
		return err_set(err, ERR_PIN, "the PIN of token \"%s\" is locked", k->facts.token);
	if (slots[k->slot].pin_final_try && k->settings.pin_source.kind != PIN_PROMPT)
		return err_set(err, ERR_PIN,
			       "one more wrong PIN locks token \"%s\": the stored PIN is not sent",
			       k->facts.token);
	return *needed ? get_pin(k, &slots[k->slot], pin, err) : 0;
}
