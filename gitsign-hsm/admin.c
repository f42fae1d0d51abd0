#include "admin.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "say.h"
#include "setup_module.h"
#include "signer.h"

#define PROMPT_MS (5 * 60 * 1000)

/* On an error everything is closed. */
static int admin_open(struct admin *a, const struct admin_options *o, struct err *err)
{
	struct token_config cfg;
	int r;

	memset(a, 0, sizeof(*a));
	a->settings = (struct settings){ .conf = GITCONF_INIT };
	r = settings_load(&a->settings, err);
	if (r != 0)
		return r;
	if (o->module != NULL)
		a->settings.module = o->module;
	if (a->settings.module == NULL) {
		r = setup_module(o->blank, &a->found, err);
		a->settings.module = a->found;
	}
	a->out = open_memstream(&a->text, &a->text_n);
	if (r == 0 && a->out == NULL)
		r = err_errno(err, ERR_INTERNAL, "no memory for the output");
	if (r == 0)
		r = os_stdio_hide(&a->io, err);
	if (r == 0) {
		cfg = signer_token_config(&a->settings, &a->io);
		r = token_open(&cfg, &a->token, err);
		if (r != 0)
			os_stdio_restore(&a->io);
	}
	if (r != 0) {
		if (a->out != NULL)
			fclose(a->out);
		free(a->text);
		free(a->found);
		settings_free(&a->settings);
	}
	return r;
}

static int admin_close(struct admin *a, int r, const struct err *err)
{
	token_keys_free(&a->keys);
	token_close(a->token);
	os_stdio_restore(&a->io);
	fclose(a->out);
	if (r == 0 || r == ERR_BAD)
		fputs(a->text, stdout);
	if (r != 0 && err->code != ERR_NONE)
		say_err(err);
	free(a->text);
	free(a->found);
	settings_free(&a->settings);
	return r;
}

int admin_run(const struct admin_options *o,
	      int (*work)(struct admin *a, void *ctx, struct err *err), void *ctx)
{
	struct err err = ERR_INIT;
	struct admin a;
	int r = admin_open(&a, o, &err);

	if (r != 0)
		return say_err(&err);
	if (o->pin_source != NULL)
		r = pin_source_parse(o->pin_source, &a.settings.pin_source, &err);
	if (r == 0)
		r = work(&a, ctx, &err);
	return admin_close(&a, r, &err);
}

static void list_slots(const struct admin *a, struct buf *out)
{
	size_t n;
	const struct token_slot *s = token_slots(a->token, &n);

	for (size_t i = 0; i < n; i++)
		buf_addf(out, "\n  --token \"%s\"   (serial %s)", s[i].label, s[i].serial);
}

/* How many tokens are called so: by label, or by serial number; *ret: the last of them. */
static size_t slots_called(const struct admin *a, const char *name, bool serial, size_t *ret)
{
	size_t n, fit = 0;
	const struct token_slot *s = token_slots(a->token, &n);

	for (size_t i = 0; i < n; i++)
		if (name == NULL || strcmp(serial ? s[i].serial : s[i].label, name) == 0) {
			*ret = i;
			fit++;
		}
	return fit;
}

int admin_slot(const struct admin *a, const char *name, size_t *ret, struct err *err)
{
	_cleanup_free_ char *shown = name != NULL ? text_escaped(bytes_str(name)) : NULL;
	struct buf list = BUF_INIT;
	size_t n, fit = slots_called(a, name, false, ret);
	int r = 0;

	(void)token_slots(a->token, &n);
	if (fit == 0)
		fit = slots_called(a, name, true, ret);
	if (fit == 1)
		return 0;
	list_slots(a, &list);
	if (n == 0)
		r = err_set(err, ERR_TOKEN,
			    "the module has no token: plug it in, or make one "
			    "(gitsign-hsm token init)");
	else if (fit == 0)
		r = err_set(err, ERR_KEY, "no token is called \"%s\"; there are:%s", shown,
			    buf_str(&list));
	else
		r = err_set(err, ERR_KEY,
			    "which token? Choose one, by its serial where labels are the same:%s",
			    buf_str(&list));
	buf_free(&list);
	return r;
}

const char *admin_not_verified_by(enum alg_kind kind)
{
	if (kind == KEY_ED25519)
		return "neither OpenSSL 3.0 (so GitLab) nor gpgsm 2.2 verifies Ed25519 in CMS "
		       "(RFC 8419)";
	return kind == KEY_P521 ? "gpgsm 2.2 verifies no P-521" : NULL;
}

static int get_pin(void *ctx, const struct token_slot *slot, struct secret *pin, struct err *err)
{
	const struct admin *a = ctx;
	struct buf prompt = BUF_INIT;
	int r;

	signer_pin_prompt(&prompt, slot);
	r = pin_get(&a->settings.pin_source, buf_str(&prompt), PROMPT_MS, pin, err);
	buf_free(&prompt);
	return r;
}

int admin_login(struct admin *a, size_t slot, bool write, struct err *err)
{
	if (write)
		token_writable(a->token);
	return token_login(a->token, slot, get_pin, a, a->settings.pin_source.kind != PIN_PROMPT,
			   err);
}

void admin_uri(const struct admin *a, const struct token_key *k, struct buf *out)
{
	size_t n;
	const struct token_slot *s = &token_slots(a->token, &n)[k->slot_index];
	struct uri u = { .slot_id = -1, .id = k->id, .id_n = k->id_n, .has_id = k->id_n > 0 };

	if (s->label[0] != '\0')
		u.token = (char *)(uintptr_t)s->label;
	if (k->label[0] != '\0')
		u.object = k->label;
	uri_format(out, &u);
}

static int several(const struct admin *a, const char *name, size_t fit, struct err *err)
{
	struct buf list = BUF_INIT;
	_cleanup_free_ char *shown = text_escaped(bytes_str(name != NULL ? name : ""));
	int r;

	for (size_t i = 0; i < a->keys.n && i < 50; i++) {
		buf_add_str(&list, "\n  ");
		admin_uri(a, &a->keys.v[i], &list);
	}
	if (a->keys.n == 0)
		r = err_set(err, ERR_KEY,
			    "no public key is on the token: make a pair with "
			    "gitsign-hsm key generate");
	else
		r = err_set(err, ERR_KEY, "%s key%s%s%s; there are:%s",
			    fit == 0 ? "no" : "more than one", fit == 0 ? " fits " : " fits",
			    fit == 0 ? shown : "", fit == 0 ? "" : ": name one", buf_str(&list));
	buf_free(&list);
	return r;
}

/* Nothing whatever; YubiHSM 2 shows nothing at all without a login. */
static bool shows_nothing(const struct admin *a)
{
	struct token_keys all = { NULL, 0 };
	bool nothing = token_public_keys(a->token, NULL, &all, NULL) == 0 && all.n == 0;

	token_keys_free(&all);
	return nothing;
}

int admin_keys(struct admin *a, const struct uri *u, bool write, struct err *err)
{
	size_t slot;
	int r = token_public_keys(a->token, u, &a->keys, err);

	if (r != 0 || a->keys.n > 0 || !signer_shy_token(a->token, &slot) || !shows_nothing(a))
		return r;
	token_keys_free(&a->keys);
	r = admin_login(a, slot, write, err);
	return r != 0 ? r : token_public_keys(a->token, u, &a->keys, err);
}

int admin_key(struct admin *a, const char *name, bool write, const struct token_key **ret,
	      struct err *err)
{
	struct uri u = { .slot_id = -1 };
	bool is_uri = name != NULL && uri_is(name), by_label;
	size_t fit = 0;
	int r = is_uri ? uri_parse(name, &u, err) : 0;

	if (r != 0)
		return r;
	by_label = !is_uri && name != NULL && name[0] != '\0';
	r = admin_keys(a, is_uri ? &u : NULL, write, err);
	if (is_uri)
		uri_free(&u);
	if (r != 0)
		return r;
	for (size_t i = 0; i < a->keys.n; i++)
		if (!by_label || strcmp(a->keys.v[i].label, name) == 0) {
			*ret = &a->keys.v[i];
			fit++;
		}
	if (fit != 1)
		return several(a, name, fit, err);
	if ((*ret)->key == NULL)
		return err_set(err, ERR_KEY, "the key \"%s\" is of a kind that cannot sign here",
			       (*ret)->label);
	return 0;
}

int admin_new_pin(const struct admin *a, const char *source, const char *what, struct secret *ret,
		  struct err *err)
{
	struct pin_source s = a->settings.pin_source;
	_cleanup_free_ char *first = xasprintf("%s: ", what);
	_cleanup_free_ char *second = xasprintf("%s, once more: ", what);
	struct secret again = SECRET_NONE;
	int r = pin_source_parse(source, &s, err);

	if (r == 0)
		r = pin_get(&s, first, PROMPT_MS, ret, err);
	if (r != 0 || s.kind != PIN_PROMPT)
		return r;
	r = pin_get(&s, second, PROMPT_MS, &again, err);
	if (r == 0 && (again.n != ret->n || memcmp(again.p, ret->p, again.n) != 0))
		r = err_set(err, ERR_PIN, "the two are not the same: nothing was changed");
	secret_free(&again);
	if (r != 0)
		secret_free(ret);
	return r;
}
