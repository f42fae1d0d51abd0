/* Loading a module, its slots, the session. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "token/token_internal.h"

/* A module may leave functions out; a call through one of those would be a jump to 0. */
static const char *missing(const CK_FUNCTION_LIST *f)
{
	const struct {
		const char *name;
		bool there;
	} needed[] = {
		{ "C_Initialize", f->C_Initialize != NULL },
		{ "C_Finalize", f->C_Finalize != NULL },
		{ "C_GetSlotList", f->C_GetSlotList != NULL },
		{ "C_GetTokenInfo", f->C_GetTokenInfo != NULL },
		{ "C_OpenSession", f->C_OpenSession != NULL },
		{ "C_CloseSession", f->C_CloseSession != NULL },
		{ "C_Login", f->C_Login != NULL },
		{ "C_Logout", f->C_Logout != NULL },
		{ "C_FindObjectsInit", f->C_FindObjectsInit != NULL },
		{ "C_FindObjects", f->C_FindObjects != NULL },
		{ "C_FindObjectsFinal", f->C_FindObjectsFinal != NULL },
		{ "C_GetAttributeValue", f->C_GetAttributeValue != NULL },
		{ "C_SignInit", f->C_SignInit != NULL },
		{ "C_Sign", f->C_Sign != NULL },
	};

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (!needed[i].there)
			return needed[i].name;
	return NULL;
}

static int load(struct token *t, const char *path, struct err *err)
{
	CK_RV (*get_list)(CK_FUNCTION_LIST **) = NULL;
	void *symbol;
	const char *lacks;
	CK_RV rv;

	watch_begin(t->watch, "dlopen");
	t->dl = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	watch_end(t->watch);
	if (t->dl == NULL) {
		const char *why = dlerror();
		_cleanup_free_ char *shown = text_escaped(bytes_str(why != NULL ? why : ""));

		return err_set(err, ERR_TOKEN,
			       "the PKCS#11 module cannot be loaded: %s\n(hsm.module names it; "
			       "`gitsign-hsm setup' finds the ones of this machine)",
			       shown);
	}
	symbol = dlsym(t->dl, "C_GetFunctionList");
	if (symbol == NULL)
		return err_set(err, ERR_TOKEN,
			       "%s is no PKCS#11 module: it has no C_GetFunctionList", t->module);
	memcpy(&get_list, &symbol, sizeof(get_list)); /* ISO C has no cast for this */
	watch_begin(t->watch, "C_GetFunctionList");
	rv = get_list(&t->fn);
	watch_end(t->watch);
	if (rv != CKR_OK)
		return ckr_error(err, t, "C_GetFunctionList", rv);
	if (t->fn == NULL || t->fn->version.major < 2 || t->fn->version.major > 3)
		return err_set(err, ERR_TOKEN, "%s: this is not PKCS#11 version 2 or 3", t->module);
	lacks = missing(t->fn);
	if (lacks != NULL)
		return err_set(err, ERR_TOKEN, "%s: the module has no %s, which signing needs",
			       t->module, lacks);
	return 0;
}

static int initialize(struct token *t, const char *module_args, struct err *err)
{
	CK_C_INITIALIZE_ARGS args = { .flags = CKF_OS_LOCKING_OK };
	CK_RV rv;

	/* Read only, whatever the prototype says (NSS takes its parameters here). */
	memcpy(&args.pReserved, &module_args, sizeof(args.pReserved));
	rv = TOKEN_CALL(t, C_Initialize, &args);
	if (rv == CKR_CANT_LOCK && module_args == NULL)
		rv = TOKEN_CALL(t, C_Initialize, NULL);
	if (rv == CKR_CRYPTOKI_ALREADY_INITIALIZED)
		return 0;
	if (rv != CKR_OK)
		return ckr_error(err, t, "C_Initialize", rv);
	t->finalize = true;
	return 0;
}

/* Padded with spaces, not terminated; some modules end it with NUL all the same. */
static void copy_text(char *out, const unsigned char *in, size_t n)
{
	const unsigned char *nul = memchr(in, '\0', n);
	struct buf shown = BUF_INIT;

	if (nul != NULL)
		n = (size_t)(nul - in);
	while (n > 0 && in[n - 1] == ' ')
		n--;
	text_escape(&shown, bytes_of(in, n));
	if (shown.n == n) {
		memcpy(out, in, n);
	} else {
		for (size_t i = 0; i < n; i++)
			out[i] = in[i] >= 0x20 && in[i] < 0x7f ? (char)in[i] : '?';
	}
	out[n] = '\0';
	buf_free(&shown);
}

static void set_flags(struct token_slot *s, CK_FLAGS f)
{
	s->login_required = (f & CKF_LOGIN_REQUIRED) != 0;
	s->pin_initialized = (f & CKF_USER_PIN_INITIALIZED) != 0;
	s->protected_path = (f & CKF_PROTECTED_AUTHENTICATION_PATH) != 0;
	s->pin_count_low = (f & CKF_USER_PIN_COUNT_LOW) != 0;
	s->pin_final_try = (f & CKF_USER_PIN_FINAL_TRY) != 0;
	s->pin_locked = (f & CKF_USER_PIN_LOCKED) != 0;
}

static bool read_slot(struct token *t, CK_SLOT_ID id, struct token_slot *s)
{
	CK_TOKEN_INFO info;

	memset(&info, 0, sizeof(info));
	/* An empty reader or a strange card beside ours is no reason to fail. */
	if (TOKEN_CALL(t, C_GetTokenInfo, id, &info) != CKR_OK)
		return false;
	if ((info.flags & CKF_TOKEN_INITIALIZED) == 0)
		return false;
	memset(s, 0, sizeof(*s));
	s->slot = id;
	copy_text(s->label, info.label, sizeof(info.label));
	copy_text(s->manufacturer, info.manufacturerID, sizeof(info.manufacturerID));
	copy_text(s->model, info.model, sizeof(info.model));
	copy_text(s->serial, info.serialNumber, sizeof(info.serialNumber));
	set_flags(s, info.flags);
	return true;
}

static int slot_ids(struct token *t, CK_SLOT_ID **ret, size_t *ret_n, struct err *err)
{
	CK_SLOT_ID *ids = NULL;
	CK_ULONG n = 0, room = 0;
	CK_RV rv;

	/* A reader may be plugged in between the two calls: ask again then. */
	for (int tries = 0;; tries++) {
		rv = TOKEN_CALL(t, C_GetSlotList, CK_TRUE, NULL, &n);
		if (rv != CKR_OK)
			break;
		if (n > TOKEN_MAX_SLOTS)
			n = TOKEN_MAX_SLOTS;
		room = n;
		free(ids);
		ids = xcalloc(room + 1, sizeof(*ids));
		if (n == 0)
			break;
		rv = TOKEN_CALL(t, C_GetSlotList, CK_TRUE, ids, &n);
		if (rv != CKR_BUFFER_TOO_SMALL || tries == 4)
			break;
	}
	if (rv != CKR_OK) {
		free(ids);
		return ckr_error(err, t, "C_GetSlotList", rv);
	}
	*ret = ids;
	*ret_n = n > room ? room : n; /* what was asked for, whatever the module says */
	return 0;
}

static int read_slots(struct token *t, struct err *err)
{
	CK_SLOT_ID *ids;
	size_t n;
	int r = slot_ids(t, &ids, &n, err);

	if (r != 0)
		return r;
	t->slots = xcalloc(n + 1, sizeof(t->slots[0]));
	for (size_t i = 0; i < n; i++)
		if (read_slot(t, ids[i], &t->slots[t->slots_n]))
			t->slots_n++;
	free(ids);
	return 0;
}

static int check_path(const char *module, struct err *err)
{
	_cleanup_free_ char *shown = NULL;

	if (module == NULL || module[0] == '\0')
		return err_set(err, ERR_CONFIG,
			       "no PKCS#11 module is configured: type `gitsign-hsm setup', or\n"
			       "  git config --global hsm.module /path/to/module.so");
	if (module[0] == '/')
		return 0;
	/* dlopen() would search for it, and find what somebody put there. */
	shown = text_escaped(bytes_str(module));
	return err_set(err, ERR_CONFIG, "hsm.module must be an absolute path, not %s", shown);
}

int token_open(const struct token_config *cfg, struct token **ret, struct err *err)
{
	struct token *t;
	int r = check_path(cfg->module, err);

	if (r != 0)
		return r;
	t = xcalloc(1, sizeof(*t));
	t->module = text_escaped(bytes_str(cfg->module));
	t->many = cfg->many;
	r = watch_start(cfg, t->module, &t->watch, err);
	if (r == 0)
		r = load(t, cfg->module, err);
	if (r == 0)
		r = initialize(t, cfg->module_args, err);
	if (r == 0)
		r = read_slots(t, err);
	if (r != 0) {
		token_close(t);
		return r;
	}
	*ret = t;
	return 0;
}

void token_set_timeout(struct token *t, int timeout_ms)
{
	watch_set_timeout(t->watch, timeout_ms);
}

void token_close(struct token *t)
{
	if (t == NULL)
		return;
	token_session_close_all(t);
	if (t->finalize)
		(void)TOKEN_CALL(t, C_Finalize, NULL);
	watch_stop(t->watch);
	free(t->slots);
	free(t->module);
	free(t);
}

const struct token_slot *token_slots(const struct token *t, size_t *n)
{
	*n = t->slots_n;
	return t->slots;
}

static bool fits(const char *want, const char *have)
{
	return want == NULL || strcmp(want, have) == 0;
}

bool token_slot_matches(const struct token_slot *s, const struct uri *u)
{
	return fits(u->token, s->label) && fits(u->manufacturer, s->manufacturer) &&
	       fits(u->serial, s->serial) && fits(u->model, s->model) &&
	       (u->slot_id < 0 || (unsigned long)u->slot_id == s->slot);
}
